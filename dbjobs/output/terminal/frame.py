"""What every part of a live frame is drawn to, and the lines that all frames share."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.text import Text

from dbjobs.output.formatting import (
    count,
    format_counts,
    format_duration,
    format_last_seen,
    format_no_contact,
)
from dbjobs.output.terminal.cells import Canvas
from dbjobs.output.terminal.grid import Column, Row, lay_out
from dbjobs.output.terminal.style import cut, join_fitting
from dbjobs.output.terminal.tree import NARROW
from dbjobs.runs.watching import Ending, Snapshot

INDENT = "  "
WORRY = "bold bright_magenta"

_JOINERS = re.compile("[\u200b-\u200d\u2060\ufe0e\ufe0f]")
"""Terminals disagree on how wide text with these is; a view that is redrawn cannot."""


@dataclass(frozen=True, kw_only=True)
class Frame(Canvas):
    """A canvas of a size."""

    width: int
    height: int
    longest: int | None = 4000

    @property
    def is_narrow(self) -> bool:
        """True if there is no room for blanks, nor for a column of details."""
        return self.width < NARROW

    def line(self, value: object) -> str:
        return _JOINERS.sub("", super().line(value))

    def trim(self, line: Text) -> Text:
        return cut(line, self.width, self.glyphs)

    def indent(self, text: str, style: str = "") -> Text:
        return self.trim(Text(INDENT + text, style))

    def facts(self, *facts: str) -> Text:
        """As many facts as fit a line; blank ones are left out."""
        return self.all_facts(*facts)[0]

    def all_facts(self, *facts: str) -> list[Text]:
        """All facts but the blank ones, over as many lines as they need."""
        said = [fact for fact in facts if fact]
        lines = join_fitting(said, self.width - len(INDENT), self.glyphs.dot)
        return [self.indent(line) for line in lines]

    def rows(self, columns: Sequence[Column], rows: Sequence[Row]) -> list[Text]:
        margin = "" if self.is_narrow else INDENT
        lines = lay_out(columns, rows, width=self.width - len(margin), glyphs=self.glyphs)
        return [self.trim(Text.assemble(margin, line)) for line in lines]

    def fold(self, states: Sequence[str], noun: str = "") -> Text:
        """What is not shown, counted by state."""
        subject = f"{len(states)} more{f' {noun}' if noun else ''}"
        return self.indent(f"{self.glyphs.ellipsis} {subject}: {format_counts(states)}", "dim")


def contact_lines(snapshot: Snapshot, frame: Frame) -> list[Text]:
    """While contact is lost: for how long, what was seen last, and why."""
    if snapshot.error is None:
        return []
    since, seen = format_no_contact(snapshot), format_last_seen(snapshot)
    cause = frame.line(snapshot.error.message)
    parts = [f"! {since},", f"{seen}:"] if seen else [f"! {since}:"]
    lines = join_fitting([*parts, cause], frame.width - len(INDENT), " ")
    margins = ["", *[INDENT] * len(lines)]
    return [
        frame.trim(_worry(f"{margin}{line}", cause)) for margin, line in zip(margins, lines, strict=False)
    ]


def _worry(line: str, cause: str) -> Text:
    return Text.assemble((line.removesuffix(cause), WORRY), cause if line.endswith(cause) else "")


def format_next_poll(snapshot: Snapshot) -> str:
    """When news may come, or why none will."""
    if snapshot.ending is Ending.TIMEOUT:
        return f"stopped waiting after {format_duration(snapshot.elapsed)}"
    if snapshot.ending or snapshot.next_poll is None:
        return ""
    seconds = math.ceil(snapshot.next_poll - snapshot.elapsed)
    return f"next poll in {format_duration(seconds)}" if seconds > 0 else "polling"


def format_ended(snapshot: Snapshot) -> str:
    """`1 of 3 runs ended, 2 to start`."""
    ended = sum(watched.is_settled for watched in snapshot.runs)
    unstarted = f", {snapshot.unstarted} to start" if snapshot.unstarted else ""
    return f"{ended} of {count(len(snapshot.runs), 'run')} ended{unstarted}"


def stack(head: Iterable[Text], body: Iterable[Text], foot: Iterable[Text], *, is_tight: bool) -> list[Text]:
    """The parts below each other, with a blank line between them unless it is tight."""
    parts = [list(part) for part in (head, body, foot)]
    gap = [] if is_tight else [Text()]
    lines: list[Text] = []
    for part in parts:
        lines += [*(gap if lines and part else []), *part]
    return lines
