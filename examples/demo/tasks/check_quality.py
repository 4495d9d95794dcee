"""Sets orders aside that make no sense, and fails if there are too many of them."""

from __future__ import annotations

import argparse

import lake


class BadOrdersError(Exception):
    """More orders than tolerated make no sense."""


def find_fault(order: lake.Row, customer_ids: set[str]) -> str | None:
    if float(order["amount"]) <= 0:
        return f"amount {order['amount']} is not positive"
    if order["customer_id"] not in customer_ids:
        return f"customer {order['customer_id']} does not exist"
    return None


def check_share(faults: dict[str, str], total: int, tolerated_percent: float) -> None:
    percent = 100 * len(faults) / total
    print(f"{len(faults)} of {total} orders are bad: {percent:.1f} %, tolerated are {tolerated_percent:g} %")
    if percent > tolerated_percent:
        raise BadOrdersError(
            f"{len(faults)} of {total} orders are bad, {percent:.1f} % ({tolerated_percent:g} % tolerated)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tolerated-percent", type=float, required=True)
    args = parser.parse_args()

    customer_ids = {customer["customer_id"] for customer in lake.read_rows("clean_customers.csv")}
    good: list[lake.Row] = []
    faults: dict[str, str] = {}
    for batch in lake.in_batches(lake.read_rows("clean_orders.csv"), seconds=1):
        for order in batch:
            if fault := find_fault(order, customer_ids):
                faults[order["order_id"]] = fault
            else:
                good.append(order)
    for order_id, fault in list(faults.items())[:3]:
        print(f"{order_id}: {fault}")
    check_share(faults, len(good) + len(faults), args.tolerated_percent)
    print(f"good_orders.csv: {lake.write_rows('good_orders.csv', good)} rows")


if __name__ == "__main__":
    main()
