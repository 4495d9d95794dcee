"""One frame of the live view: its size, and the lines that the views of one run and of several share."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.cells import chop_cells
from rich.style import Style
from rich.text import Text

from dbjobs.api.models import OWN_FAILURES
from dbjobs.api.states import Phase
from dbjobs.output.formatting import (
    AnyRun,
    count,
    format_counts,
    format_duration,
    format_last_seen,
    format_no_contact,
)
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.layout import INDENT, NARROW_WIDTH, Column, Row, lay_out, measure
from dbjobs.output.terminal.style import cut, join_fitting
from dbjobs.output.terminal.tree import urgency
from dbjobs.runs.snapshots import Ending, Snapshot

WARNING_STYLE = "warning"

MIN_SPACED_HEIGHT = 8
"""With fewer lines for the body and the blank lines around it, the blank lines are left out."""

BAR_WIDTH = 20

STATE_WIDTH, DURATION_WIDTH = len("TERMINATING"), len("23h59m")
"""Columns of states and durations that change keep these widths at least."""

MOST_FILTERED = 1
"""The urgency of what is active; what failed is even more urgent."""

_JOINERS = re.compile("[\u200b-\u200d\u2060\ufe0e\ufe0f]")
"""Terminals disagree on how wide text with these is; a view that is redrawn cannot."""


@dataclass(frozen=True, kw_only=True)
class Frame(Canvas):
    """A canvas of a fixed size, in cells and lines."""

    width: int
    height: int
    max_length: int | None = 4000
    is_last: bool = False
    """nothing will change any more"""
    has_filter: bool = False
    """only what failed or is active is shown"""
    is_unfolded: bool = False
    """details are in full, below their tasks"""

    def shows(self, urgency: int) -> bool:
        """Whether something of this urgency passes the filter."""
        return urgency <= MOST_FILTERED or not self.has_filter

    @property
    def is_narrow(self) -> bool:
        return self.width < NARROW_WIDTH

    def line(self, value: object) -> str:
        return _JOINERS.sub("", super().line(value))

    def trim(self, line: Text) -> Text:
        return cut(line, self.width, self.glyphs)

    def indent(self, text: str, style: str = "") -> Text:
        return self.trim(Text(INDENT + text, style))

    def facts(self, *facts: str) -> list[Text]:
        """The facts that are not blank, over as many lines as they need."""
        shown = [fact for fact in facts if fact]
        return [self.indent(line) for line in join_fitting(shown, self.width - len(INDENT), self.glyphs.dot)]

    def foot(self, *facts: str) -> list[Text]:
        """The same, but only the first line in a low window."""
        lines = self.facts(*facts)
        return lines[:1] if self.height < MIN_SPACED_HEIGHT else lines

    def url(self, url: str | None, margin: str = INDENT) -> list[Text]:
        """An address in full, over several lines if it must be, each a link to the whole."""
        address = self.line(url or "")
        style = Style(link=address) if address.startswith(("https://", "http://")) else Style()
        margin = margin if self.width > 2 * len(margin) else ""
        chunks = chop_cells(address, self.width - len(margin))
        return [Text.assemble(margin, (chunk, style)) for chunk in chunks if chunk]

    def rows(
        self, columns: Sequence[Column], rows: Sequence[Row], shown: Mapping[int, AnyRun], max_lines: int
    ) -> list[list[Text]]:
        """The lines of each row; the last cell of a row may go below it, in at most `max_lines` lines in all.

        `shown`: runs and tasks by row. Their details go below where there is no room beside them: of those
        that failed or are queued, in a narrow or unfolded view of all that have not ended, by urgency.
        In a narrow window, or if nothing will change, no width is reserved.
        """
        margin = "" if self.is_narrow else INDENT
        if self.is_narrow or self.is_last:
            columns = [replace(column, reserved=0) for column in columns]
        width = self.width - len(margin)
        room = 0 if self.is_narrow else measure(columns, rows, width)[-1]
        below: dict[int, list[Text]] = {}
        for index in sorted(shown, key=lambda index: urgency(shown[index])):
            run, details = shown[index], rows[index][-1]
            is_queued = run.phase is Phase.WAITING and run.life_cycle_state != "BLOCKED"
            is_open = not run.is_ended and (self.is_narrow or self.is_unfolded)
            is_told = run.outcome in OWN_FAILURES or is_queued or is_open
            if is_told and details.cell_len > room and max_lines > 0:
                below[index] = self._fold(details, max_lines if self.is_unfolded else 1)
                max_lines -= len(below[index])
        cells = [
            [*row[:-1], Text()] if self.is_narrow or index in below else row for index, row in enumerate(rows)
        ]
        lines = enumerate(lay_out(columns, cells, width=width, glyphs=self.glyphs))
        return [[self.trim(Text.assemble(margin, line)), *below.get(index, ())] for index, line in lines]

    def _fold(self, text: Text, max_lines: int) -> list[Text]:
        """A text over several lines, the last of which may be cut."""
        width = max(1, self.width - 2 * len(INDENT))
        words = [part for word in text.plain.split() for part in chop_cells(word, width)]
        lines = join_fitting(words, width, " ")
        lines[max_lines - 1 :] = [" ".join(lines[max_lines - 1 :])] if len(lines) >= max_lines else []
        return [self.trim(Text(INDENT * 2 + line, text.style)) for line in lines]

    def bar(self, share: float) -> Text:
        """How much is done, from 0 to 1."""
        done = min(BAR_WIDTH, int(BAR_WIDTH * share))
        left = self.glyphs.bar_left * (BAR_WIDTH - done)
        return Text.assemble((self.glyphs.bar * done, "bar"), (left, "dim"))

    def count_hidden(self, states: Sequence[str], noun: str = "") -> Text:
        """What is not shown, counted by state."""
        subject = f"{len(states)} more{f' {noun}' if noun else ''}"
        return self.indent(f"{self.glyphs.ellipsis} {subject}: {format_counts(states)}", "dim")

    def stack(
        self, head: Sequence[Text], draw_body: Callable[[int], list[Text]], foot: Sequence[Text]
    ) -> list[Text]:
        """Head, body and foot, with blank lines between them if there are lines enough.

        `draw_body` gets the number of lines that are left for it.
        """
        left = self.height - len(head) - len(foot)
        is_tight = left < MIN_SPACED_HEIGHT
        lines: list[Text] = []
        for part in (head, draw_body(max(0, left if is_tight else left - 2)), foot):
            if lines and part and not is_tight:
                lines.append(Text())
            lines += part
        return lines[: self.height]


def contact_lines(snapshot: Snapshot, frame: Frame) -> list[Text]:
    """While contact is lost: for how long, what was seen last, and why."""
    if snapshot.error is None:
        return []
    since, seen = format_no_contact(snapshot), format_last_seen(snapshot)
    cause = frame.line(snapshot.error.message)
    parts = [f"! {since},", f"{seen}:"] if seen else [f"! {since}:"]
    shown = []
    for number, line in enumerate(join_fitting([*parts, cause], frame.width - len(INDENT), " ")):
        indented = f"{INDENT if number else ''}{line}"
        end = cause if line.endswith(cause) else ""
        shown.append(frame.trim(Text.assemble((indented.removesuffix(cause), WARNING_STYLE), end)))
    return shown


def format_next_poll(snapshot: Snapshot) -> str:
    """When the server is asked next, or that nobody waits any more."""
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
