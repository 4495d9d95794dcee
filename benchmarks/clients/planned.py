"""Waits planned from the history of jobs, simulated: jobs whose durations follow known distributions.

dbjobs watches each run by its own code, against a workspace in memory and a clock that only moves when
told. The alternatives pause as the official SDK, the legacy CLI and dbjobs without a history do. The
bound holds for every schedule that knows the distribution and nothing of the run but that it goes on;
the optimum is the best of those schedules, found by dynamic programming.
"""

import json
import math
import random
import statistics
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

from dbjobs.errors import DbjobsError
from dbjobs.runs.reader import RunReader
from dbjobs.runs.schedule import Schedule
from dbjobs.runs.snapshots import Snapshot, WatchedRun
from dbjobs.runs.watching import watch_runs

EPOCH = 1_767_225_600.0
RUN_ID, JOB_ID = 99, 7
PAST_RUNS = 24
PLANNED = Schedule(is_planned=True)
ENDS_PER_HISTORY = 100
"""A plan that was made from one history is tried on so many ends."""

FAILURES_PER_HISTORY = 10
"""Where the plan depends on the tasks that have ended."""

PRICE = 0.5
"""Seconds that a request is worth, where delay and requests are added up."""


@dataclass(frozen=True)
class Task:
    """A task as it goes in one run, in seconds."""

    key: str
    work: float
    after: tuple[str, ...] = ()
    setup: float = 0.0


Tasks = Sequence[Task]
Draw = Callable[[random.Random, int], Tasks]
"""Draws the tasks of a run; the number says how many runs came before it."""


def normal(mean: float, spread: float) -> Callable[[random.Random], float]:
    return lambda generator: max(1.0, generator.gauss(mean, spread * mean))


def _single(duration: Callable[[random.Random], float]) -> Draw:
    return lambda generator, _: [Task("main", duration(generator))]


def _short_or_long(generator: random.Random) -> float:
    return normal(300 if generator.random() < 0.5 else 3600, 0.1)(generator)


def _sequence(generator: random.Random, _: int) -> Tasks:
    keys = "abcde"
    works = [normal(720, 0.15)(generator) for _ in keys]
    return [Task(key, works[n], tuple(keys[n - 1 : n])) for n, key in enumerate(keys)]


def _parallel(generator: random.Random, _: int) -> Tasks:
    draws = [
        Task(key, normal(mean, 0.15)(generator))
        for key, mean in zip("abcd", (900, 1800, 2400, 3000), strict=True)
    ]
    return [*draws, Task("end", normal(600, 0.15)(generator), ("a", "b", "c", "d"))]


def _with_cluster(generator: random.Random, _: int) -> Tasks:
    setup = generator.uniform(120, 600)
    return [Task("main", normal(1200, 0.1)(generator), setup=setup)]


def _growing(growth: float) -> Draw:
    """An hour at first, and longer by this share from run to run."""
    return lambda generator, earlier: [Task("main", normal(3600, 0.05)(generator) * (1 + growth) ** earlier)]


CASES: dict[str, Draw] = {
    "1 h, spread 5 %": _single(normal(3600, 0.05)),
    "1 h, spread 15 %": _single(normal(3600, 0.15)),
    "10 min, spread 15 %": _single(normal(600, 0.15)),
    "1 min, spread 20 %": _single(normal(60, 0.2)),
    "5 or 60 min": _single(_short_or_long),
    "5 tasks in sequence, 1 h": _sequence,
    "4 tasks in parallel, then 1": _parallel,
    "a cluster of 2 to 10 min, then 20 min": _with_cluster,
    "1 h, spread 5 %, 1 % longer each time": _growing(0.01),
    "1 h, spread 5 %, 2 % longer each time": _growing(0.02),
    "exponential, mean 1 h": _single(lambda generator: max(1.0, generator.expovariate(1 / 3600))),
}


def end_of(tasks: Tasks) -> float:
    """The seconds that a run of these tasks takes."""
    ends: dict[str, float] = {}
    for task in tasks:
        ends[task.key] = max((ends[key] for key in task.after), default=0.0) + task.setup + task.work
    return max(ends.values())


def payload(
    run_id: int, start: float, tasks: Tasks, now: float, fails_at: float = math.inf
) -> dict[str, Any]:
    """The run as the API shows it `now`; times in epoch seconds."""
    end = min(start + end_of(tasks), fails_at)
    is_over = now >= end
    ends: dict[str, float] = {}
    shown = []
    for task in tasks:
        ready = max((ends[key] for key in task.after), default=start)
        ends[task.key] = min(ready + task.setup + task.work, end)
        is_setting_up = now < ready + task.setup
        state: dict[str, str] = {"life_cycle_state": "PENDING" if is_setting_up else "RUNNING"}
        times = {"start_time": _ms(ready), "end_time": 0, "setup_duration": 0}
        if not is_setting_up:
            times["setup_duration"] = round(task.setup * 1000)
        if now < ready:
            state, times = {"life_cycle_state": "BLOCKED"}, {}
        elif now >= ends[task.key]:
            has_failed = ends[task.key] == fails_at
            state = {"life_cycle_state": "TERMINATED", "result_state": "FAILED" if has_failed else "SUCCESS"}
            times["end_time"] = _ms(ends[task.key])
        depends_on = [{"task_key": key} for key in task.after]
        shown.append(
            {"task_key": task.key, "run_id": run_id, "depends_on": depends_on, "state": state, **times}
        )
    run_state: dict[str, str] = {"life_cycle_state": "RUNNING"}
    if is_over:
        run_state = {
            "life_cycle_state": "TERMINATED",
            "result_state": "FAILED" if end == fails_at else "SUCCESS",
        }
    return {
        "run_id": run_id,
        "job_id": JOB_ID,
        "trigger": "PERIODIC",
        "start_time": _ms(start),
        "end_time": _ms(end) if is_over else 0,
        "state": run_state,
        "tasks": shown,
    }  # fmt: skip


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


class Clock:
    """Moves when somebody sleeps."""

    def __init__(self, epoch: float = EPOCH) -> None:
        self.time, self.epoch = 0.0, epoch

    def monotonic(self) -> float:
        return self.time

    def now(self) -> float:
        return self.epoch + self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@dataclass
class Workspace:
    """One run that goes on, and the past runs of its job."""

    past: Sequence[Tasks]
    tasks: Tasks
    fails_at: float = math.inf
    """seconds after the start"""
    skew: float = 0.0
    """how far this machine's clock is ahead of the server's, in seconds"""
    began: float = 0.0
    """how old the run is when the watch begins"""
    is_new: bool = False
    """it was started for the watch"""
    lingers: float = 0.0
    """seconds that a run goes on once its task has failed"""
    run_type: str = "JOB_RUN"
    list_error: DbjobsError | None = None
    """what the list of past runs is answered with"""
    lists: int = 0
    clock: Clock = field(default_factory=Clock)
    requests: int = 0
    snapshots: list[Snapshot] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock.epoch += self.skew
        self.start = EPOCH - self.began

    @property
    def now(self) -> float:
        """The server's time."""
        return EPOCH + self.clock.time

    @property
    def end(self) -> float:
        """Of the run, in seconds since the watch began."""
        return min(end_of(self.tasks), self.fails_at) - self.began

    def get_run_page(self, run_id: int, *_: Any) -> dict[str, Any]:
        self.requests += 1
        shown = payload(run_id, self.start, self.tasks, self.now, self.start + self.fails_at)
        if self.clock.time < self.end + self.lingers:
            shown |= {"state": {"life_cycle_state": "RUNNING"}, "end_time": 0}
        return {**shown, "run_type": self.run_type}

    def list_runs(self, *_: Any, **__: Any) -> Iterator[list[dict[str, Any]]]:
        """Newest first, a day apart."""
        self.requests += 1
        self.lists += 1
        if self.list_error:
            raise self.list_error
        yield [
            payload(n, self.start - 86_400 * (n + 1), tasks, math.inf)
            for n, tasks in enumerate(reversed(self.past))
        ]

    def watch(self, schedule: Schedule = PLANNED) -> tuple[int, float]:
        """As `dbjobs runs wait` does it: the requests, and the seconds from the end to its notice."""
        reader = RunReader(self)  # type: ignore[arg-type]  # as much of the API as a reader needs
        known = {RUN_ID: WatchedRun(RUN_ID, is_known=self.is_new)}
        self.snapshots = list(watch_runs([RUN_ID], reader, self.clock, schedule, known=known))
        return self.requests, self.clock.time - self.end


def sdk_pauses(generator: random.Random) -> Iterator[float]:
    attempt = 0
    while True:
        attempt += 1
        yield min(attempt, 10) + generator.random()


def legacy_pauses(_: random.Random) -> Iterator[float]:
    pause = 5.0
    while True:
        yield pause
        pause = min(pause * 2, 30.0)


def growing_pauses(generator: random.Random) -> Iterator[float]:
    """Those of dbjobs without a history: 5 s growing to 60 s."""
    schedule = Schedule(jitter=0)
    quiet_polls = 0
    while True:
        yield schedule.pause_after(quiet_polls) * generator.uniform(0.9, 1.1)
        quiet_polls += 1


PAUSES = {"5 → 60 s": growing_pauses, "databricks-sdk": sdk_pauses, "legacy CLI": legacy_pauses}


def poll(pauses: Iterator[float], end: float) -> tuple[int, float]:
    """Requests until an end is noticed, and the seconds in between."""
    time, requests = 0.0, 1
    while time < end:
        time += next(pauses)
        requests += 1
    return requests, time - end


@dataclass
class Figures:
    """Means over many runs."""

    found: list[tuple[int, float]] = field(default_factory=list)

    @property
    def requests(self) -> float:
        return statistics.mean(requests for requests, _ in self.found)

    @property
    def delay(self) -> float:
        return statistics.mean(delay for _, delay in self.found)

    @property
    def product(self) -> float:
        return self.requests * self.delay

    @property
    def cost(self) -> float:
        return self.delay + PRICE * self.requests


COVERAGE_TRIES = 1000

Runs = Iterable[tuple[Sequence[Tasks], Tasks]]
"""Pairs of the past runs of a job and its next run."""


def draw_runs(draw: Draw, tries: int, generator: random.Random) -> Runs:
    for _ in range(tries):
        yield [draw(generator, n) for n in range(PAST_RUNS)], draw(generator, PAST_RUNS)


def compare(runs: Runs, draw: Draw, generator: random.Random) -> dict[str, Figures]:
    """The figures by way to wait, for the same runs.

    Of a run of one task, nothing is seen before its end, so the same polls serve many ends.
    """
    figures = {name: Figures() for name in ("planned", *PAUSES)}
    for past, tasks in runs:
        if is_single(tasks):
            ends = [end_of(draw(generator, PAST_RUNS)) for _ in range(ENDS_PER_HISTORY)]
            polls = find_polls(past, max(ends))
            figures["planned"].found += [notice(polls, end) for end in ends]
        else:
            ends = [end_of(tasks)]
            figures["planned"].found.append(Workspace(past, tasks).watch())
        for name, pauses in PAUSES.items():
            figures[name].found += [poll(pauses(generator), end) for end in ends]
    return figures


def watch_failures(runs: Runs, generator: random.Random) -> Figures:
    """Runs that fail at a random moment."""
    figures = Figures()
    for past, tasks in runs:
        if is_single(tasks):
            polls = find_polls(past, end_of(tasks))
            moments = [generator.random() * end_of(tasks) for _ in range(ENDS_PER_HISTORY)]
            figures.found += [notice(polls, moment) for moment in moments]
        else:
            for _ in range(FAILURES_PER_HISTORY):
                fails_at = generator.random() * end_of(tasks)
                figures.found.append(Workspace(past, tasks, fails_at=fails_at).watch())
    return figures


def watch_slow_runs(runs: Runs, generator: random.Random) -> tuple[Figures, Figures]:
    """Runs that take about twice as long as any before; planned, and with pauses of 5 s growing to 60 s."""
    planned, growing = Figures(), Figures()
    for past, tasks in runs:
        factor = 2 * max(map(end_of, past)) / end_of(tasks)
        slow = [Task(task.key, task.work * factor, task.after, task.setup * factor) for task in tasks]
        number = ENDS_PER_HISTORY if is_single(tasks) else 1
        ends = [end_of(slow) * generator.uniform(0.98, 1.02) for _ in range(number)]
        if is_single(tasks):
            polls = find_polls(past, max(ends))
            planned.found += [notice(polls, end) for end in ends]
        else:
            planned.found.append(Workspace(past, slow).watch())
        growing.found += [poll(growing_pauses(generator), end) for end in ends]
    return planned, growing


def is_single(tasks: Tasks) -> bool:
    return len(tasks) == 1 and not tasks[0].setup


def find_polls(past: Sequence[Tasks], until: float) -> list[float]:
    """When dbjobs polls a run of one task that goes on for so long, in seconds."""
    workspace = Workspace(past, [Task("main", until)])
    workspace.watch()
    return sorted({snapshot.elapsed for snapshot in workspace.snapshots})


def notice(polls: Sequence[float], end: float) -> tuple[int, float]:
    """Requests until an end is noticed, the history's included, and the seconds in between."""
    index = bisect_left(polls, end)
    return index + 2, polls[index] - end


def draw_ends(draw: Draw, generator: random.Random, number: int = 20_000) -> list[float]:
    """How long runs take, in ascending order."""
    return sorted(end_of(draw(generator, PAST_RUNS)) for _ in range(number))


def find_bound(ends: Sequence[float]) -> float:
    """½ (∫ √(f S) dt)², the least product of delay and requests, by bins of equal probability."""
    bins = len(ends) // 25
    edges = [ends[int(n * (len(ends) - 1) / bins)] for n in range(bins + 1)]
    integral = sum(
        math.sqrt((later - sooner) / bins * (1 - (n + 0.5) / bins))
        for n, (sooner, later) in enumerate(pairwise(edges))
    )
    return integral**2 / 2


def find_optimum(ends: Sequence[float], price: float, steps: int = 300) -> tuple[float, float]:
    """Requests and delay of the schedule with the least delay + price * requests, by dynamic programming.

    Polls are possible at so many quantiles of the end, and at as many times in equal steps.
    """
    last = len(ends) - 1
    quantiles = [ends[round(n * last / steps)] for n in range(1, steps + 1)]
    times = sorted({0.0, *quantiles, *(ends[last] * n / steps for n in range(1, steps))})
    sums_of_ends = [0.0, *accumulate(ends)]
    ended = [bisect_right(ends, time) for time in times]
    sums = [sums_of_ends[number] for number in ended]
    # cost, requests and delay from a time on, each times the number of runs that go on then
    best = [(0.0, 0.0, 0.0)] * len(times)
    for now in range(len(times) - 2, -1, -1):
        going_on = len(ends) - ended[now]
        options = []
        for then in range(now + 1, len(times)):
            delay = (ended[then] - ended[now]) * times[then] - (sums[then] - sums[now])
            cost, requests, later_delay = best[then]
            options.append((delay + price * going_on + cost, going_on + requests, delay + later_delay))
        best[now] = min(options)
    _, requests, delay = best[0]
    return requests / len(ends) + 1, delay / len(ends)


def find_coverage(runs: Runs) -> float:
    """The share of runs whose end lies between the 10th and the 90th percentile that is told at its start."""
    inside = []
    for past, tasks in runs:
        workspace = Workspace(past, tasks)
        workspace.watch(Schedule(is_planned=True, timeout=1))
        snapshot = next(shot for shot in workspace.snapshots if shot.forecasts)
        forecast = snapshot.forecasts[RUN_ID]
        low, high = (forecast.left_at(snapshot.server_time, share) for share in (0.1, 0.9))
        inside.append(low <= workspace.end - snapshot.elapsed <= high)
    return statistics.mean(inside)


def measure(draw: Draw, tries: int, generator: random.Random) -> dict[str, Any]:
    """All figures of one kind of job."""
    ends = draw_ends(draw, generator)
    runs = list(draw_runs(draw, tries, generator))
    slow, slow_growing = watch_slow_runs(runs[::3], generator)
    failures = watch_failures(runs[::3], generator)
    optimum = min((find_optimum(ends, price) for price in (0.1, 0.3, 1.0, 3.0)), key=math.prod)
    return {
        "ways": {way: [each.requests, each.delay] for way, each in compare(runs, draw, generator).items()},
        "bound": find_bound(ends),
        "optimum": optimum,
        "slow": slow.product / slow_growing.product,
        "failure_delay": failures.delay,
        "coverage": find_coverage(draw_runs(draw, COVERAGE_TRIES, generator)),
    }


if __name__ == "__main__":
    tries = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    # more histories where what they say varies most
    each = {name: 2 * tries if "longer each time" in name else tries for name in CASES}
    print(json.dumps({name: measure(CASES[name], each[name], random.Random(1)) for name in CASES}))
