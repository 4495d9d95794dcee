"""Progress as lines: one per change, with the time of day, and a heartbeat each minute.

21:04:05  run 8412  https://adb-1.2.azuredatabricks.net/?o=1#job/77/run/8412
21:04:05  run 8412  RUNNING  nightly load
21:04:09    clean_a  SUCCESS  2s
21:05:09  run 8412  still RUNNING after 1m04s, 2 of 5 tasks done
"""

from dataclasses import dataclass

from rich.text import Text

from dbjobs.api.models import Run, TaskRun
from dbjobs.api.states import Outcome, Phase
from dbjobs.common.clock import Clock
from dbjobs.common.plain_text import clean_line
from dbjobs.output.changes import Change, changes_between
from dbjobs.output.formatting import (
    format_attempt,
    format_clock,
    format_duration,
    format_last_seen,
    format_message,
    format_no_contact,
    format_progress,
    format_state,
    format_took,
    seconds_of,
)
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.frame import format_ended
from dbjobs.output.terminal.screen import to_text
from dbjobs.output.terminal.style import style_of
from dbjobs.output.truncation import LONGEST_LINE
from dbjobs.runs.outages import is_refusal
from dbjobs.runs.watching import Snapshot, WatchedRun

HEARTBEAT = 60.0
"""Seconds without a line after which one says that all goes on."""

LONG_PAUSE = 60.0
"""Seconds between two polls beyond which it is said when the next one comes."""

WIDEST_PADDING = 32


@dataclass
class LineProgress:
    """Writes to stderr what each snapshot brings."""

    streams: Streams
    clock: Clock
    before: Snapshot | None = None
    last_written: float = 0.0

    def show(self, snapshot: Snapshot) -> None:
        changes = list(changes_between(self.before, snapshot))
        self.before = snapshot
        self._say(snapshot, [_line_of(change, snapshot) for change in changes if _is_news(change)])
        if snapshot.ending is None and snapshot.elapsed - self.last_written >= HEARTBEAT:
            self._say(snapshot, [Text(_heartbeat(snapshot, self.clock.now()))])

    def _say(self, snapshot: Snapshot, lines: list[Text]) -> None:
        time = format_clock(self.clock.now())
        for line in lines:
            short = line if len(line) <= LONGEST_LINE else Text.assemble(line[:LONGEST_LINE], " …")
            text = Text.assemble((time, "dim"), "  ", short)
            self.streams.progress(to_text(self.streams, self.streams.err, text))
            self.last_written = snapshot.elapsed


def _is_news(change: Change) -> bool:
    """Of a run that is seen for the first time, tasks that wait or are done and well get no line."""
    task = change.task
    if task is None or not change.is_first or change.child:
        return True
    return task.phase is Phase.ACTIVE or task.outcome not in (None, Outcome.SUCCESS)


def _line_of(change: Change, snapshot: Snapshot) -> Text:
    watched = change.watched
    if watched is None:
        return _contact_line(snapshot)
    if change.child and change.task:
        facts = [f"run {change.child.run_id}", clean_line(change.child.run_name), format_took(change.child)]
        return _join(_subject(watched, change.task, snapshot), change.child, *facts)
    if change.task:
        facts = [
            format_took(change.task),
            format_attempt(change.task),
            clean_line(format_message(change.task)),
        ]
        return _join(_subject(watched, change.task, snapshot), change.task, *facts)
    if watched.is_lost or watched.run is None:
        return Text(f"run {watched.run_id}  cannot be read")
    name = clean_line(watched.label or watched.run.run_name) if change.is_first else ""
    facts = [name, format_took(watched.run), clean_line(format_message(watched.run))]
    return _join(f"run {watched.run_id}", watched.run, *facts)


def _contact_line(snapshot: Snapshot) -> Text:
    error = snapshot.error
    if error is None:
        return Text("contact is back")
    facts = [format_no_contact(snapshot), format_last_seen(snapshot), _format_long_pause(snapshot)]
    # a refusal that lasts is told at the end, with its reason
    reason = "" if is_refusal(error) else f": {clean_line(error.message)}"
    return Text(", ".join(fact for fact in facts if fact) + reason)


def _format_long_pause(snapshot: Snapshot) -> str:
    """When the server is asked again, if that is later than anybody would expect."""
    pause = (snapshot.next_poll or 0) - snapshot.elapsed
    return f"asked again in {format_duration(pause)}" if pause > LONG_PAUSE else ""


def _subject(watched: WatchedRun, task: TaskRun, snapshot: Snapshot) -> str:
    """The task, below its run, or beside it where there are several."""
    key = f"{clean_line(task.task_key):<{_key_width(watched)}}"
    return f"  {key}" if snapshot.is_of_one else f"run {watched.run_id}  {key}"


def _key_width(watched: WatchedRun) -> int:
    """Keys are padded, so that states stand below each other, but for very long ones."""
    tasks = watched.run.tasks if watched.run else ()
    return min(WIDEST_PADDING, max((len(task.task_key) for task in tasks), default=0))


def _join(subject: str, run: Run | TaskRun, *facts: str) -> Text:
    state = format_state(run) if isinstance(run, Run) else run.shown_state
    parts = [
        Text(subject),
        Text(clean_line(state), style_of(run).style),
        *map(Text, filter(None, facts)),
    ]
    return Text("  ").join(parts)


def _heartbeat(snapshot: Snapshot, now: float) -> str:
    """What was seen last, and how long ago: a run may have ended since."""
    age = snapshot.elapsed - snapshot.last_contact
    if snapshot.error:
        return ", ".join(filter(None, [format_no_contact(snapshot), format_last_seen(snapshot)]))
    seen = f"seen {format_duration(age)} ago" if age >= 1 else ""
    run = snapshot.runs[0].run if snapshot.is_of_one else None
    if run:
        after = format_duration(seconds_of(run, now - age)) or format_duration(snapshot.last_contact)
        facts = [
            f"run {run.run_id}  still {clean_line(format_state(run))} after {after}",
            format_progress(run),
            seen,
        ]
    elif snapshot.is_of_one:
        facts = [f"run {snapshot.runs[0].run_id}  not seen yet"]
    else:
        facts = [f"still waiting after {format_duration(snapshot.elapsed)}", format_ended(snapshot), seen]
    return ", ".join(fact for fact in facts if fact)
