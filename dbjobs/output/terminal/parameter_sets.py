"""The sets of a backfill, before it begins and when it has ended: tables for people."""

from collections.abc import Sequence

from rich.text import Text

from dbjobs.jobfiles.parameters import PARAMETER_OPTIONS
from dbjobs.output.formatting import count, format_age, format_counts, format_duration, format_message
from dbjobs.output.sets import SetAtMoment, SetState, format_state_counts, groups_of, sets_of
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.layout import INDENT, Column, lay_out_table
from dbjobs.output.terminal.screen import canvas_for, write_lines
from dbjobs.output.terminal.sets_view import ACTIVE_STATES, MAX_SET_ROWS, STYLES, draw_group
from dbjobs.output.truncation import MAX_CELL, truncate
from dbjobs.runs.backfill import PlannedRun
from dbjobs.runs.existing_runs import ExistingRuns
from dbjobs.runs.snapshots import PlannedSets, Snapshot

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
    """A row per set on stdout, with the newest run that has its parameters.

    The parameters have a column of their own if they are more than the label says.
    """
    canvas = canvas_for(streams, streams.out, now, MAX_CELL)
    rows = []
    all_parameters = list(map(_format_parameters, planned))
    has_more = all_parameters != [one.label for one in planned]
    for one, text in zip(planned, all_parameters, strict=True):
        label, parameters = canvas.line(one.label), canvas.line(text) if has_more else ""
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
    text = f"{count(len(planned), 'set')}; {len(existing.by_label)} have a run{counted}; nothing was started"
    streams.note("\n".join(streams.wrap(streams.err, [text])))


def _format_parameters(planned: PlannedRun) -> str:
    """Those of every kind, where the label has only what tells the set from others."""
    texts: list[object] = []
    for kind in PARAMETER_OPTIONS:
        values = planned.body.get(kind) or {}
        texts += [f"{name}={value}" for name, value in values.items()] if isinstance(values, dict) else values
    return ", ".join(map(str, texts))


def render_sets(
    streams: Streams, snapshot: Snapshot, sets: PlannedSets, now: float, *, is_for_all: bool
) -> str:
    """A row per set, in their order, without those that were not started; `is_for_all`: also for those that
    succeeded or are active, unless they are many.
    """
    canvas = canvas_for(streams, streams.err, now, MAX_CELL)
    moments = [one for one in sets_of(snapshot, sets) if one.state is not SetState.NOT_STARTED]
    if len(moments) > MAX_SET_ROWS or not is_for_all:
        moments = [one for one in moments if one.state not in (SetState.SUCCEEDED, *ACTIVE_STATES)]
    rows = [_set_row(one, sets, canvas) for one in moments[:MAX_SET_ROWS]]
    lines = lay_out_table(SET_COLUMNS, rows, width=canvas.width, glyphs=canvas.glyphs) if rows else []
    shown = [line.plain.rstrip() for line in lines]
    if left := len(moments) - len(rows):
        shown.append(f"{canvas.glyphs.ellipsis} and {left} more, which a report has (--report FILE.html)")
    return "\n".join(shown)


def render_sets_summary(streams: Streams, snapshot: Snapshot, sets: PlannedSets) -> str:
    """How many sets are in which state, and a line for each cause."""
    canvas = canvas_for(streams, streams.err)
    moments = sets_of(snapshot, sets)
    states = format_state_counts(one.state for one in moments)
    groups = [INDENT + draw_group(group, canvas).plain for group in groups_of(snapshot, sets, moments)]
    return "\n".join([f"{count(len(sets.labels), 'set')}: {states}", *groups])


def _set_row(one: SetAtMoment, sets: PlannedSets, canvas: Canvas) -> list[Text]:
    label, run = canvas.line(one.label), one.watched.run if one.watched else None
    symbol = STYLES[one.state].symbol_in(canvas.glyphs)
    run_id = str(one.watched.run_id) if one.watched else ""
    if run is None or (one.watched and one.watched.is_lost):
        error = one.watched.error if one.watched else None
        message = error.message if error else sets.refused.get(one.label, "")
        return _row(symbol, label, run_id, one.state.value, "", canvas.line(message))
    is_good = run.outcome is not None and run.outcome.is_good
    causes = one.watched.causes.values() if one.watched else ()
    message = "" if is_good else canvas.line(next(iter(causes), "") or format_message(run))
    took = format_duration(run.seconds_at(canvas.now * 1000) if run.end_time else None)
    return _row(canvas.symbol(run), label, run_id, canvas.state(run), took, message)


def _row(symbol: str | Text, label: str, *cells: str | Text) -> list[Text]:
    row = (symbol, truncate(label, MAX_LABEL), *cells)
    return [Text(cell) if isinstance(cell, str) else cell for cell in row]
