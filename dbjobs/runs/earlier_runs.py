"""What earlier runs of a job say about the failure of one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from dbjobs.api.client import JobsApi
from dbjobs.api.models import OWN_FAILURES, Run
from dbjobs.api.paging import RunFilter
from dbjobs.errors import DbjobsError
from dbjobs.http.retry import NO_RETRIES
from dbjobs.runs.causes import Cause, find_cause
from dbjobs.runs.failures import FailureReader, failed_attempts

MAX_EARLIER = 25
"""Earlier runs that are looked at: one page of a list."""

MAX_COMPARED = 5
"""Earlier failures whose outputs are read, to tell whether they are the same."""


@dataclass(frozen=True)
class EarlierRuns:
    """The runs of a job before one that failed, the latest first."""

    listed: int = 0
    """how many were looked at"""
    same: tuple[Run, ...] = ()
    """those that failed for the same cause"""
    other: tuple[Run, ...] = ()
    """those that failed for another one"""
    not_compared: tuple[Run, ...] = ()
    """those that failed, and whose outputs were not read"""
    last_good: Run | None = None
    recovered: tuple[Run, ...] = ()
    """those in which a task that failed now failed at first, and a retry or a repair of it succeeded"""
    problem: str = ""
    """why they could not be listed"""

    @property
    def since(self) -> Run | None:
        """The first of the unbroken row of same failures that leads to this one."""
        good = (self.last_good.start_time or 0) if self.last_good else 0
        row = [run for run in self.same if (run.start_time or 0) >= good]
        return row[-1] if row else None


def read_earlier_runs(api: JobsApi, run: Run, causes: Sequence[Cause], reader: FailureReader) -> EarlierRuns:
    """Lists them with one request, and reads the outputs of a few; nothing that fails here is an error."""
    if run.is_one_time:
        return EarlierRuns(problem="a one-time run has no earlier ones")
    run_filter = RunFilter(job_id=run.job_id, completed_only=True, start_time_to=run.start_time)
    try:
        pages = api.list_runs(
            run_filter, limit=MAX_EARLIER, expand_tasks=True, complete=False, retry=NO_RETRIES
        )
        earlier = [Run(payload) for payload in chain.from_iterable(pages) if payload["run_id"] != run.run_id]
    except DbjobsError as error:
        return EarlierRuns(problem=f"the earlier runs could not be listed: {error.message}")
    # `each[3]` and `start > 17 > check` are parts of the tasks `each` and `start`
    keys = {name.partition(" > ")[0].partition("[")[0] for cause in causes for name in cause.tasks}
    comparison = _Comparison(reader, causes, keys)
    for one in earlier:
        if one.outcome and not one.outcome.is_good:
            comparison.add(one)
    return EarlierRuns(
        listed=len(earlier),
        same=tuple(comparison.same),
        other=tuple(comparison.other),
        not_compared=tuple(comparison.not_compared),
        last_good=next((one for one in earlier if one.outcome and one.outcome.is_good), None),
        recovered=tuple(one for one in earlier if set(recovered_tasks(one)) & keys),
    )


@dataclass
class _Comparison:
    """Earlier failures, compared with the causes of this one."""

    reader: FailureReader
    causes: Sequence[Cause]
    keys: set[str]
    """of the tasks that failed now"""
    requests_left: int = MAX_COMPARED
    same: list[Run] = field(default_factory=list)
    other: list[Run] = field(default_factory=list)
    not_compared: list[Run] = field(default_factory=list)

    def add(self, earlier: Run) -> None:
        failed = [task for task in failed_attempts(earlier) if task.task_key in self.keys or not self.keys]
        known = {cause.identity for cause in self.causes}
        codes = {cause.code for cause in self.causes if cause.code}
        if not failed:
            is_same = not self.keys and find_cause(earlier).identity in known
        elif codes and failed[0].termination_code and failed[0].termination_code not in codes:
            is_same = False
        elif self.requests_left > 0:
            self.requests_left -= 1
            is_same = any(cause.identity in known for cause in self.reader.read(failed[0]).causes)
        else:
            self.not_compared.append(earlier)
            return
        (self.same if is_same else self.other).append(earlier)


def recovered_tasks(run: Run) -> Iterator[str]:
    """The keys of the tasks that succeeded after an attempt that had failed."""
    failed = {attempt.task_key for attempt in run.attempts if attempt.outcome in OWN_FAILURES}
    good = (task.task_key for task in run.tasks if task.outcome and task.outcome.is_good)
    return (key for key in good if key in failed)
