"""Watching runs to their end: a generator of snapshots, over an injected clock.

It fetches, tells, sleeps, and ends when every run has. It prints nothing, catches no
signal and knows no terminal; what a moment looks like is for `dbjobs.render` to say,
and what an ending means for `exit_code_of`.

Retrying one request is the transport's business; living through an outage is done here.
"""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from dbjobs.clock import Clock
from dbjobs.errors import DbjobsError, UnreachableError
from dbjobs.exit_codes import ExitCode
from dbjobs.models import Payload, Run
from dbjobs.states import GRAVITY, Outcome

Fetch = Callable[[int], Payload]
"""Reads a run by its run_id, with all its tasks; raises a DbjobsError."""

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
        return max(SHORTEST_PAUSE, pause) * (1 + random.uniform(-self.jitter, self.jitter))  # noqa: S311 - spreads load, guards nothing


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
    children: Mapping[str, Run] = field(default_factory=dict)
    """by task_key, the runs that its run_job tasks started"""
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


def watch_runs(
    run_ids: Sequence[int],
    fetch: Fetch,
    clock: Clock,
    schedule: Schedule,
    fetch_children: FetchChildren = lambda run: {},
) -> Iterator[Snapshot]:
    """Yield a snapshot after each poll and at each tick, the last one with its `ending`."""
    watch = _Watch(run_ids, fetch, fetch_children, clock, schedule)
    while True:
        snapshot = watch.poll()
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


class _Watch:
    """The memory of a watch between two polls."""

    def __init__(
        self,
        run_ids: Sequence[int],
        fetch: Fetch,
        fetch_children: FetchChildren,
        clock: Clock,
        schedule: Schedule,
    ) -> None:
        self.runs = {run_id: WatchedRun(run_id) for run_id in run_ids}
        self.turns = list(self.runs)
        self.fetch = fetch
        self.fetch_children = fetch_children
        self.clock = clock
        self.schedule = schedule
        self.began = clock.monotonic()
        self.last_contact = 0.0
        self.quiet_polls = -1

    @property
    def elapsed(self) -> float:
        return self.clock.monotonic() - self.began

    def poll(self) -> Snapshot:
        """Ask for every run that may still change."""
        before = dict(self.runs)
        for run_id in list(self.turns):
            if self.runs[run_id].is_settled:
                continue
            self.runs[run_id] = self._poll_run(self.runs[run_id])
            if _concerns_all(self.runs[run_id].trouble):
                self._ask_last(run_id)
                break
        return self._snapshot(before)

    def _ask_last(self, run_id: int) -> None:
        """Should one run alone be out of reach, the others still get their turn."""
        self.turns.remove(run_id)
        self.turns.append(run_id)

    def _poll_run(self, watched: WatchedRun) -> WatchedRun:
        try:
            run = Run(self.fetch(watched.run_id))
        except DbjobsError as error:
            return replace(watched, trouble=error, is_gone=not self._may_pass(error))
        self.last_contact = self.elapsed
        unsettled = watched.polls_unsettled + 1 if run.is_ended else 0
        return WatchedRun(watched.run_id, run, self.fetch_children(run), polls_unsettled=unsettled)

    def _may_pass(self, error: DbjobsError) -> bool:
        is_young = self.elapsed < self.schedule.grace
        status = error.answer.status if error.answer else None
        return error.passing or (is_young and status in INVISIBLE_STATUSES)

    def _snapshot(self, before: Mapping[int, WatchedRun]) -> Snapshot:
        changed = [run_id for run_id, now in self.runs.items() if _face(before[run_id]) != _face(now)]
        self.quiet_polls = 0 if changed else self.quiet_polls + 1
        ending = self._ending()
        return Snapshot(
            runs=tuple(self.runs.values()),
            elapsed=self.elapsed,
            last_contact=self.last_contact,
            next_poll=None if ending else self._next_poll(),
            changed=frozenset(changed),
            ending=ending,
        )

    def _ending(self) -> Ending | None:
        runs = self.runs.values()
        if all(watched.is_settled for watched in runs):
            return Ending.ALL_ENDED
        if self.schedule.fail_fast and any(watched.has_failed for watched in runs):
            return Ending.FAILED_FAST
        if self._is_past(self.schedule.timeout):
            return Ending.TIMEOUT
        if self._troubles() and self._is_past(self.last_contact + self.schedule.max_outage):
            return Ending.CONTACT_LOST
        return None

    def _next_poll(self) -> float:
        """After a pause that suits all; the limits of time and of an outage themselves are always polled."""
        troubles = self._troubles()
        pause = max([self.schedule.pause_after(self.quiet_polls), *map(_patience, troubles)])
        limit = self.schedule.timeout
        if troubles:
            limit = min(limit, self.last_contact + self.schedule.max_outage)
        return min(self.elapsed + pause, limit)

    def _troubles(self) -> list[DbjobsError]:
        """What keeps runs that may still change from being seen."""
        waiting = [watched for watched in self.runs.values() if not watched.is_settled]
        return [watched.trouble for watched in waiting if watched.trouble]

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


def _concerns_all(trouble: DbjobsError | None) -> bool:
    """True if asking for another run would meet the same: a dead network, or a rate limit."""
    return isinstance(trouble, UnreachableError) and (trouble.answer is None or trouble.answer.status == 429)


def _patience(error: DbjobsError) -> float:
    """How long, in seconds, the server wants to be left alone."""
    if isinstance(error, UnreachableError) and error.retry_after is not None:
        return error.retry_after
    is_server_error = error.answer is not None and error.answer.status >= 500
    return SERVER_ERROR_PAUSE if is_server_error else 0.0


def _face(watched: WatchedRun) -> object:
    """What makes a moment different from the one before, times aside."""
    run = watched.run
    faces = [(task.run_id, task.shown_state, task.message) for task in run.attempts] if run else []
    children = [(child.run_id, child.shown_state) for child in watched.children.values()]
    trouble = watched.trouble and watched.trouble.message
    return (run and (run.shown_state, run.message), faces, children, trouble)
