"""Standard output and error: what goes where, and in what dress.

stdout carries the result and nothing else; notes, warnings and errors go to stderr.
Nothing here loads rich, for errors must come quickly too.
"""

import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TextIO

from dbjobs.errors import DbjobsError
from dbjobs.pipelines import defuse, recognise

_ANSI_SEQUENCES = (
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]"
)
_CONTROLS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
"""Not compiled here: most calls need neither, and `re` keeps what it has compiled."""

SHORTEST_SECRET = 8


def clean_text(text: str) -> str:
    """Text of the API made harmless to a terminal: no escape sequence, no control, no turn of direction.

    Newlines and tabs stay; a carriage return before a newline goes with it, another becomes a newline.
    """
    if text.isprintable():  # as most are, and what is taken out is not
        return text
    text = re.sub(_ANSI_SEQUENCES, "", text).replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(_CONTROLS, "", text)


def clean_line(text: str) -> str:
    """Like `clean_text`, on one line."""
    return " ".join(clean_text(text).split())


@dataclass(frozen=True, eq=False)
class Streams:
    """Where a command writes, and what those places can show."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    no_color: bool = False
    quiet: bool = False
    verbose: bool = False
    _secrets: set[str] = field(default_factory=set, repr=False)
    _guards: set[str] = field(default_factory=set, repr=False)

    def hide(self, secret: str) -> None:
        """From now on no word on stderr shows this; what is too short for a secret is part of other words."""
        if len(secret) >= SHORTEST_SECRET:
            self._secrets.add(secret)

    def guard(self) -> None:
        """From now on no word can be taken for a command of a CI system; in such a system it is so anyway."""
        self._guards.add("asked")

    def is_terminal(self, stream: TextIO) -> bool:
        """True if somebody reads along and the cursor can be moved."""
        return _isatty(stream) and self.environ.get("TERM") != "dumb"

    def has_color(self, stream: TextIO) -> bool:
        """--no-color and NO_COLOR forbid it, FORCE_COLOR asks for it, else a terminal gets it."""
        if self.no_color or self.environ.get("NO_COLOR"):
            return False
        return bool(self.environ.get("FORCE_COLOR")) or self.is_terminal(stream)

    def result(self, text: str) -> None:
        """A line, or several, of the command's result: stdout, at once."""
        _write(self.out, self._guarded(text))

    def result_bytes(self, data: bytes) -> None:
        """The whole result, byte for byte: a file's contents."""
        self.out.flush()
        self.out.buffer.write(data)
        self.out.buffer.flush()

    def note(self, text: str) -> None:
        """What is good to know; --quiet leaves it out."""
        if not self.quiet:
            self._tell(clean_text(text))

    def show(self, text: str) -> None:
        """What was asked for and is no result, such as the output of a failed task."""
        self._tell(clean_text(text))

    def progress(self, text: str) -> None:
        """A line of progress, clean already and dressed as the stream allows."""
        if not self.quiet:
            self._tell(text)

    def detail(self, text: str) -> None:
        """What only --verbose tells."""
        if self.verbose:
            self._tell(clean_text(text))

    def warn(self, text: str) -> None:
        """What must not be overlooked; --quiet keeps it."""
        self._labelled("warning", text, "33")

    def fail(self, error: DbjobsError) -> None:
        """An error: what happened, then, where one helps, what to do next."""
        self._labelled("error", _sentence(error), "31")
        if error.hint:
            self._labelled("hint", error.hint, "36")

    def ask(self, question: str) -> None:
        """A question, whose answer is typed behind it."""
        self.err.write(self.censor(clean_text(question)))
        self.err.flush()

    def command(self, line: str) -> None:
        """A line that the CI system takes for a command: made, and escaped, by `dbjobs.ci`."""
        _write(self.err, self.censor(line))

    def _labelled(self, label: str, text: str, color: str) -> None:
        start, end = (f"\x1b[1;{color}m", "\x1b[0m") if self.has_color(self.err) else ("", "")
        self._tell(f"{start}{label}:{end} {clean_text(text)}")

    def _tell(self, text: str) -> None:
        _write(self.err, self._guarded(self.censor(text)))

    def _guarded(self, text: str) -> str:
        return defuse(text) if self._guards or recognise(self.environ) else text

    def censor(self, text: str) -> str:
        """The text without the secrets that are to be hidden."""
        for secret in self._secrets:
            text = text.replace(secret, "<hidden>")
        return text


def _sentence(error: DbjobsError) -> str:
    answer = error.answer
    if answer is None:
        return error.message
    facts = [
        answer.error_code,
        f"HTTP {answer.status}",
        answer.request_id and f"request id {answer.request_id}",
    ]
    return f"{error.message} ({', '.join(fact for fact in facts if fact)})"


def _isatty(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # the stream is closed
        return False


def _write(stream: TextIO, text: str) -> None:
    """One write a line, so that lines of several writers do not mix; no encoding is too poor for it."""
    line = text if text.endswith("\n") else text + "\n"
    encoding = stream.encoding or "utf-8"
    stream.write(line.encode(encoding, errors="backslashreplace").decode(encoding))
    stream.flush()


def silence_broken_stdout() -> None:
    """After the reader of a pipe has left: keep the interpreter's last flush from failing, too."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
