"""What is new in a snapshot: the difference that lines and events are made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from dbjobs.api.models import Run, TaskRun
from dbjobs.runs.snapshots import Snapshot, WatchedRun, fingerprint


class Kind(Enum):
    """The kinds of change; their values are the names of the events."""

    RUN_STATE = "run_state"
    TASK_STATE = "task_state"
    CHILD_STATE = "child_state"
    RUN_GONE = "run_gone"
    CONTACT_LOST = "contact_lost"
    CONTACT_RESTORED = "contact_restored"


@dataclass(frozen=True)
class Change:
    """One thing that differs from the snapshot before."""

    kind: Kind
    watched: WatchedRun | None = None
    """None for contact, which concerns the whole watch"""
    task: TaskRun | None = None
    child: Run | None = None
    """the run that a run_job task started"""
    is_first: bool = False
    """True if the run was never seen before: the state it was found in"""


def changes_between(before: Snapshot | None, after: Snapshot) -> Iterator[Change]:
    """Contact first, then run by run; a run that goes on before its tasks, one that ended after them."""
    if before and after.runs is before.runs:
        return
    yield from _contact_changes(before, after)
    known = {watched.run_id: watched for watched in before.runs} if before else {}
    for new in after.runs:
        yield from _run_changes(known.get(new.run_id) or WatchedRun(new.run_id), new)


def _contact_changes(before: Snapshot | None, after: Snapshot) -> Iterator[Change]:
    was_lost = before is not None and before.error is not None
    if after.error and not was_lost:
        yield Change(Kind.CONTACT_LOST)
    lost_before = {watched.run_id for watched in before.runs if watched.is_lost} if before else set()
    gave_up = any(watched.is_lost and watched.run_id not in lost_before for watched in after.runs)
    if was_lost and not after.error and not gave_up:
        yield Change(Kind.CONTACT_RESTORED)


def _run_changes(old: WatchedRun, new: WatchedRun) -> Iterator[Change]:
    if new.is_lost and not old.is_lost:
        yield Change(Kind.RUN_GONE, new)
    if new.run is None or new is old:
        return
    is_first = old.run is None
    own = Change(Kind.RUN_STATE, new, is_first=is_first)
    has_changed = old.run is None or fingerprint(old.run) != fingerprint(new.run)
    if has_changed and not new.run.is_ended:
        yield own
    yield from _task_changes(old, new, new.run)
    if has_changed and new.run.is_ended:
        yield own


def _task_changes(old: WatchedRun, new: WatchedRun, run: Run) -> Iterator[Change]:
    known = {_identity(task): fingerprint(task) for task in old.run.attempts} if old.run else {}
    for task in _attempts_in_order(run):
        if known.get(_identity(task)) != fingerprint(task):
            yield Change(Kind.TASK_STATE, new, task, is_first=old.run is None)
    for task in run.tasks:
        child, before = new.children.get(task.task_key), old.children.get(task.task_key)
        if child and not (
            before and before.run_id == child.run_id and fingerprint(before) == fingerprint(child)
        ):
            yield Change(Kind.CHILD_STATE, new, task, child)


def _identity(task: TaskRun) -> tuple[str, int, int | None]:
    return (task.task_key, task.attempt_number, task.run_id)


def _attempts_in_order(run: Run) -> list[TaskRun]:
    places = {task.task_key: place for place, task in enumerate(run.tasks)}
    return sorted(run.attempts, key=lambda task: (places[task.task_key], task.attempt_number))
