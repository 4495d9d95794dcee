"""Long lists: rows a second, memory against length, and how soon the first row is there."""

from statistics import median

from benchmarks.environments import Environments
from benchmarks.measuring import Command, first_line, format_seconds, in_turn
from benchmarks.report import Bar, Section

LONG, SHORT = 100_000, 1_000
FLOOR = "a bare loop of requests and json"


def measure(venvs: Environments, rounds: int) -> Section:
    rounds = max(3, rounds // 3)
    commands = {FLOOR: Command(venvs.client("plain", "plain_list.py", LONG), venvs.environ)}
    for rows in (LONG, SHORT):
        for form, options in (("-o jsonl", ["-o", "jsonl"]), ("a table", [])):
            args = [
                venvs.program("dbjobs"),
                "runs",
                "list",
                "--limit",
                "0",
                "--job",
                str(rows),
                *options,
            ]
            commands[f"`dbjobs runs list`, {rows:,} rows, {form}"] = Command(args, venvs.environ)
    series = in_turn(commands, rounds)
    floor, jsonl, table, short_jsonl, short_table = series.values()
    section = Section("Lists")
    section.add(f"{LONG:,} rows in pages of 25.")
    section.processes(series)
    rates = [f"{LONG / one.wall:,.0f}" for one in (floor, jsonl, table)]
    section.add("Rows a second: {} ({}), {} (-o jsonl), {} (a table).".format(rates[0], FLOOR, *rates[1:]))
    first = [median(first_line(command) for _ in range(rounds)) for command in list(commands.values())[:3]]
    section.add("The first row after {} ({}), {} (-o jsonl), {} (a table).".format(
        format_seconds(first[0]), FLOOR, *map(format_seconds, first[1:])
    ))  # fmt: skip
    section.bars = [
        Bar("memory at 100,000 rows ÷ at 1,000 rows, -o jsonl", jsonl.peak / short_jsonl.peak, 1.2),
        Bar("memory at 100,000 rows ÷ at 1,000 rows, a table", table.peak / short_table.peak, 1.2),
        Bar("rows a second ÷ the floor, -o jsonl", floor.wall / jsonl.wall, 0.7, at_least=True),
        Bar("rows a second ÷ the floor, a table", floor.wall / table.wall, 0.7, at_least=True),
    ]
    return section
