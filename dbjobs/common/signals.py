"""The signals that ask a process to leave, as one exception, for waits that have something to do first."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
)
"""Ctrl-C, a CI system's cancel, a closed terminal, Ctrl-\\; Windows has only the first two."""


class Interrupted(BaseException):
    """Somebody wants the process to leave."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.exit_code = 128 + signum
        """as shells have it: 130 for SIGINT, 143 for SIGTERM"""


@contextmanager
def interruptible() -> Iterator[None]:
    """While inside, such a signal raises Interrupted; afterwards all are as they were.

    A signal that is ignored stays so: `nohup` and background jobs of scripts rely on it.
    """
    previous = {signum: signal.getsignal(signum) for signum in SIGNALS}
    heard = [signum for signum, handler in previous.items() if handler is not signal.SIG_IGN]
    for signum in heard:
        signal.signal(signum, _raise)
    try:
        yield
    finally:
        for signum in heard:
            signal.signal(signum, previous[signum])


def _raise(signum: int, frame: FrameType | None) -> None:
    raise Interrupted(signum)
