"""Time limits: every request made within one ends when the limit has passed.

    with time_limit(clock, seconds):
        api.get_run(run_id)

bounds the sign-in, the connection, the whole answer, all its pages, and every retry with the pause
before it. A request that a limit ends raises an UnreachableError, like any other one without a
response. Limits nest, and the earliest applies. Do not `yield` from a generator inside of one: it would
apply to the caller, too.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from dbjobs.common.clock import Clock


@dataclass(frozen=True)
class Deadline:
    """The time of a clock at which waiting ends."""

    clock: Clock
    at: float

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.at - self.clock.monotonic())


_in_force: ContextVar[tuple[Deadline, ...]] = ContextVar("deadlines", default=())


@contextmanager
def time_limit(clock: Clock, seconds: float) -> Iterator[Deadline]:
    """Requests within the block end after at most this many seconds; infinity is no limit."""
    deadline = Deadline(clock, clock.monotonic() + seconds)
    token = _in_force.set((*_in_force.get(), deadline))
    try:
        yield deadline
    finally:
        _in_force.reset(token)


def seconds_left() -> float:
    """Until the earliest deadline in force; infinity if there is none."""
    return min((deadline.seconds_left for deadline in _in_force.get()), default=math.inf)
