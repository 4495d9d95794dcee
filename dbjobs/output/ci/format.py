"""What every CI system can be told, and in what form it wants it."""

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
class CiOutput:
    """Files to write, then lines to say."""

    files: tuple[FileText, ...] = ()
    lines: tuple[str, ...] = ()


class CiFormat(Protocol):
    """One CI system. Times are epoch seconds."""

    @property
    def draws_mermaid(self) -> bool:
        """Whether its summaries show Mermaid as pictures."""

    def begin_group(self, title: str, now: float) -> str:
        """The line that begins a part of the log which can be folded."""

    def end_group(self, now: float) -> str:
        """The line that ends it."""

    def show_progress(self, percent: int, text: str) -> str:
        """The line that shows how far the step is; empty where steps have no progress."""

    def annotate(self, level: Level, title: str, message: str) -> str:
        """The line that puts a message where people look first; empty where there is no such place."""

    def set_values(self, values: Mapping[str, str]) -> CiOutput:
        """Values for later steps and jobs."""

    def summarize(self, markdown: str, name: str) -> CiOutput:
        """A page beside the log; `name` tells it from others."""


MAX_TITLE = 250
"""GitHub takes 255: https://docs.github.com/rest/checks/runs"""


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
