"""The history of a job in words and as data: what the table, the page and -o json share."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from dbjobs.api.models import Run
from dbjobs.http.response import Payload
from dbjobs.jobfiles.differences import ABSENT, Difference
from dbjobs.output.formatting import (
    count,
    format_counts,
    format_date,
    format_duration,
    seconds_of,
)
from dbjobs.output.truncation import truncate
from dbjobs.runs.history import (
    Change,
    Durations,
    FailureGroup,
    JobHistory,
    RunOfTask,
    SuccessRate,
    TaskHistory,
)

MAX_SETTINGS = 3
"""So many changed settings are named; -o json has them all."""

MAX_VALUE = 40
"""Characters of a changed setting's value."""

LONGEST_BAR = 1.5
"""The duration that the longest bar represents, as a share of the median."""

RETRIED = "↻"
"""The symbol of a task that succeeded after it had failed."""

MAX_SHOWN_RUNS = 60
"""So many runs have a place in the grid, the newest; the figures are of all."""

WHOLE_RUN = "whole run"
"""The name of the whole run among its tasks."""


def format_percent(share: float) -> str:
    """`92 %`; only what is certain is called 0 % or 100 %."""
    percent = round(share * 100)
    if percent == 100 and share < 1:
        percent = 99
    return f"{max(percent, 1) if share > 0 else 0} %"


def format_success(success: SuccessRate) -> str:
    """`23 of 25, 92 % (the true rate is between 75 % and 98 %)`."""
    if success.rate is None:
        return ""
    low, high = success.interval
    interval = f"between {format_percent(low)} and {format_percent(high)} with 95 % confidence"
    return f"{success.succeeded} of {success.counted}, {format_percent(success.rate)} ({interval})"


def format_durations(durations: Durations | None) -> str:
    """`p50 6m23s, p95 7m46s, last 7m47s`."""
    if durations is None:
        return ""
    figures = {"p50": durations.p50, "p95": durations.p95, "last": durations.last}
    return ", ".join(f"{name} {format_duration(seconds)}" for name, seconds in figures.items())


def format_trend(durations: Durations | None, changes: tuple[Change, ...]) -> str:
    """`+30 %` since the newest change, or over all runs where it grows steadily; else `steady`."""
    factor = changes[-1].ratio if changes else durations.trend if durations else None
    if factor is None:
        return ""
    return "steady" if factor == 1.0 else format_rise(factor)


def format_rise(factor: float) -> str:
    """`+30 %` or `-12 %`."""
    return f"{round((factor - 1) * 100):+d} %"


def job_facts(history: JobHistory, job_id: int) -> Iterator[tuple[str, str]]:
    """What is true of the job as a whole: labels and values, some of them empty."""
    first, last = history.runs[0], history.runs[-1]
    dates = f"from {format_date(first.start_time)} to {format_date(last.start_time)}"
    shown = f", of which the newest {MAX_SHOWN_RUNS} are shown" if len(history.runs) > MAX_SHOWN_RUNS else ""
    parts = {name: p50 for name, (p50, _) in history.parts.items() if p50}
    where = " along the critical path" if len(history.critical_path) > 1 else ""
    spent = ", ".join(f"{name} {format_duration(seconds)}" for name, seconds in parts.items())
    not_counted = [state for state, number in history.not_counted.items() for _ in range(number)]
    yield "job id", str(job_id)
    yield "runs", f"{len(history.runs)}, {dates}{shown}"
    yield "succeeded", format_success(history.success)
    yield "not counted", format_counts(not_counted)
    yield "took", format_durations(history.durations)
    yield "spent on", f"{spent} (medians{where})" if spent else ""
    yield "critical path", ", ".join(history.critical_path) if len(history.critical_path) > 1 else ""


def describe_changes(history: JobHistory) -> Iterator[str]:
    """A sentence for each change: of the whole run first, unless it is one task, then task by task."""
    for change in history.changes if len(history.tasks) != 1 else ():
        yield describe_change(WHOLE_RUN, change)
    for task in history.tasks:
        for change in task.changes:
            yield describe_change(task.task_key, change)


def describe_change(name: str, change: Change) -> str:
    """`load takes 38 % longer since about run 42 (2026-11-19): 4m10s, before 3m01s, mostly setup`."""
    share = round(abs(change.ratio - 1) * 100)
    longer = f"{share} % {'longer' if change.ratio > 1 else 'less'}"
    since = f"since {'' if change.settings else 'about '}{_name_run(change.run)}"
    settings = f", when settings changed ({describe_settings(change.settings)})" if change.settings else ""
    part = f", mostly {change.part}" if change.part else ""
    medians = f"{format_duration(change.after)}, before {format_duration(change.before)}{part}"
    return f"{name} takes {longer} {since}{settings}: {medians}"


def _name_run(run: Run) -> str:
    return f"run {run.run_id} ({format_date(run.start_time)[:10]})"


def describe_settings(settings: tuple[Difference, ...]) -> str:
    """`tasks[load].max_retries from 1 to 2`, at most three of them."""
    shown = [
        f"{one.path} from {_format_value(one.old)} to {_format_value(one.new)}"
        for one in settings[:MAX_SETTINGS]
    ]
    more = len(settings) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def _format_value(value: Any) -> str:
    return "nothing" if value is ABSENT else truncate(str(value), MAX_VALUE)


def _value(value: Any) -> Any:
    return None if value is ABSENT else value


def describe_flaky_tasks(history: JobHistory) -> Iterator[str]:
    """A sentence for each task that failed, and then succeeded as it was."""
    for task in history.tasks:
        if task.flaky_runs:
            newest = task.flaky_runs[-1]
            of_runs = count(sum(one is not None for one in task.runs), "run")
            yield (
                f"{task.task_key} failed and then succeeded with the same settings"
                f" in {len(task.flaky_runs)} of {of_runs}, last in {_name_run(newest)}"
            )


def describe_failure(group: FailureGroup) -> str:
    """`load RUN_EXECUTION_ERROR 2 times, last in run 42 (2026-11-19): Workload failed`."""
    subject = f"{group.task_key} {group.code}".strip()
    message = f": {group.message}" if group.message else ""
    often = "once" if len(group.runs) == 1 else f"{len(group.runs)} times"
    last = "in" if len(group.runs) == 1 else "last in"
    return f"{subject} {often}, {last} {_name_run(group.runs[0])}{message}"


def history_document(history: JobHistory, job_id: int) -> Payload:
    """All of it for programs: durations in seconds, runs from the oldest to the newest."""
    return {
        "job_id": job_id,
        "runs": [_run_document(run) for run in history.runs],
        "success": _success_document(history.success),
        "not_counted": dict(history.not_counted),
        "durations": _durations_document(history.durations),
        "parts": {name: {"p50": p50, "p95": p95} for name, (p50, p95) in history.parts.items()},
        "critical_path": list(history.critical_path),
        "changes": [_change_document(change) for change in history.changes],
        "tasks": [_task_document(task, history) for task in history.tasks],
        "failures": [
            {
                "task_key": group.task_key or None,
                "code": group.code,
                "message": group.message,
                "run_ids": [run.run_id for run in group.runs],
            }
            for group in history.failures
        ],
    }


def _run_document(run: Run) -> Payload:
    return {
        "run_id": run.run_id,
        "run_page_url": run.run_page_url,
        "start_time": run.start_time,
        "end_time": run.end_time,
        "life_cycle_state": run.life_cycle_state,
        "result_state": run.result_state,
        "trigger": run.payload.get("trigger"),
        "duration": seconds_of(run, 0) if run.is_ended else None,
    }


def _task_document(task: TaskHistory, history: JobHistory) -> Payload:
    return {
        "task_key": task.task_key,
        "is_current": task.is_current,
        "success": _success_document(task.success),
        "durations": _durations_document(task.durations),
        "parts": dict(task.parts),
        "slack": task.slack,
        "is_critical": task.task_key in history.critical_path,
        "changes": [_change_document(change) for change in task.changes],
        "flaky_run_ids": [run.run_id for run in task.flaky_runs],
        "runs": [one and _run_of_task_document(one) for one in task.runs],
    }


def _run_of_task_document(one: RunOfTask) -> Payload:
    return {
        "run_id": one.task.run_id,
        "life_cycle_state": one.task.life_cycle_state,
        "result_state": one.task.result_state,
        "attempts": one.attempts,
        "is_flaky": one.is_flaky,
        "duration": seconds_of(one.task, 0) if one.task.is_ended else None,
    }


def _success_document(success: SuccessRate) -> Payload:
    low, high = success.interval
    return {
        "succeeded": success.succeeded,
        "failed": success.failed,
        "rate": success.rate,
        "low": low,
        "high": high,
    }


def _durations_document(durations: Durations | None) -> Payload | None:
    return asdict(durations) if durations else None


def _change_document(change: Change) -> Payload:
    return {
        "run_id": change.run.run_id,
        "start_time": change.run.start_time,
        "ratio": change.ratio,
        "before": change.before,
        "after": change.after,
        "part": change.part or None,
        "settings": [
            {"path": one.path, "old": _value(one.old), "new": _value(one.new)} for one in change.settings
        ],
    }
