"""Change points: found where there is one, and seldom where there is none."""

import math
import random
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.runs.change_points import (
    ANY_INDEX,
    PROBABILITIES,
    RECENT_INDEX,
    critical_value,
    find_change_points,
    largest_recent,
    measure_rises,
)
from dbjobs.runs.history import SIGNIFICANCE

HISTORIES = 1000
SPREAD = 0.1
"""The standard deviation of the logarithm of a duration."""


def durations(generator: random.Random, count: int, factor: float = 1.0) -> list[float]:
    return [600 * factor * generator.lognormvariate(0.0, SPREAD) for _ in range(count)]


def test_fewer_than_5_percent_of_the_histories_without_a_change_are_said_to_have_one() -> None:
    generator = random.Random(16)
    alarms = sum(bool(find_change_points(durations(generator, 25), SIGNIFICANCE)) for _ in range(HISTORIES))
    assert 0.015 * HISTORIES < alarms < 0.05 * HISTORIES


def test_a_regression_of_20_percent_is_found_within_8_runs() -> None:
    """Nearly always when the history is read after each run; once, at the end, it is a little less."""
    generator = random.Random(16)
    found = found_in_the_end = 0
    for _ in range(HISTORIES):
        series = [*durations(generator, 25), *durations(generator, 8, factor=1.2)]
        looks = [
            any(change.ratio > 1 for change in find_change_points(series[new : new + 25], SIGNIFICANCE))
            for new in range(3, 9)
        ]
        found += any(looks)
        found_in_the_end += looks[-1]
    assert found > 0.96 * HISTORIES
    assert found_in_the_end > 0.93 * HISTORIES


def test_a_rise_that_is_new_or_lasts_long_is_found_and_so_is_a_fall() -> None:
    """Most of the significance is spent on recent rises, yet the others are not lost."""
    generator = random.Random(16)
    found = {"rise 12 runs ago": 0, "fall 8 runs ago": 0}
    for _ in range(HISTORIES):
        older = [*durations(generator, 13), *durations(generator, 12, factor=1.2)]
        faster = [*durations(generator, 17), *durations(generator, 8, factor=1 / 1.2)]
        found["rise 12 runs ago"] += bool(find_change_points(older, SIGNIFICANCE))
        found["fall 8 runs ago"] += bool(find_change_points(faster, SIGNIFICANCE))
    assert found["rise 12 runs ago"] > 0.87 * HISTORIES
    assert found["fall 8 runs ago"] > 0.68 * HISTORIES


@pytest.mark.parametrize("outlier", [0.01, 100])
def test_one_extreme_run_neither_makes_a_change_nor_hides_one(outlier: float) -> None:
    generator = random.Random(1)
    steady = durations(generator, 25)
    steady[20] *= outlier
    assert find_change_points(steady, SIGNIFICANCE) == []
    changed = [*durations(generator, 15), *durations(generator, 10, factor=1.4)]
    changed[3] *= outlier
    (change,) = find_change_points(changed, SIGNIFICANCE)
    assert change.index == pytest.approx(15, abs=1)
    assert change.ratio == pytest.approx(1.4, abs=0.15)


def test_of_a_problem_that_was_mended_both_changes_are_found() -> None:
    series = [100 + index % 3 for index in range(10)]
    series += [150 + index % 3 for index in range(10)] + [99 + index % 3 for index in range(10)]
    first, second = find_change_points(series, SIGNIFICANCE)
    assert (first.index, round(first.ratio, 1)) == (10, 1.5)
    assert (second.index, round(second.ratio, 2)) == (20, 0.66)


def test_a_change_by_less_than_a_tenth_is_not_worth_a_word() -> None:
    assert find_change_points([100.0] * 12 + [108.0] * 12, SIGNIFICANCE) == []
    assert find_change_points([100.0] * 12 + [112.0] * 12, SIGNIFICANCE) != []


def test_of_a_long_series_the_newest_hundred_count() -> None:
    series = [100.0, 101.0] * 200 + [150.0, 151.0] * 400 + [200.0, 201.0] * 10
    (change,) = find_change_points(series, SIGNIFICANCE)
    assert change.index == 1200


@given(st.lists(st.floats(0.001, 1e9), max_size=40))
def test_any_durations_give_changes_in_order_within_the_series(values: Sequence[float]) -> None:
    changes = find_change_points(values, SIGNIFICANCE)
    indexes = [change.index for change in changes]
    assert indexes == sorted(set(indexes))
    assert all(3 <= index <= len(values) - 3 for index in indexes)
    assert all(math.isfinite(change.ratio) and change.ratio > 0 for change in changes)


@pytest.mark.parametrize("count", [10, 16, 25])
def test_the_critical_values_are_those_of_random_permutations(count: int) -> None:
    generator = random.Random(count)
    ranks = [float(rank) for rank in range(1, count + 1)]
    reached = {(name, probability): 0 for name in ("any", "recent") for probability in (0.05, 0.01)}
    rounds = 10_000
    for _ in range(rounds):
        generator.shuffle(ranks)
        rises = measure_rises(ranks)
        for name, probability in reached:
            if name == "any":
                is_reached = max(rises.values()) >= critical_value(count, probability)
            else:
                critical = critical_value(count, probability, RECENT_INDEX)
                is_reached = largest_recent(rises, count) >= critical
            reached[name, probability] += is_reached
    for (_, probability), times in reached.items():
        deviation = math.sqrt(probability * rounds)
        assert times < probability * rounds + 4 * deviation
        assert count < 12 or times > probability * rounds - 4 * deviation, "and not stricter than need be"


@pytest.mark.parametrize("table", [ANY_INDEX, RECENT_INDEX], ids=["any", "recent"])
def test_critical_values_rise_as_less_is_risked(table: Mapping[int, Sequence[float]]) -> None:
    for count in table:
        values = [critical_value(count, 0.05 * 0.9**step, table) for step in range(80)]
        assert values == sorted(values)
        assert [critical_value(count, one, table) for one in PROBABILITIES] == list(table[count])
    assert critical_value(7, 0.05, table) == critical_value(25, 0.00001, table) == math.inf
