"""Fetches exchange rates from a service whose first answer of a run is always a broken connection.

A note in the run's folder tells the attempts apart, so every run of the demo goes the same way.
"""

from __future__ import annotations

import json
import time

import lake

RATES = {"EUR": 1.0, "PLN": 0.2352, "USD": 0.9189}


class RatesService:
    """Stands for a service out there."""

    def get(self) -> dict[str, float]:
        time.sleep(1.5)
        note = lake.path("rates-service-was-asked")
        if not note.exists():
            note.touch()
            raise ConnectionResetError("the rates service closed the connection before it answered")
        return RATES


def main() -> None:
    print("asking the rates service")
    rates = RatesService().get()
    lake.path("rates.json").write_text(json.dumps(rates, indent=2), encoding="utf-8")
    print(f"rates.json: {', '.join(f'{currency} {rate}' for currency, rate in rates.items())}")


if __name__ == "__main__":
    main()
