"""Watching runs to their end: a generator of snapshots, over an injected clock.

It fetches, tells, sleeps, and ends when every run has. It prints nothing, catches no
signal and knows no terminal; what a moment looks like is for `dbjobs.render` to say,
and what an ending means for `exit_code_of`.

Retrying one request is the transport's business; living through an outage is done here.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from dbjobs.clock import Clock
from dbjobs.errors import DbjobsError, NotFoundError, RefusedError, UnreachableError
from dbjobs.exit_codes import ExitCode
from dbjobs.models import Payload, Run
from dbjobs.states import GRAVITY, Outcome

Fetch = Callable[[int], Payload]
"""Reads a run by its run_id, with all its tasks; raises a DbjobsError."""

SERVER_ERROR_PAUSE = 30.0
"""Seconds between tries after a 5xx, as the API's documentation asks."""

UNSETTLED_POLLS = 3
"""How often a run that is TERMINATED without a result is asked for it again: the result may come later."""


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
        return pause * (1 + random.uniform(-self.jitter, self.jitter))  # noqa: S311 - spreads load, guards nothing


class Ending(Enum):
    """Why a watch is over."""

    ALL_ENDED = "all ended"
    TIMEOUT = "timeout"
    CONTACT_LOST = "contact lost"
    FAILED_FAST = "failed fast"


@dataclass(frozen=True)
class WatchedRun:
    """What is known of one run at one moment."""

    run_id: int
    run: Run | None = None
    """as last seen; None until the first good answer"""
    trouble: DbjobsError | None = None
    """what the last poll met instead of an answer"""
    is_gone: bool = False
    """True if `trouble` will not pass: the run is watched no more"""
    polls_unsettled: int = 0

    @property
    def is_settled(self) -> bool:
        """True if there is nothing more to wait for."""
        if self.is_gone:
            return True
        if self.run is None or not self.run.is_ended:
            return False
        return self.run.outcome is not Outcome.UNKNOWN_RESULT or (
            self.run.result_state is not None or self.polls_unsettled >= UNSETTLED_POLLS
        )

    @property
    def has_failed(self) -> bool:
        """True if it is settled, and not well."""
        outcome = self.run.outcome if self.run else None
        return self.is_settled and not (outcome and outcome.is_good)


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
    changed: frozenset[int] = frozenset()
    """run_ids that differ from the snapshot before; none in a mere tick"""
    ending: Ending | None = None
    """set in the last snapshot only"""

    @property
    def trouble(self) -> DbjobsError | None:
        """The cause, while contact is lost."""
        return next(
            (watched.trouble for watched in self.runs if watched.trouble and not watched.is_gone), None
        )


def watch_runs(run_ids: Sequence[int], fetch: Fetch, clock: Clock, schedule: Schedule) -> Iterator[Snapshot]:
    """Yield a snapshot after each poll and at each tick, the last one with its `ending`."""
    watch = _Watch(tuple(WatchedRun(run_id) for run_id in run_ids), fetch, clock, schedule)
    while True:
        before = watch.runs
        watch.poll()
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
    lost = next((watched.trouble for watched in snapshot.runs if watched.is_gone and watched.trouble), None)
    if lost and gravest.is_good:
        return lost.exit_code
    return gravest.exit_code(strict=strict)


@dataclass
class _Watch:
    """The memory of a watch between two polls."""

    runs: tuple[WatchedRun, ...]
    fetch: Fetch
    clock: Clock
    schedule: Schedule
    quiet_polls: int = -1
    last_contact: float = 0.0
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock.monotonic()

    @property
    def elapsed(self) -> float:
        return self.clock.monotonic() - self.began

    def poll(self) -> None:
        """Ask for every run that may still change."""
        self.runs = tuple(watched if watched.is_settled else self._poll_run(watched) for watched in self.runs)

    def _poll_run(self, watched: WatchedRun) -> WatchedRun:
        try:
            run = Run(self.fetch(watched.run_id))
        except DbjobsError as error:
            return replace(watched, trouble=error, is_gone=not self._may_pass(error))
        self.last_contact = self.elapsed
        unsettled = watched.polls_unsettled + 1 if run.is_ended else 0
        return WatchedRun(watched.run_id, run, polls_unsettled=unsettled)

    def _may_pass(self, error: DbjobsError) -> bool:
        is_young = self.elapsed <= self.schedule.grace
        return error.passing or (is_young and isinstance(error, NotFoundError | RefusedError))

    def snapshot(self, before: tuple[WatchedRun, ...]) -> Snapshot:
        changed = frozenset(
            new.run_id for old, new in zip(before, self.runs, strict=True) if _face(old) != _face(new)
        )
        self.quiet_polls = 0 if changed else self.quiet_polls + 1
        ending = self._ending()
        return Snapshot(
            runs=self.runs,
            elapsed=self.elapsed,
            last_contact=self.last_contact,
            next_poll=None if ending else self._next_poll(),
            changed=changed,
            ending=ending,
        )

    def _ending(self) -> Ending | None:
        if all(watched.is_settled for watched in self.runs):
            return Ending.ALL_ENDED
        if self.schedule.fail_fast and any(watched.has_failed for watched in self.runs):
            return Ending.FAILED_FAST
        if self.elapsed >= self.schedule.timeout:
            return Ending.TIMEOUT
        if self.elapsed - self.last_contact > self.schedule.max_outage:
            return Ending.CONTACT_LOST
        return None

    def _next_poll(self) -> float:
        """The deadline itself is always polled."""
        pause = self.schedule.pause_after(self.quiet_polls)
        for watched in self.runs:
            if isinstance(watched.trouble, UnreachableError) and not watched.is_gone:
                pause = max(pause, _patience(watched.trouble))
        return min(self.elapsed + pause, max(self.schedule.timeout, self.elapsed))

    def pause(self, snapshot: Snapshot) -> Iterator[Snapshot]:
        """Sleep until the next poll, telling each tick on the way."""
        assert snapshot.next_poll is not None  # noqa: S101 - the caller has just looked
        while (left := snapshot.next_poll - self.elapsed) > 0:
            self.clock.sleep(min(left, self.schedule.tick))
            if left > self.schedule.tick:
                yield replace(snapshot, elapsed=self.elapsed, changed=frozenset())


def _patience(error: UnreachableError) -> float:
    if error.retry_after is not None:
        return error.retry_after
    is_server_error = error.answer is not None and error.answer.status >= 500
    return SERVER_ERROR_PAUSE if is_server_error else 0.0


def _face(watched: WatchedRun) -> object:
    """What makes a moment different from the one before, times aside."""
    run = watched.run
    faces = [(task.run_id, task.shown_state, task.message) for task in run.attempts] if run else []
    trouble = watched.trouble and watched.trouble.message
    return (run and (run.shown_state, run.message), faces, trouble)
