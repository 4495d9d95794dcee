"""Since when something takes longer, or less long: change points in a series of durations.

The statistic is a standardized difference between the ranks of the values after an index and those before it,
at its largest over all indexes. Ranks make its distribution under "no change" depend on nothing but the
length of the series, and keep one extreme value from hiding a change or from looking like one. So the
critical values of the permutation test are tabulated once, and the test costs next to nothing.

People want to know soon that something has become slower, so most of the probability of a false alarm is
spent on recent rises; an older rise, or a fall, has to be clearer.

Source: F. Lombard, "Rank tests for changepoint problems", Biometrika 74 (1987) 615.
"""

import math
import statistics
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

FEWEST_IN_A_PART = 3
"""A change has at least this many values on either side: one slow run is not a change."""

MOST_VALUES = 100
"""Changes are looked for among this many values, the newest."""

RECENT = 8
"""A change is recent if at most this many values have come since."""

RECENT_RISE, OLDER_RISE, FALL = 0.71, 0.18, 0.11
"""The shares of the significance."""

SMALLEST_CHANGE = 1.1
"""A change by a smaller factor is not worth reporting, however certain it is."""

NEVER = math.inf

PROBABILITIES = (0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001, 0.00005)

ANY_INDEX = {
    8: (2.020, 2.309, 2.309, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER),
    9: (2.204, 2.449, 2.449, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER),
    10: (2.165, 2.393, 2.402, 2.611, 2.611, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER),
    11: (2.245, 2.373, 2.456, 2.645, 2.738, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER),
    12: (2.207, 2.401, 2.517, 2.679, 2.722, 2.882, NEVER, NEVER, NEVER, NEVER, NEVER),
    13: (2.285, 2.428, 2.535, 2.714, 2.781, 3.000, NEVER, NEVER, NEVER, NEVER, NEVER),
    14: (2.262, 2.452, 2.569, 2.711, 2.840, 3.000, 3.098, 3.130, NEVER, NEVER, NEVER),
    15: (2.314, 2.474, 2.592, 2.710, 2.872, 3.061, 3.124, 3.240, NEVER, NEVER, NEVER),
    16: (2.310, 2.488, 2.603, 2.730, 2.910, 3.045, 3.150, 3.253, 3.360, 3.360, NEVER),
    18: (2.340, 2.516, 2.622, 2.781, 2.943, 3.109, 3.215, 3.311, 3.399, 3.487, 3.576),
    20: (2.391, 2.551, 2.654, 2.836, 3.000, 3.163, 3.299, 3.394, 3.532, 3.608, 3.628),
    22: (2.396, 2.570, 2.702, 2.859, 3.022, 3.207, 3.329, 3.439, 3.559, 3.630, 3.706),
    25: (2.446, 2.604, 2.723, 2.901, 3.065, 3.262, 3.396, 3.510, 3.661, 3.736, 3.832),
    30: (2.485, 2.646, 2.770, 2.955, 3.123, 3.326, 3.463, 3.593, 3.741, 3.869, 3.954),
    35: (2.522, 2.687, 2.804, 2.994, 3.168, 3.375, 3.516, 3.653, 3.833, 3.933, 4.038),
    40: (2.552, 2.717, 2.840, 3.030, 3.210, 3.422, 3.572, 3.719, 3.883, 3.998, 4.113),
    50: (2.594, 2.764, 2.890, 3.088, 3.267, 3.488, 3.643, 3.791, 3.975, 4.117, 4.227),
    70: (2.651, 2.819, 2.949, 3.149, 3.342, 3.576, 3.735, 3.880, 4.074, 4.206, 4.362),
    100: (2.712, 2.885, 3.017, 3.222, 3.410, 3.651, 3.810, 3.965, 4.167, 4.278, 4.400),
}
"""By the length of a series: what the largest rise of a random permutation reaches with each probability.

Each row is from a million random permutations, those for more than 50 values from 500,000.
"""

RECENT_INDEX = {
    8: (2.020, 2.309, 2.309, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER),
    9: (2.204, 2.449, 2.449, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER),
    10: (2.165, 2.393, 2.402, 2.611, 2.611, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER),
    11: (2.245, 2.373, 2.456, 2.645, 2.738, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER),
    12: (2.207, 2.377, 2.496, 2.679, 2.722, 2.882, NEVER, NEVER, NEVER, NEVER, NEVER),
    13: (2.195, 2.366, 2.468, 2.634, 2.781, 3.000, NEVER, NEVER, NEVER, NEVER, NEVER),
    14: (2.194, 2.333, 2.466, 2.619, 2.828, 3.000, 3.098, 3.130, NEVER, NEVER, NEVER),
    15: (2.165, 2.327, 2.453, 2.611, 2.816, 2.946, 3.064, 3.181, NEVER, NEVER, NEVER),
    16: (2.169, 2.322, 2.435, 2.625, 2.789, 3.002, 3.115, 3.228, 3.334, 3.360, NEVER),
    18: (2.128, 2.316, 2.435, 2.654, 2.809, 2.997, 3.109, 3.215, 3.371, 3.396, 3.486),
    20: (2.144, 2.314, 2.456, 2.645, 2.804, 3.008, 3.098, 3.216, 3.367, 3.464, 3.548),
    22: (2.137, 2.311, 2.457, 2.638, 2.798, 3.003, 3.136, 3.251, 3.391, 3.489, 3.559),
    25: (2.106, 2.299, 2.445, 2.621, 2.796, 2.990, 3.125, 3.260, 3.389, 3.499, 3.570),
    30: (2.110, 2.309, 2.436, 2.623, 2.806, 3.007, 3.144, 3.266, 3.422, 3.517, 3.611),
    35: (2.103, 2.298, 2.433, 2.632, 2.799, 3.007, 3.142, 3.257, 3.417, 3.535, 3.632),
    40: (2.106, 2.295, 2.433, 2.616, 2.795, 3.007, 3.144, 3.292, 3.446, 3.560, 3.674),
    50: (2.103, 2.288, 2.418, 2.614, 2.789, 2.991, 3.146, 3.281, 3.424, 3.541, 3.620),
    70: (2.086, 2.277, 2.417, 2.613, 2.789, 2.998, 3.142, 3.279, 3.440, 3.572, 3.690),
    100: (2.083, 2.273, 2.409, 2.603, 2.776, 2.990, 3.131, 3.254, 3.411, 3.512, 3.595),
}
"""The same for the largest rise that is recent."""


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


def _find_indexes(values: Sequence[float], significance: float, *, has_newest: bool = True) -> Iterator[int]:
    """The clearest change, then those in either part."""
    rises = measure_rises(values)
    highest, lowest = max(rises.values(), default=0.0), min(rises.values(), default=0.0)
    is_rise = has_newest and largest_recent(rises, len(values)) >= critical_value(
        len(values), RECENT_RISE * significance, RECENT_INDEX
    )
    is_rise = is_rise or highest >= critical_value(len(values), OLDER_RISE * significance)
    if is_rise:
        index = max(rises, key=lambda index: rises[index])
    elif -lowest >= critical_value(len(values), FALL * significance):
        index = min(rises, key=lambda index: rises[index])
    else:
        return
    yield index
    yield from _find_indexes(values[:index], significance, has_newest=False)
    later = _find_indexes(values[index:], significance, has_newest=has_newest)
    yield from (index + further for further in later)


def critical_value(
    count: int, significance: float, table: Mapping[int, Sequence[float]] = ANY_INDEX
) -> float:
    """What the largest rise among `count` values without a change reaches with this probability at most."""
    counts = list(table)
    if count < counts[0] or significance < PROBABILITIES[-1]:
        return NEVER
    row = table[counts[min(bisect_left(counts, count), len(counts) - 1)]]
    following = bisect_left(PROBABILITIES, -significance, key=lambda probability: -probability)
    if following == 0 or significance == PROBABILITIES[following]:
        return row[following]
    share = math.log(PROBABILITIES[following - 1] / significance) / math.log(
        PROBABILITIES[following - 1] / PROBABILITIES[following]
    )
    below, above = row[following - 1], row[following]
    return above if above == NEVER else below + share * (above - below)


def measure_rises(values: Sequence[float]) -> dict[int, float]:
    """By the index of the first later value, how far the later values rank above the earlier ones."""
    count = len(values)
    mean = (count + 1) / 2
    sums = list(accumulate(mean - rank for rank in _ranks(values)))
    return {
        index: sums[index - 1] / math.sqrt(index * (count - index) * (count + 1) / 12)
        for index in range(FEWEST_IN_A_PART, count - FEWEST_IN_A_PART + 1)
    }


def largest_recent(rises: Mapping[int, float], count: int) -> float:
    """Of the rises among `count` values."""
    return max((rise for index, rise in rises.items() if index >= count - RECENT), default=0.0)


def _ranks(values: Sequence[float]) -> list[float]:
    """From 1 up; equal values share the mean of their ranks."""
    ordered = sorted(values)
    first = {value: rank for rank, value in reversed(list(enumerate(ordered, 1)))}
    last = {value: rank for rank, value in enumerate(ordered, 1)}
    return [(first[value] + last[value]) / 2 for value in values]
