"""The sets of a backfill, before it begins and when it has ended: tables for people."""

from collections.abc import Sequence

from rich.text import Text

from dbjobs.jobfiles.parameters import PARAMETER_OPTIONS
from dbjobs.output.formatting import format_age, format_counts, format_duration, format_message
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.layout import Column, lay_out_table
from dbjobs.output.terminal.screen import canvas_for, write_lines
from dbjobs.output.truncation import MAX_CELL, truncate
from dbjobs.runs.backfill import Backfill, PlannedRun
from dbjobs.runs.existing_runs import ExistingRuns
from dbjobs.runs.snapshots import Snapshot, WatchedRun

SET_COLUMNS = (
    Column(is_whole=True),
    Column("SET", is_whole=True, gap=1),
    Column("RUN ID", is_whole=True, is_optional=True, priority=1),
    Column("STATE", is_whole=True),
    Column("DURATION", is_whole=True, is_right=True),
    Column("MESSAGE", is_optional=True),
)

PLAN_COLUMNS = (
    Column(is_whole=True),
    Column("SET", is_whole=True, gap=1),
    Column("PARAMETERS"),
    Column("RUN ID", is_whole=True, is_optional=True, priority=1),
    Column("STATE", is_whole=True),
    Column("STARTED", is_whole=True, is_optional=True),
)

MAX_LABEL = 60
"""Characters that are shown of a parameter set."""


def write_plan(streams: Streams, planned: Sequence[PlannedRun], existing: ExistingRuns, now: float) -> None:
    """A row per set on stdout, with the newest run that has its parameters."""
    canvas = canvas_for(streams, streams.out, now, MAX_CELL)
    rows = []
    for one in planned:
        label, parameters = canvas.line(one.label), canvas.line(_format_parameters(one))
        if run := existing.by_label.get(one.label):
            started = format_age(run.start_time, now) if run.start_time else ""
            rows.append(
                _row(canvas.symbol(run), label, parameters, str(run.run_id), canvas.state(run), started)
            )
        else:
            rows.append(_row("", label, parameters, "", "", ""))
    write_lines(streams, lay_out_table(PLAN_COLUMNS, rows, width=canvas.width, glyphs=canvas.glyphs))
    states = (run.shown_state for run in existing.by_label.values())
    counted = f": {format_counts(states)}" if existing.by_label else ""
    streams.note(f"{len(planned)} sets; {len(existing.by_label)} have a run{counted}; nothing was started")


def _format_parameters(planned: PlannedRun) -> str:
    """Those of every kind, where the label has only what tells the set from others."""
    texts: list[object] = []
    for kind in PARAMETER_OPTIONS:
        values = planned.body.get(kind) or {}
        texts += [f"{name}={value}" for name, value in values.items()] if isinstance(values, dict) else values
    return ", ".join(map(str, texts))


def render_parameter_sets(streams: Streams, snapshot: Snapshot, backfill: Backfill, now: float) -> str:
    """A row per set: those that have a run, then those that were refused, then those not started."""
    canvas = canvas_for(streams, streams.err, now, MAX_CELL)
    rows = [_run_row(watched, canvas) for watched in snapshot.runs]
    for label, error in backfill.refused.items():
        rows.append(_row("!", canvas.line(label), "", "REFUSED", "", canvas.line(error.message)))
    rows += [_row("", canvas.line(label), "", "not started", "", "") for label in backfill.unstarted]
    lines = lay_out_table(SET_COLUMNS, rows, width=canvas.width, glyphs=canvas.glyphs)
    counts = format_counts(row[3].plain for row in rows)
    return "\n".join([*(line.plain.rstrip() for line in lines), counts])


def _run_row(watched: WatchedRun, canvas: Canvas) -> list[Text]:
    run, label, run_id = watched.run, canvas.line(watched.label), str(watched.run_id)
    if run is None or watched.is_lost:
        cause = canvas.line(watched.error.message) if watched.error else ""
        return _row("?", label, run_id, "NOT SEEN", "", cause)
    is_good = run.outcome is not None and run.outcome.is_good
    message = "" if is_good else canvas.line(format_message(run))
    took = format_duration(run.seconds_at(canvas.now * 1000) if run.end_time else None)
    return _row(canvas.symbol(run), label, run_id, canvas.state(run), took, message)


def _row(symbol: str | Text, label: str, *cells: str | Text) -> list[Text]:
    row = (symbol, truncate(label, MAX_LABEL), *cells)
    return [Text(cell) if isinstance(cell, str) else cell for cell in row]
