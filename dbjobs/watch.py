"""Watching runs to their end: a generator of snapshots, over an injected clock.

It fetches, tells, sleeps, and ends when every run has. It prints nothing, catches no
signal and knows no terminal; what a moment looks like is for `dbjobs.render` to say,
and what an ending means for `exit_code_of`.

Retrying one request is the transport's business; living through an outage is done here.
"""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dbjobs.clock import Clock
from dbjobs.errors import DbjobsError, UnreachableError
from dbjobs.exit_codes import ExitCode
from dbjobs.models import Payload, Run
from dbjobs.snapshots import UNSETTLED_POLLS, Ending, Snapshot, WatchedRun
from dbjobs.states import GRAVITY, Outcome

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

Fetch = Callable[[int], Payload]
"""Reads a run by its run_id, with all its tasks; raises a DbjobsError."""

Prepare = Callable[[Sequence[int]], None]
"""Hears before a round which runs it will fetch, and may look at many at once; raises a DbjobsError."""

FetchChildren = Callable[[Run], Mapping[str, Run]]
"""Reads the runs that a run's run_job tasks started, by task_key; raises nothing."""

INVISIBLE_STATUSES = (400, 403, 404)
"""What the service may answer for a run that it has just started."""

SHORTEST_PAUSE = 0.1
"""Seconds between two polls at least, whatever the schedule says."""

SERVER_ERROR_PAUSE = 30.0
"""Seconds between tries after a 5xx, as the API's documentation asks."""

SAME_MOMENT = 0.001
"""Seconds: moments closer than this are the same, whatever rounding makes of them."""


@dataclass(frozen=True)
class Schedule:
    """When to poll, and when to give up. All in seconds."""

    interval: float = 5.0
    """the pause after the first poll, and after each change"""
    maximum: float = 60.0
    growth: float = 1.5
    """each quiet poll makes the next pause this much longer, up to `maximum`"""
    jitter: float = 0.1
    """pauses vary by this share, so that many waits do not poll in step"""
    timeout: float = math.inf
    max_outage: float = 600.0
    """how long to go without one good answer"""
    grace: float = 0.0
    """how long a new run may be invisible: the service is eventually consistent"""
    fail_fast: bool = False
    """leave at the first run that fails, or is gone"""
    tick: float = math.inf
    """pauses are told in slices of this length, for views that show time passing"""

    def pause_after(self, quiet_polls: int) -> float:
        """The pause when the last `quiet_polls` polls brought nothing new."""
        longest = max(self.interval, self.maximum)
        pause = min(longest, self.interval * self.growth ** min(quiet_polls, 64))
        return max(SHORTEST_PAUSE, pause) * (1 + random.uniform(-self.jitter, self.jitter))  # noqa: S311 - spreads load, guards nothing


class PendingStarts(Protocol):
    """Runs that join a watch while it goes on."""

    @property
    def waiting(self) -> int:
        """How many are still to come."""

    def start_next(self, active: int) -> WatchedRun | None:
        """Start the next one, unless `active` runs are all there may be; a DbjobsError says what hinders."""


def watch_runs(
    run_ids: Sequence[int],
    fetch: Fetch,
    clock: Clock,
    schedule: Schedule,
    fetch_children: FetchChildren = lambda run: {},
    pending_starts: PendingStarts | None = None,
    prepare: Prepare = lambda run_ids: None,
) -> Iterator[Snapshot]:
    """Yield a snapshot after each poll and at each tick, the last one with its `ending`.

    `pending_starts` are asked after each poll for runs to start: there may be room for them now.
    """
    watch = _Watch(run_ids, fetch, fetch_children, clock, schedule, pending_starts, prepare)
    while True:
        before = watch.poll()
        while watch.start_next():
            yield watch.intermediate_snapshot(before)
            before = dict(watch.runs)
        snapshot = watch.snapshot(before)
        yield snapshot
        if snapshot.next_poll is None:
            return
        yield from watch.pause(snapshot)


def exit_code_of(snapshot: Snapshot, *, strict: bool = False) -> ExitCode:
    """What the last snapshot of a watch says to a script: how it ended, else the gravest outcome."""
    if snapshot.ending is Ending.TIMEOUT:
        return ExitCode.TIMEOUT
    if snapshot.ending is Ending.CONTACT_LOST:
        return ExitCode.UNREACHABLE
    outcomes = [watched.run.outcome for watched in snapshot.runs if watched.run and watched.run.outcome]
    gravest = min(outcomes, key=GRAVITY.__getitem__, default=Outcome.SUCCESS)
    lost = next((watched.error for watched in snapshot.runs if watched.is_lost and watched.error), None)
    if lost and gravest.is_good:
        return lost.exit_code
    return gravest.exit_code(strict=strict)


class _Watch:
    """The memory of a watch between two polls."""

    def __init__(
        self,
        run_ids: Sequence[int],
        fetch: Fetch,
        fetch_children: FetchChildren,
        clock: Clock,
        schedule: Schedule,
        pending_starts: PendingStarts | None,
        prepare: Prepare,
    ) -> None:
        self.runs = {run_id: WatchedRun(run_id) for run_id in run_ids}
        self.turns = list(self.runs)
        self.fetch = fetch
        self.fetch_children = fetch_children
        self.clock = clock
        self.schedule = schedule
        self.pending_starts = pending_starts
        self.prepare = prepare
        self.start_error: DbjobsError | None = None
        self.began = clock.monotonic()
        self.last_contact = 0.0
        self.quiet_polls = -1
        self.took = 0.0

    @property
    def elapsed(self) -> float:
        return self.clock.monotonic() - self.began

    @property
    def unstarted(self) -> int:
        return self.pending_starts.waiting if self.pending_starts else 0

    def start_next(self) -> bool:
        """Let the next run in, if one is to come and may; False if not now."""
        active = sum(not watched.is_settled for watched in self.runs.values())
        self.start_error = None
        if self.pending_starts is None or not self.unstarted or self._early_ending():
            return False
        try:
            newcomer = self.pending_starts.start_next(active)
        except DbjobsError as error:
            if not error.passing:
                raise
            self.start_error = error
            return False
        if newcomer:
            self.last_contact = self.elapsed
            self.runs[newcomer.run_id] = replace(newcomer, since=self.elapsed)
            self.turns.append(newcomer.run_id)
            self.quiet_polls = -1
        return newcomer is not None

    def poll(self) -> dict[int, WatchedRun]:
        """Ask for every run that may still change; returns what was known before."""
        before = dict(self.runs)
        began = self.elapsed
        waiting = [run_id for run_id in self.turns if not self.runs[run_id].is_settled]
        shared_error = self._prepare(waiting)
        for run_id in waiting:
            self.runs[run_id] = self._poll_run(self.runs[run_id], shared_error)
            if _concerns_all(self.runs[run_id].error):
                self._ask_last(run_id)
                break
        self.took = self.elapsed - began
        return before

    def _prepare(self, run_ids: Sequence[int]) -> DbjobsError | None:
        """What the first run would meet as well; any other error is no reason not to ask for each."""
        try:
            self.prepare(run_ids)
        except DbjobsError as error:
            return error if _concerns_all(error) else None
        return None

    def _ask_last(self, run_id: int) -> None:
        """Should one run alone be out of reach, the others still get their turn."""
        self.turns.remove(run_id)
        self.turns.append(run_id)

    def _poll_run(self, watched: WatchedRun, shared_error: DbjobsError | None) -> WatchedRun:
        try:
            if shared_error:
                raise shared_error
            run = Run(self.fetch(watched.run_id))
        except DbjobsError as error:
            return replace(watched, error=error, is_lost=not self._may_pass(error, watched))
        self.last_contact = self.elapsed
        unsettled = watched.polls_unsettled + 1 if run.is_ended else 0
        children = self.fetch_children(run)
        return replace(watched, run=run, children=children, error=None, polls_unsettled=unsettled)

    def _may_pass(self, error: DbjobsError, watched: WatchedRun) -> bool:
        is_young = self.elapsed - watched.since < self.schedule.grace
        status = error.answer.status if error.answer else None
        return error.passing or (is_young and status in INVISIBLE_STATUSES)

    def intermediate_snapshot(self, before: Mapping[int, WatchedRun]) -> Snapshot:
        """A moment between two starts."""
        return replace(self.snapshot(before), next_poll=self.elapsed, ending=None)

    def snapshot(self, before: Mapping[int, WatchedRun]) -> Snapshot:
        """The moment after a poll, compared to what was known before it."""
        changed = [run_id for run_id, now in self.runs.items() if _is_news(before.get(run_id), now)]
        self.quiet_polls = 0 if changed else self.quiet_polls + 1
        ending = self._ending()
        return Snapshot(
            runs=tuple(self.runs.values()),
            elapsed=self.elapsed,
            last_contact=self.last_contact,
            next_poll=None if ending else self._next_poll(),
            changed=frozenset(changed),
            ending=ending,
            unstarted=self.unstarted,
            start_error=self.start_error,
        )

    def _ending(self) -> Ending | None:
        if not self.unstarted and all(watched.is_settled for watched in self.runs.values()):
            return Ending.ALL_ENDED
        if ending := self._early_ending():
            return ending
        if self._errors() and self._is_past(self.last_contact + self.schedule.max_outage):
            return Ending.CONTACT_LOST
        return None

    def _early_ending(self) -> Ending | None:
        """The ending of a watch that is over before its runs are, as it was told to be."""
        if self.schedule.fail_fast and any(watched.has_failed for watched in self.runs.values()):
            return Ending.FAILED_FAST
        return Ending.TIMEOUT if self._is_past(self.schedule.timeout) else None

    def _next_poll(self) -> float:
        """After a pause that suits all; the limits of time and of an outage themselves are always polled."""
        errors = self._errors()
        # a workspace that is busy with a round of many runs gets as long a rest
        rests = map(_patience, errors) if errors else [self.took]
        pause = max(self.schedule.pause_after(self.quiet_polls), *rests)
        limit = self.schedule.timeout
        if errors:
            limit = min(limit, self.last_contact + self.schedule.max_outage)
        return min(self.elapsed + pause, limit)

    def _errors(self) -> list[DbjobsError]:
        """What keeps runs that may still change from being seen."""
        waiting = [watched for watched in self.runs.values() if not watched.is_settled]
        errors = [watched.error for watched in waiting if watched.error]
        return [*errors, *([self.start_error] if self.start_error else [])]

    def pause(self, snapshot: Snapshot) -> Iterator[Snapshot]:
        """Sleep until the next poll, telling each tick on the way."""
        assert snapshot.next_poll is not None  # noqa: S101 - the caller has just looked
        while not self._is_past(snapshot.next_poll):
            left = snapshot.next_poll - self.elapsed
            self.clock.sleep(min(left, self.schedule.tick))
            if left > self.schedule.tick:
                yield replace(snapshot, elapsed=self.elapsed, changed=frozenset())

    def _is_past(self, moment: float) -> bool:
        return self.elapsed > moment - SAME_MOMENT


def _concerns_all(error: DbjobsError | None) -> bool:
    """True if asking for another run would meet the same: a dead network, or a rate limit."""
    return isinstance(error, UnreachableError) and (error.answer is None or error.answer.status == 429)


def _patience(error: DbjobsError) -> float:
    """How long, in seconds, the server wants to be left alone."""
    if isinstance(error, UnreachableError) and error.retry_after is not None:
        return error.retry_after
    is_server_error = error.answer is not None and error.answer.status >= 500
    return SERVER_ERROR_PAUSE if is_server_error else 0.0


def _is_news(before: WatchedRun | None, now: WatchedRun) -> bool:
    return before is None or _fingerprint(before) != _fingerprint(now)


def _fingerprint(watched: WatchedRun) -> object:
    """What makes a moment different from the one before, times aside."""
    run = watched.run
    attempts = [(task.run_id, task.shown_state, task.message) for task in run.attempts] if run else []
    children = [(child.run_id, child.shown_state) for child in watched.children.values()]
    error = watched.error and watched.error.message
    return (run and (run.shown_state, run.message), attempts, children, error)
