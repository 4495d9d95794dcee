"""Signals that ask a process to exit, raised as one exception, so that waits can clean up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
)
"""Ctrl-C, a CI system's cancel, a closed terminal, Ctrl-\\; Windows has only the first two."""


class Interrupted(BaseException):
    """A signal asked the process to exit."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.exit_code = 128 + signum
        """as in shells: 130 for SIGINT, 143 for SIGTERM"""


@contextmanager
def interruptible(*, once: bool = False) -> Iterator[None]:
    """Raise Interrupted for such a signal inside of the block; afterwards, restore all handlers.

    A signal that is ignored stays ignored: `nohup` and background jobs of scripts rely on it.
    With `once`, later signals are ignored until the end of the block, so that it can report the first: a
    terminal that is closed may send two at the same time.
    """
    previous = {signum: signal.getsignal(signum) for signum in SIGNALS}

    def interrupt(signum: int, frame: FrameType | None) -> None:
        for other in handled if once else ():
            signal.signal(other, signal.SIG_IGN)
        raise Interrupted(signum)

    handled = [signum for signum, handler in previous.items() if handler is not signal.SIG_IGN]
    for signum in handled:
        signal.signal(signum, interrupt)
    try:
        yield
    finally:
        for signum in handled:
            signal.signal(signum, previous[signum])
