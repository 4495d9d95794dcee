"""Brings the names and country codes of customers into one form."""

from __future__ import annotations

from collections import Counter

import lake


def clean(customer: lake.Row) -> lake.Row:
    name, country = customer["name"].strip().title(), customer["country"].strip().upper()
    return customer | {"name": name, "country": country}


def main() -> None:
    customers = [
        clean(row) for batch in lake.in_batches(lake.read_rows("customers.csv"), seconds=1.5) for row in batch
    ]
    countries = Counter(customer["country"] for customer in customers)
    print(
        "customers by country:", ", ".join(f"{country} {count}" for country, count in countries.most_common())
    )
    print(f"clean_customers.csv: {lake.write_rows('clean_customers.csv', customers)} rows")


if __name__ == "__main__":
    main()
