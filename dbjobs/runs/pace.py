"""When a backfill will end: from the history of its job, and from its own pace."""

from collections.abc import Sequence
from heapq import heapify, heapreplace
from statistics import fmean

from dbjobs.api.models import Run
from dbjobs.api.states import Outcome
from dbjobs.runs.snapshots import PlannedSets, Snapshot

HISTORY_WEIGHT = 3
"""The history of the job counts as much as this many sets of the backfill itself."""

LATER_SHARE = 0.1
"""A run that has taken longer than expected is expected to take this much more of its time."""

MAX_CLOCK_LEAD = 5_000
"""Milliseconds: how much earlier than this call a run that it has started may seem to begin."""


def expect_end(snapshot: Snapshot) -> float | None:
    """In how many seconds the last set will have ended; None if too little is known, or nothing is left."""
    if snapshot.sets is None or snapshot.ending or snapshot.error:
        return None
    runs = [watched.run for watched in snapshot.runs if watched.run]
    active = [run for run in runs if not run.is_ended]
    seconds = _seconds_per_set(snapshot, runs, snapshot.sets)
    if seconds is None or not (active or snapshot.unstarted):
        return None
    elapsed = [run.seconds_at(snapshot.server_time * 1000) or 0.0 for run in active]
    slots = [max(seconds - one, LATER_SHARE * one) for one in elapsed]
    slots += [0.0] * (min(snapshot.sets.max_parallel, len(active) + snapshot.unstarted) - len(slots))
    heapify(slots)
    for _ in range(snapshot.unstarted):
        heapreplace(slots, slots[0] + seconds)
    return max(slots)


def _seconds_per_set(snapshot: Snapshot, runs: Sequence[Run], sets: PlannedSets) -> float | None:
    """For how long a set keeps others from being started, or takes where none has to wait for it."""
    own, number = _own_pace(snapshot, runs, sets)
    forecast = next(iter(snapshot.forecasts.values()), None)
    if forecast is None:
        return own
    usual = fmean(past.total for past in forecast.past_runs)
    return usual if own is None else (HISTORY_WEIGHT * usual + number * own) / (HISTORY_WEIGHT + number)


def _own_pace(snapshot: Snapshot, runs: Sequence[Run], sets: PlannedSets) -> tuple[float | None, int]:
    """The seconds, and how many sets they are measured by.

    Once every run of the first ones has been followed by another, the starts tell the pace, with the
    time in a queue, and until an end was noticed. Before that, it is the time that runs took.
    """
    began = snapshot.server_began * 1000 - MAX_CLOCK_LEAD
    starts = [run.start_time for run in runs if run.start_time and run.start_time >= began]
    followed = len(starts) - sets.max_parallel
    if followed >= sets.max_parallel:
        return sets.max_parallel * (max(starts) - min(starts)) / 1000 / followed, followed
    took = [
        (run.end_time - run.start_time) / 1000
        for run in runs
        if run.start_time and run.end_time and run.outcome is not Outcome.NEVER_RAN
    ]
    return (fmean(took), len(took)) if took else (None, 0)
