"""What a wait of the Python API returns, and what it prints in a notebook."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from dbjobs.api.models import Run
from dbjobs.api.states import SEVERITY, Outcome, Phase
from dbjobs.common.plain_text import clean_line
from dbjobs.errors import DbjobsError, ExitCode
from dbjobs.runs.failures import FailedTask, FailureReader
from dbjobs.runs.snapshots import Snapshot, WatchedRun, format_runs

MAX_FAILURES = 20
"""Failed tasks of a run whose cause is read: each is a request."""


@dataclass(frozen=True)
class Failure:
    """A task that failed, and why."""

    run_id: int
    """of the run that the task belongs to"""
    task_key: str
    state: str
    """its result_state, or the most informative state that it has"""
    cause: str
    """the exception, or the message, on one line"""
    category: str
    """whose turn it is: code, platform, permissions, configuration, canceled, never_started or unknown"""
    trace: str = field(default="", repr=False)


class OutcomeError(DbjobsError):
    """Runs ended otherwise than well, or were not seen to end; `exit_code` says which."""

    def __init__(self, message: str, result: "Result") -> None:
        super().__init__(message)
        self.exit_code = result.exit_code
        self.result = result


@dataclass(frozen=True)
class Result:
    """What became of the runs of a wait."""

    snapshot: Snapshot = field(repr=False)
    """what was known of them at the end"""
    exit_code: ExitCode
    """what the command line would exit with"""
    failures: tuple[Failure, ...] = ()
    not_started: Mapping[str, str] = field(default_factory=dict)
    """of a backfill: the parameter sets that have no run, each with the reason"""

    @property
    def succeeded(self) -> bool:
        """True if every run has ended, and well; of a backfill, if every set has such a run."""
        return self.exit_code is ExitCode.SUCCESS and not self.not_started

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs as last seen, in the order asked; each has the API's answer as `payload`."""
        return tuple(watched.run for watched in self.snapshot.runs if watched.run)

    @property
    def unfinished(self) -> tuple[int, ...]:
        """The ids of the runs that were not seen to end: they are running, or may be."""
        return tuple(watched.run_id for watched in self.snapshot.runs if not watched.is_settled)

    @property
    def repairs(self) -> dict[int, int]:
        """By run_id, how often `wait(repair=…)` has repaired a run; runs that it has not are left out."""
        return {watched.run_id: len(watched.repairs) for watched in self.snapshot.runs if watched.repairs}

    @property
    def outcome(self) -> Outcome | None:
        """The most severe outcome of the runs that have ended; None if none has."""
        outcomes = [run.outcome for run in self.runs if run.outcome]
        return min(outcomes, key=SEVERITY.__getitem__, default=None)

    def raise_for_outcome(self) -> None:
        """Raise an OutcomeError unless every run has ended well."""
        if self.succeeded:
            return
        parts = [f"run {run.run_id} ended with {run.shown_state}" for run in self.runs if run.is_ended]
        if self.unfinished:
            reason = self.snapshot.ending.value if self.snapshot.ending else "left"
            parts.append(f"{format_runs(self.unfinished)} not seen to end ({reason})")
        parts += [f"{label}: {reason}" for label, reason in self.not_started.items()]
        parts += [f"{failure.task_key}: {failure.cause}" for failure in self.failures]
        raise OutcomeError("; ".join(parts), self)


def read_failures(reader: FailureReader, snapshot: Snapshot) -> tuple[Failure, ...]:
    """Why tasks failed, as far as that can be read now."""
    failures = []
    for run in (watched.run for watched in snapshot.runs if watched.run and watched.has_failed):
        failed = reader.read_all(run, MAX_FAILURES)
        for task in run.failed_tasks or run.output_runs:
            read = failed.get(task.run_id or 0) or FailedTask(task.task_key, task)
            lines = dict.fromkeys(cause.line for cause in read.causes if cause.line)
            cause = "; ".join(lines) or run.message or task.shown_state
            category, trace = read.causes[0].category.value, read.trace.get("error_trace") or ""
            failures.append(Failure(run.run_id, task.task_key, task.shown_state, cause, category, trace))
    return tuple(failures)


class SnapshotPrinter:
    """Prints a line for each change of a run: what a notebook shows of a wait."""

    def __init__(self) -> None:
        self._printed: dict[int, str] = {}

    def __call__(self, snapshot: Snapshot) -> None:
        for watched in snapshot.runs:
            line = _format_progress(watched)
            if self._printed.get(watched.run_id) != line:
                self._printed[watched.run_id] = line
                print(time.strftime("%H:%M:%S"), line, flush=True)  # noqa: T201


def _format_progress(watched: WatchedRun) -> str:
    run = watched.run
    if run is None:
        return f"run {watched.run_id}: {watched.error.message if watched.error else 'not seen yet'}"
    active = [task.task_key for task in run.tasks if task.phase is Phase.ACTIVE]
    parts = [f"run {run.run_id} {run.shown_state}", clean_line(run.message)]
    parts += [f"active: {clean_line(', '.join(active))}"] if active and not run.is_ended else []
    if repair := watched.repair:
        parts.append(f"repair {repair.number or ''} {repair.stage.value}".replace("  ", " "))
    parts += [f"no contact: {watched.error.message}"] if watched.error and not watched.is_settled else []
    return "; ".join(filter(None, parts))
