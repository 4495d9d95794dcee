"""rich's console, dressed for a stream: how texts with styles become characters."""

import io
import os
from typing import TextIO

from rich.console import Console
from rich.text import Text

from dbjobs.output.streams import Streams

DEFAULT_SIZE = os.terminal_size((80, 24))


def size_of(stream: TextIO) -> os.terminal_size:
    """Columns and lines of the terminal behind a stream, asked anew each time."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return DEFAULT_SIZE
    return size if size.columns and size.lines else DEFAULT_SIZE


def width_of(streams: Streams, stream: TextIO) -> int | None:
    """The width to lay tables out for; None off a terminal, where nothing is cut."""
    return size_of(stream).columns if streams.is_terminal(stream) else None


def console_for(streams: Streams, stream: TextIO) -> Console:
    """A console on a terminal: no markup, no guesses about colours or sizes."""
    size = size_of(stream)
    return Console(
        file=stream,
        force_terminal=True,
        color_system="standard" if streams.has_color(stream) else None,
        no_color=not streams.has_color(stream),
        width=size.columns,
        height=size.lines,
        markup=False,
        emoji=False,
        highlight=False,
    )


def to_text(streams: Streams, stream: TextIO, text: Text) -> str:
    """A text as the stream's characters, coloured if it has colour, its lines left as they are."""
    if not streams.has_color(stream):
        return text.plain
    console = Console(
        file=io.StringIO(), force_terminal=True, color_system="standard", no_color=False, legacy_windows=False
    )
    with console.capture() as captured:
        console.print(text, soft_wrap=True, end="")
    return captured.get()
