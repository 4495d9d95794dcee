"""Aligned columns, and the widths that the live view and the tables share.

A whole column is never cut. The others are narrowed, the widest first. The last column is not
padded, so that no line ends in blanks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from rich.text import Span, Text

from dbjobs.output.terminal.style import UNICODE, Glyphs, cut

INDENT = "  "

NARROW_WIDTH = 60
"""A narrower live view has no indentation, no tree lines and no column of details."""

DATES_WIDTH = 140
"""A narrower list has one word for a state, and ages without dates."""

COLUMN_GAP = 2

MIN_NAME_WIDTH = 16
"""Names in lists: optional columns are left out before this one gets narrower."""

NAME_WIDTH = 24
CAUSE_WIDTH = 24
"""People read names and causes, not ids: ids are left out before these columns get narrower."""

CAUSE_SHARE = 0.25
"""Causes get at least this much of the width of a table before ids and triggers get any."""

MIN_COLUMN_WIDTH = 8
"""A narrowed column keeps this width for as long as optional columns can be left out instead."""


@dataclass(frozen=True)
class Column:
    """How a column behaves; its width follows from its cells."""

    title: str = ""
    is_whole: bool = False
    """ids and states: never cut"""
    is_right: bool = False
    """numbers and durations: aligned to the right"""
    is_optional: bool = False
    """left out if it does not fit"""
    priority: int = 0
    """of optional columns, the one with the lowest priority is left out first; of equals, the rightmost"""
    min_width: int = 0
    """optional columns are left out before this one gets narrower"""
    min_share: float = 0
    """the same, as a share of the table's width"""
    gap: int = COLUMN_GAP
    """blanks before it"""
    reserved: int = 0
    """it is never narrower, so that what follows stays where it is while the cells change"""


Row = Sequence[Text]


def lay_out(
    columns: Sequence[Column], rows: Sequence[Row], *, width: int | None, glyphs: Glyphs = UNICODE
) -> list[Text]:
    """A line per row, aligned; at most `width` cells wide unless whole columns need more, uncut if None."""
    widths = measure(columns, rows, width)
    return [draw(columns, row, widths, glyphs) for row in rows]


def lay_out_table(
    columns: Sequence[Column], rows: Sequence[Row], *, width: int | None, glyphs: Glyphs = UNICODE
) -> list[Text]:
    """Like `lay_out`, under the columns' titles; a column without any content is left out."""
    filled = [index for index in range(len(columns)) if any(row[index].plain for row in rows)]
    titles = [Text(columns[index].title, "dim") for index in filled]
    body = [[row[index] for index in filled] for row in rows]
    return lay_out([columns[index] for index in filled], [titles, *body], width=width, glyphs=glyphs)


def measure(columns: Sequence[Column], rows: Sequence[Row], width: int | None) -> list[int]:
    """The width of each column, 0 for one that is left out.

    Columns are narrowed to their `min_width`; if that is not enough, optional ones without one are
    left out; then columns are narrowed to MIN_COLUMN_WIDTH, then the other optional ones are left out;
    if that is not enough either, the rest are narrowed further.
    """
    if width is not None:
        columns = [
            replace(column, min_width=max(column.min_width, int(width * column.min_share)))
            for column in columns
        ]
    widest = [max((row[index].cell_len for row in rows), default=0) for index in range(len(columns))]
    widths = [cells and max(cells, column.reserved) for cells, column in zip(widest, columns, strict=True)]
    if width is None:
        return widths
    optional = [index for index, column in enumerate(columns) if column.is_optional]
    optional.sort(key=lambda index: columns[index].priority, reverse=True)
    narrowed = widths
    for has_minimum in (True, False):
        left_out = [index for index in optional if not (has_minimum and columns[index].min_width)]
        narrowed = _narrow(columns, widths, width, MIN_COLUMN_WIDTH, has_minimum=has_minimum)
        while total_width(columns, narrowed) > width and left_out:
            widths[left_out.pop()] = 0
            narrowed = _narrow(columns, widths, width, MIN_COLUMN_WIDTH, has_minimum=has_minimum)
        if total_width(columns, narrowed) <= width:
            return narrowed
    return _narrow(columns, widths, width, 1)


def _narrow(
    columns: Sequence[Column], widths: list[int], width: int, minimum: int, *, has_minimum: bool = False
) -> list[int]:
    """Cap the columns that may be cut at the greatest width at which all fits, but at least `minimum`.

    `has_minimum`: whether a column's own `min_width` is kept.
    """
    narrowed = list(widths)
    soft = [index for index, cells in enumerate(widths) if cells and not columns[index].is_whole]
    left = width - total_width(columns, widths) + sum(widths[index] for index in soft)
    cap = _fair_cap([widths[index] for index in soft], left)
    while has_minimum and (held := [index for index in soft if cap < columns[index].min_width]):
        for index in held:
            narrowed[index] = min(widths[index], columns[index].min_width)
            left -= narrowed[index]
        soft = [index for index in soft if index not in held]
        cap = _fair_cap([widths[index] for index in soft], left)
    for index in soft:
        narrowed[index] = min(widths[index], max(cap, minimum))
    return narrowed


def _fair_cap(widths: Sequence[int], available: int) -> int:
    """The greatest width at which the columns fit if none is wider."""
    cap = available
    for index, cells in enumerate(sorted(widths)):
        cap = available // (len(widths) - index)
        if cells > cap:
            break
        available -= cells
    return cap


def total_width(columns: Sequence[Column], widths: Sequence[int]) -> int:
    shown = [(column, cells) for column, cells in zip(columns, widths, strict=True) if cells]
    return sum(cells for _, cells in shown) + sum(column.gap for column, _ in shown[1:])


def draw(columns: Sequence[Column], row: Row, widths: Sequence[int], glyphs: Glyphs) -> Text:
    """A row as a line, in widths that may have been measured from other rows."""
    parts: list[str] = []
    spans: list[Span] = []
    offset = 0
    for column, whole, width in zip(columns, row, widths, strict=True):
        if width:
            cell = whole if column.is_whole else cut(whole, width, glyphs)
            before, after = _blanks(column, width - cell.cell_len, is_first=not parts)
            offset += len(before)
            if cell.style:
                spans.append(Span(offset, offset + len(cell), cell.style))
            spans.extend(span.move(offset) for span in cell.spans)
            offset += len(cell) + len(after)
            parts += before, cell.plain, after
    line = Text("".join(parts), no_wrap=True, overflow="ignore", spans=spans)
    line.rstrip()
    return line


def draw_uncut(columns: Sequence[Column], texts: Sequence[str], widths: Sequence[int]) -> str:
    """The same for plain texts, none of them cut: a quarter of the work, for lists that never end."""
    parts: list[str] = []
    for column, text, width in zip(columns, texts, widths, strict=True):
        if width:
            cells = len(text) if text.isascii() else cell_len(text)
            before, after = _blanks(column, width - cells, is_first=not parts)
            parts += before, text, after
    return "".join(parts).rstrip()


def _blanks(column: Column, left: int, *, is_first: bool) -> tuple[str, str]:
    """The blanks before and after a cell that leaves this much of its width unused."""
    gap = 0 if is_first else column.gap
    return (" " * (gap + max(0, left)), "") if column.is_right else (" " * gap, " " * left)
