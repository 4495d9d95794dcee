"""Since when something takes longer, or less long: change points in a series of durations.

The statistic is the largest standardized rank sum of the first part of the series over all ways to divide
it. Ranks make its distribution under "no change" depend on nothing but the length of the series, and
keep one extreme value from hiding a change or from looking like one. So the critical values of the
permutation test are tabulated once, and the test costs next to nothing.

Source: F. Lombard, "Rank tests for changepoint problems", Biometrika 74 (1987) 615.
"""

import math
import statistics
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

FEWEST_IN_A_PART = 3
"""A change has at least this many values on either side: one slow run is not a change."""

MOST_VALUES = 100
"""Changes are looked for among this many values, the newest."""

SMALLEST_CHANGE = 1.1
"""A change by a smaller factor is not worth reporting, however certain it is."""

NEVER = math.inf

PROBABILITIES = (0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001, 0.00005)

CRITICAL_VALUES = {
    8: (2.309, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER),
    9: (2.449, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER),
    10: (2.402, 2.611, 2.611, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER),
    11: (2.457, 2.646, 2.739, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER),
    12: (2.402, 2.680, 2.722, 2.882, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER),
    13: (2.488, 2.714, 2.781, 2.928, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER),
    14: (2.492, 2.711, 2.840, 2.969, 3.098, 3.130, NEVER, NEVER, NEVER, NEVER),
    15: (2.546, 2.711, 2.893, 3.009, 3.125, 3.240, NEVER, NEVER, NEVER, NEVER),
    16: (2.520, 2.730, 2.910, 3.017, 3.145, 3.256, 3.334, 3.361, NEVER, NEVER),
    18: (2.577, 2.781, 2.943, 3.046, 3.215, 3.311, 3.400, 3.488, 3.576, 3.576),
    20: (2.593, 2.835, 3.001, 3.130, 3.289, 3.395, 3.472, 3.609, 3.685, 3.704),
    22: (2.637, 2.856, 3.023, 3.165, 3.330, 3.439, 3.549, 3.644, 3.758, 3.822),
    25: (2.663, 2.901, 3.066, 3.209, 3.389, 3.500, 3.612, 3.728, 3.813, 3.903),
    30: (2.699, 2.955, 3.118, 3.283, 3.464, 3.598, 3.712, 3.871, 3.959, 4.074),
    35: (2.739, 3.000, 3.170, 3.333, 3.510, 3.651, 3.764, 3.907, 4.017, 4.139),
    40: (2.772, 3.030, 3.208, 3.372, 3.566, 3.711, 3.832, 3.984, 4.092, 4.227),
    50: (2.820, 3.087, 3.267, 3.435, 3.648, 3.793, 3.928, 4.099, 4.213, 4.326),
    70: (2.885, 3.157, 3.342, 3.517, 3.723, 3.870, 4.007, 4.180, 4.328, 4.475),
    100: (2.949, 3.222, 3.408, 3.586, 3.809, 3.964, 4.108, 4.264, 4.446, 4.569),
}
"""By the length of a series: what the statistic of a random permutation reaches with each probability.

Each row is from a million random permutations, those for more than 50 values from 400,000.
"""


@dataclass(frozen=True)
class ChangePoint:
    """Where a series changes its level."""

    index: int
    """of the first value of the new level"""
    ratio: float
    """the median of the new level divided by that of the old one"""


def find_change_points(values: Sequence[float], significance: float) -> list[ChangePoint]:
    """The changes in positive values that are in order of time; the oldest first.

    `significance` is the probability of finding any in a series that has none, at most.
    """
    skipped = max(0, len(values) - MOST_VALUES)
    indexes = sorted(_find_indexes(values[skipped:], significance))
    if not indexes:
        return []
    edges = [0, *indexes, len(values) - skipped]
    levels = [statistics.median(values[skipped + start : skipped + end]) for start, end in pairwise(edges)]
    changes = [
        ChangePoint(skipped + index, new / old)
        for index, (old, new) in zip(indexes, pairwise(levels), strict=True)
        if old > 0
    ]
    return [change for change in changes if not 1 / SMALLEST_CHANGE < change.ratio < SMALLEST_CHANGE]


def _find_indexes(values: Sequence[float], significance: float) -> Iterator[int]:
    """The clearest change, then those in either part."""
    if len(values) < 2 * FEWEST_IN_A_PART:
        return
    statistic, index = _largest_shift(_ranks(values))
    if statistic >= critical_value(len(values), significance):
        yield index
        yield from _find_indexes(values[:index], significance)
        yield from (index + later for later in _find_indexes(values[index:], significance))


def critical_value(count: int, significance: float) -> float:
    """What the statistic of `count` values without a change reaches with this probability at most."""
    counts = list(CRITICAL_VALUES)
    if count < counts[0] or significance < PROBABILITIES[-1]:
        return NEVER
    row = CRITICAL_VALUES[counts[min(bisect_left(counts, count), len(counts) - 1)]]
    following = bisect_left(PROBABILITIES, -significance, key=lambda probability: -probability)
    if following == 0 or significance == PROBABILITIES[following]:
        return row[following]
    share = math.log(PROBABILITIES[following - 1] / significance) / math.log(
        PROBABILITIES[following - 1] / PROBABILITIES[following]
    )
    below, above = row[following - 1], row[following]
    return above if above == NEVER else below + share * (above - below)


def _largest_shift(ranks: Sequence[float]) -> tuple[float, int]:
    """The statistic, and the index at which the series is divided for it."""
    count = len(ranks)
    mean = (count + 1) / 2
    largest, best_index = 0.0, 0
    total = sum(ranks[: FEWEST_IN_A_PART - 1]) - mean * (FEWEST_IN_A_PART - 1)
    for index in range(FEWEST_IN_A_PART, count - FEWEST_IN_A_PART + 1):
        total += ranks[index - 1] - mean
        shift = abs(total) / math.sqrt(index * (count - index) * (count + 1) / 12)
        if shift > largest:
            largest, best_index = shift, index
    return largest, best_index


def _ranks(values: Sequence[float]) -> list[float]:
    """From 1 up; equal values share the mean of their ranks."""
    ordered = sorted(values)
    first = {value: rank for rank, value in reversed(list(enumerate(ordered, 1)))}
    last = {value: rank for rank, value in enumerate(ordered, 1)}
    return [(first[value] + last[value]) / 2 for value in values]
