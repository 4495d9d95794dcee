"""The clock, as a parameter: that of the system, or a fake one in tests."""

import time
from typing import Protocol


class Clock(Protocol):
    """Code takes one of these instead of reading the system's time."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary time; never jumps, so elapsed times and deadlines use it."""

    def now(self) -> float:
        """Seconds since the epoch, for what is shown; may jump."""

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))
