"""Tables of jobs and of runs, whose rows appear as pages arrive.

The first page decides how wide the columns are. On a terminal, later rows keep to these widths;
elsewhere nothing is cut, and a longer name moves the rest of its row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from rich.text import Text

from dbjobs.api.models import Run
from dbjobs.http.response import Payload
from dbjobs.output.formatting import format_age, format_duration, format_moment, format_state, seconds_of
from dbjobs.output.job_settings import format_schedule, format_trigger, task_type
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.layout import (
    CAUSE_SHARE,
    MIN_NAME_WIDTH,
    NAME_WIDTH,
    Column,
    draw,
    draw_uncut,
    measure,
    total_width,
)
from dbjobs.output.terminal.screen import canvas_for, write_lines
from dbjobs.output.terminal.style import style_of
from dbjobs.runs.causes import Cause
from dbjobs.runs.listed_causes import ListedCauses

StyledText = tuple[str, str]
"""A text and its style: lists are long, and a Text is made of it only where styles are seen."""

MIN_SCHEDULE_WIDTH = 16
MIN_CAUSE_WIDTH = 20
"""This much of a terminal's width goes to causes before dates and durations get any."""

MAX_COUNTED_TASKS = 100
"""The API lists no more tasks of a job."""


@dataclass
class ListWriter:
    """Writes a table to stdout, a page at a time; its columns are as wide as the first page requires."""

    streams: Streams
    canvas: Canvas
    columns: Sequence[Column]
    make_rows: Callable[[Sequence[Payload], Canvas], list[list[StyledText]]]
    _widths: list[int] = field(default_factory=list)

    def write(self, items: Sequence[Payload]) -> None:
        """A line per item, under the titles if they are the first."""
        if not items:
            return
        rows = self.make_rows(items, self.canvas)
        if not self._widths:
            rows.insert(0, [(column.title, "dim") for column in self.columns])
            self._fit_columns(rows)
        if self.canvas.width is None and not self.streams.has_color(self.streams.out):
            plain = (draw_uncut(self.columns, [text for text, _ in row], self._widths) for row in rows)
            self.streams.result("\n".join(plain))
        else:
            texts = ([Text(*cell) for cell in row] for row in rows)
            write_lines(
                self.streams, [draw(self.columns, row, self._widths, self.canvas.glyphs) for row in texts]
            )

    def _fit_columns(self, rows: Sequence[Sequence[StyledText]]) -> None:
        """Off a terminal nothing is cut; on a very narrow one, anything but the ids."""
        texts, width = [[Text(*cell) for cell in row] for row in rows], self.canvas.width
        self._widths = measure(self.columns, texts, width)
        if width is None:
            self.columns = [replace(column, is_whole=True) for column in self.columns]
        elif total_width(self.columns, self._widths) > width:
            self.columns = [replace(column, is_whole=column.title.endswith(" ID")) for column in self.columns]
            self._widths = measure(self.columns, texts, width)


def jobs_writer(streams: Streams, now: float, *, with_tasks: bool) -> ListWriter:
    """For jobs, perhaps with the keys of their tasks."""
    columns = [
        Column("JOB ID", is_whole=True),
        Column("NAME", min_width=NAME_WIDTH),
        Column("CREATOR", is_optional=True),
        Column("CREATED", is_whole=True, is_optional=True, priority=2),
        Column("SCHEDULE", is_optional=True, priority=3, min_width=MIN_SCHEDULE_WIDTH),
        Column("TASKS", is_whole=True, is_right=True, is_optional=True, priority=1),
    ]

    def make_row(job: Payload, canvas: Canvas) -> list[StyledText]:
        settings = job.get("settings") or {}
        tasks = settings.get("tasks") or ()
        number = len(tasks) or (1 if task_type(settings) else 0)  # API 2.0 does not list several tasks
        if continuous := settings.get("continuous"):
            schedule = f"continuous {continuous.get('pause_status') or ''}".strip()
        else:
            schedule = format_schedule(settings.get("schedule") or {})
            schedule = schedule or format_trigger(settings.get("trigger") or {})
        row = [
            (str(job.get("job_id", "")), ""),
            (canvas.line(settings.get("name") or "Untitled"), "bold"),
            (canvas.line(job.get("creator_user_name") or ""), ""),
            (_format_when(job.get("created_time"), canvas), ""),
            (canvas.line(schedule), ""),
            (f"{number}+" if number >= MAX_COUNTED_TASKS else str(number or ""), ""),
        ]
        if with_tasks:
            row.append((canvas.line(", ".join(str(task.get("task_key")) for task in tasks)), ""))
        return row

    if with_tasks:
        columns.append(Column("TASK KEYS", is_optional=True, priority=4))

    def make_rows(jobs: Sequence[Payload], canvas: Canvas) -> list[list[StyledText]]:
        return [make_row(job, canvas) for job in jobs]

    return ListWriter(streams, canvas_for(streams, streams.out, now), columns, make_rows)


def runs_writer(
    streams: Streams, now: float, causes: ListedCauses | None = None, *, with_tasks: bool
) -> ListWriter:
    """For runs, perhaps with the states of their tasks; `causes` tells why they failed."""
    columns = [
        Column("RUN ID", is_whole=True),
        Column("JOB ID", is_whole=True, is_optional=True),
        Column("NAME", min_width=MIN_NAME_WIDTH),
        Column("STATE", is_whole=True),
        Column("TRIGGER", is_optional=True, priority=1),
        Column("STARTED", is_whole=True, is_optional=True, priority=3),
        Column("DURATION", is_whole=True, is_right=True, is_optional=True, priority=2),
        Column("MESSAGE", is_optional=True, priority=3, min_width=MIN_CAUSE_WIDTH, min_share=CAUSE_SHARE),
    ]

    def make_row(run: Run, cause: Cause | None, canvas: Canvas) -> list[StyledText]:
        style = style_of(run)
        state = format_state(run) if canvas.has_dates else run.shown_state
        row = [
            (str(run.run_id), ""),
            (str(run.job_id or ""), ""),
            (canvas.line(run.run_name), "bold"),
            (f"{style.symbol_in(canvas.glyphs)} {canvas.line(state)}", style.style),
            (canvas.line(run.payload.get("trigger") or ""), ""),
            (_format_when(run.start_time, canvas), ""),
            (format_duration(seconds_of(run, canvas.now)), ""),
            (canvas.cause(run, cause).plain, style.style),
        ]
        if with_tasks:
            states = ", ".join(f"{task.task_key} {task.shown_state}" for task in run.tasks)
            row.append((canvas.line(states), ""))
        return row

    if with_tasks:
        columns.append(Column("TASKS", is_optional=True, priority=4))

    def make_rows(payloads: Sequence[Payload], canvas: Canvas) -> list[list[StyledText]]:
        runs = [Run(payload) for payload in payloads]
        known = causes.of_runs(runs) if causes else {}
        return [make_row(run, known.get(run.run_id), canvas) for run in runs]

    return ListWriter(streams, canvas_for(streams, streams.out, now), columns, make_rows)


def _format_when(milliseconds: float | None, canvas: Canvas) -> str:
    return (format_moment if canvas.has_dates else format_age)(milliseconds, canvas.now)
