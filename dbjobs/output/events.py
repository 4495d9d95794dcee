"""Progress as events: one JSON object a line on stderr, for programs that follow a wait.

Every event has these fields, null where they do not apply:

    ts                 when it was written, ISO 8601 in UTC with milliseconds
    event              run_state, task_state, child_state, repair, run_gone, contact_lost, contact_restored,
                       expected_end, delay, heartbeat, sets or end; and, as text for people, note, output,
                       warning, error, detail (--verbose), progress or result (which stdout did not take)
    run_id             the watched run; null where several are meant
    task_key           the task, in task_state and child_state
    life_cycle_state   of the run; in task_state of the task, in child_state of the run it started
    result_state
    message            what the server says; in run_gone and contact_lost the cause; else the text

and some have more:

    run_state          run_name, run_page_url
    task_state         task_run_id, attempt_number (0 is the first)
    child_state        child_run_id, run_name, run_page_url: the run that a run_job task started
    repair             --repair: repair_state (undecided, planned, in_doubt, started or not_repaired),
                       repair_number and most_repairs, null where not known, seconds until the next
                       step; message says why, in words
    contact_lost       seconds_without_contact
    expected_end       expected_end, expected_end_low and expected_end_high: the median of when the run
                       ends, and the range that holds 80 % of the ends, ISO 8601, null with fewer than
                       three past runs; usual_seconds
    delay              part (queue, cluster or run) takes longer than in most past runs: seconds,
                       usual_seconds, task_key of the task that is late; message says it in words
    heartbeat          elapsed_seconds, tasks_done, tasks; a minute after the last event;
                       expected_end, expected_end_low and expected_end_high, null where not known;
                       active_tasks, each with task_key and seconds
    sets               of a backfill, after a poll that has changed them: sets, how many are succeeded,
                       failed, canceled, running, queued, refused, to_start, not_started and so on;
                       expected_end of the last one
    end                ending (all_ended, timeout, contact_lost, failed_fast), outcome, elapsed_seconds;
                       once for each run, last of its states
    error              hint, error_code (the API's), exit_code
    output             run_id and task_key say whose
"""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from dbjobs.api.models import Run, TaskRun
from dbjobs.api.states import Phase
from dbjobs.common.clock import Clock
from dbjobs.output.changes import HEARTBEAT_SECONDS, ChangeKind, StateChange, changes_between
from dbjobs.output.expectations import Announcements, ExpectedEnd, expected_end, format_delay
from dbjobs.output.formatting import format_utc
from dbjobs.output.repairs import format_repair
from dbjobs.output.sets import count_states, format_state_counts, sets_of
from dbjobs.output.streams import NO_FIELDS, Streams
from dbjobs.runs.pace import expect_end
from dbjobs.runs.snapshots import Snapshot, WatchedRun

Event = dict[str, Any]

MIN_REST = 0.1
"""Seconds: with less until the next poll, a snapshot is one between two starts."""


@dataclass
class EventProgress:
    """Writes the changes in each snapshot to stderr."""

    streams: Streams
    clock: Clock
    before: Snapshot | None = None
    last_written: float = 0.0
    announcements: Announcements = field(default_factory=Announcements)
    set_counts: dict[str, int] = field(default_factory=dict)
    """how many sets of a backfill were in which state when that was last written"""

    def show(self, snapshot: Snapshot) -> None:
        events = [_change_event(change, snapshot) for change in changes_between(self.before, snapshot)]
        self.before = snapshot
        now = self.clock.now()
        for watched, expected in self.announcements.new_ends(snapshot):
            facts = {**_expected_times(expected, now), "usual_seconds": round(expected.usual, 3)}
            events.append(_event("expected_end", watched.run_id, watched.run, **facts))
        for watched, delay in self.announcements.new_delays(snapshot):
            facts = {
                "task_key": delay.task and delay.task.task_key,
                "message": format_delay(delay, snapshot, watched),
                "part": delay.part.value,
                "seconds": round(delay.seconds, 3),
                "usual_seconds": round(delay.usual, 3),
            }
            events.append(_event("delay", watched.run_id, watched.run, **facts))
        events += self._count_sets(snapshot, now)
        elapsed = round(snapshot.elapsed, 3)
        if snapshot.ending:
            ending = snapshot.ending.name.lower()
            for watched in snapshot.runs:
                outcome = watched.run.outcome.name if watched.run and watched.run.outcome else None
                facts = {"ending": ending, "outcome": outcome, "elapsed_seconds": elapsed}
                events.append(_event("end", watched.run_id, watched.run, **facts))
        elif not events and snapshot.elapsed - self.last_written >= HEARTBEAT_SECONDS:
            for watched in snapshot.runs:
                tasks = watched.run.tasks if watched.run else ()
                done = sum(task.is_ended for task in tasks)
                facts = {"elapsed_seconds": elapsed, "tasks_done": done, "tasks": len(tasks)}
                facts |= _expected_times(expected_end(snapshot, watched), now)
                active = [task for task in tasks if task.phase is Phase.ACTIVE]
                facts["active_tasks"] = [
                    {"task_key": task.task_key, "seconds": _round(task.seconds_at(now * 1000))}
                    for task in active
                ]
                if not watched.is_settled:
                    events.append(_event("heartbeat", watched.run_id, watched.run, **facts))
        for event in events:
            self.streams.event({"ts": format_utc(self.clock.now()), **event})
            self.last_written = snapshot.elapsed

    def _count_sets(self, snapshot: Snapshot, now: float) -> list[Event]:
        """How far a backfill is, if that has changed since the last poll; not between two starts."""
        is_after_poll = snapshot.ending or (snapshot.next_poll or 0.0) - snapshot.elapsed > MIN_REST
        if snapshot.sets is None or not is_after_poll:
            return []
        states = [one.state for one in sets_of(snapshot, snapshot.sets)]
        counts = {state.name.lower(): number for state, number in count_states(states).items()}
        if counts == self.set_counts:
            return []
        self.set_counts = counts
        left = expect_end(snapshot)
        end = None if left is None else format_utc(now + left)
        message = format_state_counts(states)
        return [_event("sets", None, None, message=message, sets=counts, expected_end=end)]


def _change_event(change: StateChange, snapshot: Snapshot) -> Event:
    name, watched, task, child = change.kind.value, change.watched, change.task, change.child
    if watched is None:
        return _contact_event(change, snapshot)
    if change.kind is ChangeKind.REPAIR:
        return _repair_event(watched, snapshot)
    if change.kind is ChangeKind.RUN_GONE:
        return _event(name, watched.run_id, watched.run, message=watched.error and watched.error.message)
    if task is None:
        return _event(name, watched.run_id, watched.run, **_name_and_page(watched.run))
    if child:
        facts = {"task_key": task.task_key, "child_run_id": child.run_id, **_name_and_page(child)}
        return _event(name, watched.run_id, child, **facts)
    facts = {"task_key": task.task_key, "task_run_id": task.run_id, "attempt_number": task.attempt_number}
    return _event(name, watched.run_id, task, **facts)


def _contact_event(change: StateChange, snapshot: Snapshot) -> Event:
    """Contact concerns all runs."""
    run_id = snapshot.runs[0].run_id if len(snapshot.runs) == 1 else None
    if change.kind is not ChangeKind.CONTACT_LOST:
        return _event(change.kind.value, run_id, None)
    seconds = round(snapshot.elapsed - snapshot.last_contact, 3)
    cause = snapshot.error and snapshot.error.message
    return _event(change.kind.value, run_id, None, message=cause, seconds_without_contact=seconds)


def _repair_event(watched: WatchedRun, snapshot: Snapshot) -> Event:
    repair = watched.repair
    facts = {
        "message": format_repair(watched, snapshot.elapsed),
        "repair_state": repair.stage.value if repair else "not_repaired",
        "repair_number": (repair and repair.number) or None,
        "most_repairs": (repair and repair.most) or None,
        "seconds": round(max(0.0, repair.at - snapshot.elapsed), 3) if repair else None,
    }
    return _event("repair", watched.run_id, watched.run, **facts)


def _expected_times(expected: ExpectedEnd | None, now: float) -> Event:
    times: Event = dict.fromkeys(("expected_end", "expected_end_low", "expected_end_high"))
    if expected is not None:
        # one that is beyond the calendar, or for which there is no range, stays null
        with suppress(OverflowError, OSError, ValueError):
            for name, seconds in zip(times, (expected.left, *(expected.range or ())), strict=False):
                times[name] = format_utc(now + seconds)
    return times


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _name_and_page(run: Run | None) -> Event:
    return {"run_name": run.run_name, "run_page_url": run.run_page_url} if run else {}


def _event(name: str, run_id: int | None, state_of: Run | TaskRun | None, **facts: object) -> Event:
    common = {
        "event": name,
        **NO_FIELDS,
        "run_id": run_id,
        "life_cycle_state": state_of and state_of.life_cycle_state,
        "result_state": state_of and state_of.result_state,
        "message": (state_of and state_of.message) or None,
    }
    return {**common, **facts}
