"""How long something will take, as a probability distribution, and when to poll for its end.

Each past duration stands for one way in which this one may go: around it lies a log-normal density.
A thin log-uniform density lies under all of them, for early failures and for durations without
precedent. With the hazard rate h, and a request that is worth c seconds of delay, the best number of
polls per second is sqrt(h / 2c).

Sources: Barlow, Hunter, Proschan, "Optimum checking procedures", J. SIAM 11 (1963) 1078;
Keller, "Optimum checking schedules for systems subject to random failure", Management Science
21 (1974) 256.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

NARROWEST, WIDEST = 0.01, 0.7
"""The least and the greatest standard deviation of a kernel, in the logarithm of seconds."""

KERNEL_WIDTH = 0.8
"""The deviation of a kernel, as a share of the distance to a near neighbor."""

FEW, WIDTH_OF_FEW = 2, 0.2
"""So few durations do not show how much they vary: this is taken for the least deviation."""

UNEXPECTED_SHARE = 0.05
"""The probability of an end that no past duration suggests."""

EARLIEST = 5.0
"""Seconds: no end is expected before."""

LATEST = 4.0
"""An unexpected end comes at this multiple of the longest duration at the latest."""

SHORTEST_PAUSE, LONGEST_PAUSE = 2.0, 130.0
"""Seconds. A run that fails at a random moment is noticed half the longest pause late, on average."""

OVERDUE, OVERDUE_PAUSE = 1.1, 40.0
"""From this multiple of the longest past duration on, no pause is longer than so many seconds."""

LEAST_PRICE, GREATEST_PRICE = 0.02, 1.0
"""Bounds of what a request is worth, in seconds of delay."""

LONGEST_EVEN_PAUSE = 50.0
"""Seconds; it is short enough for no more cost than without a plan."""

NOT_WORTH_PLANNING = 0.85
"""A plan that has more than this share of the cost of even pauses follows chance rather than the past."""

PRICE_STEPS = 200


@dataclass(frozen=True)
class Estimate:
    """The distribution of a duration, in seconds."""

    durations: tuple[float, ...]
    """past durations in ascending order: one at least, each of 1 second at least"""

    @classmethod
    def of(cls, durations: Iterable[float]) -> "Estimate":
        return cls(tuple(sorted(max(duration, 1.0) for duration in durations)))

    @property
    def longest(self) -> float:
        return self.durations[-1]

    @cached_property
    def _kernels(self) -> list[tuple[float, float]]:
        """Center of each kernel and the reciprocal of √2 times its standard deviation, in the log of seconds.

        The deviation follows from the distance to the neighbor of rank sqrt(n).
        """
        logs = [math.log(duration) for duration in self.durations]
        rank = min(max(1, round(math.sqrt(len(logs)))), len(logs) - 1)
        narrowest = WIDTH_OF_FEW if len(logs) <= FEW else NARROWEST
        kernels = []
        for center in logs:
            distance = sorted(abs(other - center) for other in logs)[rank]
            deviation = min(max(KERNEL_WIDTH * distance, narrowest), WIDEST)
            kernels.append((center, 1 / (math.sqrt(2) * deviation)))
        return kernels

    @cached_property
    def _unexpected_range(self) -> tuple[float, float]:
        """The logarithms of the earliest and the latest unexpected end."""
        return math.log(min(EARLIEST, self.durations[0] / 2)), math.log(LATEST * self.longest)

    @cached_property
    def _mean(self) -> float:
        return statistics.fmean(self.durations)

    @cached_property
    def _integral(self) -> float:
        """∫ sqrt(f S) dt: half its square is the least product of requests and delay."""
        first, last = self._unexpected_range
        integral = 0.0
        time, survival = math.exp(first), self.survival(math.exp(first))
        for step in range(1, PRICE_STEPS + 1):
            later = math.exp(first + (last - first) * step / PRICE_STEPS)
            left = self.survival(later)
            integral += math.sqrt(max(survival - left, 0.0) * (survival + left) / 2 * (later - time))
            time, survival = later, left
        return integral

    @cached_property
    def _polls(self) -> float:
        """How many polls to make in all: about sqrt(T) in T seconds, or one a minute if that is more."""
        return max(math.sqrt(self._mean), self._mean / 60)

    @cached_property
    def request_price(self) -> float:
        """What a request is worth, in seconds of delay, for that many polls."""
        return min(max(self._integral**2 / (2 * self._polls**2), LEAST_PRICE), GREATEST_PRICE)

    @cached_property
    def even_hazard(self) -> float | None:
        """The hazard rate for even pauses, which cost mean / 2; None where a plan does much better."""
        if self._integral**2 < NOT_WORTH_PLANNING * self._mean:
            return None
        return 2 * self.request_price / min(LONGEST_EVEN_PAUSE, math.sqrt(self._mean)) ** 2

    def survival(self, seconds: float) -> float:
        """The probability that it takes longer than this."""
        if seconds <= 0:
            return 1.0
        log = math.log(seconds)
        tails = sum([math.erfc((log - center) * scale) for center, scale in self._kernels])
        first, last = self._unexpected_range
        unexpected = min(max((last - log) / (last - first), 0.0), 1.0)
        expected = tails / (2 * len(self._kernels))
        return (1 - UNEXPECTED_SHARE) * expected + UNEXPECTED_SHARE * unexpected

    def quantile(self, share: float, after: float = 0.0) -> float:
        """The duration that is not exceeded with this probability, given that it exceeds `after`."""
        target = self.survival(after) * (1 - share)
        low, high = after, 2 * LATEST * max(self.longest, after)
        while high - low > 0.001 * high:
            middle = (low + high) / 2
            low, high = (middle, high) if self.survival(middle) > target else (low, middle)
        return high

    def hazard(self, elapsed: float, step: float) -> float:
        """The rate at which it ends in this step of seconds, if it has not ended before."""
        if self.even_hazard:
            return self.even_hazard
        after = self.survival(elapsed + step)
        # it takes longer than any duration suggests if nothing is left
        return math.log(self.survival(elapsed) / after) / step if after > 0 else 0.0

    def limit(self, elapsed: float) -> float:
        """The longest pause, in seconds."""
        return LONGEST_PAUSE if self.even_hazard or elapsed < OVERDUE * self.longest else OVERDUE_PAUSE


def plan_pause(active: Sequence[tuple[Estimate, float]], price: float = 1.0) -> float:
    """How many seconds to pause after a round of polls found that these go on, each for so many seconds.

    `price`: what the round is worth, compared with the poll of a single one.
    """
    limit = min(estimate.limit(elapsed) for estimate, elapsed in active)
    step = max(min(max(SHORTEST_PAUSE / 4, 0.002 * elapsed), 2 * SHORTEST_PAUSE) for _, elapsed in active)
    price *= statistics.fmean(estimate.request_price for estimate, _ in active)
    polls_due = pause = 0.0
    while pause < limit:
        hazard = statistics.fmean(estimate.hazard(elapsed + pause, step) for estimate, elapsed in active)
        polls = step * math.sqrt(hazard / (2 * price))
        if polls_due + polls >= 1:
            pause += step * (1 - polls_due) / polls
            break
        polls_due += polls
        pause += step
    return min(max(pause, SHORTEST_PAUSE), limit)
