"""Aligned columns: one layout for the live view and for every table.

A whole column is never cut; the others give way, the widest first. The last
column is not padded, so that no line ends in blanks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Span, Text

from dbjobs.output.terminal.style import UNICODE, Glyphs, cut

GAP = 2
LEAST = 8
"""A column that gave way is still this wide, while there is a way."""


@dataclass(frozen=True)
class Column:
    """A column's behaviour; its width follows from its cells."""

    title: str = ""
    is_whole: bool = False
    """ids and states: never cut"""
    is_right: bool = False
    """numbers and durations: aligned to the right"""
    is_optional: bool = False
    """left out where there is no room for it"""
    worth: int = 0
    """of optional columns, the least worth goes first; of equals, the rightmost"""
    gap: int = GAP
    """blanks before it"""


Row = Sequence[Text]


def lay_out(
    columns: Sequence[Column], rows: Sequence[Row], *, width: int | None, glyphs: Glyphs = UNICODE
) -> list[Text]:
    """A line a row, aligned; at most `width` cells wide unless whole columns need more, uncut if None."""
    widths = measure(columns, rows, width)
    return [draw(columns, row, widths, glyphs) for row in rows]


def measure(columns: Sequence[Column], rows: Sequence[Row], width: int | None) -> list[int]:
    """The width of each column, 0 for one that is left out."""
    widths = [max((row[place].cell_len for row in rows), default=0) for place in range(len(columns))]
    return widths if width is None else _fit(columns, widths, width)


def draw(columns: Sequence[Column], row: Row, widths: Sequence[int], glyphs: Glyphs) -> Text:
    """A row as a line, in widths that may have been measured from other rows."""
    parts: list[str] = []
    spans: list[Span] = []
    at = 0
    for column, whole, width in zip(columns, row, widths, strict=True):
        if width:
            cell = whole if column.is_whole else cut(whole, width, glyphs)
            before, after = _blanks(column, width - cell.cell_len, is_first=not parts)
            at += len(before)
            if cell.style:
                spans.append(Span(at, at + len(cell), cell.style))
            spans.extend(span.move(at) for span in cell.spans)
            at += len(cell) + len(after)
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
    """What stands before and after a cell that leaves so much of its width."""
    gap = 0 if is_first else column.gap
    return (" " * (gap + max(0, left)), "") if column.is_right else (" " * gap, " " * left)


def lay_out_table(
    columns: Sequence[Column], rows: Sequence[Row], *, width: int | None, glyphs: Glyphs = UNICODE
) -> list[Text]:
    """Like `lay_out`, under the columns' titles; a column without any content is left out."""
    filled = [place for place in range(len(columns)) if any(row[place].plain for row in rows)]
    titles = [Text(columns[place].title, "dim") for place in filled]
    body = [[row[place] for place in filled] for row in rows]
    return lay_out([columns[place] for place in filled], [titles, *body], width=width, glyphs=glyphs)


def _fit(columns: Sequence[Column], widths: list[int], width: int) -> list[int]:
    """Narrow what may be narrowed to LEAST; if that is not enough, without the optional; then further."""
    optional = [place for place, column in enumerate(columns) if column.is_optional]
    optional.sort(key=lambda place: columns[place].worth, reverse=True)
    narrowed = _narrow(columns, widths, width, LEAST)
    while total_width(columns, narrowed) > width and optional:
        widths[optional.pop()] = 0
        narrowed = _narrow(columns, widths, width, LEAST)
    return narrowed if total_width(columns, narrowed) <= width else _narrow(columns, widths, width, 1)


def _narrow(columns: Sequence[Column], widths: list[int], width: int, least: int) -> list[int]:
    """Cap the columns that give way at one width, the greatest at which all fits, but `least` at least."""
    soft = sorted(
        cells for column, cells in zip(columns, widths, strict=True) if cells and not column.is_whole
    )
    room = width - total_width(columns, widths) + sum(soft)
    cap = room
    for place, cells in enumerate(soft):
        cap = room // (len(soft) - place)
        if cells > cap:
            break
        room -= cells
    cap = max(cap, least)
    return [
        cells if column.is_whole else min(cells, cap) for column, cells in zip(columns, widths, strict=True)
    ]


def total_width(columns: Sequence[Column], widths: Sequence[int]) -> int:
    shown = [(column, cells) for column, cells in zip(columns, widths, strict=True) if cells]
    return sum(cells for _, cells in shown) + sum(column.gap for column, _ in shown[1:])
