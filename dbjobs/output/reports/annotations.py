"""Annotations for what failed, and values for later steps, as a CI system takes them."""

from dbjobs.api.states import Outcome
from dbjobs.output.ci.format import Level
from dbjobs.output.formatting import format_attempt, join_facts
from dbjobs.output.reports.model import Report

MAX_ANNOTATIONS = 10
"""GitHub shows so many of a step: https://docs.github.com/rest/checks/runs"""

Annotation = tuple[Level, str, str]
"""Level, title, message."""


def annotations_of(report: Report, *, is_strict: bool = False) -> list[Annotation]:
    """One for each failed task, and for a run whose end no task explains; the last one counts the rest."""
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
    if len(annotations) <= MAX_ANNOTATIONS:
        return annotations
    shown = annotations[: MAX_ANNOTATIONS - 1]
    return [*shown, (shown[0][0], report.title, f"and {len(annotations) - len(shown)} more failures")]


def values_of(report: Report) -> dict[str, str]:
    """Of several runs, those of the one to look at first, and the ids of all."""
    run = report.worst_run
    values = {
        "run_id": str(run.run_id),
        "run_page_url": (run.run and run.run.run_page_url) or "",
        "life_cycle_state": (run.run and run.run.life_cycle_state) or "",
        "result_state": (run.run and run.run.result_state) or "",
    }
    several = {"run_ids": " ".join(str(run.run_id) for run in report.runs)} if len(report.runs) > 1 else {}
    return values | several
