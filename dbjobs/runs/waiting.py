"""The wait: follows runs to their end or leaves them, and returns the exit code.

It prints nothing. An observer is told what happens, and shows it; the results of cancels are logged.
"""

import logging
import signal
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from dbjobs.common.clock import Clock
from dbjobs.common.deadline import time_limit
from dbjobs.common.signals import Interrupted, interruptible
from dbjobs.errors import DbjobsError
from dbjobs.runs.canceling import Cancels
from dbjobs.runs.reader import RunReader
from dbjobs.runs.schedule import Schedule
from dbjobs.runs.snapshots import (
    Ending,
    PendingStarts,
    PlannedRepair,
    RepairStage,
    Snapshot,
    WatchedRun,
    exit_code_of,
    format_runs,
)
from dbjobs.runs.watching import watch_runs

if TYPE_CHECKING:
    from dbjobs.runs.auto_repair import AutoRepair

logger = logging.getLogger(__name__)

SECONDS_FOR_CANCELED_RUNS = 120.0
"""How long a wait watches the runs that it has canceled: a cancel is asynchronous."""

SECONDS_TO_FIND_UNCERTAIN = 10.0
"""How long a wait that cancels asks for a run whose start was not answered."""

SECONDS_AFTER_LIMIT = 4.5
"""Seconds after a limit has passed in which outputs may still be read: the command has to end within five."""


class LeftByUser(Interrupted):
    """The user leaves the wait by a key, with the exit code of Ctrl-C."""

    def __init__(self, *, cancels: bool) -> None:
        super().__init__(signal.SIGINT)
        self.cancels = cancels
        """whether to cancel the runs"""


class WaitObserver(Protocol):
    """Shows what happens in a wait."""

    def wants_poll(self) -> bool:
        """Whether the user has asked for a poll since the last call; raises LeftByUser."""

    def sleep(self, seconds: float) -> None:
        """Pause for this long, or until the user presses a key."""

    def on_begin(self, run_ids: Sequence[int]) -> None:
        """The wait begins."""

    def watching(self, title: str) -> AbstractContextManager[None]:
        """A context that is entered while runs are watched; its snapshots come in between."""

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """The runs were polled, or a tick has passed."""

    def on_leave(self, reason: str, runs: Sequence[WatchedRun]) -> None:
        """The wait leaves these runs, which have not ended. `reason` is empty if a cancel of them failed."""

    def on_canceled(self, run_ids: Sequence[int]) -> None:
        """Cancels were sent, and those of these runs were accepted."""

    def on_contact_lost(self, snapshot: Snapshot) -> None:
        """The wait gives up: the workspace was out of reach for too long."""

    def on_end(self, snapshot: Snapshot) -> None:
        """The runs have ended, or the wait has left them at one of its limits."""

    def report(self, snapshot: Snapshot, exit_reason: str, *, may_ask: bool, is_final: bool) -> None:
        """Write the result and the reports; if it is not final, or a signal ends it, another call follows.

        `exit_reason`: why the wait ended before its runs did.
        `may_ask`: there is time to ask the workspace why tasks failed.
        """


@dataclass
class Wait:
    """A wait for `runs`, by run_id, and for those that `pending_starts` adds."""

    reader: RunReader
    clock: Clock
    observer: WaitObserver
    schedule: Schedule
    runs: dict[int, WatchedRun]
    """as last seen"""
    pending_starts: PendingStarts | None = None
    auto_repair: "AutoRepair | None" = None
    cancels_on_timeout: bool = False
    cancels_on_interrupt: bool = False
    is_strict: bool = False
    """SUCCESS_WITH_FAILURES counts as a failure"""
    has_ended: bool = False
    """True once its result is being reported: later signals do not change that"""
    _last: Snapshot = field(default_factory=lambda: Snapshot((), 0.0, 0.0))
    _exit_reason: str = ""
    _may_ask: bool = True

    def run(self, interrupt: Interrupted | None = None) -> int:
        """Wait, and return the exit code. `interrupt` came before the wait began, so it is left at once."""
        self._began = self.clock.monotonic()
        with interruptible():
            try:
                try:
                    if interrupt:
                        raise interrupt
                    code = self._follow()
                except LeftByUser as choice:
                    self._leave("interrupted" if choice.cancels else "detached", cancels=choice.cancels)
                    code = choice.exit_code
                except Interrupted as first:
                    self._may_ask = False  # whoever interrupts may kill soon
                    self._leave("interrupted", cancels=self.cancels_on_interrupt)
                    code = first.exit_code
                self._report()
            except Interrupted as second:
                self._may_ask = False
                code = second.exit_code
                self._report()
            except DbjobsError:
                self._leave("no other run can be started", cancels=False)
                self._report()
                raise
        return code

    def _follow(self) -> int:
        run_ids = list(self.runs)
        self.observer.on_begin(run_ids)
        title = f"waiting for {format_runs(run_ids)}"
        last = self._watch(run_ids, self.schedule, title, self.pending_starts)
        if last.ending is Ending.TIMEOUT:
            self._leave("the time limit has passed", cancels=self.cancels_on_timeout)
        elif last.ending is Ending.FAILED_FAST:
            self._leave("a run has failed", cancels=False)
        elif last.ending is Ending.CONTACT_LOST:
            self._may_ask = False
            self._add_started()
            self.observer.on_contact_lost(self.snapshot)
        with time_limit(self.clock, self._seconds_for_outputs):
            self.observer.on_end(self.snapshot)
        return exit_code_of(last, strict=self.is_strict)

    def _watch(
        self,
        run_ids: Sequence[int],
        schedule: Schedule,
        title: str = "",
        pending_starts: PendingStarts | None = None,
    ) -> Snapshot:
        """Show every snapshot, and return the last one."""
        snapshots = watch_runs(
            run_ids,
            self.reader,
            self.clock,
            schedule,
            pending_starts=pending_starts,
            known=self.runs,
            wants_poll=self.observer.wants_poll,
            sleep=self.observer.sleep,
            auto_repair=None if self._exit_reason else self.auto_repair,
        )
        with self.observer.watching(title):
            for snapshot in snapshots:
                self._last = snapshot
                self.runs |= {watched.run_id: watched for watched in snapshot.runs}
                with time_limit(self.clock, self._seconds_for_outputs):
                    self.observer.on_snapshot(snapshot)
        return self._last

    @property
    def snapshot(self) -> Snapshot:
        """The last snapshot, with all runs: after a cancel only some are watched."""
        return replace(self._last, runs=tuple(self.runs.values()))

    def _leave(self, reason: str, *, cancels: bool) -> None:
        """End the wait for the runs that have not ended, and cancel them if it `cancels`."""
        self._add_started()
        if self.pending_starts and cancels:
            self._find_uncertain(self.pending_starts)
        self._settle_repairs()
        active = [watched for watched in self.runs.values() if not watched.is_settled]
        if not active:
            return
        run_ids = [watched.run_id for watched in active]
        self._exit_reason = f"{reason}: {format_runs(run_ids)} had not ended"
        if not cancels:
            self.observer.on_leave(reason, active)
            return
        logger.info("%s: canceling %s; another signal exits at once", reason, format_runs(run_ids))
        sent = Cancels(self.reader.api, self.clock, run_ids)
        try:
            sent.send()
        finally:
            self.observer.on_canceled(sent.canceled)
        if sent.not_canceled:
            self.observer.on_leave("", [self.runs[run_id] for run_id in sent.not_canceled])
        if sent.canceled:
            self._report(is_final=False)  # whoever interrupts may kill before the runs have ended
            self._await_cancels(sent.canceled)

    def _add_started(self) -> None:
        """Runs that were started, and did not join the watch: a signal came first, or they cannot be read."""
        started = self.pending_starts.started if self.pending_starts else ()
        self.runs = {watched.run_id: watched for watched in started} | self.runs

    def _settle_repairs(self) -> None:
        """No planned one is started any more; one may have been started since the last snapshot."""
        for run_id, watched in self.runs.items():
            left = watched.without_planned_repair()
            if self.auto_repair and run_id in self.auto_repair.in_doubt:
                left = replace(watched, repair=PlannedRepair(RepairStage.IN_DOUBT, 0.0))
                logger.warning("run %d may have been repaired: the request has no response", run_id)
            elif left is not watched:
                logger.info("run %d has ended, and is not repaired any more", run_id)
            self.runs[run_id] = left

    def _find_uncertain(self, pending_starts: PendingStarts) -> None:
        """Runs that may have been started have to be known before they can be canceled."""
        for label in list(pending_starts.uncertain):
            logger.info("asking for the run of %s to cancel it: it may have been started", label)
            try:
                with time_limit(self.clock, SECONDS_TO_FIND_UNCERTAIN):
                    found = pending_starts.find_uncertain(label)
                self.runs[found.run_id] = found
            except DbjobsError as error:
                logger.warning("%s may have been started, so it may continue: %s", label, error.message)

    def _await_cancels(self, run_ids: Sequence[int]) -> None:
        schedule = replace(
            self.schedule,
            interval=1.0,
            is_planned=False,
            reads_history=False,
            timeout=SECONDS_FOR_CANCELED_RUNS,
            fail_fast=False,
        )
        self._watch(run_ids, schedule)
        if active := [run_id for run_id in run_ids if not self.runs[run_id].is_settled]:
            logger.warning("%s was canceled, but its end was not seen", format_runs(active))

    def _report(self, *, is_final: bool = True) -> None:
        self.has_ended = is_final
        with time_limit(self.clock, self._seconds_for_outputs):
            self.observer.report(self.snapshot, self._exit_reason, may_ask=self._may_ask, is_final=is_final)

    @property
    def _seconds_for_outputs(self) -> float:
        """What the limits leave for outputs and reports: these are extras."""
        limit, max_outage = self.schedule.timeout, self.schedule.max_outage
        if self._last.ending is Ending.CONTACT_LOST:
            limit = min(limit, self._last.last_contact + max_outage)
        elapsed = self.clock.monotonic() - self._began
        return max(0.0, min(limit + SECONDS_AFTER_LIMIT - elapsed, max_outage))
