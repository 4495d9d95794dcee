"""The contents of every report: runs with their tasks, attempts, times, errors and traces.

It is built once, after a wait. Nothing here asks a server.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from dbjobs.api.models import OWN_FAILURES, Run, TaskRun
from dbjobs.api.states import SEVERITY, Outcome
from dbjobs.common.plain_text import clean_line
from dbjobs.output.causes import describe_failure
from dbjobs.output.formatting import AnyRun, count
from dbjobs.output.sets import SetState, state_of_run
from dbjobs.output.task_outputs import trace_of
from dbjobs.output.truncation import last_lines, truncate
from dbjobs.runs.cause_groups import CauseGroup, group_by_cause
from dbjobs.runs.failures import FailedTask

MAX_TRACE_LINES = 400
"""The end of a trace is kept, for that is where the cause is."""

MAX_TRACE_CHARACTERS = 40_000
MAX_ERROR_CHARACTERS = 4_000
"""However many tasks fail, and whatever they print, a report can be opened."""

MAX_URL = 1000

MAX_PART_ROWS = 25
"""Iterations of one task that have a row."""


@dataclass(frozen=True)
class ReportedFailure:
    """Why an attempt failed, as far as the server says: clean, and cut to a size that suits a report."""

    error: str
    trace: str
    trace_title: str
    lines_left_out: int
    """of the trace's beginning"""


@dataclass(frozen=True)
class Attempt:
    """One attempt at a task; `failure` if it went wrong itself."""

    task: TaskRun
    failure: ReportedFailure | None = None


def attempt_of(task: TaskRun, failed: FailedTask | None) -> Attempt:
    """With what was read of its failure; what the run itself says has to do otherwise."""
    if task.outcome not in OWN_FAILURES:
        return Attempt(task)
    failed = failed or FailedTask(task.task_key, task)
    title, text = trace_of(failed.trace)
    lines, number = last_lines(text, MAX_TRACE_LINES)
    while sum(map(len, lines)) > MAX_TRACE_CHARACTERS:
        lines = lines[1 + len(lines) // 8 :]
    error = truncate("\n".join(describe_failure(failed)), MAX_ERROR_CHARACTERS)
    return Attempt(task, ReportedFailure(error, "\n".join(lines), title, number - len(lines)))


@dataclass(frozen=True)
class ReportedTask:
    """A task and its attempts, the oldest first."""

    attempts: tuple[Attempt, ...]

    @property
    def task(self) -> TaskRun:
        """The newest attempt, which decides the outcome."""
        return self.attempts[-1].task

    @property
    def failure(self) -> ReportedFailure | None:
        return self.attempts[-1].failure


@dataclass(frozen=True)
class ReportedRun:
    """A run as it was last seen."""

    run_id: int
    run: Run | None = None
    failures: Mapping[int, FailedTask] = field(default_factory=dict)
    """by the run_id of a task run, why it failed"""
    label: str = ""
    """its parameters, which distinguish it from other runs of its job"""
    error: str = ""
    """why it could not be watched"""
    repairs: tuple[str, ...] = ()
    """what this wait has repaired by itself, and why nothing more, a line each"""
    parts: Mapping[int, Sequence[tuple[str, AnyRun]]] = field(default_factory=dict)
    """by the run_id of a task run, its iterations or the run that it started, each with its name"""

    @property
    def name(self) -> str:
        """What distinguishes it from the others of a report."""
        return self.label or str(self.run_id)

    @property
    def title(self) -> str:
        return self.run.run_name if self.run else f"run {self.run_id}"

    @property
    def url(self) -> str:
        """The run's page, if it has one that can be a link."""
        return link_of(self.run) if self.run else ""

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
    def repair_command(self) -> str:
        """What repairs the run, if that is possible: tasks of it ran, and not all of them ended well."""
        run = self.run
        if run is None or not run.is_ended or self.is_good or run.outcome is Outcome.NEVER_RAN:
            return ""
        return f"dbjobs runs repair {self.run_id} --rerun-failed" if run.job_id and run.tasks else ""

    @property
    def message(self) -> str:
        """The server's message, or why the server could not be reached."""
        return self.error or (self.run.message if self.run else "")

    @cached_property
    def tasks(self) -> tuple[ReportedTask, ...]:
        """Dependencies before dependents. A run of API 2.0 has none."""
        if self.run is None:
            return ()
        attempts: dict[str, list[TaskRun]] = {}
        for attempt in self.run.attempts:
            attempts.setdefault(attempt.task_key, []).append(attempt)
        tasks = []
        for newest in self.run.tasks:
            older = [attempt for attempt in attempts[newest.task_key] if attempt is not newest]
            older.sort(key=lambda attempt: (attempt.attempt_number, attempt.start_time or 0))
            tasks.append(ReportedTask(tuple(map(self._with_failure, (*older, newest)))))
        return tuple(tasks)

    def _with_failure(self, attempt: TaskRun) -> Attempt:
        return attempt_of(attempt, self.failures.get(attempt.run_id or 0))

    @cached_property
    def passes(self) -> tuple[tuple[str, Run], ...]:
        """The first run and its repairs, each with its name, if there was a repair and it is known."""
        history = (self.run.payload.get("repair_history") or ()) if self.run else ()
        entries = sorted(history, key=lambda entry: entry.get("start_time") or 0)
        if len(entries) < 2:
            return ()
        runs = [Run({"run_id": self.run_id, **entry}) for entry in entries]
        return (("first run", runs[0]), *((f"repair {index}", run) for index, run in enumerate(runs[1:], 1)))

    def shown_parts(self, task: TaskRun) -> list[tuple[str, AnyRun]]:
        """The parts of a task that have rows: MAX_PARTS at most, those that did not end well first."""
        parts = self.parts.get(task.run_id or 0, ())
        ranked = sorted(range(len(parts)), key=lambda index: _is_good(parts[index][1]))[:MAX_PART_ROWS]
        return [parts[index] for index in sorted(ranked)]

    def count_parts(self, task: TaskRun) -> str:
        """How many iterations or runs a task has, if not all of them are shown."""
        number, shown = len(self.parts.get(task.run_id or 0, ())), len(self.shown_parts(task))
        return f"{shown} of {number:,} shown" if shown < number else ""

    @cached_property
    def failed_tasks(self) -> tuple[ReportedTask, ...]:
        """Tasks that went wrong themselves; a run of API 2.0 is its only task."""
        tasks = self.tasks
        if self.run and not tasks and self.run.output_runs:
            tasks = (ReportedTask((self._with_failure(self.run.output_runs[0]),)),)
        return tuple(task for task in tasks if task.failure)

    @property
    def recovered_tasks(self) -> tuple[ReportedTask, ...]:
        """Tasks of which an earlier attempt went wrong, and the newest did not."""
        return tuple(
            task for task in self.tasks if not task.failure and any(one.failure for one in task.attempts)
        )


class ReportedSet(NamedTuple):
    """A parameter set of a backfill; or a run of several, whose `label` is empty."""

    label: str
    run: ReportedRun | None
    reason: str = ""
    """why it has no run"""

    @property
    def name(self) -> str:
        return self.label or str(self.run.run_id if self.run else "")

    @property
    def state(self) -> SetState:
        if self.run:
            return state_of_run(self.run.run)
        if self.reason.startswith("refused"):
            return SetState.REFUSED
        return SetState.UNCERTAIN if self.reason.startswith("may have") else SetState.NOT_STARTED

    @property
    def word(self) -> str:
        """The state as the API has it, or why there is none."""
        return self.run.state if self.run else self.state.value


@dataclass(frozen=True)
class Report:
    """Runs that were waited for, in the order given."""

    runs: tuple[ReportedRun, ...]
    made_at: float
    """epoch seconds"""
    note: str = ""
    """why the wait ended before the runs did"""
    not_started: Mapping[str, str] = field(default_factory=dict)
    """parameter sets of a backfill that have no run, by label, each with the reason"""
    sets: Sequence[str] = ()
    """the labels of all parameter sets of a backfill, in order"""

    @cached_property
    def rows(self) -> tuple[ReportedSet, ...]:
        """Every set in order; without sets, every run."""
        if not self.sets:
            runs = tuple(ReportedSet(run.label, run) for run in self.runs)
            return (*runs, *(ReportedSet(label, None, reason) for label, reason in self.not_started.items()))
        by_label = {run.label: run for run in self.runs}
        return tuple(
            ReportedSet(label, by_label.get(label), self.not_started.get(label, "not started"))
            for label in self.sets
        )

    @cached_property
    def cause_groups(self) -> list[CauseGroup]:
        """The runs that did not end well, by cause."""
        failures = {key: failed for run in self.runs for key, failed in run.failures.items()}
        return group_by_cause((run.run for run in self.runs if run.run), failures)

    @property
    def is_of_one(self) -> bool:
        return len(self.runs) == len(self.rows) == 1

    @property
    def worst_run(self) -> ReportedRun:
        """The run to look at first: the one with the most severe outcome, or else one that has not ended."""
        unended = SEVERITY[Outcome.SUCCESS_WITH_FAILURES] - 0.5
        return min(self.runs, key=lambda run: SEVERITY[run.outcome] if run.outcome else unended)

    @property
    def is_good(self) -> bool:
        return not self.not_started and all(run.is_good for run in self.runs)

    @property
    def job_name(self) -> str:
        """That of the first run; without any, what a backfill is made of."""
        return self.runs[0].title if self.runs else "parameter sets"

    @property
    def title(self) -> str:
        """`nightly`, `31 runs of nightly` or, of a backfill, `31 sets of nightly`."""
        names = list(dict.fromkeys(run.title for run in self.runs))
        if self.is_of_one:
            return self.job_name
        number = count(len(self.sets), "set") if self.sets else count(len(self.runs), "run")
        return f"{number} of {names[0]}" if len(names) == 1 else number


def group_by_reason(report: Report) -> dict[str, list[ReportedSet]]:
    """The sets without a run, by the reason."""
    groups: dict[str, list[ReportedSet]] = {}
    for row in report.rows:
        if row.run is None:
            groups.setdefault(row.reason, []).append(row)
    return groups


def _is_good(run: AnyRun) -> bool:
    return run.outcome is not None and run.outcome.is_good


def link_of(run: AnyRun) -> str:
    """The page of a run or a task, if it has one that can be a link."""
    url = clean_line(run.run_page_url or "")
    return url if re.fullmatch(r"https?://[^\s<>()\\\"`|]+", url) and len(url) <= MAX_URL else ""


Span = tuple[float, float]
"""Epoch milliseconds."""


def span_of(run: AnyRun, now: float) -> Span | None:
    """From start to end, or until `now` (epoch seconds) if it has not ended; None if it never started."""
    if not run.start_time:
        return None
    end = run.end_time or (run.start_time if run.is_ended else now * 1000)
    return run.start_time, max(run.start_time, end)


def whole_span(runs: Sequence[AnyRun], now: float) -> Span | None:
    """From the first start to the last end."""
    spans = [span for run in runs if (span := span_of(run, now))]
    return (min(start for start, _ in spans), max(end for _, end in spans)) if spans else None
