"""Writes the day's report as Markdown, and prints it."""

from __future__ import annotations

import argparse
import json
import time

import lake

BAR = "▁▂▃▄▅▆▇█"


def draw_hours(cents_by_hour: dict[str, int]) -> str:
    """A bar per hour of the day."""
    most = max(cents_by_hour.values())
    return "".join(BAR[round((len(BAR) - 1) * cents_by_hour[hour] / most)] for hour in sorted(cents_by_hour))


def write_report(title: str, summary: dict[str, dict[str, int]]) -> str:
    lines = [f"# {title}", "", "| country | orders | revenue EUR |", "|---|---:|---:|"]
    countries = summary["cents_by_country"]
    for country in sorted(countries, key=lambda name: -countries[name]):
        lines.append(f"| {country} | {summary['orders'][country]} | {countries[country] / 100:,.2f} |")
    lines += ["", f"By hour: {draw_hours(summary['cents_by_hour'])}", ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--title", required=True)
    args = parser.parse_args()

    time.sleep(1)
    summary = json.loads(lake.path("summary.json").read_text(encoding="utf-8"))
    report = write_report(args.title, summary)
    lake.path("report.md").write_text(report, encoding="utf-8")
    print(report)


if __name__ == "__main__":
    main()
