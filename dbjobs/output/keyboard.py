"""The keyboard, while a view is drawn: what is typed must not move the cursor, and may be read at once.

Echo belongs to the terminal, not to the process. It is given back however the view
ends, and is left alone by a process in the background, which the system would stop
for touching it.
"""

import os
import re
import select
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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

_TOKENS = re.compile(
    r"(?P<reply>\x1b\[\?[\d;]*\$?[a-z]|\x1b\]\d+;[^\x07\x1b]*(?:\x07|\x1b\\))"
    r"|(?P<incomplete>\x1b(?:\[\??[\d;]*\$?|O|\](?:\d+(?:;[^\x07\x1b]*\x1b?)?)?)?\Z)"
    r"|\x1b\[[\d;]*[@-~]|\x1bO."
    r"|\x1b.|.",
    re.DOTALL,
)
"""A reply of the terminal, a key that sends several characters, the beginning of either, or a character."""

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


@dataclass
class Keyboard:
    """Keys that are read during something else; only while the terminal sends them one by one.

    Replies of the terminal arrive among the keys.
    """

    stream: TextIO
    is_open: bool = True
    """something may still arrive"""
    replies: str = ""
    """what the terminal has replied so far"""
    _keys: list[str] = field(default_factory=list)
    _unread: str = ""

    def wait(self, seconds: float) -> bool:
        """Until something arrives; False if nothing did in time, or if nothing will."""
        try:
            return bool(self.is_open and select.select([self.stream], [], [], seconds)[0])
        except (OSError, ValueError):
            self.is_open = False
            return False

    def read(self) -> list[str]:
        """The keys since the last call, without waiting: characters, or names as `read_key` has them."""
        while self.wait(ESCAPE_SECONDS if self._unread == "\x1b" else 0) and self._receive():
            pass
        if self._unread == "\x1b":
            self._unread = ""
        keys, self._keys = self._keys, []
        return keys

    def await_reply(self, pattern: re.Pattern[str], seconds: float) -> bool:
        """Whether such a reply arrives in time; keys are kept."""
        end = time.monotonic() + seconds
        while not (found := pattern.search(self.replies)) and (left := end - time.monotonic()) > 0:
            if not (self.wait(left) and self._receive()):
                break
        return found is not None

    def _receive(self) -> bool:
        """Take in what has arrived; False at the end of the input."""
        try:
            data = os.read(self.stream.fileno(), MAX_KEYS)
        except (OSError, ValueError):
            data = b""
        self.is_open = bool(data)
        tokens = list(_TOKENS.finditer(self._unread + data.decode("latin-1")))
        self._unread = ""
        for token in tokens:
            text = token[0]
            if token["incomplete"]:
                self._unread = text
            elif token["reply"]:
                self.replies += text
            elif text[0] != "\x1b" or text.encode("latin-1") in KEYS:
                self._keys.append(KEYS.get(text.encode("latin-1"), text))
        return bool(data)


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
