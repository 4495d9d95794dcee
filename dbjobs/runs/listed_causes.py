"""Why the failed runs of a list failed, where their own messages say only that they did."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from dbjobs.api.client import JobsApi
from dbjobs.api.models import OWN_FAILURES, Run, TaskRun
from dbjobs.common.clock import Clock
from dbjobs.common.deadline import time_limit
from dbjobs.errors import DbjobsError
from dbjobs.http.retry import NO_RETRIES
from dbjobs.runs.causes import Cause, is_generic
from dbjobs.runs.failures import FailureReader, failed_attempts

if TYPE_CHECKING:
    from dbjobs.runs.history import FailureGroup, JobHistory

Attempt = TypeVar("Attempt", Run, TaskRun)

MAX_READ_ROWS = 10
"""So many failed rows, the first ones, are looked into: a request each, two if the list has no tasks."""

MAX_READING_SECONDS = 2.0
"""For all of them: a table is worth little waiting."""


@dataclass
class ListedCauses:
    """Reads the causes of failed runs and tasks for tables; what cannot be read is left out silently."""

    api: JobsApi
    clock: Clock
    _reads_left: int = MAX_READ_ROWS
    _seconds_left: float = MAX_READING_SECONDS
    _reader: FailureReader = field(init=False)

    def __post_init__(self) -> None:
        self._reader = FailureReader(self.api, is_quiet=True, part_requests_left=MAX_READ_ROWS)

    def of_runs(self, runs: Iterable[Run]) -> dict[int, Cause]:
        """By run_id, the cause of what failed first in each run; of a run of one task without its name."""
        return self._read_each(((run.run_id, run) for run in runs), self._read_first)

    def of_tasks(self, tasks: Iterable[TaskRun]) -> dict[int, Cause]:
        """By run_id, why tasks failed."""
        return self._read_each(((task.run_id, task) for task in tasks), self._read_task)

    def of_failures(self, history: "JobHistory") -> "JobHistory":
        """The history with its groups of failures told by the cause of the newest one of each."""
        return replace(history, failures=tuple(map(self._explain_group, history.failures)))

    def _explain_group(self, group: "FailureGroup") -> "FailureGroup":
        failed = (task for task in group.runs[0].failed_tasks if task.task_key == group.task_key)
        cause = next(iter(self.of_tasks(failed).values()), None)
        return replace(group, message=cause.line) if cause else group

    def _read_each(
        self, attempts: Iterable[tuple[int | None, Attempt]], read: Callable[[Attempt], Cause | None]
    ) -> dict[int, Cause]:
        """The causes of those that failed and do not say why themselves, while there is time."""
        causes = {}
        for run_id, attempt in attempts:
            is_worthwhile = attempt.outcome in OWN_FAILURES and is_generic(attempt.message)
            if run_id and is_worthwhile and self._reads_left > 0 and self._seconds_left > 0:
                with time_limit(self.clock, self._seconds_left) as limit:
                    cause = read(attempt)
                self._reads_left -= 1
                self._seconds_left = limit.seconds_left
                if cause:
                    causes[run_id] = cause
        return causes

    def _read_first(self, run: Run) -> Cause | None:
        if not run.tasks and self.api.version != "2.0":
            with suppress(DbjobsError):
                run = Run(self.api.get_run(run.run_id, NO_RETRIES))
        failed = sorted(failed_attempts(run), key=lambda task: task.end_time or 0)
        cause = self._read_task(failed[0]) if failed else None
        return replace(cause, tasks=()) if cause and len(run.tasks) < 2 else cause

    def _read_task(self, task: TaskRun) -> Cause | None:
        cause = self._reader.read(task).causes[0]
        return None if is_generic(cause.line) else cause
