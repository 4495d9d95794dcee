"""A fixed time zone, streams to look into, and a terminal with somebody before it."""

import difflib
import fcntl
import io
import os
import pty
import re
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import pyte
import pytest

from dbjobs.output.streams import Streams

VIEWS = Path(__file__).parent / "views"


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Local time is UTC, until a test calls this with another zone."""

    def set_zone(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    set_zone("UTC")
    yield set_zone
    monkeypatch.undo()
    time.tzset()


class Pipe(io.StringIO):
    """A stream that is no terminal."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:
        return self._encoding

    @encoding.setter
    def encoding(self, encoding: str) -> None:
        self._encoding = encoding


@dataclass
class Piped:
    """Streams as in a pipeline, and what was written to them."""

    out: Pipe
    err: Pipe
    environ: dict[str, str] = field(default_factory=dict)

    def streams(self, *, quiet: bool = False) -> Streams:
        return Streams(out=self.out, err=self.err, environ=self.environ, quiet=quiet)


@pytest.fixture
def piped() -> Piped:
    return Piped(Pipe(), Pipe())


RESIZE = re.compile(rb"\x1b\]777;(\d+);(\d+)\x07")
"""What `Terminal.resize` leaves in the stream, so that the screen is resized just there."""


@dataclass
class Terminal:
    """A real pseudo-terminal; `screen` shows what its user sees once it is closed."""

    columns: int = 80
    lines: int = 24
    environ: dict[str, str] = field(
        default_factory=lambda: {"TERM": "xterm-256color", "XTERM_VERSION": "XTerm(390)"}
    )
    received: bytes = b""

    def __post_init__(self) -> None:
        self.master, slave = pty.openpty()
        self.first_size = (self.columns, self.lines)
        self._set_size(slave)
        self.stream: TextIO = os.fdopen(slave, "w", encoding="utf-8")
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:  # the other side is closed
                return
            self.received += data

    def streams(self) -> Streams:
        return Streams(out=self.stream, err=self.stream, environ=self.environ)

    def resize(self, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        self._set_size(self.stream.fileno())
        self.stream.write(f"\x1b]777;{columns};{lines}\x07")
        self.stream.flush()

    @property
    def has_echo(self) -> bool:
        return bool(termios.tcgetattr(self.stream.fileno())[3] & termios.ECHO)

    def _set_size(self, descriptor: int) -> None:
        size = struct.pack("HHHH", self.lines, self.columns, 0, 0)
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, size)

    def close(self) -> None:
        if not self.stream.closed:
            self.stream.close()
            self._reader.join()
            os.close(self.master)

    @property
    def screen(self) -> pyte.HistoryScreen:
        """All that was written, as a terminal shows it."""
        self.close()
        screen = pyte.HistoryScreen(*self.first_size, history=10_000)
        feed = pyte.ByteStream(screen)
        pieces = RESIZE.split(self.received)
        feed.feed(pieces[0])
        for columns, lines, piece in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
            screen.resize(int(lines), int(columns))
            feed.feed(piece)
        return screen

    @property
    def shown(self) -> list[str]:
        """Scrollback and screen, without the empty lines at its end."""
        screen = self.screen
        above = ["".join(row[place].data for place in range(screen.columns)) for row in screen.history.top]
        text = [line.rstrip() for line in [*above, *screen.display]]
        while text and not text[-1]:
            text.pop()
        return text


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Opens terminals: `terminal(columns=40)`."""
    opened: list[Terminal] = []

    def open_terminal(**options: int) -> Terminal:
        opened.append(Terminal(**options))  # type: ignore[arg-type]
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.close()


@pytest.fixture
def looks_like() -> Callable[[str, str], None]:
    """Compares with a picture in `views/`; DRAW_VIEWS=1 draws it anew."""

    def compare(text: str, name: str) -> None:
        path = VIEWS / f"{name}.txt"
        if os.environ.get("DRAW_VIEWS"):
            path.write_text(text + "\n", encoding="utf-8")
        expected = path.read_text(encoding="utf-8").splitlines()
        difference = "\n".join(
            difflib.unified_diff(expected, text.splitlines(), "expected", "shown", lineterm="")
        )
        assert not difference, difference

    return compare
