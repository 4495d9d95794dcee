"""The keyboard, while a view is drawn: what is typed must not move the cursor under it.

Echo belongs to the terminal, not to the process. It is given back however the view
ends, and is left alone by a process in the background, which the system would stop
for touching it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

try:
    import termios
except ImportError:  # Windows, whose terminal echoes only what a process reads
    termios = None  # type: ignore[assignment]


def is_foreground(stream: TextIO) -> bool:
    """False for a job that the shell runs in the background: the terminal is somebody else's then."""
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except (AttributeError, OSError):  # no job control here
        return True


@contextmanager
def without_echo(stream: TextIO) -> Iterator[None]:
    """Keys that are pressed leave no trace on the terminal behind a stream."""
    had_echo = _set_echo(stream, on=False)
    try:
        yield
    finally:
        if had_echo:
            _set_echo(stream, on=True)


def _set_echo(stream: TextIO, *, on: bool) -> bool:
    """Returns whether there was echo; does nothing where it is not ours to change."""
    if termios is None or not is_foreground(stream):
        return False
    try:
        modes = termios.tcgetattr(stream.fileno())
        had_echo = bool(modes[3] & termios.ECHO)
        modes[3] = modes[3] | termios.ECHO if on else modes[3] & ~termios.ECHO
        termios.tcsetattr(stream.fileno(), termios.TCSANOW, modes)
    except (OSError, termios.error):
        return False
    return had_echo
