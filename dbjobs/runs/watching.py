"""Watching runs to their end: a generator of snapshots, over an injected clock.

It fetches, tells, sleeps, and ends when every run has. It prints nothing, catches no
signal and knows no terminal; what a moment looks like is for `dbjobs.output` to say,
and what an ending means for `exit_code_of`.

Retrying one request is the transport's business; living through an outage is done here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Protocol

from dbjobs.api.models import Run
from dbjobs.common.clock import Clock
from dbjobs.common.deadline import time_limit
from dbjobs.errors import DbjobsError, SignInError
from dbjobs.runs.outages import (
    REFUSAL_PAUSE,
    REFUSAL_SECONDS,
    REFUSALS_NEEDED,
    is_refusal,
    is_shared,
    pause_after,
)
from dbjobs.runs.planning import HistoryReader, Planner, ServerClock
from dbjobs.runs.schedule import MIN_PAUSE, Schedule
from dbjobs.runs.snapshots import UNSETTLED_POLLS, Ending, PendingStarts, Snapshot, WatchedRun, exit_code_of

__all__ = [
    "UNSETTLED_POLLS",
    "Ending",
    "PendingStarts",
    "Schedule",
    "Snapshot",
    "WatchedRun",
    "exit_code_of",
    "watch_runs",
]


class Reader(HistoryReader, Protocol):
    """Reads runs; a `RunReader`, but for tests."""

    def prepare(self, run_ids: Sequence[int]) -> bool:
        """Called before each round with the runs that it will fetch; raises a DbjobsError.

        True if the workspace has answered.
        """

    def fetch(self, run_id: int) -> Run:
        """The run with its tasks; raises a DbjobsError."""

    def fetch_children(self, run: Run) -> Mapping[str, Run]:
        """The runs that a run's run_job tasks started, by task_key; raises nothing."""


MOST_SHARED_ERRORS = 3
"""So many errors on end that another run would meet as well end a round of polls."""

LAST_LOOK = 3.0
"""Seconds for the poll at a limit of time: it is made when the time has passed."""

MOST_FOR_EXTRAS = 10.0
"""Seconds in which a job's history, or the runs that a run's tasks started, are read: they are extras."""

OUTAGE_POLLS = 3
"""How often a server is asked in `max_outage` at least, however rare the polls are otherwise."""

SAME_MOMENT = 0.001
"""Seconds: moments closer than this are the same, whatever rounding makes of them."""


def watch_runs(
    run_ids: Sequence[int],
    reader: Reader,
    clock: Clock,
    schedule: Schedule,
    pending_starts: PendingStarts | None = None,
    known: Mapping[int, WatchedRun] = MappingProxyType({}),
    wants_poll: Callable[[], bool] = lambda: False,
) -> Iterator[Snapshot]:
    """Yield a snapshot after each poll and at each tick, the last one with its `ending`.

    `pending_starts` are asked after each poll for runs that may start now.
    `known` says what was seen of these runs before. `wants_poll` is asked at each tick, and ends the pause.
    """
    runs = {run_id: known.get(run_id) or WatchedRun(run_id) for run_id in run_ids}
    watch = _Watch(runs, reader, clock, schedule, pending_starts)
    while True:
        before = watch.poll()
        while watch.start_next():
            yield watch.intermediate_snapshot(before)
            before = dict(watch.runs)
        watch.confirm_failures()
        snapshot = watch.snapshot(before)
        yield snapshot
        if snapshot.next_poll is None:
            return
        if watch.read_history():
            snapshot = watch.replan(snapshot)
            yield snapshot
        yield from watch.pause(snapshot, wants_poll)


class _Watch:
    """The memory of a watch between two polls."""

    def __init__(
        self,
        runs: dict[int, WatchedRun],
        reader: Reader,
        clock: Clock,
        schedule: Schedule,
        pending_starts: PendingStarts | None,
    ) -> None:
        self.runs = runs
        self.turns = list(runs)
        self.just_polled: set[int] = set()
        self.reader = reader
        self.clock = clock
        self.schedule = schedule
        self.pending_starts = pending_starts
        self.start_error: DbjobsError | None = None
        self.began = clock.monotonic()
        self.planner = Planner(reader, ServerClock(clock.now()))
        self.last_contact = 0.0
        self.quiet_polls = -1
        self.took = 0.0

    @property
    def elapsed(self) -> float:
        return self.clock.monotonic() - self.began

    @property
    def _patience(self) -> float:
        """Seconds until an answer has to be there: what the limits leave, with a last look beyond them."""
        max_outage = self.schedule.max_outage
        of_outage = min(self.last_contact + max_outage - self.elapsed, max_outage / OUTAGE_POLLS)
        return min(self.schedule.timeout - self.elapsed + LAST_LOOK, max(of_outage, LAST_LOOK))

    @property
    def unstarted(self) -> int:
        return self.pending_starts.waiting if self.pending_starts else 0

    def start_next(self) -> bool:
        """Start the next run, if there is one that may start now; False if there is none."""
        active = sum(not watched.is_settled for watched in self.runs.values())
        failed = sum(watched.has_failed for watched in self.runs.values())
        self.start_error = None
        if self.pending_starts is None or not self.unstarted or self._early_ending():
            return False
        try:
            with time_limit(self.clock, self._patience):
                newcomer = self.pending_starts.start_next(active, failed)
        except DbjobsError as error:
            is_outage = error.transient or (self.runs and error.answer and not is_refusal(error))
            if not is_outage:
                raise
            self.start_error = error
            return False
        if newcomer:
            self.last_contact = self.elapsed
            self.runs[newcomer.run_id] = newcomer
            self.just_polled.add(newcomer.run_id)
            self.turns.append(newcomer.run_id)
            self.quiet_polls = -1
        return newcomer is not None

    def poll(self) -> dict[int, WatchedRun]:
        """Ask for every run that may still change; returns what was known before."""
        before = dict(self.runs)
        began = self.elapsed
        self.just_polled.clear()
        waiting = [run_id for run_id in self.turns if self._is_due(self.runs[run_id])]
        shared_error = self._prepare(waiting)
        shared_errors = 0
        for run_id in waiting:
            is_past_outage = shared_errors and self._is_past(self.last_contact + self.schedule.max_outage)
            if is_past_outage or self._is_past(self.schedule.timeout + LAST_LOOK):
                break
            self.just_polled.add(run_id)
            watched = self.runs[run_id] = self._poll_run(self.runs[run_id], shared_error)
            if self.schedule.fail_fast and watched.has_failed:
                break
            if not is_shared(watched.error):
                shared_errors = 0
                continue
            self.turns.remove(run_id)  # if it alone is out of reach, the others still get their turn
            self.turns.append(run_id)
            shared_errors += 1
            is_answered = watched.error is not None and watched.error.answer is not None
            if shared_error or is_answered or shared_errors == MOST_SHARED_ERRORS:
                break
        self.took = self.elapsed - began
        if self.schedule.is_planned:
            for run_id in self.just_polled:
                is_new = before[run_id].run is None and before[run_id].is_known
                self.planner.observe(self.runs[run_id], self.elapsed, is_new=is_new)
        return before

    def read_history(self) -> bool:
        """Learn more of the jobs' histories, if there is more to learn; False if not."""
        if not self.schedule.is_planned:
            return False
        with time_limit(self.clock, min(self._patience, MOST_FOR_EXTRAS)):
            return self.planner.read_history(self._waiting(), self.elapsed)

    def replan(self, snapshot: Snapshot) -> Snapshot:
        """The same moment with what was learned since."""
        return replace(
            snapshot, elapsed=self.elapsed, next_poll=self._next_poll(), **self._what_is_expected()
        )

    def _what_is_expected(self) -> dict[str, Any]:
        planner = self.planner
        return {
            "forecasts": dict(planner.forecasts),
            "server_began": planner.server.began,
            "blockers": dict(planner.blockers),
        }

    def _is_due(self, watched: WatchedRun) -> bool:
        """True if it may still change and the server has not asked to leave it alone; limits ask for all."""
        is_at_limit = self._is_past(self.schedule.timeout) or self._is_past_outage
        return not watched.is_settled and (is_at_limit or self._is_past(watched.ask_again_at))

    def _prepare(self, run_ids: Sequence[int]) -> DbjobsError | None:
        """What the first run would meet as well; any other error is no reason not to ask for each."""
        try:
            with time_limit(self.clock, self._patience):
                if self.reader.prepare(run_ids):
                    self.last_contact = self.elapsed
        except DbjobsError as error:
            return error if is_shared(error) else None
        return None

    def _poll_run(self, watched: WatchedRun, shared_error: DbjobsError | None) -> WatchedRun:
        try:
            if shared_error:
                raise shared_error
            asked_at = self.elapsed
            with time_limit(self.clock, self._patience):
                run = self.reader.fetch(watched.run_id)
        except DbjobsError as error:
            return self._after_error(watched, error)
        self.last_contact = max(self.last_contact, asked_at) if run.page_error else self.elapsed
        return self._after_answer(watched, run)

    def _after_answer(self, watched: WatchedRun, run: Run) -> WatchedRun:
        with time_limit(self.clock, min(self._patience, MOST_FOR_EXTRAS)):
            children = self.reader.fetch_children(run)
        answered = replace(
            watched,
            run=run,
            children=children,
            error=None,
            ask_again_at=0.0,
            is_lost=False,
            is_known=True,
            refusals=0,
            polls_unsettled=watched.polls_unsettled if run.is_ended else 0,
        )
        return self._count_unsettled(answered) if run.is_ended else answered

    def _count_unsettled(self, watched: WatchedRun) -> WatchedRun:
        """One more look at a run that has ended."""
        since = watched.unsettled_since if watched.polls_unsettled else self.elapsed
        return replace(
            watched,
            polls_unsettled=watched.polls_unsettled + 1,
            unsettled_since=since,
            seconds_unsettled=self.elapsed - since,
        )

    def _after_error(self, watched: WatchedRun, error: DbjobsError) -> WatchedRun:
        """An end that was seen stays; a refusal counts when it lasts; anything else is an outage."""
        if watched.has_outcome and not watched.may_get_a_result:
            return self._count_unsettled(replace(watched, error=error))
        if not is_refusal(error):
            return replace(
                watched,
                error=error,
                is_lost=not (error.transient or watched.is_known),
                ask_again_at=self.elapsed + pause_after(error),
            )
        self.last_contact = self.elapsed
        refusals = watched.refusals + 1
        since = watched.refused_since if watched.refusals else self.elapsed
        is_lasting = refusals >= REFUSALS_NEEDED and self._is_past(since + REFUSAL_SECONDS)
        is_plain = isinstance(error, SignInError) and not watched.is_known
        return replace(
            watched,
            error=error,
            is_lost=is_lasting or is_plain,
            refusals=refusals,
            refused_since=since,
        )

    def confirm_failures(self) -> None:
        """Before the watch ends, look again at what failed in an earlier round: it may have been repaired."""
        if self._ending() is not Ending.ALL_ENDED:
            return
        for run_id, watched in self.runs.items():
            if watched.has_failed and run_id not in self.just_polled and not self._early_ending():
                with suppress(DbjobsError), time_limit(self.clock, self._patience):  # what was seen counts
                    self.runs[run_id] = self._after_answer(watched, self.reader.fetch(run_id))

    def intermediate_snapshot(self, before: Mapping[int, WatchedRun]) -> Snapshot:
        """A moment between two starts."""
        return replace(self.snapshot(before), next_poll=self.elapsed, ending=None)

    def snapshot(self, before: Mapping[int, WatchedRun]) -> Snapshot:
        """The moment after a poll, compared to what was known before it."""
        has_news = any(
            run_id not in before or before[run_id].fingerprint != watched.fingerprint
            for run_id, watched in self.runs.items()
        )
        self.quiet_polls = 0 if has_news else self.quiet_polls + 1
        ending = self._ending()
        return Snapshot(
            runs=tuple(self.runs.values()),
            elapsed=self.elapsed,
            last_contact=self.last_contact,
            next_poll=None if ending else self._next_poll(),
            ending=ending,
            unstarted=self.unstarted,
            start_error=self.start_error,
            **self._what_is_expected(),
        )

    def _ending(self) -> Ending | None:
        has_unstarted = self.unstarted > 0
        if not has_unstarted and all(watched.is_settled for watched in self.runs.values()):
            return Ending.ALL_ENDED
        ending = self._early_ending()
        if self._outages() and self._is_past_outage:
            ending = ending or Ending.CONTACT_LOST
        if ending in (Ending.TIMEOUT, Ending.CONTACT_LOST) and not has_unstarted:
            all_told = all(watched.is_settled or watched.has_outcome for watched in self.runs.values())
            return Ending.ALL_ENDED if all_told else ending
        return ending

    def _early_ending(self) -> Ending | None:
        """The ending of a watch that is over before its runs are, as it was told to be."""
        if self.schedule.fail_fast and any(watched.has_failed for watched in self.runs.values()):
            return Ending.FAILED_FAST
        return Ending.TIMEOUT if self._is_past(self.schedule.timeout) else None

    def _next_poll(self) -> float:
        """After a pause that suits all; the limits of time and of an outage themselves are always polled."""
        schedule, outages = self.schedule, self._outages()
        # a workspace that is busy with a round of many runs gets as long a rest
        rests = [pause_after(error) for error in outages if is_shared(error)] if outages else [self.took]
        pause = self.planner.pause_after(self._waiting(), self.elapsed, schedule, self.quiet_polls)
        pause = min(pause, schedule.max_outage / OUTAGE_POLLS)
        soonest = self.elapsed + max(MIN_PAUSE, pause, *rests)
        due = [max(soonest, watched.ask_again_at) for watched in self._waiting()]
        if self.start_error:
            due.append(max(soonest, self.elapsed + pause_after(self.start_error)))
        moments = [min(due, default=soonest), schedule.timeout]
        if outages:
            moments.append(self.last_contact + schedule.max_outage)
        for watched in self._waiting():
            if watched.refusals:
                moments.append(self.elapsed + REFUSAL_PAUSE)
                if watched.refused_since + REFUSAL_SECONDS > self.elapsed:
                    moments.append(watched.refused_since + REFUSAL_SECONDS)
        return min(moments)

    @property
    def _is_past_outage(self) -> bool:
        return self._is_past(self.last_contact + self.schedule.max_outage)

    def _waiting(self) -> list[WatchedRun]:
        """The runs that may still change."""
        return [watched for watched in self.runs.values() if not watched.is_settled]

    def _outages(self) -> list[DbjobsError]:
        """What keeps runs that may still change from being seen, or others from being started."""
        errors = [watched.error for watched in self._waiting()] + [self.start_error]
        return [error for error in errors if error and not is_refusal(error)]

    def pause(self, snapshot: Snapshot, wants_poll: Callable[[], bool]) -> Iterator[Snapshot]:
        """Sleep until the next poll, telling each tick on the way."""
        assert snapshot.next_poll is not None  # noqa: S101 - the caller has just looked
        while not self._is_past(snapshot.next_poll) and not wants_poll():
            left = snapshot.next_poll - self.elapsed
            self.clock.sleep(min(left, self.schedule.tick))
            if left > self.schedule.tick:
                yield replace(snapshot, elapsed=self.elapsed)

    def _is_past(self, moment: float) -> bool:
        return self.elapsed > moment - SAME_MOMENT
