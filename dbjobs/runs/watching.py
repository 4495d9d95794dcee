"""Watching runs to their end: a generator of snapshots, over an injected clock.

It fetches, yields, sleeps, and ends when every run has. It prints nothing, catches no signal and
knows no terminal. What an answer or an error says about one run is in `WatchedRun`; here is when
the runs are polled, and when the watch is over.

The transport retries single requests; this module continues through outages.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from dbjobs.api.models import Run
from dbjobs.common.clock import Clock
from dbjobs.common.deadline import time_limit
from dbjobs.errors import DbjobsError
from dbjobs.runs.outages import is_refusal, is_shared, pause_after
from dbjobs.runs.planning import HistoryReader, Planner, ServerClock
from dbjobs.runs.schedule import MIN_PAUSE, Schedule
from dbjobs.runs.snapshots import SAME_MOMENT, Ending, PendingStarts, Snapshot, WatchedRun

if TYPE_CHECKING:
    from dbjobs.runs.auto_repair import AutoRepair


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


def watch_runs(
    run_ids: Sequence[int],
    reader: Reader,
    clock: Clock,
    schedule: Schedule,
    pending_starts: PendingStarts | None = None,
    known: Mapping[int, WatchedRun] = MappingProxyType({}),
    wants_poll: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] | None = None,
    auto_repair: "AutoRepair | None" = None,
) -> Iterator[Snapshot]:
    """Yield a snapshot after each poll and at each tick, the last one with its `ending`.

    `pending_starts` are asked after each poll for runs that may start now.
    `known` says what was seen of these runs before. `wants_poll` is asked at each tick, and ends the pause.
    `sleep` may return early. `auto_repair` repairs runs that have failed.
    """
    runs = {run_id: known.get(run_id) or WatchedRun(run_id) for run_id in run_ids}
    watch = _Watch(runs, reader, clock, schedule, pending_starts, auto_repair)
    while True:
        before = dict(watch.runs)
        watch.poll()
        watch.repair_failed()
        while watch.start_next():
            yield replace(watch.snapshot(), next_poll=watch.elapsed)
        watch.confirm_failures()
        watch.repair_failed()
        watch.count_quiet_polls(before)
        if ending := watch.ending:
            watch.drop_planned_repairs()
        snapshot = watch.snapshot(ending)
        yield snapshot
        if snapshot.next_poll is None:
            return
        if watch.read_history():
            snapshot = watch.snapshot()
            yield snapshot
        next_poll = snapshot.next_poll or 0.0
        while not watch.is_past(next_poll) and not wants_poll():
            left = next_poll - watch.elapsed
            (sleep or clock.sleep)(min(left, schedule.tick))
            if left > schedule.tick:
                yield replace(snapshot, elapsed=watch.elapsed)


@dataclass
class _Watch:
    """What a watch knows between two polls. Times are seconds since it began."""

    runs: dict[int, WatchedRun]
    reader: Reader
    clock: Clock
    schedule: Schedule
    pending_starts: PendingStarts | None
    auto_repair: "AutoRepair | None" = None
    start_error: DbjobsError | None = None
    """what keeps the next run from being started"""
    last_contact: float = 0.0
    quiet_polls: int = -1
    """how many rounds of polls in a row brought nothing new"""
    took: float = 0.0
    """how long the latest round took"""

    def __post_init__(self) -> None:
        self.turns = list(self.runs)
        self.just_polled: set[int] = set()
        self.began = self.clock.monotonic()
        self.planner = Planner(self.reader, ServerClock(self.clock.now()))

    @property
    def elapsed(self) -> float:
        return self.clock.monotonic() - self.began

    def is_past(self, moment: float) -> bool:
        return self.elapsed > moment - SAME_MOMENT

    @property
    def _is_past_outage(self) -> bool:
        return self.is_past(self.last_contact + self.schedule.max_outage)

    @property
    def _patience(self) -> float:
        """Seconds until an answer has to be there: what the limits leave, with a last look beyond them."""
        max_outage = self.schedule.max_outage
        of_outage = min(self.last_contact + max_outage - self.elapsed, max_outage / OUTAGE_POLLS)
        return min(self.schedule.timeout - self.elapsed + LAST_LOOK, max(of_outage, LAST_LOOK))

    @property
    def _waiting(self) -> list[WatchedRun]:
        """The runs that may still change."""
        return [watched for watched in self.runs.values() if not watched.is_settled]

    @property
    def _outages(self) -> list[DbjobsError]:
        """What keeps runs that may still change from being seen, or others from being started."""
        errors = [watched.error for watched in self._waiting] + [self.start_error]
        return [error for error in errors if error and not is_refusal(error)]

    @property
    def _unstarted(self) -> int:
        return self.pending_starts.waiting if self.pending_starts else 0

    def poll(self) -> None:
        """Ask for the runs that may still change and that are due; at a limit of time, all of them are."""
        began = self.elapsed
        is_at_limit = self.is_past(self.schedule.timeout) or self._is_past_outage
        due = {each.run_id for each in self._waiting if is_at_limit or self.is_past(each.ask_again_at)}
        turns = [run_id for run_id in self.turns if run_id in due]
        self.just_polled.clear()
        shared_error = None
        try:
            with time_limit(self.clock, self._patience):
                if self.reader.prepare(turns):
                    self.last_contact = self.elapsed
        except DbjobsError as error:
            shared_error = error if is_shared(error) else None  # else each may still be answered
        shared_errors = 0
        for run_id in turns:
            is_past_outage = shared_errors and self._is_past_outage
            if is_past_outage or self.is_past(self.schedule.timeout + LAST_LOOK):
                break
            watched = self._poll_run(self.runs[run_id], shared_error)
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

    def _poll_run(self, before: WatchedRun, error_of_all: DbjobsError | None) -> WatchedRun:
        """Ask for one run, unless it would meet the error that a request for all of them has met."""
        try:
            if error_of_all:
                raise error_of_all
            watched = self._fetch(before)
        except DbjobsError as error:
            if is_refusal(error):
                self.last_contact = self.elapsed
            watched = before.after_error(error, self.elapsed)
        self.runs[before.run_id] = watched
        self.just_polled.add(before.run_id)
        if self.schedule.uses_history:
            self.planner.observe(watched, self.elapsed, is_new=before.run is None and before.is_known)
        return watched

    def _fetch(self, watched: WatchedRun) -> WatchedRun:
        asked_at = self.elapsed
        with time_limit(self.clock, self._patience):
            run = self.reader.fetch(watched.run_id)
        self.last_contact = max(self.last_contact, asked_at) if run.page_error else self.elapsed
        with time_limit(self.clock, min(self._patience, MOST_FOR_EXTRAS)):
            children = self.reader.fetch_children(run)
        return watched.after_answer(run, children, self.elapsed)

    def start_next(self) -> bool:
        """Start the next run, if there is one that may start now; False if there is none."""
        self.start_error = None
        if self.pending_starts is None or not self._unstarted or self._early_ending:
            return False
        failed = sum(watched.has_failed for watched in self.runs.values())
        try:
            with time_limit(self.clock, self._patience):
                newcomer = self.pending_starts.start_next(len(self._waiting), failed)
        except DbjobsError as error:
            is_outage = error.transient or (self.runs and error.answer and not is_refusal(error))
            if not is_outage:
                raise
            self.start_error = error
            return False
        if newcomer is None:
            return False
        self.last_contact = self.elapsed
        self.runs[newcomer.run_id] = newcomer
        self.just_polled.add(newcomer.run_id)
        self.turns.append(newcomer.run_id)
        return True

    def confirm_failures(self) -> None:
        """Before the watch ends, look again at what failed in an earlier round: it may have been repaired."""
        if self.ending is not Ending.ALL_ENDED:
            return
        for run_id, watched in self.runs.items():
            if watched.has_failed and run_id not in self.just_polled and not self._early_ending:
                with suppress(DbjobsError):  # what was seen counts
                    self.runs[run_id] = self._fetch(watched)

    def repair_failed(self) -> None:
        """Take the next steps towards repairs, while there is time."""
        if self.auto_repair and not self.is_past(self.schedule.timeout):
            with time_limit(self.clock, self._patience):
                self.auto_repair.advance(self.runs, self.elapsed)

    def drop_planned_repairs(self) -> None:
        """The watch is over, so they are not started any more."""
        for run_id, watched in self.runs.items():
            self.runs[run_id] = watched.without_planned_repair()

    def count_quiet_polls(self, before: Mapping[int, WatchedRun]) -> None:
        """Compare the runs with what was known of them before the round."""
        has_news = any(
            run_id not in before
            or (before[run_id] is not watched and before[run_id].fingerprint != watched.fingerprint)
            for run_id, watched in self.runs.items()
        )
        self.quiet_polls = 0 if has_news else self.quiet_polls + 1

    def read_history(self) -> bool:
        """Learn more of the jobs' histories, if there is more to learn; False if not."""
        if not self.schedule.uses_history:
            return False
        with time_limit(self.clock, min(self._patience, MOST_FOR_EXTRAS)):
            return self.planner.read_history(self._waiting, self.elapsed)

    @property
    def ending(self) -> Ending | None:
        """Why the watch is over, if it is."""
        if not self._unstarted and not self._waiting:
            return Ending.ALL_ENDED
        ending = self._early_ending
        if self._outages and self._is_past_outage:
            ending = ending or Ending.CONTACT_LOST
        if ending in (Ending.TIMEOUT, Ending.CONTACT_LOST) and not self._unstarted:
            all_told = all(watched.has_outcome for watched in self._waiting)
            return Ending.ALL_ENDED if all_told else ending
        return ending

    @property
    def _early_ending(self) -> Ending | None:
        """The ending of a watch that ends before its runs do, as it was asked to."""
        if self.schedule.fail_fast and any(watched.has_failed for watched in self.runs.values()):
            return Ending.FAILED_FAST
        return Ending.TIMEOUT if self.is_past(self.schedule.timeout) else None

    def snapshot(self, ending: Ending | None = None) -> Snapshot:
        return Snapshot(
            runs=tuple(self.runs.values()),
            elapsed=self.elapsed,
            last_contact=self.last_contact,
            next_poll=None if ending else self._next_poll(),
            ending=ending,
            unstarted=self._unstarted,
            start_error=self.start_error,
            sets=self.pending_starts.sets if self.pending_starts else None,
            forecasts=dict(self.planner.forecasts),
            server_began=self.planner.server.began,
            blockers=dict(self.planner.blockers),
        )

    def _next_poll(self) -> float:
        """After a pause that suits all; the limits of time and of an outage themselves are always polled."""
        schedule, outages, waiting, now = self.schedule, self._outages, self._waiting, self.elapsed
        # a workspace that is busy with a round of many runs gets as long a rest
        rests = [pause_after(error) for error in outages if is_shared(error)] if outages else [self.took]
        pause = self.planner.pause_after(waiting, now, schedule, self.quiet_polls)
        pause = min(pause, schedule.max_outage / OUTAGE_POLLS)
        soonest = now + max(MIN_PAUSE, pause, *rests)
        due = [watched.due_after(now, soonest) for watched in waiting]
        if self.start_error:
            due.append(max(soonest, now + pause_after(self.start_error)))
        moments = [min(due, default=soonest), schedule.timeout]
        if outages:
            moments.append(self.last_contact + schedule.max_outage)
        return min(moments)
