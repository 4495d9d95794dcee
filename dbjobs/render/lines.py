"""Progress as lines: one per change, with the time of day, and a heartbeat each minute.

21:04:05  run 8412  RUNNING  nightly load
21:04:09    clean_a  SUCCESS  2s
21:05:09  run 8412  still RUNNING after 1m04s, 2 of 5 tasks done
"""

from dataclasses import dataclass

from rich.text import Text

from dbjobs.clock import Clock
from dbjobs.models import Run, TaskRun
from dbjobs.render.changes import Change, Kind, changes_between
from dbjobs.render.frame import say_ended, say_no_contact
from dbjobs.render.looks import look_of
from dbjobs.render.screen import to_text
from dbjobs.render.streams import Streams, clean_line
from dbjobs.render.words import (
    say_attempt,
    say_clock,
    say_duration,
    say_message,
    say_progress,
    say_state,
    seconds_of,
)
from dbjobs.states import Outcome, Phase
from dbjobs.watch import Snapshot, WatchedRun

HEARTBEAT = 60.0
"""Seconds without a line after which one says that all goes on."""


WIDEST_PADDING = 32


@dataclass
class LineTeller:
    """Writes to stderr what each snapshot brings."""

    streams: Streams
    clock: Clock
    before: Snapshot | None = None
    last_said: float = 0.0

    def show(self, snapshot: Snapshot) -> None:
        lines = [self._line_of(change, snapshot) for change in changes_between(self.before, snapshot)]
        self.before = snapshot
        self._say(snapshot, [line for line in lines if line is not None])
        if snapshot.ending is None and snapshot.elapsed - self.last_said >= HEARTBEAT:
            self._say(snapshot, [Text(_heartbeat(snapshot, self.clock.now()))])

    def _say(self, snapshot: Snapshot, lines: list[Text]) -> None:
        time = say_clock(self.clock.now())
        for line in lines:
            text = Text.assemble((time, "dim"), "  ", line)
            self.streams.progress(to_text(self.streams, self.streams.err, text))
            self.last_said = snapshot.elapsed

    def _line_of(self, change: Change, snapshot: Snapshot) -> Text | None:
        """None for what is not worth a line: tasks that were found waiting, or done and well."""
        if change.kind is Kind.CONTACT_LOST and snapshot.trouble:
            return Text(f"{say_no_contact(snapshot)}: {clean_line(snapshot.trouble.message)}")
        if change.kind is Kind.CONTACT_RESTORED or change.watched is None:
            return Text("contact is back")
        if change.kind is Kind.RUN_GONE:
            return Text(f"run {change.watched.run_id}  {_trouble(change.watched)}")
        if change.task is None:
            return self._run_line(change.watched)
        if change.is_first and not _is_news(change.task):
            return None
        return self._task_line(change.watched, change.task, len(snapshot.runs) > 1)

    def _run_line(self, watched: WatchedRun) -> Text:
        run = watched.run
        assert run is not None  # noqa: S101 - its state has changed, so it was seen
        is_new = self.before is None or _run_of(self.before, watched.run_id) is None
        facts = [
            clean_line(run.run_name) if is_new else "",
            _took(run, self.clock.now()),
            clean_line(say_message(run)),
        ]
        return _join(Text(f"run {run.run_id}"), Text(clean_line(say_state(run)), look_of(run).style), *facts)

    def _task_line(self, watched: WatchedRun, task: TaskRun, has_others: bool) -> Text:
        key = f"{clean_line(task.task_key):<{_key_width(watched)}}"
        subject = f"run {watched.run_id}  {key}" if has_others else f"  {key}"
        facts = [_took(task, self.clock.now()), say_attempt(task), clean_line(say_message(task))]
        return _join(Text(subject), Text(clean_line(task.shown_state), look_of(task).style), *facts)


def _key_width(watched: WatchedRun) -> int:
    """Keys are padded, so that states stand below each other, but for very long ones."""
    tasks = watched.run.tasks if watched.run else ()
    return min(WIDEST_PADDING, max((len(task.task_key) for task in tasks), default=0))


def _join(subject: Text, state: Text, *facts: str) -> Text:
    return Text("  ").join([subject, state, *(Text(fact) for fact in facts if fact)])


def _took(run: Run | TaskRun, now: float) -> str:
    return say_duration(seconds_of(run, now)) if run.is_ended else ""


def _trouble(watched: WatchedRun) -> str:
    return clean_line(watched.trouble.message) if watched.trouble else "gone"


def _run_of(snapshot: Snapshot, run_id: int) -> Run | None:
    return next((watched.run for watched in snapshot.runs if watched.run_id == run_id), None)


def _is_news(task: TaskRun) -> bool:
    return task.phase is Phase.ACTIVE or task.outcome not in (None, Outcome.SUCCESS)


def _heartbeat(snapshot: Snapshot, now: float) -> str:
    if snapshot.trouble:
        return say_no_contact(snapshot)
    if len(snapshot.runs) > 1:
        return f"still waiting after {say_duration(snapshot.elapsed)}, {say_ended(snapshot)}"
    run = snapshot.runs[0].run
    if run is None:
        return f"run {snapshot.runs[0].run_id}  not seen yet"
    after = say_duration(seconds_of(run, now)) or say_duration(snapshot.elapsed)
    facts = [f"run {run.run_id}  still {clean_line(say_state(run))} after {after}", say_progress(run)]
    return ", ".join(fact for fact in facts if fact)
