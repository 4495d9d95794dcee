"""The outputs and failures of tasks in a wait: each is read once, and shown as soon as its task has ended."""

from collections.abc import Callable, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from dbjobs.api.models import OWN_FAILURES, Run, TaskRun
from dbjobs.common.clock import Clock
from dbjobs.common.deadline import time_limit
from dbjobs.output.causes import format_short_cause
from dbjobs.output.formatting import count
from dbjobs.output.reporting import Reporter
from dbjobs.output.streams import Streams
from dbjobs.output.task_outputs import render_failure, render_output
from dbjobs.runs.cause_groups import MAX_GROUPED, group_by_cause
from dbjobs.runs.failures import FailedTask, FailureReader
from dbjobs.runs.snapshots import Snapshot, WatchedRun

MAX_SHOWN_OUTPUTS = 10
"""The outputs of this many tasks are shown; they are enough for a run with hundreds of failed tasks."""

MAX_EXPLAINED_RUNS = 3
"""The causes of this many failed runs are shown at the end of a wait."""

SECONDS_TO_READ = 5.0
"""How long a watch pauses, at most, to read why tasks failed."""

SECONDS_TO_READ_AT_END = 30.0
"""The same for the end of a backfill."""

LEAST_TO_READ = 0.5
"""Seconds: with less time, nothing is asked for, as it would not be answered."""


@dataclass
class WaitOutputs:
    """What the tasks of the watched runs produced, as far as it was asked for."""

    streams: Streams
    clock: Clock
    reporter: Reporter
    reader: FailureReader
    command_line: Callable[[str, str], str]
    show_output: str
    """whose outputs are shown: failed, all or none"""
    earlier_attempts: Set[int | None] = frozenset()
    """the run_ids of attempts that are not new, except for those that still count at the end"""
    _read: dict[int, FailedTask] = field(default_factory=dict)
    """by run_id, the failed attempts that were read"""
    _shown: set[int | None] = field(default_factory=set)
    """the run_ids of the task runs whose output was shown, or is the same as one that was"""
    _shown_causes: set[object] = field(default_factory=set)
    _with_causes: dict[int, tuple[WatchedRun, WatchedRun]] = field(default_factory=dict)
    """by run_id, the run as last seen, without causes and with them"""
    _last: Snapshot | None = None
    """the last snapshot, with causes"""
    _last_runs: Sequence[WatchedRun] = ()
    """its runs without causes"""

    def __post_init__(self) -> None:
        self.reader.is_quiet = True

    def add_causes(self, snapshot: Snapshot, *, may_ask: bool = True) -> Snapshot:
        """The snapshot with the causes of the tasks that have failed; those of new ones are read."""
        if self._last is None or snapshot.runs is not self._last_runs:
            limit = SECONDS_TO_READ
            if snapshot.next_poll is not None:
                limit = min(limit, snapshot.next_poll - snapshot.elapsed)
            elif snapshot.sets:
                limit = SECONDS_TO_READ_AT_END
            most = MAX_GROUPED if snapshot.sets else MAX_SHOWN_OUTPUTS
            if limit < LEAST_TO_READ or not may_ask:  # such as between two starts
                most = 0
            elif not snapshot.error:
                self.reader.is_out_of_reach = False
            with time_limit(self.clock, max(0.0, limit)):
                runs = tuple(self._add_causes(watched, most) for watched in snapshot.runs)
            known = (watched.run for watched in runs if watched.run)
            groups = group_by_cause(known, self._read) if snapshot.sets else ()
            self._last, self._last_runs = replace(snapshot, runs=runs, failure_groups=groups), snapshot.runs
        return replace(snapshot, runs=self._last.runs, failure_groups=self._last.failure_groups)

    def _add_causes(self, watched: WatchedRun, most: int) -> WatchedRun:
        """The run with the causes of its failed tasks, read until `most` of all tasks are."""
        if self.show_output == "none" or watched.run is None:
            return watched
        known, with_causes = self._with_causes.get(watched.run_id, (None, watched))
        failed = [task for task in watched.run.failed_tasks if task.run_id]
        retried = [] if watched.run.is_ended or watched.label else _retried_attempts(watched.run)
        known_ids = self.earlier_attempts | self._read.keys()
        unread = [task for task in (*failed, *retried) if task.run_id not in known_ids]
        for task in unread:
            room = most if task in failed else most // 2  # the rest is for what fails in the end
            if task.run_id and len(self._read) < room:
                read = self.reader.read(task)
                if not self.reader.is_out_of_reach:
                    self._read[task.run_id] = read
        if watched is known and not unread:
            return with_causes
        causes = {
            run_id: format_short_cause(self._read[run_id].causes[0])
            for task in (*failed, *retried)
            if (run_id := task.run_id) in self._read and run_id is not None
        }
        with_causes = replace(watched, causes=causes) if causes else watched
        self._with_causes[watched.run_id] = (watched, with_causes)
        return with_causes

    def show_ended(self, snapshot: Snapshot, paused: Callable[[], AbstractContextManager[None]]) -> None:
        """The outputs of tasks that have ended, unless they would be folded away in the log of a CI system.

        `paused`: keeps the live view out of the way. What could not be read yet is shown at the end.
        """
        if self.reporter.folds:
            return
        with time_limit(self.clock, SECONDS_TO_READ):
            for watched in snapshot.runs:
                unshown = [
                    task for task in self._unshown(watched) if task.run_id not in self.earlier_attempts
                ]
                ended = [task for task in unshown if task.is_ended]
                ready = [task for task in ended if self.reader.fetch(task) is not None]
                if ready:
                    with paused():
                        self._show(watched, ready)

    def show_rest(self, watched: WatchedRun) -> None:
        """What was not shown before."""
        self._show(watched, self._unshown(watched))
        left = sum(task.run_id not in self._shown for task in self._wanted(watched.run))
        if left and not watched.label:  # the sets of a backfill are many, and counted by cause
            more = self.command_line("runs output", str(watched.run_id))
            self.streams.note(f"… and {count(left, 'task')} more: {more}")

    def _wanted(self, run: Run | None) -> Sequence[TaskRun]:
        if self.show_output == "none" or run is None:
            return ()
        if self.show_output == "all":
            return run.output_runs
        is_good = run.outcome is None or run.outcome.is_good
        return run.failed_tasks or (() if run.tasks or is_good else run.output_runs)

    def _unshown(self, watched: WatchedRun) -> Sequence[TaskRun]:
        """As many as there is room for."""
        unshown = [task for task in self._wanted(watched.run) if task.run_id not in self._shown]
        return unshown[: max(0, MAX_SHOWN_OUTPUTS - len(self._shown))]

    def _show(self, watched: WatchedRun, tasks: Sequence[TaskRun]) -> None:
        """Show outputs; of tasks that failed alike, one, unless a program reads."""
        self._shown.update(task.run_id for task in tasks)
        groups: dict[object, list[TaskRun]] = {}
        for task in tasks:
            groups.setdefault(self._identity(task), []).append(task)
        for identity, alike in groups.items():
            if identity not in self._shown_causes:
                self._shown_causes.add(identity)
                self._show_first(watched, alike)

    def _identity(self, task: TaskRun) -> object:
        """Equal for tasks of which only one is shown."""
        if self.show_output == "all" or self.streams.event_clock or task.outcome not in OWN_FAILURES:
            return task.run_id
        causes = self.reader.read(task).causes
        return (*(cause.identity for cause in causes), task.run_id if not causes[0].line else None)

    def _show_first(self, watched: WatchedRun, alike: Sequence[TaskRun]) -> None:
        task = alike[0]
        is_failure = task.outcome in OWN_FAILURES
        answer = self.reader.fetch(task)
        if self.show_output == "all" and answer is not None:
            text = render_output(task, answer)
        else:
            failed = self.reader.read(task) if is_failure else FailedTask(task.task_key, task, answer)
            text = render_failure(failed, [one.task_key for one in alike], watched.label)
        with self.reporter.group(f"{task.task_key} {task.shown_state}", is_open=is_failure):
            self.streams.show(text, is_failure=is_failure, run_id=watched.run_id, task_key=task.task_key)

    def explain(self, runs: Sequence[Run]) -> None:
        """Why runs failed, and the next command: the last words of a wait that did not end well."""
        from dbjobs.output.explanation import render_short
        from dbjobs.runs.explain import explain_alone

        if self.streams.quiet and not self.streams.event_clock:
            return
        for run in runs[:MAX_EXPLAINED_RUNS]:
            if self.show_output == "none":  # which asks for no request
                self.streams.note(f"why: {self.command_line('runs explain', str(run.run_id))}")
                continue
            explanation = explain_alone(run, self.reader)
            if explanation.causes:
                self.streams.note(
                    render_short(explanation, self.streams, self.command_line, is_only=len(runs) == 1)
                )
        if len(runs) > MAX_EXPLAINED_RUNS:
            self.streams.note(f"… and {count(len(runs) - MAX_EXPLAINED_RUNS, 'more run')} failed")


def _retried_attempts(run: Run) -> list[TaskRun]:
    """The failed attempts at its tasks that another attempt follows."""
    newest = {task.run_id for task in run.tasks}
    return [task for task in run.attempts if task.run_id not in newest and task.outcome in OWN_FAILURES]
