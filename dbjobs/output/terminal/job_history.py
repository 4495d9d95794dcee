"""What `jobs history` shows: facts, a grid of tasks and runs, and what has changed or failed."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.text import Text

from dbjobs.api.models import Run, TaskRun
from dbjobs.output.formatting import format_duration, seconds_of
from dbjobs.output.job_history import (
    LONGEST_BAR,
    MAX_SHOWN_RUNS,
    RETRIED,
    WHOLE_RUN,
    describe_changes,
    describe_failure,
    describe_flaky_tasks,
    format_percent,
    format_trend,
    job_facts,
)
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.layout import Column, lay_out_table
from dbjobs.output.terminal.screen import canvas_for, to_text
from dbjobs.output.terminal.style import StateStyle, cut, style_of
from dbjobs.output.terminal.tables import render_facts
from dbjobs.output.terminal.tree import build_tree, draw_guides
from dbjobs.runs.history import Durations, JobHistory, RunOfTask, SuccessRate, TaskHistory

BARS, ASCII_BARS = "▁▂▃▄▅▆▇█", "12345678"

SHORTEST_BAR = 0.5
"""The duration that the shortest bar represents, as a share of the median."""

ASCII_RETRIED = "r"

FIGURES_WIDTH = 18
"""Cells for the columns that are never left out, in addition to names and runs."""

FEWEST_SHOWN_RUNS = 5

_COLUMNS = (
    Column("TASK", is_whole=True),
    Column("RUNS", is_whole=True),
    Column("TIME", is_whole=True, is_optional=True, priority=0),
    Column("OK", is_whole=True, is_right=True),
    Column("P50", is_whole=True, is_right=True),
    Column("P95", is_whole=True, is_right=True, is_optional=True, priority=1),
    Column("LAST", is_whole=True, is_right=True, is_optional=True, priority=4),
    Column("TREND", is_whole=True, is_right=True, is_optional=True, priority=3),
    Column("SLACK", is_whole=True, is_right=True, is_optional=True, priority=2),
)

WORDS = {
    StateStyle.GOOD: "succeeded",
    StateStyle.MIXED: "succeeded with failures",
    StateStyle.FAILED: "failed",
    StateStyle.STOPPED: "canceled, or an upstream task failed",
    StateStyle.LEFT_OUT: "skipped",
    StateStyle.UNKNOWN: "unknown",
    StateStyle.WAITING: "waiting",
    StateStyle.STARTING: "starting or ending",
    StateStyle.RUNNING: "running",
}


def history_text(streams: Streams, stream: TextIO, history: JobHistory, job_id: int) -> str:
    """A job's history for people, as wide as the stream."""
    lines = render_history(history, job_id, canvas_for(streams, stream))
    return to_text(streams, stream, Text("\n").join(lines))


def render_history(history: JobHistory, job_id: int, canvas: Canvas) -> Iterator[Text]:
    yield Text(canvas.line(history.runs[-1].run_name), "bold")
    yield from render_facts(
        ((label, canvas.line(value)) for label, value in job_facts(history, job_id)), canvas.width
    )
    yield Text()
    yield from _render_grid(history, canvas)
    sections = {
        "Changes": describe_changes(history),
        "Flaky": describe_flaky_tasks(history),
        "Failures": map(describe_failure, history.failures),
    }
    for title, sentences in sections.items():
        lines = [line for sentence in sentences for line in _wrap(canvas.line(sentence), canvas)]
        if lines:
            yield from (Text(), Text(title, "bold"), *lines)


def _wrap(sentence: str, canvas: Canvas) -> Iterator[Text]:
    if canvas.width is None:
        yield Text(f"  {sentence}")
        return
    lines = textwrap.wrap(sentence, max(20, canvas.width - 4), break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines):
        yield Text(f"{'    ' if number else '  '}{line}")


def _render_grid(history: JobHistory, canvas: Canvas) -> Iterator[Text]:
    """A row for the whole run, and one for each task."""
    width = canvas.width
    room = MAX_SHOWN_RUNS if width is None else width - _name_width(width) - FIGURES_WIDTH
    shown = min(MAX_SHOWN_RUNS, max(FEWEST_SHOWN_RUNS, room))
    rows = [_run_row(history, shown, canvas)]
    current = [task for task in history.tasks if task.is_current]
    nodes = build_tree([task.runs[-1].task for task in current if task.runs[-1]])
    guides = draw_guides(nodes, range(len(nodes)), canvas.glyphs, canvas.width)
    by_key = {task.task_key: task for task in history.tasks}
    for node, guide in zip(nodes, guides, strict=True):
        rows.append(_task_row(by_key[node.task.task_key], guide, history, shown, canvas))
    rows += [_task_row(task, "", history, shown, canvas) for task in history.tasks if not task.is_current]
    yield from lay_out_table(_COLUMNS, rows, width=canvas.width, glyphs=canvas.glyphs)
    yield from _render_legend(history, shown, canvas)


def _name_width(width: int) -> int:
    """How many cells of a task's key are shown on a terminal."""
    return max(10, width // 4)


def _run_row(history: JobHistory, shown: int, canvas: Canvas) -> list[Text]:
    runs = history.runs[-shown:]
    cells = Text().join(canvas.symbol(run) for run in runs)
    bars = _bars(runs, history.durations, canvas)
    figures = _figures(history.success, history.durations, format_trend(history.durations, history.changes))
    return [Text(WHOLE_RUN, "bold"), cells, bars, *figures, Text()]


def _task_row(task: TaskHistory, guide: str, history: JobHistory, shown: int, canvas: Canvas) -> list[Text]:
    of_runs = task.runs[-shown:]
    removed = "" if task.is_current else " (removed)"
    name = Text.assemble((guide, "dim"), canvas.line(task.task_key), (removed, "dim"))
    slack = "none" if task.task_key in history.critical_path else format_duration(task.slack)
    return [
        name if canvas.width is None else cut(name, _name_width(canvas.width), canvas.glyphs),
        Text().join(_symbol(one, canvas) for one in of_runs),
        _bars([one.task if one else None for one in of_runs], task.durations, canvas),
        *_figures(task.success, task.durations, format_trend(task.durations, task.changes)),
        Text(slack),
    ]


def _symbol(one: RunOfTask | None, canvas: Canvas) -> Text:
    if one is None:
        return Text(" ")
    if one.is_flaky:
        return Text(ASCII_RETRIED if canvas.glyphs.is_ascii else RETRIED, StateStyle.MIXED.style)
    return canvas.symbol(one.task)


def _figures(success: SuccessRate, durations: Durations | None, trend: str) -> list[Text]:
    rate = "" if success.rate is None else format_percent(success.rate)
    seconds = (durations.p50, durations.p95, durations.last) if durations else (None, None, None)
    style = "dim" if trend == "steady" else "bold"
    return [Text(rate), *(Text(format_duration(one)) for one in seconds), Text(trend, style)]


def _bars(runs: Sequence[Run | TaskRun | None], durations: Durations | None, canvas: Canvas) -> Text:
    """A bar for each run that succeeded, as high as it took long; half as high as can be is the median."""
    if durations is None:
        return Text()
    levels = ASCII_BARS if canvas.glyphs.is_ascii else BARS
    drawn = []
    for run in runs:
        seconds = seconds_of(run, 0) if run and run.outcome and run.outcome.is_good else None
        if seconds is None or not durations.p50:
            drawn.append(" ")
        else:
            height = (seconds / durations.p50 - SHORTEST_BAR) / (LONGEST_BAR - SHORTEST_BAR)
            drawn.append(levels[min(max(int(height * len(levels)), 0), len(levels) - 1)])
    return Text("".join(drawn), StateStyle.GOOD.style)


def _render_legend(history: JobHistory, shown: int, canvas: Canvas) -> Iterator[Text]:
    """What the symbols in the grid mean, those that occur."""
    runs: list[Run | TaskRun] = [*history.runs[-shown:]]
    of_tasks = [one for task in history.tasks for one in task.runs[-shown:] if one]
    styles = {style_of(run) for run in [*runs, *(one.task for one in of_tasks if not one.is_flaky)]}
    parts = ["runs from old (left) to new"]
    parts += [f"{style.symbol_in(canvas.glyphs)} {WORDS[style]}" for style in StateStyle if style in styles]
    if any(one.is_flaky for one in of_tasks):
        parts.append(f"{ASCII_RETRIED if canvas.glyphs.is_ascii else RETRIED} failed, then succeeded")
    yield from (Text(line.plain, "dim") for line in _wrap(canvas.glyphs.dot.join(parts), canvas))
