"""SIGINT and SIGTERM as one exception, for waits that have something to say before they leave."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from dbjobs.exit_codes import ExitCode

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """Somebody wants the process to leave."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum

    @property
    def exit_code(self) -> ExitCode:
        """As shells have it: 128 and the signal's number."""
        return ExitCode(128 + self.signum)


@contextmanager
def interruptible() -> Iterator[None]:
    """While inside, either signal raises Interrupted; afterwards both are as they were."""
    previous = {signum: signal.signal(signum, _raise) for signum in SIGNALS}
    try:
        yield
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)


def _raise(signum: int, frame: FrameType | None) -> None:
    raise Interrupted(signum)
