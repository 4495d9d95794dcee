"""Watching: what is asked, how soon the end is known, and what an hour of it takes."""

import json
import subprocess
from typing import Any

from benchmarks.canned import RUNNING
from benchmarks.environments import Environments
from benchmarks.measuring import Command, Series, in_turn
from benchmarks.report import Bar, Section

HOUR = 3600
MANY = (10, 100, 1000)
NAMES = {10: "10 s", 60: "1 min", 600: "10 min", 3600: "1 h", 43200: "12 h"}


def measure(venvs: Environments, rounds: int) -> list[Section]:
    simulated = json.loads(_output(Command(venvs.client("dbjobs", "simulate.py"), venvs.environ)))
    return [_one_run(venvs, rounds, simulated["one"]), _many_runs(venvs, simulated["many"])]


def _one_run(venvs: Environments, rounds: int, simulated: dict[str, Any]) -> Section:
    section = Section("Watching one run")
    section.add(
        "Requests until the end is noticed, and how long after it that is, on average: dbjobs by its own "
        "watch and a simulated clock, the others by their schedules (official SDK: min(attempt, 10) s and up "
        "to 1 s more; legacy CLI: 5 s, doubling to 30 s)."
    )
    rows = [
        [NAMES[int(length)], *(_say_polls(*ways[name]) for name in ("dbjobs", "sdk", "legacy"))]
        for length, ways in simulated.items()
    ]
    section.table(("a run of about", "dbjobs", "databricks-sdk", "legacy CLI"), rows)
    waits = {
        "`dbjobs runs wait`": _wait(venvs, "dbjobs", "runs", "wait", RUNNING),
        "`wait_get_run_job_terminated_or_skipped` of databricks-sdk": _wait(venvs, "sdk", RUNNING),
    }
    series = in_turn(waits, max(3, rounds // 3))
    section.add("An hour's wait for real, by a clock in which sleeping takes no time; start included:")
    section.processes(series)
    own, sdk = series.values()
    own_requests, sdk_requests = (int(_output(command).split()[-1]) for command in waits.values())
    section.add(f"Requests that they made: {own_requests} and {sdk_requests}.")
    section.bars = [
        Bar("memory in a wait ÷ databricks-sdk's", own.peak / sdk.peak, 0.5),
        Bar("requests for a one-hour run ÷ the official SDK's", own_requests / sdk_requests, 0.25),
    ]
    return section


def _say_polls(requests: float, delay: float) -> str:
    return f"{requests:.0f} requests, {delay:.1f} s late"


def _many_runs(venvs: Environments, simulated: dict[str, Any]) -> Section:
    section = Section("Watching many runs")
    section.add(
        "Runs of one job, all active: requests a minute once in the steady state, by single polls of the "
        "same schedule, and by the official SDK, one wait a run; then over two hours, in the second of which "
        "all of them end, with the mean delay of an end: without a plan, and planned from 25 past runs. "
        "Simulated, as above."
    )
    rows = [
        [
            number,
            *(f"{figures[name]:.0f}" for name in ("lists", "single", "sdk")),
            *(f"{figures[way]:.1f}, {figures[f'{way}_delay']:.1f} s late" for way in ("growing", "planned")),
        ]
        for number, figures in simulated.items()
    ]
    titles = ("runs", "dbjobs", "single polls", "databricks-sdk", "while they end", "the same, planned")
    section.table(titles, rows)
    section.add("An hour's wait for all of them, for real, by the fast clock:")
    waits = {
        number: _wait(venvs, "dbjobs", "runs", "wait", *range(RUNNING, RUNNING + number)) for number in MANY
    }
    series: dict[str, Series] = in_turn({f"{number} runs": wait for number, wait in waits.items()}, 1)
    section.processes(series)
    requests = ", ".join(_output(wait).split()[-1] for wait in waits.values())
    section.add(f"Requests that they made, from the first to the last: {requests}.")
    steady = simulated["1000"]["lists"] / simulated["1000"]["single"]
    more = max(figures["planned"] / figures["growing"] for figures in simulated.values())
    later = max(simulated[n]["planned_delay"] / simulated[n]["growing_delay"] for n in ("10", "100"))
    section.bars = [
        Bar("requests a minute for 1,000 active runs of one job ÷ 1,000 single polls", steady, 0.1),
        Bar("many runs that end: requests of a planned wait ÷ without a plan, at worst", more, 1),
        Bar("10 or 100 runs that end: delay of a planned wait ÷ without a plan, at worst", later, 1),
    ]
    return section


def _wait(venvs: Environments, client: str, *args: object) -> Command:
    return Command(venvs.client(client, "hour.py", HOUR, client, *args), venvs.environ)


def _output(command: Command) -> str:
    done = subprocess.run(command.args, env=dict(command.environ), capture_output=True, text=True, check=True)
    return done.stdout
