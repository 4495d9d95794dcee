"""`--repair`: running the failed tasks of a run again, a few times at most, if the cause allows that.

A watch asks `AutoRepair` about its failed runs after each round of polls. The repairs of a run are counted
in its history, so a wait that was killed and is called again does not repair it more often.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from dbjobs.api.models import Run
from dbjobs.api.states import Outcome
from dbjobs.errors import DbjobsError, ExitCode, OutcomeUnknownError
from dbjobs.http.retry import NO_RETRIES
from dbjobs.runs.cause_signs import Category
from dbjobs.runs.causes import Cause, find_cause, group_causes
from dbjobs.runs.failures import FailureReader
from dbjobs.runs.outages import REFUSAL_PAUSE, REFUSAL_SECONDS, REFUSALS_NEEDED, is_refusal, pause_after
from dbjobs.runs.repairs import RepairReader, RepairSender, has_begun, repairs_of
from dbjobs.runs.snapshots import (
    SAME_MOMENT,
    NotRepaired,
    PlannedRepair,
    RepairStage,
    WatchedRun,
    fingerprint,
)

FIRST_PAUSE = 30.0
"""Seconds from the end of a run to its first repair: problems of the platform last for a while."""

PAUSE_GROWTH = 2.0
"""The pause before each repair is this many times as long as the one before."""

MAX_REPAIR_PAUSE = 600.0

SECONDS_IN_DOUBT = 30.0
"""After a request without a response: how long, at least, the run may not show yet that it is repaired."""

NEVER_REPAIRED = {
    Outcome.CANCELED: "it was canceled",
    Outcome.NEVER_RAN: "it never ran",
    Outcome.EXCLUDED: "it was left out",
}


def is_passing(cause: Cause) -> bool:
    """Whether the platform failed, so that the same code may well succeed the next time.

    Where it is only likely, a network counts, since it comes back; memory that ran out does not.
    """
    is_likely = cause.is_sure or cause.area == "network"
    return cause.category is Category.PLATFORM and is_likely and cause.code != "BREAKING_CHANGE"


def is_canceled(cause: Cause) -> bool:
    """Whether somebody ended it; a time limit that has passed does not count."""
    return cause.category is Category.CANCELED and cause.area != "its time limit"


@dataclass
class AutoRepair:
    """Decides which failed runs are repaired, and when, and starts the repairs."""

    reader: RepairReader
    """what the watch reads its runs with"""
    failures: FailureReader
    most: int
    """how often a run is repaired at most"""
    is_any: bool = False
    """whatever the cause, unless somebody has canceled a task; else only where the platform failed"""
    is_strict: bool = False
    """SUCCESS_WITH_FAILURES counts as a failure"""
    max_outage: float = 600.0
    """how long a step is tried, in seconds"""
    _uncounted: dict[int, int] = field(default_factory=dict)
    """by run_id, the repairs that were made before this call, or by its own command"""

    def __post_init__(self) -> None:
        self._sender = RepairSender(self.reader, NO_RETRIES)

    @property
    def in_doubt(self) -> set[int]:
        """The runs to which a request was sent that has no response, at any moment."""
        return set(self._sender.unanswered)

    def advance(self, runs: dict[int, WatchedRun], elapsed: float) -> None:
        """Take the next step towards each repair, where one is due. `elapsed`: seconds of the watch."""
        is_held_up = False
        for run_id, watched in list(runs.items()):
            if self._has_failed(watched) or watched.repair or watched.not_repaired:
                after = self._advance(watched, elapsed, may_ask=not is_held_up)
                # what one run has met, the others would probably meet as well
                is_held_up = is_held_up or bool(after.repair and after.repair.error and after is not watched)
                runs[run_id] = after

    def _advance(self, watched: WatchedRun, elapsed: float, *, may_ask: bool) -> WatchedRun:
        watched = self._after_poll(watched)
        repair = watched.repair
        is_pausing = repair and (repair.stage is RepairStage.STARTED or elapsed < repair.at - SAME_MOMENT)
        if watched.error or watched.not_repaired or is_pausing or not (repair or self._has_failed(watched)):
            return watched
        if not may_ask:
            return replace(watched, repair=repair or PlannedRepair(RepairStage.UNDECIDED, elapsed))
        try:
            if repair is None or repair.stage is RepairStage.UNDECIDED:
                return self._plan(watched, elapsed)
            return self._send(watched, repair, elapsed)
        except DbjobsError as error:
            return self._after_error(watched, error, elapsed)

    def _has_failed(self, watched: WatchedRun) -> bool:
        return watched.is_settled and watched.run is not None and self._is_failure(watched.run)

    def _is_failure(self, run: Run) -> bool:
        return run.outcome is not None and run.outcome.exit_code(strict=self.is_strict) != ExitCode.SUCCESS

    def _after_poll(self, watched: WatchedRun) -> WatchedRun:
        """The run without a repair that shows by now, or that is no longer needed."""
        run, repair = watched.run, watched.repair
        if run is None or watched.error:
            return watched
        if repair and repair.may_run:
            if not self._shows(run, repair):
                return watched
            started = watched if repair.stage is RepairStage.STARTED else _start(watched, repair)
            # it may be that the result of its new end is still to come
            return replace(started, repair=None, polls_unsettled=0)
        return watched if self._is_failure(run) else replace(watched, repair=None, not_repaired=None)

    def _shows(self, run: Run, repair: PlannedRepair) -> bool:
        """Whether the run shows the repair: the run may be as it was seen before."""
        if repair.stage is RepairStage.IN_DOUBT:
            return self._sender.shows(run)
        before = self.reader.before.get(run.run_id)
        return before is None or has_begun(before, run)

    def _plan(self, watched: WatchedRun, elapsed: float) -> WatchedRun:
        """Read how often the run was repaired and why it failed, and decide."""
        run = watched.run
        if run is None or run.outcome is None:
            return watched
        reason = "Jobs API 2.0 has no repairs" if self.reader.api.version == "2.0" else ""
        if reason := reason or NEVER_REPAIRED.get(run.outcome, ""):
            return replace(watched, repair=None, not_repaired=NotRepaired(reason))
        before = self.reader.before.get(run.run_id)
        fresh = Run(self.reader.api.get_run(run.run_id, NO_RETRIES, include_history=True))
        has_changed = fingerprint(fresh) != fingerprint(run)  # which the next poll shows
        if has_changed or (before and not has_begun(before, fresh)):
            return replace(watched, repair=PlannedRepair(RepairStage.UNDECIDED, elapsed + REFUSAL_PAUSE))
        number = max(self._count_repairs(fresh, before), len(watched.repairs)) + 1
        if number > self.most:
            times = "once" if self.most == 1 else f"{self.most} times"
            reason = f"it was repaired {times}, and more was not asked for"
            return replace(watched, repair=None, not_repaired=NotRepaired(reason))
        causes = self._read_causes(fresh)
        lasting = [one for one in causes if is_canceled(one) or not (self.is_any or is_passing(one))]
        if lasting:
            return replace(watched, repair=None, not_repaired=NotRepaired("", tuple(lasting)))
        pause = min(FIRST_PAUSE * PAUSE_GROWTH ** (number - 1), MAX_REPAIR_PAUSE)
        planned = PlannedRepair(RepairStage.PLANNED, elapsed + pause, number, self.most, causes)
        return replace(watched, repair=planned)

    def _count_repairs(self, run: Run, before: Run | None) -> int:
        """The repairs of a run that count; one that this call's command has made itself does not."""
        uncounted = len(repairs_of(before.payload)) + 1 if before else 0
        return len(repairs_of(run.payload)) - self._uncounted.setdefault(run.run_id, uncounted)

    def _read_causes(self, run: Run) -> tuple[Cause, ...]:
        """Why the run failed; an error if that cannot be read, and may be later."""
        from dbjobs.runs.explain import explain_alone

        self.failures.forget_outage()
        self.failures.is_quiet = True
        self.failures.errors.clear()
        causes = list(explain_alone(run, self.failures).causes)
        transient = next((error for error in self.failures.errors.values() if error.transient), None)
        if transient and not self.is_any:
            raise transient
        return (*causes, *group_causes(list(_find_canceled(run))))

    def _send(self, watched: WatchedRun, repair: PlannedRepair, elapsed: float) -> WatchedRun:
        """Start the repair; a request without a response is sent again only if the run shows no repair."""
        is_too_late = repair.tries > 0 and elapsed - repair.tried_since >= self.max_outage
        if repair.stage is RepairStage.IN_DOUBT and is_too_late:
            return self._give_up(watched, f"it shows no repair, and the request failed: {repair.error}")
        if refusal := self._sender.send(watched.run_id):
            return self._give_up(watched, f"the workspace refused that: {refusal.message}")
        return _start(watched, repair)

    def _give_up(self, watched: WatchedRun, reason: str) -> WatchedRun:
        self._sender.unanswered.pop(watched.run_id, None)
        return replace(watched, repair=None, not_repaired=NotRepaired(reason))

    def _after_error(self, watched: WatchedRun, error: DbjobsError, elapsed: float) -> WatchedRun:
        """Try the step again after a pause, for as long as any outage may last."""
        repair = watched.repair or PlannedRepair(RepairStage.UNDECIDED, elapsed)
        repair = replace(
            repair,
            error=error.message,
            tries=repair.tries + 1,
            tried_since=repair.tried_since if repair.tries else elapsed,
            at=elapsed + max(REFUSAL_PAUSE, pause_after(error)),
        )
        if watched.run_id in self._sender.unanswered:
            was_sent = isinstance(error, OutcomeUnknownError)
            at = elapsed + SECONDS_IN_DOUBT if was_sent else repair.at
            return replace(watched, repair=replace(repair, stage=RepairStage.IN_DOUBT, at=at))
        patience = REFUSAL_SECONDS if is_refusal(error) else self.max_outage
        if elapsed - repair.tried_since >= patience and repair.tries >= REFUSALS_NEEDED:
            return self._give_up(watched, error.message)
        return replace(watched, repair=repair)


def _start(watched: WatchedRun, repair: PlannedRepair) -> WatchedRun:
    started = replace(repair, stage=RepairStage.STARTED, error="")
    return replace(watched, repair=started, repairs=(*watched.repairs, started))


def _find_canceled(run: Run) -> Iterator[tuple[str, Cause]]:
    """The causes of tasks that were canceled in a run that was not canceled as a whole."""
    for task in run.tasks:
        if task.outcome is Outcome.CANCELED:
            yield task.task_key, find_cause(task)
