"""When a backfill will end, as far as its own pace and the history of its job tell."""

import random
from heapq import heappop, heappush

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.api.models import Run
from dbjobs.errors import UnreachableError
from dbjobs.runs.estimates import Estimate
from dbjobs.runs.forecasts import Forecast, PastRun
from dbjobs.runs.pace import expect_end
from dbjobs.runs.snapshots import PlannedSets, Snapshot, WatchedRun

BEGAN = 1_767_225_600.0


def moment(
    durations: list[float], max_parallel: int, at: float, *, lag: float = 0.0, usual: float | None = None
) -> tuple[Snapshot, float]:
    """A backfill `at` seconds after it began, and when it will really have ended.

    `lag`: how long after the end of a run the next one is started. `usual`: how long past runs took.
    """
    slots = [0.0] * max_parallel
    times = []
    for seconds in durations:
        start = heappop(slots)
        times.append((start, start + seconds))
        heappush(slots, start + seconds + lag)
    runs = [_run(number, start, end, at) for number, (start, end) in enumerate(times) if start <= at]
    forecast = usual and Forecast(BEGAN, Estimate.of([usual]), [PastRun(usual, 0, {}, 0)] * 5)
    snapshot = Snapshot(
        tuple(WatchedRun(run.run_id, run) for run in runs),
        elapsed=at,
        last_contact=at,
        next_poll=at + 5,
        unstarted=len(durations) - len(runs),
        sets=PlannedSets([str(number) for number in range(len(durations))], max_parallel),
        forecasts={runs[-1].run_id: forecast} if forecast else {},
        server_began=BEGAN,
    )
    return snapshot, max(end for _, end in times)


def _run(number: int, start: float, end: float, at: float) -> Run:
    has_ended = end <= at
    state = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}
    return Run(
        {
            "run_id": number + 1,
            "start_time": int((BEGAN + start) * 1000),
            "end_time": int((BEGAN + end) * 1000) if has_ended else 0,
            "state": state if has_ended else {"life_cycle_state": "RUNNING"},
        }
    )


def test_before_the_first_end_the_history_tells() -> None:
    snapshot, end = moment([600.0] * 100, 10, at=60, usual=600)

    assert expect_end(snapshot) == pytest.approx(end - 60, rel=0.01)
    assert expect_end(moment([600.0] * 100, 10, at=60)[0]) is None, "nothing is known"


def test_the_backfill_itself_soon_counts_for_more_than_the_history() -> None:
    """Old days have more data than last night: the history is wrong, and its weight wanes."""
    durations = [600.0] * 100
    errors = []
    for at in (610, 1210, 3010):
        snapshot, end = moment(durations, 10, at=at, usual=60)
        left = expect_end(snapshot)
        assert left is not None
        errors.append(abs(left - (end - at)) / end)

    assert errors == sorted(errors, reverse=True)
    assert errors[0] < 0.25
    assert errors[-1] < 0.03


def test_the_time_until_an_end_is_noticed_is_part_of_the_pace() -> None:
    snapshot, end = moment([20.0] * 400, 10, at=600, lag=10.0)

    assert expect_end(snapshot) == pytest.approx(end - 600, rel=0.05)


@given(st.integers(0), st.integers(40, 200), st.integers(1, 20), st.floats(0.3, 0.9))
def test_midway_it_is_about_right(seed: int, sets: int, max_parallel: int, share: float) -> None:
    chance = random.Random(seed)
    durations = [chance.uniform(100, 300) for _ in range(sets)]
    _, end = moment(durations, max_parallel, at=0)
    snapshot, _ = moment(durations, max_parallel, at=share * end)

    assert expect_end(snapshot) == pytest.approx((1 - share) * end, abs=0.3 * end + 200)


def test_a_run_that_takes_longer_than_expected_is_not_about_to_end_for_ever() -> None:
    durations = [60.0] * 9 + [6000.0]
    early, late = (expect_end(moment(durations, 10, at=at)[0]) for at in (120, 1200))

    assert early is not None
    assert late is not None
    assert late > early > 0


def test_of_what_is_over_or_out_of_sight_no_end_is_told() -> None:
    all_ended, _ = moment([60.0] * 5, 5, at=100)
    out_of_reach, _ = moment([60.0] * 50, 5, at=100)
    lost = Snapshot(
        tuple(WatchedRun(1, None, error=UnreachableError("no answer")) for _ in range(1)),
        100.0,
        0.0,
        sets=out_of_reach.sets,
        unstarted=5,
    )

    assert expect_end(all_ended) is None
    assert expect_end(lost) is None
    assert expect_end(Snapshot((), 0.0, 0.0)) is None, "no backfill"


def test_sets_of_an_earlier_call_say_how_long_a_set_takes_but_nothing_of_the_pace() -> None:
    """The same command again finds most runs ended long ago."""
    old = [
        WatchedRun(
            number, Run({**_run(number, -90_000 + number, -89_900 + number, 0).payload, "run_id": number})
        )
        for number in range(1000, 1090)
    ]
    snapshot, _ = moment([100.0] * 10, 10, at=50)
    both = Snapshot(
        (*old, *snapshot.runs), 50.0, 50.0, 55.0, sets=PlannedSets(["x"] * 100, 10), server_began=BEGAN
    )

    assert expect_end(both) == pytest.approx(50, rel=0.1)
