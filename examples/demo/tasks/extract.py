"""Writes the day's raw orders and customers, as untidy as such files are."""

from __future__ import annotations

import argparse
import random
from datetime import datetime, timedelta, timezone

import lake

COUNTRIES = ["de", "FR", " nl", "PL", "es ", "IT"]
CURRENCIES = ["EUR", "EUR", "EUR", "PLN", "USD"]
DAY = datetime(2026, 1, 15, tzinfo=timezone.utc)

dice = random.Random(20260115)  # noqa: S311 - the same day each time, not a secret


def make_customer(number: int) -> lake.Row:
    name = dice.choice(["Ada", "Grace", "Edsger", "Barbara", "Donald"])
    return {
        "customer_id": f"C{number:05}",
        "name": f" {name.upper()} #{number} ",
        "country": dice.choice(COUNTRIES),
    }


def make_order(number: int, customers: int) -> lake.Row:
    """One order; two in a hundred are wrong: a negative amount, or a customer who does not exist."""
    amount = dice.lognormvariate(3.5, 0.8)
    customer = dice.randrange(customers)
    if dice.random() < 0.01:
        amount = -amount
    if dice.random() < 0.01:
        customer += customers
    return {
        "order_id": f"O{number:06}",
        "customer_id": f"C{customer:05}",
        "time": (DAY + timedelta(hours=dice.triangular(0, 23.9, 17))).isoformat(timespec="seconds"),
        "amount": f"{amount:.2f}".replace(".", dice.choice(".,")),
        "currency": dice.choice(CURRENCIES),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, required=True)
    parser.add_argument("--customers", type=int, required=True)
    args = parser.parse_args()

    customers = [make_customer(number) for number in range(args.customers)]
    print(f"customers.csv: {lake.write_rows('customers.csv', customers)} rows")

    orders = [make_order(number, args.customers) for number in range(args.orders)]
    orders += dice.sample(orders, args.orders // 50)  # some come twice
    received = []
    for batch in lake.in_batches(orders):
        received += batch
        print(f"received {len(received)} of {len(orders)} orders")
    print(f"orders.csv: {lake.write_rows('orders.csv', received)} rows")


if __name__ == "__main__":
    main()
