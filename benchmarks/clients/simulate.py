"""Hours of watching in a moment: dbjobs's own watch by a clock that only moves when told; prints JSON.

The alternatives wait between two polls: the official SDK min(attempt, 10) s and up to 1 s more,
the legacy CLI 5 s, doubling to 30 s.
"""

import json
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dbjobs.api.paging import RunFilter
from dbjobs.runs.reader import RunReader
from dbjobs.runs.schedule import Schedule
from dbjobs.runs.watching import watch_runs

LENGTHS = (10, 60, 600, 3600, 12 * 3600)
MANY = (10, 100, 1000)
TRIES = 100
HOUR = 3600.0
JOB_ID = 7
PAGE = 25
EPOCH = 1_767_225_600
GROWING, PLANNED = Schedule(), Schedule(is_planned=True)


class Clock:
    """Moves when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0

    def monotonic(self) -> float:
        return self.time

    def now(self) -> float:
        return EPOCH + self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class Workspace:
    """Runs of one job, each with the second of its end; notes when each end is told, and counts."""

    def __init__(self, ends: Sequence[float], history: Sequence[float] = ()) -> None:
        self.clock = Clock()
        self.history = history
        self.ends = dict(enumerate(ends, start=1))
        self.asked: list[float] = []
        self.noticed: dict[int, float] = {}

    def get_run_page(self, run_id: int, *_: Any) -> dict[str, Any]:
        self.asked.append(self.clock.time)
        run = self.run(run_id)
        if self.clock.time >= self.ends[run_id]:
            self.noticed[run_id] = self.clock.time
        return run

    def list_runs(self, wanted: RunFilter, **_: Any) -> Iterator[list[dict[str, Any]]]:
        if wanted.completed_only:
            self.asked.append(self.clock.time)
            yield [_past_run(-n, seconds) for n, seconds in enumerate(self.history[:PAGE], start=1)]
            return
        active = [self.run(run_id) for run_id, end in self.ends.items() if self.clock.time < end]
        for begin in range(0, max(1, len(active)), PAGE):
            self.asked.append(self.clock.time)
            yield active[begin : begin + PAGE]

    def run(self, run_id: int) -> dict[str, Any]:
        """First it waits for its cluster, then it runs, then it has ended."""
        end = self.ends[run_id]
        state: dict[str, str] = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}
        if self.clock.time < end:
            is_starting = self.clock.time < min(60.0, end / 10)
            state = {"life_cycle_state": "PENDING" if is_starting else "RUNNING"}
        return {"run_id": run_id, "job_id": JOB_ID, "start_time": EPOCH * 1000, "state": state}

    def watch(self, schedule: Schedule = GROWING, *, with_lists: bool = True) -> None:
        """As `dbjobs runs wait` does it, to the end of all."""
        reader = RunReader(self)  # type: ignore[arg-type]  # as much of the API as a reader needs
        if not with_lists:
            reader.prepare = lambda run_ids: None  # type: ignore[method-assign]  # nothing is looked up
        for _ in watch_runs(list(self.ends), reader, self.clock, schedule):
            pass

    @property
    def delay(self) -> float:
        return statistics.mean(self.noticed[run_id] - end for run_id, end in self.ends.items())

    def per_minute(self, since: float, until: float) -> float:
        return sum(since <= time < until for time in self.asked) / ((until - since) / 60)


def _past_run(run_id: int, seconds: float) -> dict[str, Any]:
    """A run of the day before."""
    start = (EPOCH - 86_400) * 1000
    state = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}
    times = {"start_time": start, "end_time": start + round(seconds * 1000)}
    return {"run_id": run_id, "job_id": JOB_ID, "state": state, **times}


def sdk_pauses() -> Iterator[float]:
    attempt = 0
    while True:
        attempt += 1
        yield min(attempt, 10) + random.random()


def legacy_pauses() -> Iterator[float]:
    pause = 5.0
    while True:
        yield pause
        pause = min(pause * 2, 30.0)


def poll(pauses: Iterator[float], length: float) -> tuple[int, float]:
    """Requests until the end is noticed, and how many seconds after it that is."""
    time, requests = 0.0, 1
    while time < length:
        time += next(pauses)
        requests += 1
    return requests, time - length


def watch_one(length: float) -> tuple[int, float]:
    workspace = Workspace([length])
    workspace.watch()
    return len(workspace.asked), workspace.delay


WAYS: dict[str, Callable[[float], tuple[int, float]]] = {
    "dbjobs": watch_one,
    "sdk": lambda length: poll(sdk_pauses(), length),
    "legacy": lambda length: poll(legacy_pauses(), length),
}


def one(length: float) -> dict[str, list[float]]:
    """By client, the mean requests and delay for runs of about this length."""
    lengths = [length * random.uniform(0.9, 1.1) for _ in range(TRIES)]
    found = {name: list(zip(*map(way, lengths), strict=True)) for name, way in WAYS.items()}
    return {name: [statistics.mean(figures) for figures in pair] for name, pair in found.items()}


def many(number: int) -> dict[str, float]:
    """Requests a minute in the second hour of runs that go on, and in two hours in which they end."""
    figures = {}
    for name, with_lists in (("lists", True), ("single", False)):
        workspace = Workspace([2 * HOUR] * number)
        workspace.watch(with_lists=with_lists)
        figures[name] = workspace.per_minute(HOUR, 2 * HOUR)
    ends, past = ([HOUR + random.random() * HOUR for _ in range(count)] for count in (number, PAGE))
    growing, planned = Workspace(ends), Workspace(ends, history=past)
    growing.watch()
    planned.watch(PLANNED)
    requests, _ = poll(sdk_pauses(), HOUR)
    return {
        **figures,
        "sdk": number * requests / 60,
        "growing": growing.per_minute(0, 2 * HOUR),
        "growing_delay": growing.delay,
        "planned": planned.per_minute(0, 2 * HOUR),
        "planned_delay": planned.delay,
    }


if __name__ == "__main__":
    random.seed(1)
    print(json.dumps({"one": {n: one(n) for n in LENGTHS}, "many": {n: many(n) for n in MANY}}))
