"""The failures of many runs, grouped by their causes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dbjobs.api.models import OWN_FAILURES, Run
from dbjobs.runs.cause_signs import Category
from dbjobs.runs.causes import Cause, find_cause, is_generic
from dbjobs.runs.failures import FailedTask

MAX_GROUPED = 500
"""This many failures of a backfill are read: each is a request."""


@dataclass(frozen=True)
class CauseGroup:
    """Runs that failed for the same cause, in the order given."""

    cause: Cause | None
    """None of runs whose causes were not read"""
    runs: tuple[Run, ...]


def group_by_cause(runs: Iterable[Run], read: Mapping[int, FailedTask]) -> list[CauseGroup]:
    """Those that did not end well, the largest group first and the one without a cause last.

    `read` has what was read of failed tasks, by their run_id.
    """
    causes: dict[object, Cause | None] = {}
    members: dict[object, list[Run]] = {}
    for run in runs:
        if run.outcome is None or run.outcome.is_good:
            continue
        cause = _cause_of(run, read)
        identity = cause and cause.identity
        causes.setdefault(identity, cause)
        members.setdefault(identity, []).append(run)
    groups = [CauseGroup(causes[identity], tuple(members[identity])) for identity in causes]
    return sorted(groups, key=lambda group: (group.cause is None, -len(group.runs)))


def _cause_of(run: Run, read: Mapping[int, FailedTask]) -> Cause | None:
    """That of its first failed task; None if the state does not tell it, and the output was not read."""
    failed = [task for task in run.failed_tasks or run.output_runs if task.outcome in OWN_FAILURES]
    for task in failed:
        if (found := read.get(task.run_id or 0)) and (found.output or found.parts):
            return found.causes[0]
    cause = find_cause(failed[0] if failed else run)
    return None if cause.category is Category.UNKNOWN and is_generic(cause.line) else cause
