"""What is due when: a heap of calls, and one thread that makes them."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_WAIT = 3600.0
"""Seconds; the clock is read again after that, because threading does not accept a wait of centuries."""

_ScheduledCall = tuple[float, int, "Callable[[], None]"]


class Agenda:
    """Calls to be made at their time, in the order they fall due.

    `lock` is held during each call, so whatever the calls share needs no lock of its own.
    Without `start()` nothing happens on its own: a test calls `run_due()`, with its own clock.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self._news = threading.Condition(self.lock)
        self._calls: list[_ScheduledCall] = []
        self._order = itertools.count()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="sandbox-agenda", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Make no further call; returns when the thread has ended."""
        with self._news:
            self._closed = True
            self._calls.clear()
            self._news.notify()
        if self._thread.is_alive():
            self._thread.join()

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        with self._news:
            if not self._closed:
                heapq.heappush(self._calls, (self.clock() + seconds, next(self._order), call))
                self._news.notify()

    def run_due(self) -> float | None:
        """Make every call that is due; returns the seconds until the next one, None if there is none."""
        with self.lock:
            while self._calls:
                wait = self._calls[0][0] - self.clock()
                if wait > 0:
                    return wait
                heapq.heappop(self._calls)[2]()
            return None

    def _work(self) -> None:
        with self._news:
            while not self._closed:
                try:
                    wait = self.run_due()
                except Exception:
                    # One call that fails must not stop all the others.
                    logging.getLogger(__name__).exception("the sandbox failed")
                    continue
                if not self._closed:
                    self._news.wait(None if wait is None else min(wait, _LONGEST_WAIT))
