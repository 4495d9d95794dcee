"""How long something will take: the distribution of a duration, and when to poll for its end."""

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.runs.estimates import LONGEST_PAUSE, SHORTEST_PAUSE, Estimate, plan_pause

durations = st.lists(st.floats(0, 1e6), min_size=1, max_size=25)


@given(durations, st.floats(0, 1e7), st.floats(0, 1e7))
def test_the_longer_the_less_likely(past: list[float], one: float, other: float) -> None:
    estimate = Estimate.of(past)

    sooner, later = sorted((one, other))
    assert 0 <= estimate.survival(later) <= estimate.survival(sooner) <= 1


@given(durations, st.floats(0.01, 0.98), st.floats(0, 1e6))
def test_a_quantile_is_exceeded_as_often_as_it_says(past: list[float], share: float, after: float) -> None:
    estimate = Estimate.of(past)

    found = estimate.quantile(share, after)
    assert found >= after
    if estimate.survival(after) > 1e-6:
        exceeded = estimate.survival(found * 0.998) / estimate.survival(after)
        assert exceeded >= (1 - share) * 0.99
        assert estimate.survival(found * 1.002) / estimate.survival(after) <= (1 - share) * 1.01


@given(durations, st.floats(0, 1e7))
def test_no_pause_is_shorter_than_2_seconds_or_longer_than_130(past: list[float], elapsed: float) -> None:
    assert SHORTEST_PAUSE <= plan_pause([(Estimate.of(past), elapsed)]) <= LONGEST_PAUSE


def test_polls_are_rare_long_before_the_expected_end_dense_around_it_and_not_rare_beyond_it() -> None:
    generator = random.Random(1)
    estimate = Estimate.of([generator.gauss(3600, 180) for _ in range(24)])

    assert plan_pause([(estimate, 1800.0)]) == LONGEST_PAUSE
    assert plan_pause([(estimate, 3600.0)]) < 20
    assert plan_pause([(estimate, 7200.0)]) <= 40


def test_where_the_past_says_nothing_all_pauses_are_equal() -> None:
    generator = random.Random(1)
    estimate = Estimate.of([generator.expovariate(1 / 3600) for _ in range(24)])

    pauses = {round(plan_pause([(estimate, elapsed)])) for elapsed in (0.0, 600.0, 3600.0, 20_000.0)}
    assert len(pauses) == 1
    assert 40 <= pauses.pop() <= 60


def test_many_are_polled_by_what_is_expected_of_them_on_average() -> None:
    generator = random.Random(1)
    estimate = Estimate.of([generator.gauss(3600, 180) for _ in range(24)])

    early, late = (plan_pause([(estimate, elapsed)]) for elapsed in (2700.0, 3600.0))
    mixed = plan_pause([(estimate, 2700.0)] * 9 + [(estimate, 3600.0)])
    assert late < mixed < early
    assert plan_pause([(estimate, 3600.0)] * 10, price=4.0) == pytest.approx(2 * late, rel=0.3)


@pytest.mark.parametrize(
    ("mean", "spread"), [(3600, 0.05), (3600, 0.15), (600, 0.15), (60, 0.2)], ids=lambda value: f"{value:g}"
)
def test_the_range_from_the_10th_to_the_90th_percentile_holds_about_80_percent_of_the_ends(
    mean: float, spread: float
) -> None:
    generator = random.Random(7)

    def draw() -> float:
        return max(1.0, generator.gauss(mean, spread * mean))

    inside = []
    for _ in range(1000):
        estimate, end = Estimate.of([draw() for _ in range(24)]), draw()
        inside.append(estimate.quantile(0.1) <= end <= estimate.quantile(0.9))
    assert 0.75 <= statistics.mean(inside) <= 0.85
