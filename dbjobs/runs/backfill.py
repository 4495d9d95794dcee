"""Backfills: a job run once for each of many parameter sets, no matter how often it is interrupted.

Every set has an idempotency token made from it, so nothing must be remembered between two
calls: starting a set again gives its run.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from dbjobs.api.client import JobsApi
from dbjobs.api.paging import RunFilter
from dbjobs.api.states import Outcome
from dbjobs.errors import DbjobsError, ExitCode, OutcomeUnknownError, RefusedError, UsageError
from dbjobs.http.response import Payload
from dbjobs.http.retry import NO_RETRIES
from dbjobs.runs.outages import is_refusal, may_differ
from dbjobs.runs.parameter_sets import MAX_SETS, ParameterSet, label_sets
from dbjobs.runs.reader import RunReader
from dbjobs.runs.snapshots import WatchedRun

logger = logging.getLogger(__name__)

MAX_CONSECUTIVE_FAILURES = 5
"""So many starts that fail one after the other are an outage of all of them."""


def make_token(job_id: int, body: Payload, batch: str, attempt: int = 0) -> str:
    """The same for the same request, whenever it is made; 63 of the 64 characters that the API takes."""
    request = json.dumps([job_id, body, batch, attempt], sort_keys=True)
    return "dbjobs-" + hashlib.sha256(request.encode()).hexdigest()[:56]


@dataclass(frozen=True)
class PlannedRun:
    """One run of a backfill: the body of its request, and the label of its parameter set."""

    label: str
    body: Payload


def plan_runs(sets: Sequence[ParameterSet], make_body: Callable[[ParameterSet], Payload]) -> list[PlannedRun]:
    """A run for each different set, in their order."""
    if len(sets) > MAX_SETS:
        raise UsageError(f"these are more than {MAX_SETS:,} sets of parameters", hint="split them")
    distinct = list({json.dumps(one, sort_keys=True): one for one in sets}.values())
    return [
        PlannedRun(label, make_body(one)) for one, label in zip(distinct, label_sets(distinct), strict=True)
    ]


def newest_start_time(api: JobsApi, job_id: int) -> int:
    """When the job's newest run started, in epoch milliseconds; 0 if there was none."""
    try:
        pages = list(api.list_runs(RunFilter(job_id=job_id), limit=1))
    except RefusedError:  # who may start runs may not be allowed to list them
        return 0
    return max((int(run.get("start_time") or 0) for page in pages for run in page), default=0)


@dataclass
class Backfill:
    """The planned runs, started one after the other: the `PendingStarts` of a wait."""

    api: JobsApi
    job_id: int
    planned: Sequence[PlannedRun]
    batch: str
    max_parallel: int
    newest_before: int
    """when the job's newest run started, in epoch milliseconds, before this backfill"""
    refused: dict[str, DbjobsError] = field(default_factory=dict)
    """by label"""
    uncertain: list[str] = field(default_factory=list)
    """the labels of sets that may have been started, or not: no usable answer came"""
    _started: dict[int, WatchedRun] = field(default_factory=dict)
    _deferred: list[str] = field(default_factory=list)
    """labels of sets whose start has just failed: others are tried before them"""

    def __post_init__(self) -> None:
        self._queue = {planned.label: planned for planned in self.planned}
        self._reader = RunReader(self.api)

    @property
    def started(self) -> list[WatchedRun]:
        """In the order of their starts, without those whose start was never answered."""
        return list(self._started.values())

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def unstarted(self) -> list[str]:
        """The labels of the sets that are still to be started."""
        started = {watched.label for watched in self._started.values()}
        return [label for label in self._queue if label not in self.uncertain and label not in started]

    @property
    def not_started(self) -> dict[str, str]:
        """The sets that have no run, by label in the order given, each with the reason."""
        unstarted = set(self.unstarted)
        reasons = {label: f"refused: {error.message}" for label, error in self.refused.items()}
        reasons |= dict.fromkeys(self.uncertain, "may have been started, or not")
        reasons |= dict.fromkeys(unstarted, "not started")
        return {one.label: reasons[one.label] for one in self.planned if one.label in reasons}

    def exit_code(self, code: int) -> int:
        """The exit code of the wait for the runs, or of a refusal if they all succeeded."""
        refusal = next(iter(self.refused.values()), None)
        return refusal.exit_code if refusal and code == ExitCode.SUCCESS else code

    def start_next(self, active: int) -> WatchedRun | None:
        """Start the next set if fewer than `max_parallel` runs are active; refused ones are left out.

        A set whose start fails is deferred, so that it does not hold up all others. After a few
        such failures in a row, or when no other set is left, the error is raised.
        """
        if active >= self.max_parallel:
            self._deferred.clear()
            return None
        failures = 0
        while planned := next(
            (one for label, one in self._queue.items() if label not in self._deferred), None
        ):
            try:
                watched = self._start(planned)
            except DbjobsError as error:
                if isinstance(error, RefusedError) and (is_refusal(error) or not error.answer):
                    if not self._started and not self.refused:  # if the first is refused, all will be
                        raise
                    del self._queue[planned.label]
                    self.refused[planned.label] = error
                    logger.warning("%s was refused: %s", planned.label, error.message)
                    continue
                failures += 1
                self._deferred.append(planned.label)
                is_last = len(self._deferred) == len(self._queue)
                if not may_differ(error) or failures == MAX_CONSECUTIVE_FAILURES or is_last:
                    self._deferred.clear()
                    raise
            else:
                del self._queue[planned.label]
                return watched
        self._deferred.clear()
        return None

    def find_uncertain(self, label: str) -> WatchedRun:
        """Sending the same token again gives the run that was started, if one was."""
        return self._start(self._queue[label])

    def _start(self, planned: PlannedRun) -> WatchedRun:
        """The set's run. If one of an earlier call never ran, another is started."""
        attempt = 0
        while True:
            run_id = self._start_once(planned, attempt)
            run = None
            with suppress(DbjobsError):  # the watch reads it again, and handles the error
                run = self._reader.fetch(run_id)
            is_old = run is not None and run.start_time and run.start_time <= self.newest_before
            if run is None or not is_old or run.outcome is not Outcome.NEVER_RAN:
                self._started[run_id] = replace(self._started[run_id], run=run)
                return self._started[run_id]
            del self._started[run_id]
            attempt += 1

    def _start_once(self, planned: PlannedRun, attempt: int) -> int:
        """At every moment, whatever interrupts it, the run is among the started ones or uncertain."""
        label = planned.label
        was_uncertain = label in self.uncertain
        if not was_uncertain:
            self.uncertain.append(label)
        token = make_token(self.job_id, planned.body, self.batch, attempt)
        try:
            run_id = int(self.api.run_now(self.job_id, planned.body, token, NO_RETRIES)["run_id"])
        except DbjobsError as error:
            if not was_uncertain and not isinstance(error, OutcomeUnknownError):
                self.uncertain.remove(label)
            raise
        self._started[run_id] = WatchedRun(run_id, label=label, is_known=True)
        self.uncertain.remove(label)
        return run_id
