"""What `runs diff` shows: how two runs went, task by task, and what they ran with that is different."""

from collections.abc import Callable, Iterator

from rich.text import Text

from dbjobs.api.models import Run
from dbjobs.output.differences import render_changes
from dbjobs.output.formatting import AnyRun, format_duration, format_moment, format_state, seconds_of
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.layout import Column, lay_out_table
from dbjobs.output.terminal.screen import canvas_for, write_lines
from dbjobs.output.terminal.tables import Fact, render_facts
from dbjobs.runs.comparison import RunComparison

_COLUMNS = (
    Column("TASK", min_width=20),
    Column("STATE", is_whole=True),
    Column("", is_whole=True, gap=1),
    Column("", is_whole=True, gap=1),
    Column("DURATION", is_whole=True, is_right=True),
    Column("", is_whole=True, gap=1),
    Column("", is_whole=True, is_right=True, gap=1),
    Column("CHANGE", is_whole=True, is_right=True, is_optional=True),
)


def show_comparison(streams: Streams, comparison: RunComparison, now: float) -> None:
    """Write it to stdout, for people."""
    write_lines(streams, [*render_comparison(comparison, canvas_for(streams, streams.out, now))])


def render_comparison(comparison: RunComparison, canvas: Canvas) -> Iterator[Text]:
    """The lines: which runs, how they went, what is different, and the tasks."""
    old, new, arrow = comparison.old, comparison.new, _arrow(canvas)
    yield Text(canvas.line(f"run {old.run_id} {arrow} run {new.run_id}"), "bold")
    yield from render_facts(_facts(comparison, canvas), canvas.width)
    yield Text()
    changes = render_changes(comparison.changes, is_ascii=canvas.glyphs.is_ascii)
    for line in changes.splitlines() or ["no difference in settings, parameters, commit and compute"]:
        yield Text(canvas.line(line))
    rows = [
        [
            Text(canvas.line(one.task_key)),
            *_change(one.old, one.new, canvas, arrow),
            *_durations(one.old, one.new, canvas, arrow),
        ]
        for one in comparison.tasks
    ]
    if rows:
        yield Text()
        yield from lay_out_table(_COLUMNS, rows, width=canvas.width, glyphs=canvas.glyphs)


def _facts(comparison: RunComparison, canvas: Canvas) -> Iterator[Fact]:
    old, new, arrow = comparison.old, comparison.new, _arrow(canvas)

    def both(format_fact: Callable[[Run], str]) -> str:
        before, after = format_fact(old), format_fact(new)
        return canvas.line(after if before == after else f"{before or '-'} {arrow} {after or '-'}")

    percent = _percent(old, new, canvas)
    yield "job", both(lambda run: f"{run.run_name} ({run.job_id})" if run.job_id else run.run_name)
    yield "state", both(format_state)
    yield "started", both(lambda run: format_moment(run.start_time, canvas.now))
    duration = both(lambda run: format_duration(seconds_of(run, canvas.now)))
    yield "duration", f"{duration} ({percent})" if percent else duration


def _change(old: AnyRun | None, new: AnyRun | None, canvas: Canvas, arrow: str) -> list[Text]:
    """A state, or two with an arrow between them."""
    states = [canvas.state(run) if run else Text("-", "dim") for run in (old, new)]
    if old and new and states[0].plain == states[1].plain:
        return [states[0], Text(), Text()]
    return [states[0], Text(arrow, "dim"), states[1]]


def _durations(old: AnyRun | None, new: AnyRun | None, canvas: Canvas, arrow: str) -> list[Text]:
    texts = [format_duration(seconds_of(run, canvas.now)) if run else "" for run in (old, new)]
    if not any(texts):
        return [Text()] * 4
    return [
        Text(texts[0] or "-"),
        Text(arrow, "dim"),
        Text(texts[1] or "-"),
        Text(_percent(old, new, canvas) if old and new else ""),
    ]


def _percent(old: AnyRun, new: AnyRun, canvas: Canvas) -> str:
    """`+20 %`; nothing where the durations look the same."""
    before, after = seconds_of(old, canvas.now), seconds_of(new, canvas.now)
    if not before or after is None or format_duration(before) == format_duration(after):
        return ""
    change = round((after / before - 1) * 100)
    return f"{change:+d} %" if change else ""


def _arrow(canvas: Canvas) -> str:
    return "->" if canvas.glyphs.is_ascii else "→"
