"""What of a run takes longer than usual: the queue, a cluster, or the run itself with one of its tasks."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from dbjobs.api.models import Run, TaskRun
from dbjobs.api.states import Phase
from dbjobs.runs.forecasts import Forecast, ready_at, seconds_of

LATE_SHARE = 0.95
"""Something is late once it takes longer than this share of past runs did."""

LEAST_SECONDS = 30.0
"""A queue or a cluster that keeps a run waiting for less is not worth a word."""

LONGEST_GAP = 60.0
"""Seconds in which no task is active: a run with a longer gap was repaired, so its total says nothing."""


class Part(Enum):
    """What takes longer than usual."""

    QUEUE = "queue"
    CLUSTER = "cluster"
    RUN = "run"


@dataclass(frozen=True)
class Delay:
    """Something that takes longer than in most past runs."""

    part: Part
    seconds: float
    """how long it has taken so far"""
    usual: float
    """the median of past runs, in seconds"""
    exceeded: int
    """how many of the past runs it has taken longer than"""
    past: int
    """how many past runs there are"""
    task: TaskRun | None = None
    """the task whose cluster is late; or, of a late run, the task that is late, if one is"""
    task_seconds: float = 0.0
    """how long the late task has taken so far"""
    task_usual: float = 0.0


def find_delays(run: Run, forecast: Forecast, now: float) -> list[Delay]:
    """At most one for each part. `now` is the server's time in epoch seconds."""
    if not forecast.has_range:
        return []
    found: list[Delay | None] = []
    if run.life_cycle_state == "QUEUED" and run.start_time:
        past = [past.queued for past in forecast.past_runs]
        found.append(_delay(Part.QUEUE, now - seconds_of(run.start_time), past, LEAST_SECONDS))
    clusters = []
    for task in run.tasks:
        past = [past.tasks[task.task_key].setup for past in forecast.past_runs if task.task_key in past.tasks]
        if task.life_cycle_state == "PENDING" and task.start_time and past:
            seconds = now - seconds_of(task.start_time)
            clusters.append(_delay(Part.CLUSTER, seconds, past, LEAST_SECONDS, task))
    # that of the task which has waited longest for its cluster
    found.append(max(filter(None, clusters), key=lambda delay: delay.seconds, default=None))
    if run.start_time and not _was_repaired(run):
        past = [past.total for past in forecast.past_runs]
        delay = _delay(Part.RUN, now - seconds_of(run.start_time), past, 0.0)
        found.append(delay and replace(delay, **_late_task(run, forecast, now)))
    return [delay for delay in found if delay]


def _late_task(run: Run, forecast: Forecast, now: float) -> dict[str, Any]:
    """The active task that exceeds its usual time most, as fields of a Delay; none if no task is late."""
    left_queue = seconds_of(run.start_time) + (run.seconds_in("queue") or 0.0)
    ends = {task.task_key: seconds_of(task.end_time) for task in run.tasks if task.is_ended}
    late = []
    for task in run.tasks:
        past = [past.tasks[task.task_key].span for past in forecast.past_runs if task.task_key in past.tasks]
        if task.phase is Phase.ACTIVE and past:
            seconds = now - ready_at(task, ends, left_queue)
            if delay := _delay(Part.RUN, seconds, past, 0.0):
                late.append({"task": task, "task_seconds": seconds, "task_usual": delay.usual})
    return max(late, key=lambda fields: fields["task_seconds"] - fields["task_usual"], default={})


def _delay(
    part: Part, seconds: float, past: Sequence[float], least: float, task: TaskRun | None = None
) -> Delay | None:
    exceeded = sum(seconds > duration for duration in past)
    usual = statistics.median(past)
    if exceeded < math.ceil(LATE_SHARE * len(past)) or seconds - usual < least:
        return None
    return Delay(part, seconds, usual, exceeded, len(past), task)


def _was_repaired(run: Run) -> bool:
    """True if nothing happened for long between the tasks that have ended and one that is active."""
    starts = _times(task.start_time for task in run.tasks if task.phase is Phase.ACTIVE)
    ends = _times(task.end_time for task in run.tasks if task.is_ended)
    before = [end for end in ends if starts and end <= min(starts)]
    return bool(before) and min(starts) - max(before) > LONGEST_GAP


def _times(times: Iterable[int | None]) -> list[float]:
    return [seconds_of(time) for time in times if time]
