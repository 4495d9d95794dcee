"""What reports tell of: runs with their tasks, attempts, times, errors and traces.

It is made once, after a wait, and every report is made of it. Nothing here asks a server.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from dbjobs.models import OWN_FAILURES, Payload, Run, TaskRun
from dbjobs.render.excerpts import last_lines
from dbjobs.render.outputs import trace_of
from dbjobs.render.words import AnyRun, count
from dbjobs.states import GRAVITY, Outcome

TRACE_LINES = 400
ERROR_LINES = 40
"""Of a trace the end is kept, for that is where the cause is."""


@dataclass(frozen=True)
class Failure:
    """Why an attempt at a task failed, as far as the server tells."""

    task: TaskRun
    error: str
    trace: str
    trace_title: str
    lines_left_out: int
    """of the trace's beginning"""


def failure_of(task: TaskRun, output: Payload | None) -> Failure:
    """Clean text, cut to what a report can hold."""
    output = output or {}
    title, text = trace_of(output)
    trace, number = last_lines(text, TRACE_LINES)
    error, _ = last_lines(output.get("error") or task.message, ERROR_LINES)
    return Failure(task, "\n".join(error), "\n".join(trace), title, number - len(trace))


@dataclass(frozen=True)
class ReportedTask:
    """A task and its attempts, the oldest first."""

    attempts: tuple[TaskRun, ...]
    failures: Mapping[TaskRun, Failure] = field(default_factory=dict)

    @property
    def newest(self) -> TaskRun:
        return self.attempts[-1]

    @property
    def failure(self) -> Failure | None:
        """Of the newest attempt, for it decides."""
        return self.failures.get(self.newest)

    @property
    def earlier_failures(self) -> Iterator[Failure]:
        return (self.failures[attempt] for attempt in self.attempts[:-1] if attempt in self.failures)


@dataclass(frozen=True)
class ReportedRun:
    """A run as it was last seen."""

    run_id: int
    run: Run | None = None
    outputs: Mapping[int, Payload] = field(default_factory=dict)
    """by the run_id of a task run, what get-output answered"""
    label: str = ""
    """what tells it from other runs of its job: its parameters"""
    trouble: str = ""
    """why it could not be watched"""

    @property
    def title(self) -> str:
        return self.run.run_name if self.run else f"run {self.run_id}"

    @property
    def state(self) -> str:
        return self.run.shown_state if self.run else "NOT SEEN"

    @property
    def outcome(self) -> Outcome | None:
        return self.run.outcome if self.run else None

    @property
    def is_good(self) -> bool:
        return self.outcome is not None and self.outcome.is_good

    @property
    def message(self) -> str:
        """What the server, or the way to it, said."""
        return self.trouble or (self.run.message if self.run else "")

    @cached_property
    def tasks(self) -> tuple[ReportedTask, ...]:
        """Dependencies before dependents. A run of API 2.0 has none."""
        if self.run is None:
            return ()
        attempts: dict[str, list[TaskRun]] = {}
        for attempt in self.run.attempts:
            attempts.setdefault(attempt.task_key, []).append(attempt)
        return tuple(
            self._reported(task, attempts[task.task_key]) for task in self.run.tasks if task.task_key
        )

    def _reported(self, newest: TaskRun, attempts: Sequence[TaskRun]) -> ReportedTask:
        others = [attempt for attempt in attempts if attempt is not newest]
        others.sort(key=lambda attempt: (attempt.attempt_number, attempt.start_time or 0))
        return _with_failures((*others, newest), self.outputs)

    @cached_property
    def failed_tasks(self) -> tuple[ReportedTask, ...]:
        """Tasks that went wrong themselves; of a run that has none, the run itself if it failed."""
        failed = tuple(task for task in self.tasks if task.failure)
        if failed or self.run is None or self.tasks:
            return failed
        alone = _with_failures(self.run.output_runs[:1], self.outputs)
        return (alone,) if alone.failure else ()


def _with_failures(attempts: tuple[TaskRun, ...], outputs: Mapping[int, Payload]) -> ReportedTask:
    failed = [attempt for attempt in attempts if attempt.outcome in OWN_FAILURES]
    return ReportedTask(
        attempts, _ById((attempt, failure_of(attempt, outputs.get(attempt.run_id or 0))) for attempt in failed)
    )


@dataclass(frozen=True)
class Report:
    """Runs that were waited for, in the order asked."""

    runs: tuple[ReportedRun, ...]
    made_at: float
    """epoch seconds"""
    note: str = ""
    """why the wait ended before the runs did"""

    @property
    def gravest(self) -> ReportedRun:
        """The run that decides the exit code; one that has not ended decides before all others."""
        return min(self.runs, key=lambda run: GRAVITY[run.outcome] if run.outcome else -1)

    @property
    def title(self) -> str:
        """`nightly`, or `31 runs of nightly`."""
        names = list(dict.fromkeys(run.title for run in self.runs))
        if len(self.runs) == 1:
            return names[0]
        return f"{len(self.runs)} runs of {names[0]}" if len(names) == 1 else count(len(self.runs), "run")


Span = tuple[float, float]
"""Epoch milliseconds."""


def span_of(run: AnyRun, now: float) -> Span | None:
    """From start to end, or until `now` (epoch seconds) while it goes on; None if it never started."""
    if not run.start_time:
        return None
    end = run.end_time or (run.start_time if run.is_ended else now * 1000)
    return run.start_time, max(run.start_time, end)


def whole_span(runs: Sequence[AnyRun], now: float) -> Span | None:
    """From the first start to the last end."""
    spans = [span for run in runs if (span := span_of(run, now))]
    return (min(start for start, _ in spans), max(end for _, end in spans)) if spans else None
