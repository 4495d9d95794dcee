"""A short list of runs on a terminal, from which one is chosen by the arrow keys or by its number."""

import sys
from collections.abc import Sequence

from rich.text import Text

from dbjobs.api.models import Run
from dbjobs.output.formatting import format_age, format_duration, seconds_of
from dbjobs.output.keyboard import key_by_key, read_key
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.layout import Column, lay_out
from dbjobs.output.terminal.screen import size_of, to_text
from dbjobs.output.terminal.style import glyphs_for

_COLUMNS = (
    Column(is_whole=True),
    Column(is_whole=True, is_right=True, gap=1),
    Column(is_whole=True),
    Column(is_whole=True, gap=1),
    Column(),
    Column(is_whole=True, is_optional=True),
    Column(is_whole=True, is_right=True, is_optional=True),
    Column(is_whole=True, is_optional=True, priority=1),
)
"""Marker, number, symbol, state, name, age, duration, run id."""

KEYS_HELP = "arrow keys or a number, then Enter; Esc leaves"


def choose_run(streams: Streams, runs: Sequence[Run], now: float) -> Run | None:
    """Ask on the terminal which run is meant; None if none is."""
    size = size_of(streams.err)
    choices = runs[: max(1, size.lines - 3)]
    canvas = Canvas(now=now, width=size.columns - 1, glyphs=glyphs_for(streams.err))
    if streams.is_terminal(streams.err):
        with key_by_key(sys.stdin) as has_keys:
            if has_keys:
                return _choose_by_keys(streams, choices, canvas)
    return _ask_number(streams, choices, canvas)


def _choose_by_keys(streams: Streams, runs: Sequence[Run], canvas: Canvas) -> Run | None:
    """The list stays while keys move the marker, and goes once a run is chosen."""
    index, typed = 0, ""
    _write(streams, Text(f"Which run? ({KEYS_HELP})"[: canvas.width], "dim"))
    _draw(streams, runs, index, canvas)
    while (key := read_key(sys.stdin)) not in ("enter", "escape", "q", "", "\x04"):
        typed = (typed + key if int(typed + key) <= len(runs) else key) if key.isdecimal() else ""
        if typed and 0 < int(typed) <= len(runs):
            index = int(typed) - 1
        elif key in ("up", "k"):
            index = max(0, index - 1)
        elif key in ("down", "j"):
            index = min(len(runs) - 1, index + 1)
        _erase(streams, len(runs))
        _draw(streams, runs, index, canvas)
    _erase(streams, len(runs) + 1)
    if key != "enter":
        return None
    _write(
        streams,
        lay_out(_COLUMNS[2:], [_row(runs[index], canvas)], width=canvas.width, glyphs=canvas.glyphs)[0],
    )
    return runs[index]


def _ask_number(streams: Streams, runs: Sequence[Run], canvas: Canvas) -> Run | None:
    """Where keys cannot be read one by one: a number, and Enter."""
    _draw(streams, runs, None, canvas)
    streams.ask("Which run? (a number) ")
    answer = sys.stdin.readline().strip()
    is_number = answer.isascii() and answer.isdecimal() and 0 < int(answer) <= len(runs)
    return runs[int(answer) - 1] if is_number else None


def _draw(streams: Streams, runs: Sequence[Run], index: int | None, canvas: Canvas) -> None:
    rows = [
        [Text(">" if place == index else " ", "bold"), Text(str(place + 1), "dim"), *_row(run, canvas)]
        for place, run in enumerate(runs)
    ]
    _write(streams, Text("\n").join(lay_out(_COLUMNS, rows, width=canvas.width, glyphs=canvas.glyphs)))


def _row(run: Run, canvas: Canvas) -> list[Text]:
    return [
        canvas.symbol(run),
        canvas.state(run),
        Text(canvas.line(run.run_name)),
        Text(format_age(run.start_time, canvas.now), "dim"),
        Text(format_duration(seconds_of(run, canvas.now))),
        Text(str(run.run_id), "dim"),
    ]


def _write(streams: Streams, text: Text) -> None:
    streams.err.write(streams.censor(to_text(streams, streams.err, text)) + "\n")
    streams.err.flush()


def _erase(streams: Streams, lines: int) -> None:
    """The lines above the cursor, which then stands where they began."""
    streams.err.write(f"\x1b[{lines}A\r\x1b[J")
