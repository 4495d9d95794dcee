"""What changed between two snapshots of a watch; lines and events are made of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from dbjobs.api.models import Run, TaskRun
from dbjobs.runs.snapshots import RepairStage, Snapshot, WatchedRun, fingerprint

HEARTBEAT_SECONDS = 60.0
"""After this long without a change, a heartbeat shows that the wait continues."""


class ChangeKind(Enum):
    """The kinds of change; their values are the names of the events."""

    RUN_STATE = "run_state"
    TASK_STATE = "task_state"
    CHILD_STATE = "child_state"
    REPAIR = "repair"
    RUN_GONE = "run_gone"
    CONTACT_LOST = "contact_lost"
    CONTACT_RESTORED = "contact_restored"


@dataclass(frozen=True)
class StateChange:
    """One thing that differs from the snapshot before."""

    kind: ChangeKind
    watched: WatchedRun | None = None
    """None for contact, which concerns the whole watch"""
    task: TaskRun | None = None
    child: Run | None = None
    """the run that a run_job task started"""
    is_first: bool = False
    """True if the run was never seen before: the state it was found in"""


def changes_between(before: Snapshot | None, after: Snapshot) -> Iterator[StateChange]:
    """Contact first, then run by run; a run that continues before its tasks, one that ended after them."""
    if before and after.runs is before.runs:
        return
    old_runs = {watched.run_id: watched for watched in before.runs} if before else {}
    was_lost = before is not None and before.error is not None
    if after.error and not was_lost:
        yield StateChange(ChangeKind.CONTACT_LOST)
    gave_up = any(
        watched.is_lost and not (watched.run_id in old_runs and old_runs[watched.run_id].is_lost)
        for watched in after.runs
    )
    if was_lost and not after.error and not gave_up:
        yield StateChange(ChangeKind.CONTACT_RESTORED)
    for new in after.runs:
        yield from _run_changes(old_runs.get(new.run_id) or WatchedRun(new.run_id), new)


def _run_changes(old: WatchedRun, new: WatchedRun) -> Iterator[StateChange]:
    run = new.run
    if new.is_lost and not old.is_lost:
        yield StateChange(ChangeKind.RUN_GONE, new)
    if run is None or new is old:
        return
    is_first = old.run is None
    own = StateChange(ChangeKind.RUN_STATE, new, is_first=is_first)
    has_changed = old.run is None or fingerprint(old.run) != fingerprint(run)
    if has_changed and not run.is_ended:
        yield own
    known = {_identity(task): fingerprint(task) for task in old.run.attempts} if old.run else {}
    order = {task.task_key: index for index, task in enumerate(run.tasks)}
    for task in sorted(run.attempts, key=lambda task: (order[task.task_key], task.attempt_number)):
        if known.get(_identity(task)) != fingerprint(task):
            yield StateChange(ChangeKind.TASK_STATE, new, task, is_first=is_first)
    for task in run.tasks:
        child, before = new.children.get(task.task_key), old.children.get(task.task_key)
        if child is None:
            continue
        if before is None or before.run_id != child.run_id or fingerprint(before) != fingerprint(child):
            yield StateChange(ChangeKind.CHILD_STATE, new, task, child)
    if has_changed and run.is_ended:
        yield own
    if _repair_state(new) not in (None, _repair_state(old)):
        yield StateChange(ChangeKind.REPAIR, new)


def _repair_state(watched: WatchedRun) -> object:
    """What is news of an automatic repair if it changes; None if there is nothing to say."""
    repair = watched.repair
    if repair is None or (repair.stage is RepairStage.UNDECIDED and not repair.error):
        return watched.not_repaired
    return repair.stage, repair.number, repair.error


def _identity(task: TaskRun) -> tuple[str, int, int | None]:
    return (task.task_key, task.attempt_number, task.run_id)
