"""Annotations for what failed, and values for later steps, as a CI system takes them."""

from dbjobs.api.states import Outcome
from dbjobs.output.causes import format_names
from dbjobs.output.ci.format import Level
from dbjobs.output.formatting import format_attempt, format_counts, join_facts, seconds_of
from dbjobs.output.reports.model import Report

MAX_ANNOTATIONS = 10
"""GitHub shows this many of a step: https://docs.github.com/rest/checks/runs"""

MAX_TASK_KEY = 100
"""Characters of a task_key that the API allows."""

Annotation = tuple[Level, str, str]
"""Level, title, message."""


def annotations_of(report: Report, *, is_strict: bool = False) -> list[Annotation]:
    """One for each failed task, for a run whose end no task explains, and for the automatic repairs of a run.

    The last one counts the rest.
    """
    annotations: list[Annotation] = []
    for run in report.runs:
        level = Level.WARNING if run.is_good and not is_strict else Level.ERROR
        subject = f"{run.title} {run.label}".rstrip()
        for task in run.failed_tasks:
            attempt = task.task
            facts = join_facts(attempt.task_key, attempt.shown_state, format_attempt(attempt), separator=" ")
            error = task.failure.error if task.failure else ""
            annotations.append((level, f"{subject}: {facts}", error or attempt.message))
        if not run.failed_tasks and not run.is_good:
            is_ended = run.outcome not in (None, Outcome.UNKNOWN_RESULT)
            message = run.message or ("" if is_ended else f"run {run.run_id}")
            annotations.append((level, f"{subject}: {run.state}", message))
        if run.repairs:
            annotations.append((Level.WARNING, f"{subject}: repairs", "\n".join(run.repairs)))
    if len(annotations) <= MAX_ANNOTATIONS:
        return annotations
    shown = annotations[: MAX_ANNOTATIONS - 1]
    return [*shown, (shown[0][0], report.title, f"and {len(annotations) - len(shown)} more")]


def headline_of(report: Report) -> str:
    """`nightly: FAILED (clean)`, or `3 runs of nightly: 2 SUCCESS, 1 FAILED`."""
    if len(report.runs) > 1:
        return f"{report.title}: {format_counts(run.state for run in report.runs)}"
    run = report.worst_run
    failed = format_names([task.task.task_key for task in run.failed_tasks])
    return f"{report.title}: {run.state}{f' ({failed})' if failed else ''}"


def values_of(report: Report) -> dict[str, str]:
    """Of several runs, those of the one to look at first, and the ids of all."""
    run = report.worst_run
    seconds = seconds_of(run.run, report.made_at) if run.run else None
    values = {
        "run_id": str(run.run_id),
        "run_page_url": (run.run and run.run.run_page_url) or "",
        "life_cycle_state": (run.run and run.run.life_cycle_state) or "",
        "result_state": (run.run and run.run.result_state) or "",
        "duration_seconds": "" if seconds is None else str(round(seconds)),
        "failed_tasks": " ".join(task.task.task_key[:MAX_TASK_KEY] for task in run.failed_tasks),
    }
    several = {"run_ids": " ".join(str(run.run_id) for run in report.runs)} if len(report.runs) > 1 else {}
    return values | several
