"""When a watch polls, and when it gives up: data."""

import math
import random
from dataclasses import dataclass, replace

from dbjobs.runs.estimates import LONGEST_PAUSE

MIN_PAUSE = 0.1
"""Seconds between two polls at least, whatever the schedule says."""


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
    is_planned: bool = False
    """pauses follow from the history of the runs' jobs; the ones above apply where there is none"""
    reads_history: bool = False
    """the history says when runs end, though pauses are not planned from it"""
    longest_planned: float = LONGEST_PAUSE
    """no planned pause is longer"""
    timeout: float = math.inf
    max_outage: float = 600.0
    """how long to go without one good answer"""
    fail_fast: bool = False
    """leave at the first run that fails, or is gone"""
    tick: float = math.inf
    """pauses are split into slices of this length, for views that show time passing"""

    @property
    def uses_history(self) -> bool:
        """The history of the runs' jobs is worth a request."""
        return self.is_planned or self.reads_history

    def pause_after(self, quiet_polls: int, longest: float | None = None) -> float:
        """The pause when the last `quiet_polls` polls brought nothing new; `longest` replaces `maximum`."""
        longest = max(self.interval, self.maximum if longest is None else longest)
        pause = min(longest, self.interval * self.growth ** min(quiet_polls, 64))
        return self.vary(max(MIN_PAUSE, pause))

    def capped(self, seconds: float) -> "Schedule":
        """With no pause longer than this, if the pauses are not the user's own."""
        if not self.is_planned or self.longest_planned != LONGEST_PAUSE:
            return self
        longest = min(self.longest_planned, seconds)
        return replace(self, maximum=min(self.maximum, seconds), longest_planned=longest)

    def vary(self, pause: float) -> float:
        """The pause, a little longer or shorter."""
        return pause * (1 + random.uniform(-self.jitter, self.jitter))  # noqa: S311 - spreads load, guards nothing
