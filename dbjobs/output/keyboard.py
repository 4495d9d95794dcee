"""The keyboard, while a view is drawn: what is typed must not move the cursor, and may be read at once.

Echo belongs to the terminal, not to the process. It is given back however the view
ends, and is left alone by a process in the background, which the system would stop
for touching it.
"""

import os
import select
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

try:
    import termios
except ImportError:  # Windows, whose terminal echoes only what a process reads
    termios = None  # type: ignore[assignment]

KEYS = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"\r": "enter",
    b"\n": "enter",
}

MAX_KEYS = 1024

ESCAPE_SECONDS = 0.05
"""A terminal sends the rest of a key's sequence within this time; the key Esc sends nothing more."""


def is_foreground(stream: TextIO) -> bool:
    """False for a job that the shell runs in the background: the terminal is somebody else's then."""
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except (AttributeError, OSError):  # no job control here
        return True


@dataclass
class TerminalModes:
    """Modes of the terminal behind a stream that are switched off while this process uses it."""

    stream: TextIO
    modes: Sequence[str]
    _changed: int = 0

    @property
    def is_off(self) -> bool:
        """False where the modes are not ours to change, or were off before."""
        return self._changed != 0

    def switch_off(self) -> None:
        flags = sum(getattr(termios, mode) for mode in self.modes) if termios else 0
        self._changed |= _set_modes(self.stream, off=flags)

    def restore(self) -> None:
        """Switch on those that were on."""
        if self._changed:
            _set_modes(self.stream, on=self._changed)
            self._changed = 0


@contextmanager
def key_by_key(stream: TextIO) -> Iterator[bool]:
    """Keys can be read as they are pressed, and leave no trace; False where the system cannot do that."""
    modes = TerminalModes(stream, ("ECHO", "ICANON"))
    try:
        modes.switch_off()
        yield modes.is_off
    finally:
        modes.restore()


def read_key(stream: TextIO) -> str:
    """Wait for a key: its character, or `up`, `down`, `enter`, `escape`; empty at the end of the input."""
    data = os.read(stream.fileno(), 1)
    if data == b"\x1b":
        while select.select([stream], [], [], ESCAPE_SECONDS)[0]:
            data += os.read(stream.fileno(), 1)
            if data[-1:].isalpha() and data[1:] != b"O":
                break
    return KEYS.get(data) or ("escape" if data[:1] == b"\x1b" else data.decode("latin-1"))


def read_pressed_keys(stream: TextIO) -> str:
    """What has been pressed since the last call, without waiting; only within `key_by_key`."""
    try:
        if not is_foreground(stream) or not select.select([stream], [], [], 0)[0]:
            return ""
        return os.read(stream.fileno(), MAX_KEYS).decode("latin-1")
    except (OSError, ValueError):
        return ""


def _set_modes(stream: TextIO, *, on: int = 0, off: int = 0) -> int:
    """Returns which of the modes to switch off were on."""
    if termios is None or not is_foreground(stream):
        return 0
    try:
        settings = termios.tcgetattr(stream.fileno())
        were_on = int(settings[3]) & off
        settings[3] = (settings[3] | on) & ~off
        termios.tcsetattr(stream.fileno(), termios.TCSANOW, settings)
    except (OSError, termios.error):
        return 0
    return were_on
