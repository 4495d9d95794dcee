"""What every CI system can be told, and in which form."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from dbjobs.common.plain_text import clean_text
from dbjobs.output.ci_systems import neutralize_commands
from dbjobs.output.truncation import MAX_TEXT, short_line, truncate

MAX_MESSAGE = 2000
"""Characters of an annotation: more is not shown anyway."""


class Level(str, Enum):
    """How grave an annotation is."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class FileText:
    """A text that a system reads from a file; it may hold what earlier steps have appended."""

    path: Path
    text: str
    is_appended: bool = False


@dataclass(frozen=True)
class Program:
    """A program of the system, and the text that it reads from standard input."""

    arguments: tuple[str, ...]
    stdin: str


@dataclass(frozen=True)
class CiOutput:
    """Files to write, then lines to print, then programs to run."""

    files: tuple[FileText, ...] = ()
    lines: tuple[str, ...] = ()
    programs: tuple[Program, ...] = ()


@dataclass(frozen=True)
class Summary:
    """How a wait ended, as a page and in one line."""

    markdown: str
    headline: str
    name: str
    """distinguishes it from others"""
    is_good: bool


class CiFormat(Protocol):
    """One CI system. Times are epoch seconds."""

    @property
    def draws_mermaid(self) -> bool:
        """Whether its summaries show Mermaid as pictures."""

    @property
    def max_results(self) -> int:
        """The bytes that the results of all tasks may have, as one value for later steps."""

    def begin_group(self, title: str, now: float, *, is_open: bool = False) -> str:
        """The line that begins a part of the log which can be collapsed; `is_open`: it is shown at first."""

    def end_group(self, now: float) -> str:
        """The line that ends it."""

    def show_progress(self, percent: int, text: str) -> str:
        """The line that shows how far the step is; empty where steps have no progress."""

    def annotate(self, level: Level, title: str, message: str) -> str:
        """The line that puts a message where people look first."""

    def set_values(self, values: Mapping[str, str]) -> CiOutput:
        """Values for later steps and jobs."""

    def summarize(self, summary: Summary) -> CiOutput:
        """A page beside the log, or a line in the list of builds."""


MAX_TITLE = 250
"""GitHub takes 255: https://docs.github.com/rest/checks/runs"""


MAX_STEP_VALUE = 40_000
"""Characters of a value for later steps. Many become environment variables: 131,072 bytes on Linux."""


def plain_value(text: str) -> str:
    """A value for later steps, on one line."""
    return plain_line(text, MAX_STEP_VALUE)


def compose_results(results: Mapping[str, str | None], max_bytes: int) -> tuple[str, list[str]]:
    """The results of tasks as a JSON object on one line, and the tasks that it leaves out.

    A result that does not fit is left out as a whole: half of it might be taken for all of it.
    None stands for one that is too long anyway. Whatever means something to a CI system or
    to a shell is escaped as JSON allows it.
    """
    entries: list[str] = []
    left_out = []
    for task_key, result in results.items():
        entry = re.sub(_SYNTAX, _escape_for_json, json.dumps({task_key: result})[1:-1])
        if result is None or sum(map(len, entries)) + 2 * len(entries) + len(entry) + 2 > max_bytes:
            left_out.append(task_key)
        else:
            entries.append(entry)
    return f"{{{', '.join(entries)}}}", left_out


_SYNTAX = "[#$%&'<>`]|(?<= ) "
"""Within JSON: what commands, references to variables and quoted texts have, and spaces to be merged."""


def _escape_for_json(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def log_annotation(level: Level, title: str, message: str) -> str:
    """An annotation where the log is the only place for it: its first line, as one line of the log."""
    first = plain_line(message.strip().partition("\n")[0])
    return f"{level.value}: {plain_title(title)}{': ' if first else ''}{first}"


def plain_title(text: str) -> str:
    """Text of the API as a title."""
    return plain_line(text, MAX_TITLE - len(" … (1,000,000,000 more characters)"))


def plain_line(text: str, longest: int = MAX_MESSAGE) -> str:
    """Text of the API on one line, with nothing in it that commands."""
    return _whole(neutralize_commands(short_line(text, longest)))


def plain_text(text: str) -> str:
    """The same over several lines."""
    return _whole(neutralize_commands(truncate(clean_text(text[:MAX_TEXT]), MAX_MESSAGE)))


def _whole(text: str) -> str:
    """Without halves of characters, which no file can hold."""
    return text.encode(errors="replace").decode()


def file_at(environ: Mapping[str, str], variable: str) -> Path | None:
    """The file that the system names by a variable, if it does."""
    path = environ.get(variable)
    return Path(path) if path else None
