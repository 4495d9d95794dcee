"""What a stream can show: its size and colors, and how styled text is written to it."""

import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from rich.text import Text

from dbjobs.output.streams import Streams
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.layout import Column, lay_out_table
from dbjobs.output.terminal.style import glyphs_for

if TYPE_CHECKING:
    from rich.console import Console

DEFAULT_SIZE = os.terminal_size((80, 24))


def size_of(stream: TextIO) -> os.terminal_size:
    """Columns and lines of the terminal behind a stream, read again each time."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return DEFAULT_SIZE
    return size if size.columns and size.lines else DEFAULT_SIZE


def canvas_for(streams: Streams, stream: TextIO, now: float = 0.0, max_length: int | None = None) -> Canvas:
    """A canvas as wide as the terminal; off a terminal nothing is cut."""
    width = size_of(stream).columns if streams.is_terminal(stream) else None
    return Canvas(now=now, glyphs=glyphs_for(stream), width=width, max_length=max_length)


def write_lines(streams: Streams, lines: Sequence[Text]) -> None:
    """Write lines to stdout, as the command's result."""
    streams.result(to_text(streams, streams.out, Text("\n").join(lines)))


def write_table(streams: Streams, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Write rows of plain text to stdout, under their columns' titles."""
    canvas = canvas_for(streams, streams.out)
    cells = [[Text(canvas.line(cell)) if cell.strip() else Text(cell) for cell in row] for row in rows]
    write_lines(streams, lay_out_table(columns, cells, width=canvas.width, glyphs=canvas.glyphs))


def console_for(streams: Streams, stream: TextIO) -> "Console":
    """A console on a terminal: no markup, no guesses about colors or sizes."""
    from rich.console import Console

    from dbjobs.output.terminal.theme import color_system, theme_for

    size = size_of(stream)
    return Console(
        file=stream,
        force_terminal=True,
        color_system=color_system(streams.environ) if streams.has_color(stream) else None,
        no_color=not streams.has_color(stream),
        theme=theme_for(streams.environ),
        width=size.columns,
        height=size.lines,
        markup=False,
        emoji=False,
        highlight=False,
    )


def to_text(streams: Streams, stream: TextIO, text: Text) -> str:
    """A text as the stream's characters, colored if the stream has color; its lines are left as they are."""
    if not streams.has_color(stream):
        return text.plain
    from rich.console import Console  # late: plain text does not need it

    from dbjobs.output.terminal.theme import color_system, theme_for

    console = Console(
        file=io.StringIO(),
        force_terminal=True,
        color_system=color_system(streams.environ),
        no_color=False,
        legacy_windows=False,
        theme=theme_for(streams.environ),
    )
    with console.capture() as captured:
        console.print(text, soft_wrap=True, end="")
    return captured.get()
