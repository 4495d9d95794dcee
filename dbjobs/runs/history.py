"""What the past runs of a job have in common: how often it succeeds, how long it takes, and what has changed.

Everything is computed from one list of runs with their tasks; nothing here asks a server. Durations are
in seconds.
"""

import math
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from dbjobs.api.models import OWN_FAILURES, Run, TaskRun
from dbjobs.api.states import Outcome
from dbjobs.http.response import Payload
from dbjobs.jobfiles.differences import Difference, differences
from dbjobs.runs.change_points import MOST_VALUES, find_change_points
from dbjobs.runs.comparison import settings_of, settings_of_task, shared_settings_of
from dbjobs.runs.critical_path import measure_parts, plan_critical_path
from dbjobs.runs.forecasts import measure_past_run, ran_in_one_go, trend_slope

SIGNIFICANCE = 0.045
"""The probability of reporting any change, or any trend, of a job without one."""

FAILURES = (*OWN_FAILURES, Outcome.UPSTREAM_FAILED)
"""What counts against a job or a task; a run that was canceled, or never ran, says nothing about it."""

CONFIDENCE = 1.96
"""Standard deviations on either side of an estimate that hold the true value in 95 % of all cases."""

FEWEST_FOR_TREND = 8
"""Fewer durations show no change and no trend, however clear."""

UNCERTAINTY = 2
"""By how many runs a change may be found too early or too late."""


@dataclass(frozen=True)
class SuccessRate:
    """How many of the runs that succeeded or failed succeeded."""

    succeeded: int
    failed: int

    @property
    def counted(self) -> int:
        return self.succeeded + self.failed

    @property
    def rate(self) -> float | None:
        return self.succeeded / self.counted if self.counted else None

    @property
    def interval(self) -> tuple[float, float]:
        """Between what the true rate lies with a probability of 95 %, by Wilson's score interval.

        Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
        Journal of the American Statistical Association 22 (1927) 209.
        """
        if not self.counted:
            return 0.0, 1.0
        share, z2 = self.succeeded / self.counted, CONFIDENCE**2 / self.counted
        center = (share + z2 / 2) / (1 + z2)
        half = math.sqrt(z2 * share * (1 - share) + z2 * z2 / 4) / (1 + z2)
        return max(0.0, center - half), min(1.0, center + half)


@dataclass(frozen=True)
class Durations:
    """How long something took in the runs in which it succeeded."""

    p50: float
    p95: float
    last: float
    trend: float | None
    """by what factor it has grown from the first of them to the last: 1.0 unless that is significant, None if
    there are too few to say"""


@dataclass(frozen=True)
class Change:
    """Since when something takes longer, or less long."""

    run: Run
    """the first that shows it"""
    ratio: float
    before: float
    after: float
    """medians"""
    part: str
    """what changed most: setup or execution, or empty if that is not known"""
    settings: tuple[Difference, ...]
    """what is different in the settings of that run from those of the run before"""


@dataclass(frozen=True)
class RunOfTask:
    """What became of a task in one run."""

    task: TaskRun
    """the newest attempt"""
    attempts: int
    is_flaky: bool
    """it failed, and then succeeded with the same settings"""


@dataclass(frozen=True)
class TaskHistory:
    """A task over all runs."""

    task_key: str
    is_current: bool
    """the newest run has it"""
    runs: tuple[RunOfTask | None, ...]
    """as the runs of the job; None where a run did not have it"""
    success: SuccessRate
    durations: Durations | None
    parts: Mapping[str, float]
    """the medians of setup and execution"""
    slack: float | None
    """by how much longer it may take before the run takes longer; None of a task that is no longer there"""
    flaky_runs: tuple[Run, ...]
    changes: tuple[Change, ...]
    """the oldest first"""


@dataclass(frozen=True)
class FailureGroup:
    """Failures with the same cause; `task_key` is empty for those of a run that has no tasks."""

    task_key: str
    code: str
    message: str
    """that of the newest"""
    runs: tuple[Run, ...]
    """the newest first"""


@dataclass(frozen=True)
class JobHistory:
    """The runs of a job, the oldest first, and what they say together."""

    runs: tuple[Run, ...]
    tasks: tuple[TaskHistory, ...]
    """those of the newest run, dependencies first, and then those that it no longer has"""
    success: SuccessRate
    not_counted: Mapping[str, int]
    """runs that neither succeeded nor failed, by state"""
    durations: Durations | None
    parts: Mapping[str, tuple[float, float]]
    """p50 and p95 of the time in the queue, and of setup and execution along the critical path of each run"""
    critical_path: tuple[str, ...]
    changes: tuple[Change, ...]
    failures: tuple[FailureGroup, ...]
    """the most frequent first"""


def analyze_runs(runs: Iterable[Run]) -> JobHistory:
    """The history of a job, from its runs in whatever order."""
    ordered = sorted(runs, key=lambda run: (run.start_time or 0, run.run_id))
    by_task = _group_by_task(ordered)
    series_count = len(by_task) + 1 if len(by_task) > 1 else 1
    significance = 1 - (1 - SIGNIFICANCE) ** (1 / series_count)
    measured = [run for run in ordered if _is_good(run) and ran_in_one_go(run)]
    newest_tasks = next((run.tasks for run in reversed(ordered) if run.tasks), ())
    slack, critical_path = plan_critical_path(newest_tasks, [measure_past_run(run) for run in measured])
    parts = [measure_parts(run) for run in measured]
    return JobHistory(
        runs=tuple(ordered),
        tasks=tuple(
            _analyze_task(key, ordered, by_task[key], slack.get(key), significance) for key in by_task
        ),
        success=_count_successes(ordered),
        not_counted=Counter(
            run.shown_state for run in ordered if not _is_good(run) and run.outcome not in FAILURES
        ),
        durations=measure_durations([_seconds(run) for run in measured], significance),
        parts={
            name: (quantile(values, 0.5), quantile(values, 0.95))
            for name in ("queue", "setup", "execution")
            if (values := [part[name] for part in parts])
        },
        critical_path=critical_path,
        changes=_find_changes(measured, [_seconds(run) for run in measured], parts, None, significance),
        failures=_group_failures(ordered),
    )


def quantile(values: Sequence[float], share: float) -> float:
    """Between two values, in proportion."""
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = ordered[math.floor(position)]
    return below + (ordered[math.ceil(position)] - below) * (position % 1)


def measure_durations(values: Sequence[float], significance: float) -> Durations | None:
    """The figures of durations, the oldest first; None if there are none."""
    if not values:
        return None
    recent = values[-MOST_VALUES:]
    deviations = statistics.NormalDist().inv_cdf(1 - significance / 2)
    slope = trend_slope(recent[::-1], deviations)
    trend = math.exp(slope * (len(recent) - 1)) if len(values) >= FEWEST_FOR_TREND else None
    return Durations(quantile(values, 0.5), quantile(values, 0.95), values[-1], trend)


def _is_good(run: Run | TaskRun) -> bool:
    return run.outcome is not None and run.outcome.is_good


def _seconds(run: Run | TaskRun) -> float:
    return run.seconds_at(run.end_time or 0) or 0.0


def _count_successes(runs: Iterable[Run | TaskRun]) -> SuccessRate:
    outcomes = [run.outcome for run in runs]
    return SuccessRate(
        sum(outcome is not None and outcome.is_good for outcome in outcomes),
        sum(outcome in FAILURES for outcome in outcomes),
    )


def _group_by_task(runs: Sequence[Run]) -> dict[str, list[RunOfTask | None]]:
    """The tasks in the order of the newest run, then others; for each, what became of it in each run."""
    keys = dict.fromkeys(task.task_key for run in reversed(runs) for task in run.tasks)
    grouped: dict[str, list[RunOfTask | None]] = {key: [None] * len(runs) for key in keys}
    for index, run in enumerate(runs):
        attempts: dict[str, list[TaskRun]] = {}
        for attempt in run.attempts:
            attempts.setdefault(attempt.task_key, []).append(attempt)
        for task in run.tasks:
            of_task = attempts[task.task_key]
            grouped[task.task_key][index] = RunOfTask(task, len(of_task), _is_flaky(task, of_task))
    return grouped


def _is_flaky(newest: TaskRun, attempts: Sequence[TaskRun]) -> bool:
    if newest.outcome is not Outcome.SUCCESS or len(attempts) < 2:
        return False
    settings = settings_of_task(newest.payload)
    return any(
        attempt.outcome in OWN_FAILURES and not any(differences(settings_of_task(attempt.payload), settings))
        for attempt in attempts
    )


def _analyze_task(
    task_key: str,
    runs: Sequence[Run],
    runs_of_task: Sequence[RunOfTask | None],
    slack: float | None,
    significance: float,
) -> TaskHistory:
    good = [
        (run, one.task)
        for run, one in zip(runs, runs_of_task, strict=True)
        if one and one.task.outcome is Outcome.SUCCESS and one.task.start_time and one.task.end_time
    ]
    seconds = [_seconds(task) for _, task in good]
    parts = [{name: task.seconds_in(name) or 0.0 for name in ("setup", "execution")} for _, task in good]
    return TaskHistory(
        task_key=task_key,
        is_current=bool(runs_of_task and runs_of_task[-1]),
        runs=tuple(runs_of_task),
        success=_count_own_successes(one.task for one in runs_of_task if one),
        durations=measure_durations(seconds, significance),
        parts={
            name: statistics.median(part[name] for part in parts) for name in ("setup", "execution") if parts
        },
        slack=slack,
        flaky_runs=tuple(run for run, one in zip(runs, runs_of_task, strict=True) if one and one.is_flaky),
        changes=_find_changes([run for run, _ in good], seconds, parts, task_key, significance),
    )


def _count_own_successes(tasks: Iterable[TaskRun]) -> SuccessRate:
    """Without the runs in which something else kept the task from running."""
    return _count_successes(task for task in tasks if task.outcome is not Outcome.UPSTREAM_FAILED)


def _find_changes(
    runs: Sequence[Run],
    seconds: Sequence[float],
    parts: Sequence[Mapping[str, float]],
    task_key: str | None,
    significance: float,
) -> tuple[Change, ...]:
    """The changes of a task, or of the whole run, in the runs that succeeded."""
    points = find_change_points(seconds, significance)
    edges = [0, *(point.index for point in points), len(seconds)]
    changes = []
    for number, point in enumerate(points):
        before, after = slice(edges[number], point.index), slice(point.index, edges[number + 2])
        first, settings = _find_cause(runs[before], runs[after], task_key)
        changes.append(
            Change(
                run=first,
                ratio=point.ratio,
                before=statistics.median(seconds[before]),
                after=statistics.median(seconds[after]),
                part=_most_changed(parts[before], parts[after]),
                settings=settings,
            )
        )
    return tuple(changes)


def _find_cause(
    before: Sequence[Run], after: Sequence[Run], task_key: str | None
) -> tuple[Run, tuple[Difference, ...]]:
    """The run since which it is different, with what is different in its settings.

    Where the level changes is known to a few runs only, so a run near it whose settings changed is
    taken for the first. What changes with most runs, such as the parameter for a date, is not a cause.
    """
    near = [*before[-UNCERTAINTY - 1 :], *after[: UNCERTAINTY + 1]]
    estimated = len(near) - len(after[: UNCERTAINTY + 1])
    settings = [_settings_of(run, task_key) for run in near]
    changes = [tuple(differences(old, new)) for old, new in pairwise(settings)]
    frequency = Counter(change.path for found in changes for change in found)
    for index in sorted(range(1, len(near)), key=lambda index: abs(index - estimated)):
        rare = tuple(change for change in changes[index - 1] if frequency[change.path] <= len(changes) / 2)
        if rare:
            return near[index], rare
    return near[estimated], ()


def _most_changed(before: Sequence[Mapping[str, float]], after: Sequence[Mapping[str, float]]) -> str:
    rises = {
        name: abs(
            statistics.median(one[name] for one in after) - statistics.median(one[name] for one in before)
        )
        for name in before[0]
    }
    name = max(rises, key=lambda name: rises[name])
    return name if rises[name] > 0 else ""


def _settings_of(run: Run, task_key: str | None) -> Payload:
    """The settings that a run had: of all its tasks, or of one, with what the tasks share."""
    shared = shared_settings_of(run)
    tasks = [settings_of_task(task.payload) for task in run.tasks if task_key in (None, task.task_key)]
    tasks = tasks or settings_of(run)["tasks"]
    used = {task.get("job_cluster_key") for task in tasks}
    clusters = [item for item in shared["job_clusters"] or () if item.get("job_cluster_key") in used]
    return {**shared, "job_clusters": clusters, "tasks": tasks}


def _group_failures(runs: Sequence[Run]) -> tuple[FailureGroup, ...]:
    """Failed tasks, or failed runs without one, by task, termination code and message."""
    groups: dict[tuple[str, str, str], list[tuple[Run, str]]] = {}
    for run in reversed(runs):
        if run.outcome in FAILURES:
            failed: Sequence[Run | TaskRun] = run.failed_tasks or (run,)
            for one in failed:
                task_key = one.task_key if isinstance(one, TaskRun) else ""
                code = one.termination_code or one.shown_state
                found = groups.setdefault((task_key, code, _generalize(one.message)), [])
                found.append((run, one.message))
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    return tuple(
        FailureGroup(task_key, code, found[0][1], tuple(run for run, _ in found))
        for (task_key, code, _), found in ordered
    )


def _generalize(message: str) -> str:
    """The same text for messages that differ in ids and numbers only."""
    return re.sub(r"\b[0-9a-fA-F-]{8,}\b|\d+", "#", message)
