"""Drops orders that came twice, and reads amounts written with a comma."""

from __future__ import annotations

import lake


def clean(order: lake.Row) -> lake.Row:
    return order | {"amount": order["amount"].replace(",", "."), "hour": order["time"][11:13]}


def main() -> None:
    orders: dict[str, lake.Row] = {}
    seen = 0
    for batch in lake.in_batches(lake.read_rows("orders.csv"), seconds=2):
        seen += len(batch)
        orders.update({order["order_id"]: clean(order) for order in batch})
        print(f"read {seen} orders, {seen - len(orders)} of them a second time")
    print(f"clean_orders.csv: {lake.write_rows('clean_orders.csv', orders.values())} rows")


if __name__ == "__main__":
    main()
