"""What past runs of a job say about one that goes on: which of them count, and how long is left.

Every past run is replayed from where this one is. Tasks that have ended keep their real ends, and
the others take as long as they took in the past run, along the longest path of dependencies. Each
finished task therefore sharpens the forecast.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from dbjobs.api.models import Run, TaskRun
from dbjobs.api.states import Phase
from dbjobs.runs.estimates import Estimate

FEWEST_RUNS = 3
"""Fewer past runs do not show how much their durations vary."""

FEWEST_OF_TRIGGER = 5
"""This many runs with the same trigger are preferred to more runs with any."""

TREND_SIGNIFICANCE = 1.96
"""Standard deviations of Kendall's S beyond which durations follow a trend."""

GREATEST_FACTOR = 4.0
"""A trend multiplies, or divides, a past duration by this at most."""

MORE_OF_AN_OVERDUE_TASK = 0.1
"""A task that has taken longer than in any past run is expected to take this much more of its time."""

LONGEST_IDLE_SHARE = 0.2
"""A run that did nothing for more than this share of its time was repaired later, so its end says little."""


@dataclass(frozen=True)
class PastTask:
    """How long a task of a past run took, in seconds."""

    span: float
    """from the end of its last dependency to its end: waiting, set-up and retries included"""
    setup: float
    """until its cluster was ready"""
    work: float
    """from then to its end"""


@dataclass(frozen=True)
class PastRun:
    """How long the parts of a past run took, in seconds."""

    total: float
    queued: float
    tasks: Mapping[str, PastTask]
    """by task_key"""
    tail: float
    """from the end of the last task to the run's end"""


@dataclass(frozen=True)
class Forecast:
    """When a run will end. Times are epoch seconds of the server's clock."""

    origin: float
    """the last event of the run, from which the estimate counts"""
    remaining: Estimate
    """the seconds from the origin to the end"""
    past_runs: Sequence[PastRun]
    """what it is based on"""

    @property
    def usual(self) -> float:
        """The median of how many seconds past runs took."""
        return statistics.median(past.total for past in self.past_runs)

    def left_at(self, now: float, share: float = 0.5) -> float:
        """The seconds that are left at most, with this probability, given that the run goes on now."""
        elapsed = max(now - self.origin, 0.0)
        return self.remaining.quantile(share, elapsed) - elapsed

    @property
    def has_range(self) -> bool:
        """There are enough past runs to say how far off it may be, and to plan polls by it."""
        return len(self.past_runs) >= FEWEST_RUNS


def choose_past_runs(runs: Iterable[Run], run: Run) -> list[Run]:
    """Successful runs, preferably with the same trigger and the same tasks; newest first."""
    chosen = [
        past
        for past in runs
        if past.run_id != run.run_id and past.outcome and past.outcome.is_good and ran_in_one_go(past)
    ]
    trigger = run.payload.get("trigger")
    of_trigger = [past for past in chosen if past.payload.get("trigger") == trigger]
    chosen = of_trigger if len(of_trigger) >= FEWEST_OF_TRIGGER else chosen
    task_keys = {task.task_key for task in run.tasks}
    of_tasks = [past for past in chosen if {task.task_key for task in past.tasks} == task_keys]
    chosen = of_tasks if len(of_tasks) >= FEWEST_RUNS else chosen
    return sorted(chosen, key=lambda past: past.start_time or 0, reverse=True)


def ran_in_one_go(run: Run) -> bool:
    """False if its times are unknown, or if it stood still between its end and a repair."""
    if not run.start_time or not run.end_time:
        return False
    total = (run.end_time - run.start_time) / 1000
    busy = run.seconds_in("run")  # repairs included, the time in between left out
    return not busy or total - busy - (run.seconds_in("queue") or 0) <= LONGEST_IDLE_SHARE * total


def measure_past_run(run: Run) -> PastRun:
    """The durations of a run that has ended."""
    start, end = seconds_of(run.start_time), seconds_of(run.end_time)
    queued = run.seconds_in("queue") or 0.0
    ends: dict[str, float] = {}
    tasks: dict[str, PastTask] = {}
    for task in run.tasks:
        ready = ready_at(task, ends, start + queued)
        ends[task.task_key] = task_end = seconds_of(task.end_time) or ready
        setup = task.seconds_in("setup") or 0.0
        work = task_end - (seconds_of(task.start_time) or ready) - setup
        tasks[task.task_key] = PastTask(max(task_end - ready, 0.0), setup, max(work, 0.0))
    tail = max(end - max(ends.values(), default=start), 0.0) if ends else 0.0
    return PastRun(max(end - start, 0.0), queued, tasks, tail)


def forecast_end(run: Run, past_runs: Sequence[PastRun], now: float = 0.0) -> Forecast | None:
    """A forecast for a run that goes on, from past runs, newest first; None if too little is known.

    It holds until something begins or ends, or `has_overdue_task`, which is what `now`, the server's
    time in epoch seconds, is for.
    """
    if not past_runs or not run.start_time:
        return None
    factors = trend_factors([past.total for past in past_runs])
    if not run.tasks or not all(task.task_key in past.tasks for task in run.tasks for past in past_runs):
        start = seconds_of(run.start_time)
        durations = [past.total * factor for past, factor in zip(past_runs, factors, strict=True)]
        return Forecast(start, Estimate.of(durations), past_runs)
    scaled = [_scale(past, factor) for past, factor in zip(past_runs, factors, strict=True)]
    origin = last_event(run)
    reference = max(origin, now) if has_overdue_task(run, past_runs, now) else origin
    ends = _replay(run, scaled, reference)
    return Forecast(origin, Estimate.of(end - origin for end in ends), past_runs)


def has_overdue_task(run: Run, past_runs: Sequence[PastRun], now: float) -> bool:
    """Whether an active task that others wait for has taken longer than in any past run."""
    awaited = {key for task in run.tasks if not task.is_ended for key in task.depends_on}
    for task in run.tasks:
        if task.phase is Phase.ACTIVE and task.task_key in awaited and task.start_time:
            spans = [past.tasks[task.task_key].span for past in past_runs if task.task_key in past.tasks]
            if spans and now > seconds_of(task.start_time) + max(spans):
                return True
    return False


def _scale(past: PastRun, factor: float) -> PastRun:
    if factor == 1.0:
        return past
    tasks = {
        key: PastTask(task.span * factor, task.setup * factor, task.work * factor)
        for key, task in past.tasks.items()
    }
    return PastRun(past.total * factor, past.queued, tasks, past.tail * factor)


def last_event(run: Run) -> float:
    """When something began or ended last in a run that goes on, in epoch seconds."""
    events = [seconds_of(run.start_time) + (run.seconds_in("queue") or 0.0)]
    for task in run.tasks:
        events += [seconds_of(task.end_time), _start_of(task), _ready_to_work(task) or 0.0]
    return max(events)


def _start_of(task: TaskRun) -> float:
    """When an active task began; 0 for others, whose times may be those of an earlier attempt."""
    return seconds_of(task.start_time) if task.phase is Phase.ACTIVE else 0.0


def _ready_to_work(task: TaskRun) -> float | None:
    """When the cluster of an active task was ready; None if it is not, or if that is not known."""
    setup = task.seconds_in("setup")
    is_working = task.phase is Phase.ACTIVE and task.life_cycle_state != "PENDING"
    return seconds_of(task.start_time) + setup if is_working and task.start_time and setup else None


def _replay(run: Run, past_runs: Sequence[PastRun], now: float) -> list[float]:
    """For each past run, when this one ends if it goes on as that one did."""
    spans = {
        task.task_key: sorted(past.tasks[task.task_key].span for past in past_runs) for task in run.tasks
    }
    start = seconds_of(run.start_time)
    is_queued = run.phase is Phase.WAITING
    run_ends = []
    for past in past_runs:
        ends: dict[str, float] = {}
        left_queue = start + (past.queued if is_queued else run.seconds_in("queue") or 0.0)
        for task in run.tasks:
            ready = max(ready_at(task, ends, left_queue), _start_of(task))
            ready_to_work = _ready_to_work(task)
            if task.is_ended and task.end_time:
                end = seconds_of(task.end_time)
            elif ready_to_work is not None:
                end = ready_to_work + past.tasks[task.task_key].work
            else:
                end = ready + past.tasks[task.task_key].span
            if not task.is_ended and end <= now:  # it has taken longer: take the next longer known span
                longer = (ready + span for span in spans[task.task_key] if ready + span > now)
                end = next(longer, now + (now - ready) * MORE_OF_AN_OVERDUE_TASK)
            ends[task.task_key] = end
        run_ends.append(max(ends.values()) + past.tail)
    return run_ends


def ready_at(task: TaskRun, ends: Mapping[str, float], start: float) -> float:
    """When the last of a task's dependencies ended."""
    return max((ends[key] for key in task.depends_on if key in ends), default=start)


def trend_factors(durations: Sequence[float]) -> list[float]:
    """What to multiply each duration by, newest first, to continue a significant trend to the present."""
    slope = trend_slope(durations)
    bound = math.log(GREATEST_FACTOR)
    return [math.exp(min(max(slope * (age + 1), -bound), bound)) for age in range(len(durations))]


def trend_slope(durations: Sequence[float], significance: float = TREND_SIGNIFICANCE) -> float:
    """By how much the logarithm rises from one duration to the next newer one; newest first.

    It is the Theil-Sen slope, or 0 if Kendall's test finds no trend; `significance` is in standard
    deviations.
    """
    logs = [math.log(max(duration, 1.0)) for duration in reversed(durations)]
    pairs = [
        (later - earlier, logs[later] - logs[earlier]) for earlier, later in combinations(range(len(logs)), 2)
    ]
    score = sum((rise > 0) - (rise < 0) for _, rise in pairs)
    count = len(logs)
    deviation = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    if abs(score) <= significance * deviation:
        return 0.0
    return statistics.median(rise / distance for distance, rise in pairs)


def seconds_of(milliseconds: int | None) -> float:
    return (milliseconds or 0) / 1000
