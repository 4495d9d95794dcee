"""Progress as lines: one per change, with the time of day, and a heartbeat each minute.

21:04:05  run 8412  https://adb-1.2.azuredatabricks.net/?o=1#job/77/run/8412
21:04:05  run 8412  RUNNING  nightly load
21:04:09    clean_a  SUCCESS  2s
21:05:09  run 8412  still RUNNING after 1m04s, 2 of 5 tasks done
"""

from dataclasses import dataclass, field

from rich.text import Text

from dbjobs.api.models import Run, TaskRun
from dbjobs.api.states import Outcome, Phase
from dbjobs.common.clock import Clock
from dbjobs.common.plain_text import clean_line
from dbjobs.output.changes import HEARTBEAT_SECONDS, ChangeKind, StateChange, changes_between
from dbjobs.output.expectations import (
    Announcements,
    expected_end,
    format_active_tasks,
    format_delay,
    format_expected_end,
)
from dbjobs.output.formatting import (
    count,
    format_attempt,
    format_clock,
    format_duration,
    format_last_seen,
    format_message,
    format_no_contact,
    format_progress,
    format_run_message,
    format_state,
    format_took,
    seconds_of,
)
from dbjobs.output.repairs import format_repair
from dbjobs.output.sets import format_sets_left, format_state_counts, sets_of
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.frame import format_ended
from dbjobs.output.terminal.screen import to_text
from dbjobs.output.terminal.style import style_of
from dbjobs.output.truncation import MAX_LINE
from dbjobs.runs.outages import is_refusal
from dbjobs.runs.snapshots import Snapshot

MOST_SETS_IN_FULL = 20
"""A backfill with more sets has a line for the end of each, and no others."""

MOST_FORECAST_RUNS = 5
"""With more runs, there is no line for the expected end of each."""

LONG_PAUSE = 60.0
"""Seconds between two polls beyond which the line says when the next one comes."""

MAX_PADDING = 32
"""Task keys are padded to the longest, so that states are aligned, but no further than this."""


@dataclass
class LineProgress:
    """Writes the changes in each snapshot to stderr."""

    streams: Streams
    clock: Clock
    before: Snapshot | None = None
    last_written: float = 0.0
    last_heartbeat: float = 0.0
    """that of a backfill comes each minute, whatever else is written"""
    announcements: Announcements = field(default_factory=Announcements)

    def show(self, snapshot: Snapshot) -> None:
        is_long = snapshot.sets is not None and len(snapshot.sets.labels) > MOST_SETS_IN_FULL
        is_shown = _is_end if is_long else _is_shown
        changes = changes_between(self.before, snapshot)
        lines = [_format_change(change, snapshot) for change in changes if is_shown(change)]
        self.before = snapshot
        if not is_long:
            lines += self._announce(snapshot)
        self._write(snapshot, lines)
        last = self.last_heartbeat if snapshot.sets and not snapshot.is_of_one else self.last_written
        if snapshot.ending is None and snapshot.elapsed - last >= HEARTBEAT_SECONDS:
            self._write(snapshot, [Text(_format_heartbeat(snapshot, self.clock.now()))])
            self.last_heartbeat = snapshot.elapsed

    def _announce(self, snapshot: Snapshot) -> list[Text]:
        """When each run is expected to end, and what takes longer than usual."""
        now, lines = self.clock.now(), []
        is_for_few = len(snapshot.runs) + snapshot.unstarted <= MOST_FORECAST_RUNS
        for watched, expected in self.announcements.new_ends(snapshot) if is_for_few else ():
            lines.append(Text(f"run {watched.run_id}  {format_expected_end(expected, now)}"))
        for watched, delay in self.announcements.new_delays(snapshot):
            lines.append(Text(f"run {watched.run_id}  {format_delay(delay, snapshot, watched)}"))
        return lines

    def _write(self, snapshot: Snapshot, lines: list[Text]) -> None:
        time = format_clock(self.clock.now())
        for line in lines:
            short = line if len(line) <= MAX_LINE else Text.assemble(line[:MAX_LINE], " …")
            text = Text.assemble((time, "dim"), "  ", short)
            self.streams.progress(to_text(self.streams, self.streams.err, text))
            self.last_written = snapshot.elapsed


def _is_shown(change: StateChange) -> bool:
    """Of a run that is seen for the first time, tasks that wait or have succeeded get no line."""
    task = change.task
    if task is None or not change.is_first or change.child:
        return True
    return task.phase is Phase.ACTIVE or task.outcome not in (None, Outcome.SUCCESS)


def _is_end(change: StateChange) -> bool:
    """Of many sets, only the end of each gets a line."""
    watched = change.watched
    return watched is None or (change.task is None and watched.is_settled)


def _format_change(change: StateChange, snapshot: Snapshot) -> Text:
    watched, task, child = change.watched, change.task, change.child
    if watched is None:
        return _format_contact(snapshot)
    if change.kind is ChangeKind.REPAIR:
        return Text(f"run {watched.run_id}  {format_repair(watched, snapshot.elapsed)}")
    if task:
        keys = [one.task_key for one in watched.run.tasks] if watched.run else []
        width = min(MAX_PADDING, max(map(len, keys), default=0))
        subject = f"  {clean_line(task.task_key):<{width}}"
        if not snapshot.is_of_one:
            subject = f"run {watched.run_id}{subject}"
        if child:
            return _join(
                subject, child, f"run {child.run_id}", clean_line(child.run_name), format_took(child)
            )
        message = clean_line(watched.cause_of(task) or format_message(task))
        return _join(subject, task, format_took(task), format_attempt(task), message)
    if watched.is_lost or watched.run is None:
        return Text(f"run {watched.run_id}  cannot be read")
    name = clean_line(watched.label or (watched.run.run_name if change.is_first else ""))
    cause = next(iter(watched.causes.values()), "") if watched.has_failed else ""
    message = clean_line(cause or format_run_message(watched))
    return _join(f"run {watched.run_id}", watched.run, name, format_took(watched.run), message)


def _join(subject: str, run: Run | TaskRun, *facts: str) -> Text:
    state = format_state(run) if isinstance(run, Run) else run.shown_state
    parts = [Text(subject), Text(clean_line(state), style_of(run).style)]
    return Text("  ").join([*parts, *map(Text, filter(None, facts))])


def _format_contact(snapshot: Snapshot) -> Text:
    error = snapshot.error
    if error is None:
        return Text("contact is restored")
    pause = (snapshot.next_poll or 0) - snapshot.elapsed
    asked_again = f"next request in {format_duration(pause)}" if pause > LONG_PAUSE else ""
    facts = [format_no_contact(snapshot), format_last_seen(snapshot), asked_again]
    # a refusal that lasts is reported at the end, with its reason
    reason = "" if is_refusal(error) else f": {clean_line(error.message)}"
    return Text(", ".join(fact for fact in facts if fact) + reason)


def _format_heartbeat(snapshot: Snapshot, now: float) -> str:
    """What was seen last, and how long ago: a run may have ended since."""
    if snapshot.error:
        return ", ".join(filter(None, [format_no_contact(snapshot), format_last_seen(snapshot)]))
    age = snapshot.elapsed - snapshot.last_contact
    seen = f"seen {format_duration(age)} ago" if age >= 1 else ""
    run = snapshot.runs[0].run if snapshot.is_of_one else None
    repair = format_repair(snapshot.runs[0], snapshot.elapsed) if snapshot.is_of_one else ""
    if repair:
        facts = [f"run {snapshot.runs[0].run_id}  {repair}", seen]
    elif run:
        after = format_duration(seconds_of(run, now - age)) or format_duration(snapshot.last_contact)
        state = f"run {run.run_id}  still {clean_line(format_state(run))} after {after}"
        expected = expected_end(snapshot, snapshot.runs[0])
        end = format_expected_end(expected, now) if expected else ""
        facts = [state, format_progress(run), format_active_tasks(run, now - age), end, seen]
    elif snapshot.sets:
        states = [one.state for one in sets_of(snapshot, snapshot.sets)]
        left = format_sets_left(snapshot, now)
        facts = [f"{count(len(states), 'set')}: {format_state_counts(states)}", left, seen]
    elif snapshot.is_of_one:
        facts = [f"run {snapshot.runs[0].run_id}  not seen yet"]
    else:
        facts = [f"still waiting after {format_duration(snapshot.elapsed)}", format_ended(snapshot), seen]
    return ", ".join(fact for fact in facts if fact)
