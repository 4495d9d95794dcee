"""What a watch knows of its runs at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from dbjobs.api.models import Run, TaskRun
from dbjobs.api.states import SEVERITY, Outcome
from dbjobs.errors import DbjobsError, ExitCode, SignInError
from dbjobs.runs.outages import REFUSAL_PAUSE, REFUSAL_SECONDS, REFUSALS_NEEDED, is_refusal, pause_after

if TYPE_CHECKING:
    from dbjobs.runs.cause_groups import CauseGroup
    from dbjobs.runs.causes import Cause
    from dbjobs.runs.forecasts import Forecast

UNSETTLED_POLLS = 3
"""How often a run that has ended without a result, or without all its tasks, is read again: they may come."""

UNSETTLED_SECONDS = 10.0
"""How long it is read again at least, however soon one poll follows the other."""

SAME_MOMENT = 0.001
"""Seconds: moments closer than this are the same, whatever rounding makes of them."""


class Ending(Enum):
    """Why a watch is over."""

    ALL_ENDED = "all ended"
    TIMEOUT = "timeout"
    CONTACT_LOST = "contact lost"
    FAILED_FAST = "failed fast"


class RepairStage(Enum):
    """How far an automatic repair has come."""

    UNDECIDED = "undecided"
    """why the run failed could not be read yet"""
    PLANNED = "planned"
    IN_DOUBT = "in_doubt"
    """its request was sent, and no response says whether it took effect"""
    STARTED = "started"


@dataclass(frozen=True)
class PlannedRepair:
    """An automatic repair of a run that has failed."""

    stage: RepairStage
    at: float
    """when the next step is due, in seconds since the watch began"""
    number: int = 0
    """1 is the first"""
    most: int = 0
    causes: "tuple[Cause, ...]" = ()
    """why the run failed"""
    error: str = ""
    """what kept the latest step from being done"""
    tries: int = 0
    """how often that step has failed"""
    tried_since: float = 0.0

    @property
    def may_run(self) -> bool:
        """True if the end that was seen before it may not be the end any more."""
        return self.stage in (RepairStage.IN_DOUBT, RepairStage.STARTED)


@dataclass(frozen=True)
class NotRepaired:
    """Why a run that has failed is not repaired, though repairs were asked for."""

    reason: str
    causes: "tuple[Cause, ...]" = ()
    """those that another run of the tasks does not remove"""


@dataclass(frozen=True)
class WatchedRun:
    """What is known of one run at one moment. Times are seconds since the watch began."""

    run_id: int
    run: Run | None = None
    """as last seen; None until the first good answer"""
    children: Mapping[str, Run] = field(default_factory=dict)
    """by task_key, the runs that its run_job tasks started"""
    error: DbjobsError | None = None
    """what the last poll met instead of an answer"""
    is_lost: bool = False
    """True if `error` will not pass: the run is watched no more"""
    is_known: bool = False
    """True if there is such a run for certain: it was started by this call, or seen"""
    ask_again_at: float = 0.0
    """the server wants not to be asked for it before"""
    refusals: int = 0
    """how often since its last good answer the API itself refused to show it"""
    refused_since: float = 0.0
    polls_unsettled: int = 0
    unsettled_since: float = 0.0
    """when its end was first seen"""
    seconds_unsettled: float = 0.0
    """from then to the latest poll"""
    label: str = ""
    """what tells it from other runs of its job"""
    causes: Mapping[int, str] = field(default_factory=dict)
    """by the run_id of a failed task, why it failed; a watch leaves this to those who show it"""

    repair: PlannedRepair | None = None
    """the automatic repair that is to come, or that has started and does not show yet"""
    repairs: tuple[PlannedRepair, ...] = ()
    """the automatic repairs that this wait has started"""
    not_repaired: NotRepaired | None = None

    def without_planned_repair(self) -> "WatchedRun":
        """The run as it ended, if the wait is over before the repair that was planned."""
        if self.repair is None or self.repair.may_run:
            return self
        return replace(self, repair=None, not_repaired=NotRepaired("the wait ended before"))

    def after_answer(self, run: Run, children: Mapping[str, Run], now: float) -> "WatchedRun":
        """What is known once a poll was answered."""
        answered = replace(
            self,
            run=run,
            children=children,
            error=None,
            ask_again_at=0.0,
            is_lost=False,
            is_known=True,
            refusals=0,
            polls_unsettled=self.polls_unsettled if run.is_ended else 0,
        )
        return answered._after_end(now) if run.is_ended else answered

    def after_error(self, error: DbjobsError, now: float) -> "WatchedRun":
        """An end that was seen stays; a refusal counts if it persists; anything else is an outage."""
        if self.has_outcome and not self.may_get_a_result:
            return replace(self, error=error)._after_end(now)
        if not is_refusal(error):
            is_lost = not (error.transient or self.is_known)
            return replace(self, error=error, is_lost=is_lost, ask_again_at=now + pause_after(error))
        refusals = self.refusals + 1
        since = self.refused_since if self.refusals else now
        is_lasting = refusals >= REFUSALS_NEEDED and now > since + REFUSAL_SECONDS - SAME_MOMENT
        is_plain = isinstance(error, SignInError) and not self.is_known
        return replace(
            self, error=error, is_lost=is_lasting or is_plain, refusals=refusals, refused_since=since
        )

    def _after_end(self, now: float) -> "WatchedRun":
        """One more look at a run that has ended."""
        since = self.unsettled_since if self.polls_unsettled else now
        polls = self.polls_unsettled + 1
        return replace(self, polls_unsettled=polls, unsettled_since=since, seconds_unsettled=now - since)

    def due_after(self, now: float, soonest: float) -> float:
        """When to poll it next; others are polled at `soonest`."""
        due = [max(soonest, self.ask_again_at)]
        if self.repair and self.repair.at > now:
            due.append(self.repair.at)
        if self.refusals:
            due.append(now + REFUSAL_PAUSE)
            if self.refused_since + REFUSAL_SECONDS > now:
                due.append(self.refused_since + REFUSAL_SECONDS)
        return min(due)

    def cause_of(self, task: TaskRun) -> str | None:
        """Why a task failed, if that was read."""
        return self.causes.get(task.run_id or 0)

    @cached_property
    def is_settled(self) -> bool:
        """True if there is nothing more to wait for."""
        if self.is_lost:
            return True
        if self.run is None or not self.run.is_ended or self.repair:
            return False
        is_read_enough = (
            self.polls_unsettled >= UNSETTLED_POLLS and self.seconds_unsettled >= UNSETTLED_SECONDS
        )
        return is_read_enough or not (self.may_get_a_result or self.run.page_error)

    @property
    def has_outcome(self) -> bool:
        """True if its end was seen, and says what became of it, whatever came afterwards."""
        if self.run is None or self.run.outcome is None or (self.repair and self.repair.may_run):
            return False
        return self.run.result_state is not None or self.run.outcome is not Outcome.UNKNOWN_RESULT

    @property
    def may_get_a_result(self) -> bool:
        """True if it has ended without a word on how: neither a result nor the code of a reason."""
        run = self.run
        if run is None or run.result_state is not None:
            return False
        is_bare_error = run.outcome is Outcome.INTERNAL_ERROR and run.termination_code is None
        return is_bare_error or run.outcome is Outcome.UNKNOWN_RESULT

    @cached_property
    def has_failed(self) -> bool:
        """True if it is settled, and not well."""
        outcome = self.run.outcome if self.run else None
        return self.is_settled and not (outcome and outcome.is_good)

    @property
    def fingerprint(self) -> object:
        """Equal for two moments if nothing has changed in between, times aside."""
        attempts = [(task.run_id, fingerprint(task)) for task in self.run.attempts] if self.run else []
        children = [(child.run_id, fingerprint(child)) for child in self.children.values()]
        error = self.error and self.error.message
        repair = self.repair and (self.repair.stage, self.repair.number)
        return (self.run and fingerprint(self.run), attempts, children, error, self.is_lost, repair)


def fingerprint(run: Run | TaskRun) -> tuple[str | None, ...]:
    """What is news if it changes: the state of a run or a task, and the server's message."""
    return (run.life_cycle_state, run.result_state, run.termination_code, run.message)


@dataclass(frozen=True)
class PlannedSets:
    """The parameter sets of a backfill at one moment: those that have a run are among the watched runs."""

    labels: Sequence[str]
    """of all sets, in the order of their starts"""
    max_parallel: int
    """this many runs at once at most"""
    refused: Mapping[str, str] = field(default_factory=dict)
    """by label, why no run of the set was started"""
    uncertain: Sequence[str] = ()
    """the labels of sets that may have been started, or not"""


@dataclass(frozen=True)
class Snapshot:
    """What is known of all watched runs at one moment. Times are seconds since the watch began."""

    runs: tuple[WatchedRun, ...]
    """in the order asked"""
    elapsed: float
    last_contact: float
    """when the last good answer came"""
    next_poll: float | None = None
    """when the next poll comes; None in the last snapshot"""
    ending: Ending | None = None
    """set in the last snapshot only"""
    unstarted: int = 0
    """how many runs are still to be started"""
    start_error: DbjobsError | None = None
    """what keeps the next one from being started"""
    sets: PlannedSets | None = None
    """of a backfill"""
    failure_groups: "Sequence[CauseGroup]" = ()
    """the failures of a backfill by cause; a watch leaves this to those who show it"""

    forecasts: "Mapping[int, Forecast]" = field(default_factory=dict)
    """by run_id, where the history of its job is known"""
    server_began: float = 0.0
    """the server's time when the watch began, in epoch seconds"""
    blockers: Mapping[int, Run] = field(default_factory=dict)
    """by run_id of a run that is late in the queue, the run that it may be waiting for"""

    @property
    def server_time(self) -> float:
        """In epoch seconds."""
        return self.server_began + self.elapsed

    @property
    def error(self) -> DbjobsError | None:
        """The cause, while contact is lost."""
        errors = (watched.error for watched in self.runs if watched.error and not watched.is_settled)
        return next(errors, self.start_error)

    @property
    def is_of_one(self) -> bool:
        """True if there is one run, and no other will join it."""
        return len(self.runs) == 1 and not self.unstarted and (not self.sets or len(self.sets.labels) == 1)


class PendingStarts(Protocol):
    """Runs that join a watch while it is running."""

    @property
    def waiting(self) -> int:
        """How many are still to come."""

    @property
    def started(self) -> Sequence[WatchedRun]:
        """Those that were started, as far as that is known."""

    @property
    def uncertain(self) -> Sequence[str]:
        """The labels of those that may have been started, or not."""

    @property
    def not_started(self) -> Mapping[str, str]:
        """Those that have no run yet, by label, each with the reason."""

    @property
    def sets(self) -> PlannedSets:
        """The parameter sets of all, at this moment."""

    def start_next(self, active: int, failed: int) -> WatchedRun | None:
        """Start the next one, unless `active` runs are all there may be, or so many have `failed` that no
        other is to be started; a DbjobsError says what went wrong.
        """

    def find_uncertain(self, label: str) -> WatchedRun:
        """The run of an uncertain one, which is started if it was not; a DbjobsError if it cannot be had."""


def format_runs(run_ids: Sequence[int]) -> str:
    """`run 1`, or `runs 1, 2`; `runs` if there are none yet."""
    return f"run{'s'[: len(run_ids) != 1]} {', '.join(map(str, run_ids))}".rstrip()


def exit_code_of(snapshot: Snapshot, *, strict: bool = False) -> ExitCode:
    """What the last snapshot of a watch says to a script: how it ended, else the most severe outcome."""
    if snapshot.ending is Ending.TIMEOUT:
        return ExitCode.TIMEOUT
    if snapshot.ending is Ending.CONTACT_LOST:
        return ExitCode.UNREACHABLE
    outcomes = [
        watched.run.outcome
        for watched in snapshot.runs
        if watched.run and watched.run.outcome and (watched.is_settled or watched.has_outcome)
    ]
    worst = min(outcomes, key=SEVERITY.__getitem__, default=Outcome.SUCCESS)
    lost = next((watched.error for watched in snapshot.runs if watched.is_lost and watched.error), None)
    if lost and worst.is_good:
        return lost.exit_code
    return worst.exit_code(strict=strict)
