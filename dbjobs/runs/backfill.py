"""Backfills: a job run once for each of many parameter sets, no matter how often it is interrupted.

Every set has an idempotency token made from it, so nothing has to be
stored between two calls: starting a set again gives its run.
"""

import hashlib
import json
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from dbjobs.api.client import JobsApi
from dbjobs.api.models import Run
from dbjobs.api.paging import RunFilter
from dbjobs.api.states import Outcome
from dbjobs.errors import DbjobsError, ExitCode, OutcomeUnknownError, RefusedError, UsageError
from dbjobs.http.response import Payload
from dbjobs.http.retry import NO_RETRIES
from dbjobs.runs.outages import is_refusal, may_differ
from dbjobs.runs.parameter_sets import MAX_SETS, ParameterSet, label_sets
from dbjobs.runs.reader import RunReader
from dbjobs.runs.repairs import RepairReader, RepairSender
from dbjobs.runs.snapshots import PlannedSets, WatchedRun

logger = logging.getLogger(__name__)

MAX_CONSECUTIVE_FAILURES = 5
"""This many starts that fail one after the other are an outage of all of them."""


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
        raise UsageError(f"there are more than {MAX_SETS:,} sets of parameters", hint="split them")
    distinct = list({json.dumps(one, sort_keys=True): one for one in sets}.values())
    return [
        PlannedRun(label, make_body(one)) for one, label in zip(distinct, label_sets(distinct), strict=True)
    ]


def newest_start_time(api: JobsApi, job_id: int, *, must_know: bool = False) -> int:
    """When the job's newest run started, in epoch milliseconds; 0 if there was none."""
    try:
        pages = list(api.list_runs(RunFilter(job_id=job_id), limit=1))
    except RefusedError:  # who may start runs may not be allowed to list them
        if must_know:
            raise
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
    max_failures: float = math.inf
    """after this many runs that failed or were refused, no other is started"""
    repair_reader: RepairReader | None = None
    """given if failed runs of earlier calls are to be repaired: what reads them for the wait"""
    refused: dict[str, DbjobsError] = field(default_factory=dict)
    """by label"""
    uncertain: list[str] = field(default_factory=list)
    """the labels of sets that may have been started, or not: no usable answer came"""
    _started: dict[int, WatchedRun] = field(default_factory=dict)
    _deferred: list[str] = field(default_factory=list)
    """labels of sets whose start has just failed: others are tried before them"""
    _has_stopped: bool = False

    def __post_init__(self) -> None:
        self._queue = {planned.label: planned for planned in self.planned}
        self._labels = tuple(self._queue)
        self._reader = RunReader(self.api)
        self._repair_sender = RepairSender(self.repair_reader) if self.repair_reader else None

    @property
    def started(self) -> list[WatchedRun]:
        """In the order of their starts, without those whose start was never answered."""
        return list(self._started.values())

    @property
    def waiting(self) -> int:
        return 0 if self._has_stopped else len(self._queue)

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

    @property
    def sets(self) -> PlannedSets:
        """All sets, at this moment."""
        refused = {label: error.message for label, error in self.refused.items()}
        return PlannedSets(self._labels, self.max_parallel, refused, tuple(self.uncertain))

    def exit_code(self, code: int) -> int:
        """The exit code of the wait for the runs, or of a refusal if they all succeeded."""
        refusal = next(iter(self.refused.values()), None)
        return refusal.exit_code if refusal and code == ExitCode.SUCCESS else code

    def start_next(self, active: int, failed: int) -> WatchedRun | None:
        """Start the next set if fewer than `max_parallel` runs are active; refused ones are left out.

        A set whose start fails is deferred, so that it does not hold up all others. After a few
        such failures in a row, or when no other set is left, the error is raised.
        """
        if active >= self.max_parallel:
            self._deferred.clear()
            return None
        failures = 0
        while not self._stop_after(failed) and (planned := self._next_planned()):
            try:
                watched = self._start(planned)
            except DbjobsError as error:
                if isinstance(error, RefusedError) and (is_refusal(error) or not error.answer):
                    is_first = not self._started and not self.refused
                    del self._queue[planned.label]
                    self.refused[planned.label] = error
                    if is_first:  # then all would be
                        raise
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

    def _next_planned(self) -> PlannedRun | None:
        return next((one for label, one in self._queue.items() if label not in self._deferred), None)

    def _stop_after(self, failed: int) -> bool:
        self._has_stopped = failed + len(self.refused) >= self.max_failures
        return self._has_stopped

    def find_uncertain(self, label: str) -> WatchedRun:
        """Sending the same token again gives the run that was started, if one was."""
        return self._start(self._queue[label])

    def _start(self, planned: PlannedRun) -> WatchedRun:
        """The set's run. One of an earlier call that never ran is replaced, and a failed one is repaired."""
        attempt = 0
        while True:
            run_id = self._start_once(planned, attempt)
            run = self._read_started(run_id)
            if run is None or not self._is_to_be_replaced(run):
                self._started[run_id] = replace(self._started[run_id], run=run)
                return self._started[run_id]
            if run.outcome is not Outcome.NEVER_RAN and self._repair(run_id):
                return self._started[run_id]
            del self._started[run_id]
            attempt += 1

    def _read_started(self, run_id: int) -> Run | None:
        try:
            return self._reader.fetch(run_id)
        except DbjobsError as error:
            if self.repair_reader and error.transient:  # whether it needs a repair has to be known
                raise
            return None  # the watch reads it again, and handles the error

    def _is_to_be_replaced(self, run: Run) -> bool:
        """Whether a run of an earlier call leaves its set undone."""
        if not run.start_time or run.start_time > self.newest_before:
            return False
        has_failed = run.outcome is not None and not run.outcome.is_good
        return run.outcome is Outcome.NEVER_RAN or (has_failed and self.repair_reader is not None)

    def _repair(self, run_id: int) -> bool:
        """Run the failed tasks again, once. False if that cannot be done, so that another run is needed."""
        if self._repair_sender is None or self.api.version == "2.0":
            return False
        if refusal := self._repair_sender.send(run_id):
            logger.info("run %d cannot be repaired, so another is started: %s", run_id, refusal.message)
            return False
        logger.info("repairing run %d", run_id)
        return True

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
