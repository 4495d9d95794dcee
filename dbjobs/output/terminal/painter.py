"""Draws frames over each other, and sends only what has changed.

Between two frames the cursor is on the first cell of the frame. Wherever a terminal moves that
cell when its window is resized, whether it wraps long lines again or cuts them, erasing from the
cursor to the end of the screen erases the frame and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeAlias

from rich.cells import cell_len
from rich.console import COLOR_SYSTEMS, Console
from rich.style import Style
from rich.text import Text

ERASE_AFTER_CURSOR = "\x1b[J"
ERASE_BELOW = f"\r\x1b[K\x1b[C{ERASE_AFTER_CURSOR}\r"
"""Never a whole window at once: tmux takes that for `clear`, and moves what was there to the scrollback."""
ERASE_TO_END_OF_LINE = "\x1b[K"
BEGIN_UPDATE, END_UPDATE = "\x1b[?2026h", "\x1b[?2026l"
"""Synchronized output: the terminal shows what is between them at once."""

Cell: TypeAlias = tuple[str, Style | None]
"""A character with what is combined with it, and its style."""


@dataclass
class Painter:
    """Makes the escape sequences that turn the last frame into the next one."""

    console: Console
    is_synchronized: bool = False
    """the terminal is known to support synchronized output"""
    _lines: list[Text] = field(default_factory=list)
    _rows: list[list[Cell]] = field(default_factory=list)

    def draw(self, frame: Text, width: int) -> str:
        """What to write to show the frame; the first one erases whatever is below the cursor."""
        lines = list(frame.split("\n", allow_blank=True))
        old_rows, old_lines = self._rows, self._lines
        rows: list[list[Cell]] = []
        parts: list[str] = [] if old_rows else [ERASE_BELOW]
        at = 0
        for index, line in enumerate(lines):
            if index < len(old_lines) and line == old_lines[index]:
                rows.append(old_rows[index])
                continue
            row = self._cells(line)
            rows.append(row)
            change = self._change(old_rows[index] if index < len(old_rows) else [], row, width)
            if change or index >= len(old_rows):
                parts += _move_down(index - at, max(0, len(old_rows) - 1 - at)), change
                at = index
        if len(rows) < len(old_rows):
            parts += _move_down(len(rows) - at, len(rows) - at), ERASE_BELOW
            at = len(rows)
        self._lines, self._rows = lines, rows
        if not any(parts):
            return ""
        text = "".join([*parts, "\r", f"\x1b[{at}A" if at else ""])
        return f"{BEGIN_UPDATE}{text}{END_UPDATE}" if self.is_synchronized else text

    def draw_last(self, frame: Text) -> str:
        """What to write to leave the frame on the screen, and the cursor below it."""
        rows = [self._render(self._cells(line)) for line in frame.split("\n", allow_blank=True)]
        return ERASE_BELOW + "".join(f"{row}\r\n" for row in rows)

    def leave(self) -> str:
        """What to write to move the cursor below the frame as it is."""
        return f"{_move_down(len(self._rows) - 1, len(self._rows) - 1)}\r\n" if self._rows else ""

    def forget(self) -> None:
        """The screen is somebody else's: the next frame is the first one."""
        self._lines, self._rows = [], []

    def _cells(self, line: Text) -> list[Cell]:
        cells: list[Cell] = []
        for segment in line.render(self.console):
            for character in segment.text:
                if cells and not cell_len(character):
                    cells[-1] = (cells[-1][0] + character, cells[-1][1])
                else:
                    cells.append((character, segment.style))
        return cells

    def _change(self, old: Sequence[Cell], new: Sequence[Cell], width: int) -> str:
        """What to write, from the first cell of a row on, to make it the new one."""
        if not _has_plain_widths(old) or not _has_plain_widths(new):
            return ERASE_TO_END_OF_LINE + self._render(new) if old != new else ""
        start = _common_length(old, new)
        if start == len(old) == len(new):
            return ""
        move = f"\x1b[{start}C" if start else ""
        if len(old) != len(new):
            erase = ERASE_TO_END_OF_LINE if len(new) < min(width, len(old)) else ""
            return move + self._render(new[start:]) + erase
        end = len(new) - _common_length(old[:start:-1], new[:start:-1])
        return move + self._render(new[start:end])

    def _render(self, cells: Sequence[Cell]) -> str:
        name = self.console.color_system
        colors = COLOR_SYSTEMS[name] if name else None
        return "".join(
            (style or Style()).render("".join(text for text, _ in group), color_system=colors)
            for style, group in groupby(cells, key=lambda cell: cell[1])
        )


def _has_plain_widths(cells: Sequence[Cell]) -> bool:
    """True if every terminal agrees on the columns of these cells; they do not on those of newer emoji."""
    return all(len(text) == 1 and (text < "\u0300" or cell_len(text) == 1) for text, _ in cells)


def _common_length(first: Sequence[Cell], second: Sequence[Cell]) -> int:
    length = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        length += 1
    return length


def _move_down(rows: int, existing: int) -> str:
    """To the first cell of the row that is `rows` further down; below the `existing` ones they are made."""
    within = min(rows, existing)
    return (f"\r\x1b[{within}B" if within > 0 else "\r" if rows > 0 else "") + "\r\n" * (rows - within)
