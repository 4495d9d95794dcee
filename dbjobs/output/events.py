"""Progress as events: one JSON object a line on stderr, for programs that follow a wait.

Every event has these fields, null where they do not apply:

    ts                 when it was told, ISO 8601 in UTC with milliseconds
    event              run_state, task_state, child_state, run_gone, contact_lost, contact_restored,
                       heartbeat or end; and, as text for people, note, output, warning, error,
                       detail (--verbose), progress or result (which stdout did not take)
    run_id             the watched run; null where several are meant
    task_key           the task, in task_state and child_state
    life_cycle_state   of the run; in task_state of the task, in child_state of the run it started
    result_state
    message            what the server says; in run_gone and contact_lost the cause; else the text

and some have more:

    run_state          run_name, run_page_url
    task_state         task_run_id, attempt_number (0 is the first)
    child_state        child_run_id, run_name, run_page_url: the run that a run_job task started
    contact_lost       seconds_without_contact
    heartbeat          elapsed_seconds, tasks_done, tasks; a minute after the last event
    end                ending (all_ended, timeout, contact_lost, failed_fast), outcome, elapsed_seconds;
                       once for each run, last of its states
    error              hint, error_code (the API's), exit_code
    output             run_id and task_key say whose
"""

from dataclasses import dataclass
from typing import Any

from dbjobs.api.models import Run, TaskRun
from dbjobs.common.clock import Clock
from dbjobs.errors import DbjobsError
from dbjobs.output.changes import HEARTBEAT_SECONDS, Change, ChangeKind, changes_between
from dbjobs.output.formatting import format_utc
from dbjobs.output.streams import NO_FIELDS, Streams
from dbjobs.runs.watching import Ending, Snapshot, WatchedRun

Event = dict[str, Any]


@dataclass
class EventProgress:
    """Writes to stderr what each snapshot brings."""

    streams: Streams
    clock: Clock
    before: Snapshot | None = None
    last_written: float = 0.0

    def show(self, snapshot: Snapshot) -> None:
        events = [_event_of(change, snapshot) for change in changes_between(self.before, snapshot)]
        self.before = snapshot
        if snapshot.ending:
            events += [_end_of(watched, snapshot, snapshot.ending) for watched in snapshot.runs]
        elif not events and snapshot.elapsed - self.last_written >= HEARTBEAT_SECONDS:
            events = [_heartbeat(watched, snapshot) for watched in snapshot.runs if not watched.is_settled]
        for event in events:
            self._say(event)
            self.last_written = snapshot.elapsed

    def _say(self, event: Event) -> None:
        self.streams.event({"ts": format_utc(self.clock.now()), **event})


def _event_of(change: Change, snapshot: Snapshot) -> Event:
    watched, task = change.watched, change.task
    if watched is None:
        return _contact_event(change.kind, snapshot)
    if change.kind is ChangeKind.RUN_GONE:
        return _event(change.kind.value, watched.run_id, watched.run, message=_cause(watched.error))
    if task is None:
        return _event(change.kind.value, watched.run_id, watched.run, **_address(watched.run))
    if change.child:
        more = {"child_run_id": change.child.run_id, **_address(change.child)}
        return _event(change.kind.value, watched.run_id, change.child, task_key=task.task_key, **more)
    return _event(
        change.kind.value,
        watched.run_id,
        task,
        task_key=task.task_key,
        task_run_id=task.run_id,
        attempt_number=task.attempt_number,
    )


def _address(run: Run | None) -> Event:
    return {"run_name": run.run_name, "run_page_url": run.run_page_url} if run else {}


def _cause(error: DbjobsError | None) -> str | None:
    return error.message if error else None


def _contact_event(kind: ChangeKind, snapshot: Snapshot) -> Event:
    run_ids = [watched.run_id for watched in snapshot.runs]
    run_id = run_ids[0] if len(run_ids) == 1 else None
    if kind is not ChangeKind.CONTACT_LOST:
        return _event(kind.value, run_id, None)
    seconds = round(snapshot.elapsed - snapshot.last_contact, 3)
    return _event(kind.value, run_id, None, message=_cause(snapshot.error), seconds_without_contact=seconds)


def _heartbeat(watched: WatchedRun, snapshot: Snapshot) -> Event:
    tasks = watched.run.tasks if watched.run else ()
    done = sum(task.is_ended for task in tasks)
    elapsed = round(snapshot.elapsed, 3)
    return _event(
        "heartbeat", watched.run_id, watched.run, elapsed_seconds=elapsed, tasks_done=done, tasks=len(tasks)
    )


def _end_of(watched: WatchedRun, snapshot: Snapshot, ending: Ending) -> Event:
    outcome = watched.run.outcome if watched.run else None
    return _event(
        "end",
        watched.run_id,
        watched.run,
        ending=ending.name.lower(),
        outcome=outcome and outcome.name,
        elapsed_seconds=round(snapshot.elapsed, 3),
    )


def _event(name: str, run_id: int | None, state_of: Run | TaskRun | None, **more: object) -> Event:
    common = {
        "event": name,
        **NO_FIELDS,
        "run_id": run_id,
        "life_cycle_state": state_of and state_of.life_cycle_state,
        "result_state": state_of and state_of.result_state,
        "message": (state_of and state_of.message) or None,
    }
    return {**common, **more}
