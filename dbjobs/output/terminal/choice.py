"""A short list of runs on a terminal, from which one is chosen by the arrow keys or by its number."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext

from rich.text import Text

from dbjobs.api.models import Run
from dbjobs.output.formatting import format_age, format_duration, seconds_of
from dbjobs.output.keyboard import key_by_key, read_key
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.layout import CAUSE_SHARE, CAUSE_WIDTH, NAME_WIDTH, Column, Row, lay_out
from dbjobs.output.terminal.screen import size_of, to_text
from dbjobs.output.terminal.style import glyphs_for
from dbjobs.runs.causes import Cause

_COLUMNS = (
    Column(is_whole=True),
    Column(is_whole=True, is_right=True, gap=1),
    Column(is_whole=True),
    Column(is_whole=True, gap=1),
    Column(min_width=NAME_WIDTH),
    Column(is_whole=True, is_optional=True, priority=2),
    Column(is_whole=True, is_right=True, is_optional=True),
    Column(is_whole=True, is_optional=True, priority=1),
    Column(is_optional=True, priority=3, min_width=CAUSE_WIDTH, min_share=CAUSE_SHARE),
)
"""Marker, number, symbol, state, name, age, duration, run id, cause."""

KEYS_HELP = "arrow keys or a number, then Enter; Esc leaves"


def choose_run(streams: Streams, runs: Sequence[Run], now: float, causes: Mapping[int, Cause]) -> Run | None:
    """Ask on the terminal which run is meant; None if none is. `causes` tells, by run_id, why runs failed."""
    size = size_of(streams.err)
    choices = runs[: max(1, size.lines - 3)]
    canvas = Canvas(now=now, width=size.columns - 1, glyphs=glyphs_for(streams.err))
    rows = [_row(run, causes.get(run.run_id), canvas) for run in choices]
    with key_by_key(sys.stdin) if streams.is_terminal(streams.err) else nullcontext(False) as has_keys:
        index = (_choose_by_keys if has_keys else _ask_number)(streams, rows, canvas)
    return None if index is None else choices[index]


def _choose_by_keys(streams: Streams, rows: Sequence[Row], canvas: Canvas) -> int | None:
    """The list stays while keys move the marker, and is erased once a run is chosen."""
    index, typed = 0, ""
    _write(streams, Text(f"Which run? ({KEYS_HELP})"[: canvas.width], "dim"))
    _draw(streams, rows, index, canvas)
    while (key := read_key(sys.stdin)) not in ("enter", "escape", "q", "", "\x04"):
        typed = (typed + key if int(typed + key) <= len(rows) else key) if key.isdecimal() else ""
        if typed and 0 < int(typed) <= len(rows):
            index = int(typed) - 1
        elif key in ("up", "k"):
            index = max(0, index - 1)
        elif key in ("down", "j"):
            index = min(len(rows) - 1, index + 1)
        _erase(streams, len(rows))
        _draw(streams, rows, index, canvas)
    _erase(streams, len(rows) + 1)
    if key != "enter":
        return None
    _write(
        streams,
        lay_out(_COLUMNS[2:], [rows[index]], width=canvas.width, glyphs=canvas.glyphs)[0],
    )
    return index


def _ask_number(streams: Streams, rows: Sequence[Row], canvas: Canvas) -> int | None:
    """Where keys cannot be read one by one: a number, and Enter."""
    _draw(streams, rows, None, canvas)
    streams.ask("Which run? (a number) ")
    answer = sys.stdin.readline().strip()
    is_number = answer.isascii() and answer.isdecimal() and 0 < int(answer) <= len(rows)
    return int(answer) - 1 if is_number else None


def _draw(streams: Streams, rows: Sequence[Row], index: int | None, canvas: Canvas) -> None:
    lines = [
        [Text(">" if place == index else " ", "bold"), Text(str(place + 1), "dim"), *row]
        for place, row in enumerate(rows)
    ]
    _write(streams, Text("\n").join(lay_out(_COLUMNS, lines, width=canvas.width, glyphs=canvas.glyphs)))


def _row(run: Run, cause: Cause | None, canvas: Canvas) -> Row:
    return [
        canvas.symbol(run),
        canvas.state(run),
        Text(canvas.line(run.run_name)),
        Text(format_age(run.start_time, canvas.now), "dim"),
        Text(format_duration(seconds_of(run, canvas.now))),
        Text(str(run.run_id), "dim"),
        canvas.cause(run, cause),
    ]


def _write(streams: Streams, text: Text) -> None:
    streams.err.write(streams.censor(to_text(streams, streams.err, text)) + "\n")
    streams.err.flush()


def _erase(streams: Streams, lines: int) -> None:
    """The lines above the cursor, which then stands where they began."""
    streams.err.write(f"\x1b[{lines}A\r\x1b[J")
