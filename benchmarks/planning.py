"""Waits planned from the history of a job: what they save, and what they cost."""

import json
import subprocess
from collections.abc import Mapping
from typing import Any

from benchmarks.environments import Environments
from benchmarks.measuring import Command
from benchmarks.report import Bar, Section

TRIES = 60
WAYS = ("planned", "5 → 60 s", "databricks-sdk", "legacy CLI")
UNKNOWN = "exponential, mean 1 h"
SHORT = "1 min, spread 20 %"


def measure(venvs: Environments, rounds: int) -> Section:
    command = Command(venvs.client("dbjobs", "planned.py", TRIES), venvs.environ)
    done = subprocess.run(command.args, env=dict(command.environ), capture_output=True, text=True, check=True)
    return describe(json.loads(done.stdout))


def describe(found: Mapping[str, Any]) -> Section:
    """The section, from what `clients/planned.py` prints."""
    section = Section("Waits planned from the history of the job")
    section.add(
        f"Simulated: {TRIES} histories of each kind, each of 24 past runs to learn from, and a run that is "
        "watched by dbjobs's own watch and a clock that only moves when told. Of a run of one task, nothing "
        "is seen before its end, so the polls are compared with a hundred ends for each history. A cell has "
        "the requests until the end is noticed, the history's included; how long after the end that is, on "
        "average; and the product of the two. No "
        "schedule that knows only the distribution has a smaller product than the bound, ½ (∫ √(f S) dt)². "
        "The optimum is the best such schedule that knows the distribution exactly, by dynamic programming: "
        "both are computed from 20,000 drawn durations, so they are known to a few percent. Knowing the "
        "tasks of a run, dbjobs can do better."
    )
    section.table(
        ("durations", "dbjobs", "5 → 60 s", "databricks-sdk", "legacy CLI", "bound", "optimum"),
        [
            [
                name,
                *(_cell(*one["ways"][way]) for way in WAYS),
                f"{one['bound']:,.0f}",
                _cell(*one["optimum"]),
            ]
            for name, one in found.items()
        ],
    )
    section.add(
        "What it costs: a run that fails at a random moment is noticed later than with pauses of 60 s at "
        "most, since pauses are up to 130 s long where no end is likely. A run that takes twice as long as "
        "any before it costs up to a quarter more than without a plan. Where the past says nothing, as with "
        "exponential durations, nothing is won: the pauses are then equal, and the optimum is little better. "
        "On a live terminal no pause is longer than 15 s, which takes more requests. With one or two past "
        "runs, polls are not planned: if the next run takes much longer than these, as it may in a job of 5 "
        "or 60 min, a plan costs several times as much as none. The last column is the share of ends between "
        "the 10th and the 90th percentile that a wait shows at its start, in 1,000 more runs."
    )
    section.table(
        ("durations", "a failure is noticed after", "twice as long, to 5 → 60 s", "ends within the range"),
        [
            [name, f"{one['failure_delay']:.0f} s", f"{one['slow']:.2f}", f"{one['coverage']:.0%}"]
            for name, one in found.items()
        ],
    )
    known = {name: one for name, one in found.items() if name != UNKNOWN}
    long_ones = [one for name, one in known.items() if name != SHORT]
    costs = {way: _cost(*figures) for way, figures in found["1 h, spread 15 %"]["ways"].items()}
    failures, slow = (max(one[name] for one in found.values()) for name in ("failure_delay", "slow"))
    worst = {way: max(_ratio(one, way) for one in known.values()) for way in WAYS}
    coverages = [one["coverage"] for one in found.values()]
    to_sdk = costs["planned"] / costs["databricks-sdk"]
    to_bound = max(_product(one, "planned") / one["bound"] for one in long_ones)
    section.bars = [
        Bar("planned waits of 5 min or longer: requests times delay ÷ the bound, at worst", to_bound, 2),
        Bar("planned waits: requests times delay ÷ the SDK's, at worst", worst["databricks-sdk"], 1),
        Bar("planned waits: requests times delay ÷ the legacy CLI's, at worst", worst["legacy CLI"], 1),
        Bar("1 h, spread 15 %: delay + 0.5 s a request ÷ the SDK's", to_sdk, 0.3),
        Bar("exponential: requests times delay ÷ without a plan", _ratio(found[UNKNOWN], "5 → 60 s"), 1),
        Bar("mean delay of a failure at a random moment, in minutes, at worst", failures / 60, 1),
        Bar("twice as long as ever: requests times delay ÷ without a plan, at worst", slow, 1.4),
        Bar("share of ends within the range that is shown, the highest", max(coverages), 0.85),
        Bar("share of ends within the range that is shown, the lowest", min(coverages), 0.75, at_least=True),
    ]  # fmt: skip
    return section


def _cell(requests: float, delay: float) -> str:
    return f"{requests:.0f} requests, {delay:.1f} s late: {requests * delay:,.0f}"


def _product(one: Mapping[str, Any], way: str) -> float:
    requests, delay = one["ways"][way]
    return float(requests * delay)


def _ratio(one: Mapping[str, Any], way: str) -> float:
    return _product(one, "planned") / _product(one, way)


def _cost(requests: float, delay: float) -> float:
    return delay + 0.5 * requests
