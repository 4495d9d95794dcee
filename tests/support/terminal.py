"""A real pseudo-terminal for the real command, and a screen that understands what it writes."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyte

from tests.support import leaks


@dataclass(frozen=True)
class Screen:
    """What a user sees after the command, scrollback included."""

    text: str
    exit_code: int
    raw: str
    is_clean: bool
    """the cursor is visible, and the terminal echoes as before"""


class ReplyingScreen(pyte.HistoryScreen):
    """One that says what terminal it is, as every terminal does."""

    reply: Callable[[str], None]

    def write_process_input(self, data: str) -> None:
        self.reply(data)


class Terminal:
    """A process on a pseudo-terminal of its own, its output fed to a screen."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 80,
        lines: int = 24,
        env: Mapping[str, str] | None = None,
        answers: Mapping[str, str] | None = None,
    ) -> None:
        """`answers`: what the terminal replies to questions that `ReplyingScreen` does not know."""
        self.screen = ReplyingScreen(columns, lines, history=10_000, ratio=1)
        self.screen.reply = self.type
        self._answers = dict(answers or {})
        self._stream = pyte.Stream(self.screen)
        self._master, slave = pty.openpty()
        self.resize(columns, lines)
        self._modes = termios.tcgetattr(slave)
        self._slave = slave
        self.raw = ""
        environ = {**os.environ, "TERM": "xterm-256color", **(env or {})}
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True
        )

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    def read_until(self, text: str, *, after: str = "", timeout: float = 60) -> None:
        """Until the screen shows it, below what it showed before."""
        self.wait_for(lambda shown: text in shown.removeprefix(after), f"{text!r} never showed", timeout)

    def wait_for(self, is_shown: Callable[[str], bool], complaint: str, timeout: float = 60) -> None:
        """Until the text of the screen is as it has to be."""
        deadline = time.monotonic() + timeout
        while not is_shown(self.text):
            has_left = not self._read(0.05) and self.process.poll() is not None
            if has_left or time.monotonic() > deadline:
                raise AssertionError(f"{complaint}; the screen:\n{self.text}")

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def hang_up(self) -> None:
        """As a terminal's window is closed: nothing can be read or written from then on."""
        os.close(self._slave)
        os.close(self._master)

    def interrupt(self, signum: int = signal.SIGINT) -> None:
        self.process.send_signal(signum)

    def feed(self, text: str) -> None:
        """Show a text that the process has not written."""
        self._stream.feed(text)

    def pieces(self, timeout: float = 60, settled_for: float = 0.03) -> Iterator[str]:
        """What the process writes until it ends, in pieces between which it writes nothing for a moment."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            before = len(self.raw)
            while self._read(settled_for):
                pass
            if len(self.raw) > before:
                yield self.raw[before:]
            elif self.process.poll() is not None:
                return

    def wait(self, timeout: float = 60) -> Screen:
        """To the end of the process."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None and time.monotonic() < deadline:
            self._read(0.05)
        exit_code = self.process.wait(1)
        while self._read(0.05):
            pass
        is_clean = not self.screen.cursor.hidden and termios.tcgetattr(self._slave) == self._modes
        os.close(self._master)
        os.close(self._slave)
        leaks.note("the terminal", self.raw)
        return Screen(self.text, exit_code, self.raw, is_clean)

    @property
    def text(self) -> str:
        """The scrollback and the screen, without trailing blanks."""
        above = [self._line(row) for row in self.screen.history.top]
        return "\n".join(above + [line.rstrip() for line in self.screen.display]).rstrip()

    def _line(self, row: Mapping[int, pyte.screens.Char]) -> str:
        return "".join(row[column].data for column in range(self.screen.columns)).rstrip()

    def _read(self, patience: float) -> bool:
        """Feed what has come to the screen; False if nothing came."""
        readable, _, _ = select.select([self._master], [], [], patience)
        if not readable:
            return False
        data = os.read(self._master, 65536).decode(errors="replace")
        self.raw += data
        for question in [question for question in self._answers if question in self.raw]:
            self.type(self._answers.pop(question))
        self._stream.feed(data)
        return True


def run_in_terminal(
    command: Sequence[str], *, columns: int = 80, lines: int = 24, env: Mapping[str, str] | None = None
) -> Screen:
    """Run a command to its end in a terminal of this size."""
    return Terminal(command, columns=columns, lines=lines, env=env).wait()
