"""Joins orders, customers and rates into revenue by country and by hour, in euros."""

from __future__ import annotations

import json
from collections import Counter

import lake


def main() -> None:
    rates = json.loads(lake.path("rates.json").read_text(encoding="utf-8"))
    countries = {
        customer["customer_id"]: customer["country"] for customer in lake.read_rows("clean_customers.csv")
    }
    by_country: Counter[str] = Counter()
    by_hour: Counter[str] = Counter()
    orders: Counter[str] = Counter()
    for batch in lake.in_batches(lake.read_rows("good_orders.csv"), seconds=1.5):
        for order in batch:
            country = countries[order["customer_id"]]
            cents = round(100 * float(order["amount"]) * rates[order["currency"]])
            orders[country] += 1
            by_country[country] += cents
            by_hour[order["hour"]] += cents
    summary = {"orders": orders, "cents_by_country": by_country, "cents_by_hour": by_hour}
    lake.path("summary.json").write_text(json.dumps(summary, indent=2), encoding="utf-8")
    print(f"summary.json: {orders.total()} orders, {by_country.total() / 100:,.2f} EUR")


if __name__ == "__main__":
    main()
