"""Standard output and error: what is written where, and in which form.

stdout gets the result and nothing else; notes, warnings and errors go to stderr.
Nothing here loads rich: errors must come quickly, too.

With `--progress events` everything on stderr is an event: one JSON object a line.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from errno import EBADF
from typing import Any, NoReturn, TextIO

from dbjobs.common.clock import Clock
from dbjobs.common.hidden import censor
from dbjobs.common.plain_text import clean_text
from dbjobs.errors import DbjobsError, OutputError
from dbjobs.output.ci_systems import CiSystem, detect_ci_system, neutralize_commands

NO_FIELDS = dict.fromkeys(("run_id", "task_key", "life_cycle_state", "result_state", "message"))
"""What every event has besides its time and its name."""


@dataclass(eq=False)
class Streams:
    """Where a command writes, and what can be shown there."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    no_color: bool = False
    quiet: bool = False
    verbose: bool = False
    event_clock: Clock | None = None
    """if given, stderr is for programs: events only, and --quiet leaves none of them out"""

    def __post_init__(self) -> None:
        self._neutralizes_commands = detect_ci_system(self.environ) is not CiSystem.NONE
        self._keeps_results = False
        self._has_result_on_stderr = False
        self._printed_ids: set[str] = set()

    def neutralize_ci_commands(self) -> None:
        """From now on no text can be taken for a command of a CI system; in a CI system it is so anyway."""
        self._neutralizes_commands = True

    def keep_results(self) -> None:
        """From now on stderr gets what stdout does not take, and the exit code stays what it is.

        For commands that change something, and for the outcome of a wait, which must not be lost.
        """
        self._keeps_results = True

    def is_terminal(self, stream: TextIO) -> bool:
        """True if it is a terminal whose cursor can be moved."""
        try:
            return stream.isatty() and self.environ.get("TERM") != "dumb"
        except ValueError:  # the stream is closed
            return False

    def has_color(self, stream: TextIO) -> bool:
        """--no-color and NO_COLOR forbid it, FORCE_COLOR asks for it, else a terminal gets it."""
        if self.no_color or self.environ.get("NO_COLOR"):
            return False
        return bool(self.environ.get("FORCE_COLOR")) or self.is_terminal(stream)

    def wrap(self, stream: TextIO, lines: Iterable[str]) -> list[str]:
        """On a terminal, lines of words broken between words; those with a command or a URL stay whole."""
        if not self.is_terminal(stream):
            return list(lines)
        import textwrap

        try:
            width = os.get_terminal_size(stream.fileno()).columns or 80
        except (OSError, ValueError):
            width = 80
        wrapped: list[str] = []
        for line in lines:
            is_whole = len(line) <= width or "dbjobs " in line or "://" in line
            indent = " " * (len(line) - len(line.lstrip()) + 2)
            wrapped += (
                [line]
                if is_whole
                else textwrap.wrap(
                    line,
                    max(width, 20),
                    subsequent_indent=indent,
                    break_long_words=False,
                    break_on_hyphens=False,
                )
            )
        return wrapped

    def in_red(self, stream: TextIO, text: str) -> str:
        """The first line in red, for a failure, if the stream has color."""
        if not self.has_color(stream):
            return text
        first, newline, rest = text.partition("\n")
        return f"\x1b[1;31m{first}\x1b[0m{newline}{rest}"

    def result(self, text: str) -> None:
        """A line, or several, of the command's result: stdout, at once."""
        try:
            _write(self.out, self._neutralized(text))
        except OSError as error:
            if not self._keeps_results:
                _fail_to_write(error)
            if not self._has_result_on_stderr:
                self._has_result_on_stderr = True
                self.warn(f"cannot write to standard output: {_reason(error)}; the result follows here")
            self._write_message("result", clean_text(text))

    def result_ids(self, *ids: str) -> None:
        """The ids of what a command is about, a line each; one that was printed is not printed again."""
        if new := [one for one in dict.fromkeys(ids) if one not in self._printed_ids]:
            self._printed_ids.update(new)
            self.result("\n".join(new))

    def result_bytes(self, data: bytes) -> None:
        """The whole result, byte for byte: a file's contents."""
        try:
            self.out.flush()
            self.out.buffer.write(data)
            self.out.buffer.flush()
        except OSError as error:
            _fail_to_write(error)

    def note(self, text: str) -> None:
        """What is good to know; --quiet leaves it out."""
        if self.event_clock or not self.quiet:
            self._write_message("note", clean_text(text))

    def show(self, text: str, *, is_failure: bool = False, **about: object) -> None:
        """What was asked for but is not the result, such as the output of a failed task.

        `about`: more fields of its event, such as `run_id` and `task_key`.
        """
        text = clean_text(text)
        if is_failure and not self.event_clock:
            text = self.in_red(self.err, text)
        self._write_message("output", text, **about)

    def progress(self, text: str) -> None:
        """A line of progress, clean already and in colors that the stream can show."""
        if self.event_clock or not self.quiet:
            self._write_message("progress", text)

    def detail(self, text: str) -> None:
        """What only --verbose shows."""
        if self.verbose:
            self._write_message("detail", clean_text(text))

    def warn(self, text: str) -> None:
        """What must not be overlooked; shown despite --quiet."""
        self._write_labeled("warning", text, "33")

    def fail(self, error: DbjobsError) -> None:
        """An error: what happened, then, where one helps, what to do next."""
        if self.event_clock:
            error_code = error.answer.error_code if error.answer else None
            hint = self.censor(clean_text(error.hint)) if error.hint else None
            about = {"hint": hint, "error_code": error_code, "exit_code": int(error.exit_code)}
            self._write_message("error", clean_text(_sentence(error)), **about)
            return
        self._write_labeled("error", _sentence(error), "31")
        if error.hint:
            self._write_labeled("hint", error.hint, "36")

    def event(self, event: Mapping[str, Any]) -> None:
        """A JSON object on a line of stderr."""
        from dbjobs.output.serialization import is_utf8, to_json

        line = to_json(event, ascii_only=not is_utf8(self.err), indent=None)
        _write(self.err, self._neutralized(self.censor(line)))

    def ask(self, question: str) -> None:
        """A question; the answer is typed on the same line."""
        self.err.write(self.censor(clean_text(question)))
        self.err.flush()

    def ci_command(self, line: str) -> None:
        """A command to the CI system, which `dbjobs.output.ci` has made and escaped.

        Not written among events, whose reader expects JSON.
        """
        if not self.event_clock:
            _write(self.err, self.censor(line))

    def _write_labeled(self, label: str, text: str, color: str) -> None:
        text = clean_text(text)
        if not self.event_clock:
            start, end = (f"\x1b[1;{color}m", "\x1b[0m") if self.has_color(self.err) else ("", "")
            text = f"{start}{label}:{end} {text}"
        self._write_message(label, text)

    def _write_message(self, event: str, text: str, **about: object) -> None:
        """Text on stderr; an event of that name if stderr is for programs."""
        if self.event_clock is None:
            _write(self.err, self._neutralized(self.censor(text)))
            return
        from dbjobs.output.formatting import format_utc

        stamp = {"ts": format_utc(self.event_clock.now()), "event": event}
        self.event({**stamp, **NO_FIELDS, "message": self.censor(text), **about})

    def _neutralized(self, text: str) -> str:
        return neutralize_commands(text) if self._neutralizes_commands else text

    def censor(self, text: str) -> str:
        """The text without the secrets that are to be hidden."""
        return censor(text)


def _sentence(error: DbjobsError) -> str:
    answer = error.answer
    if answer is None:
        return error.message
    request_id = answer.request_id and f"request id {answer.request_id}"
    facts = [fact for fact in (answer.error_code, f"HTTP {answer.status}", request_id) if fact]
    return f"{error.message} ({', '.join(facts)})"


def _write(stream: TextIO, text: str) -> None:
    """One write per line, so that lines of several writers do not mix; in any encoding."""
    line = text if text.endswith("\n") else text + "\n"
    encoding = stream.encoding or "utf-8"
    stream.write(line.encode(encoding, errors="backslashreplace").decode(encoding))
    stream.flush()


def _fail_to_write(error: OSError) -> NoReturn:
    """A reader that has closed the pipe wants no more; any other failure to write a result is an error."""
    if isinstance(error, BrokenPipeError):
        raise error
    raise cannot_write(error) from None


def cannot_write(error: OSError) -> OutputError:
    """The error for a result that standard output did not take."""
    return OutputError(f"cannot write to standard output: {_reason(error)}")


def _reason(error: OSError) -> str:
    return "it is closed" if error.errno == EBADF else error.strerror or str(error)
