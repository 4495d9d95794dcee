"""How a backfill ended, set by set: a table for people."""

from collections.abc import Iterable, Sequence

from rich.text import Text

from dbjobs.output.formatting import format_counts, format_duration, format_message
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.cells import Canvas
from dbjobs.output.terminal.grid import Column, lay_out_table
from dbjobs.output.terminal.screen import width_of
from dbjobs.output.terminal.style import glyphs_for
from dbjobs.output.truncation import truncate
from dbjobs.runs.backfill import Backfill
from dbjobs.runs.watching import Snapshot, WatchedRun

COLUMNS = (
    Column(is_whole=True),
    Column("SET", is_whole=True, gap=1),
    Column("RUN ID", is_whole=True, is_optional=True, worth=1),
    Column("STATE", is_whole=True),
    Column("DURATION", is_whole=True, is_right=True),
    Column("MESSAGE", is_optional=True),
)

LONGEST_CELL = 200
LONGEST_LABEL = 60


def render_parameter_sets(streams: Streams, snapshot: Snapshot, backfill: Backfill, now: float) -> str:
    """A row a set: those that have a run, then those that were refused, then those not started."""
    canvas = Canvas(now=now, glyphs=glyphs_for(streams.err), longest=LONGEST_CELL)
    rows = [_run_row(watched, canvas) for watched in snapshot.runs]
    rows += [_row(canvas, "!", label, "REFUSED", error.message) for label, error in backfill.refused.items()]
    rows += [_row(canvas, "", label, "not started", "") for label in backfill.unstarted]
    lines = lay_out_table(COLUMNS, rows, width=width_of(streams, streams.err), glyphs=canvas.glyphs)
    return "\n".join([*(line.plain.rstrip() for line in lines), format_counts(_states(rows))])


def _states(rows: Iterable[Sequence[Text]]) -> list[str]:
    return [row[3].plain for row in rows]


def _row(canvas: Canvas, symbol: str, label: str, state: str, message: str) -> list[Text]:
    return [Text(cell) for cell in (symbol, _label(canvas, label), "", state, "", canvas.line(message))]


def _label(canvas: Canvas, label: str) -> str:
    return truncate(canvas.line(label), LONGEST_LABEL)


def _run_row(watched: WatchedRun, canvas: Canvas) -> list[Text]:
    run = watched.run
    label, run_id = Text(_label(canvas, watched.label)), Text(str(watched.run_id))
    if run is None or watched.is_lost:
        cause = Text(canvas.line(watched.error.message) if watched.error else "")
        return [Text("?"), label, run_id, Text("NOT SEEN"), Text(), cause]
    is_bad = run.outcome is None or not run.outcome.is_good
    message = Text(canvas.line(format_message(run)) if is_bad else "")
    return [
        canvas.symbol(run),
        label,
        run_id,
        canvas.state(run),
        Text(format_duration(run.seconds_at(canvas.now * 1000) if run.end_time else None)),
        message,
    ]
