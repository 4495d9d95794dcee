"""The sets of a backfill in words: how many are in which state, when they end, and why some failed."""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from dbjobs.api.models import Run
from dbjobs.api.states import Outcome, Phase
from dbjobs.output.causes import format_short_cause
from dbjobs.output.expectations import format_about, format_time
from dbjobs.output.formatting import count
from dbjobs.runs.pace import expect_end
from dbjobs.runs.snapshots import PlannedSets, Snapshot, WatchedRun


class SetState(Enum):
    """How far a set is, in the order in which states are counted."""

    SUCCEEDED = "succeeded"
    SUCCEEDED_WITH_FAILURES = "succeeded with failures"
    FAILED = "failed"
    CANCELED = "canceled"
    SKIPPED = "skipped"
    UNKNOWN = "with an unknown result"
    NOT_SEEN = "not seen"
    RUNNING = "running"
    QUEUED = "queued"
    REFUSED = "refused"
    UNCERTAIN = "possibly started"
    TO_START = "to start"
    NOT_STARTED = "not started"


STATES_OF_OUTCOMES = {
    Outcome.SUCCESS: SetState.SUCCEEDED,
    Outcome.SUCCESS_WITH_FAILURES: SetState.SUCCEEDED_WITH_FAILURES,
    Outcome.CANCELED: SetState.CANCELED,
    Outcome.NEVER_RAN: SetState.SKIPPED,
    Outcome.EXCLUDED: SetState.SKIPPED,
    Outcome.UNKNOWN_RESULT: SetState.UNKNOWN,
}
"""The others are failures."""


def state_of_run(run: Run | None, *, is_lost: bool = False) -> SetState:
    """The state of a set that has a run."""
    if run is None or is_lost:
        return SetState.NOT_SEEN
    if run.outcome:
        return STATES_OF_OUTCOMES.get(run.outcome, SetState.FAILED)
    return SetState.QUEUED if run.phase is Phase.WAITING else SetState.RUNNING


class SetAtMoment(NamedTuple):
    """A set, its run if it has one, and how far it is."""

    label: str
    state: SetState
    watched: WatchedRun | None = None


def sets_of(snapshot: Snapshot, sets: PlannedSets) -> list[SetAtMoment]:
    """Every set, in the order of their starts."""
    runs = {watched.label: watched for watched in snapshot.runs}
    missing = SetState.TO_START if snapshot.unstarted and not snapshot.ending else SetState.NOT_STARTED
    without_run = dict.fromkeys(sets.uncertain, SetState.UNCERTAIN)
    without_run |= dict.fromkeys(sets.refused, SetState.REFUSED)
    return [
        SetAtMoment(label, state_of_run(watched.run, is_lost=watched.is_lost), watched)
        if (watched := runs.get(label))
        else SetAtMoment(label, without_run.get(label, missing))
        for label in sets.labels
    ]


def count_states(states: Iterable[SetState]) -> dict[SetState, int]:
    """The states that occur, in order, each with how many sets are in it."""
    counts = Counter(states)
    return {state: counts[state] for state in SetState if counts[state]}


def format_state_counts(states: Iterable[SetState]) -> str:
    """`43 succeeded, 14 failed, 3 not started`."""
    return ", ".join(f"{number} {state.value}" for state, number in count_states(states).items())


def common_prefix(labels: Sequence[str]) -> str:
    """`day=`, if all labels begin with it and have nothing but a value after it; else nothing."""
    prefix = labels[0].partition("=")[0] + "="
    return prefix if all(label.startswith(prefix) and ", " not in label for label in labels) else ""


def format_sets_left(snapshot: Snapshot, now: float) -> str:
    """`about 25m left (ends about 17:05)`; nothing if that is not known. `now` is epoch seconds."""
    left = expect_end(snapshot)
    if left is None:
        return ""
    return f"about {format_about(left)} left (ends about {format_time(now + left, now)})"


class SetGroup(NamedTuple):
    """Sets that failed, or were refused, alike."""

    text: str
    """`14 sets: your code: KeyError: 'FR'`"""
    labels: Sequence[str]
    """without the name of the parameter, if all sets have but this one"""
    state: SetState
    run: Run | None = None
    """of the first of them, if they have runs"""


def groups_of(snapshot: Snapshot, sets: PlannedSets, moments: Sequence[SetAtMoment]) -> list[SetGroup]:
    """A group for each cause of failures, the largest first, one for each reason of refusals, and the sets
    that were not started, once no other is to be started.
    """
    prefix = common_prefix(sets.labels)
    labels = {watched.run_id: watched.label.removeprefix(prefix) for watched in snapshot.runs}
    groups = []
    for one in snapshot.failure_groups:
        names = [labels[run.run_id] for run in one.runs]
        unread = "cause not read" if snapshot.ending or snapshot.next_poll is None else "cause not read yet"
        cause = format_short_cause(one.cause) if one.cause else unread
        groups.append(SetGroup(f"{count(len(names), 'set')}: {cause}", names, SetState.FAILED, one.runs[0]))
    refused: dict[str, list[str]] = {}
    for label, message in sets.refused.items():
        refused.setdefault(message, []).append(label.removeprefix(prefix))
    for message, names in refused.items():
        groups.append(SetGroup(f"{count(len(names), 'set')} refused: {message}", names, SetState.REFUSED))
    left = [one.label.removeprefix(prefix) for one in moments if one.state is SetState.NOT_STARTED]
    if left:
        groups.append(SetGroup(f"{count(len(left), 'set')} not started", left, SetState.NOT_STARTED))
    return groups


def describe_next_step(states: Iterable[SetState]) -> tuple[str, bool] | None:
    """What the same command does next, and whether it needs --rerun-failed; None if nothing is left."""
    counts = Counter(states)
    failed = sum(counts[state] for state in (SetState.FAILED, SetState.CANCELED, SetState.UNKNOWN))
    missing = sum(counts[state] for state in (SetState.NOT_STARTED, SetState.UNCERTAIN, SetState.SKIPPED))
    active = sum(counts[state] for state in (SetState.RUNNING, SetState.QUEUED, SetState.NOT_SEEN))
    steps = [
        f"repairs the {count(failed, 'run')} that failed" if failed else "",
        f"starts the {count(missing, 'set')} without a run" if missing else "",
        f"tries the {count(counts[SetState.REFUSED], 'refused set')} again"
        if counts[SetState.REFUSED]
        else "",
        f"waits for the {count(active, 'run')} that may still be active" if active else "",
    ]
    taken = list(filter(None, steps))
    return (" and ".join(filter(None, [", ".join(taken[:-1]), taken[-1]])), failed > 0) if taken else None
