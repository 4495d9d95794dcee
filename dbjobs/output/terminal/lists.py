"""Tables of jobs and of runs, whose rows appear as pages arrive.

The first page decides how wide the columns are. On a terminal, what comes later keeps to
that; elsewhere nothing is cut, and a longer name moves the rest of its row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from rich.text import Text

from dbjobs.api.models import Run
from dbjobs.http.response import Payload
from dbjobs.output.formatting import format_age, format_duration, format_moment, format_state, seconds_of
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.grid import Column, Row, draw, draw_uncut, measure, total_width
from dbjobs.output.terminal.screen import to_text, width_of
from dbjobs.output.terminal.style import glyphs_for, style_of
from dbjobs.output.terminal.tables import Page, format_schedule, format_trigger, task_type

Cell = tuple[str, str]
"""A text and its style: lists are long, and a Text is made of it only where styles are seen."""

NARROW = 140
"""Cells; a narrower terminal gets one word for a state, and ages without dates."""

MANY = 100
"""Tasks; lists show no more of them."""


@dataclass
class ListTable:
    """A table that grows by pages; its columns are as wide as the first page wants them."""

    columns: Sequence[Column]
    make_row: Callable[[Payload, Page], list[Cell]]
    page: Page
    _widths: list[int] = field(default_factory=list)

    def lines(self, items: Sequence[Payload]) -> list[Text]:
        """A line an item, under titles if they are the first."""
        return [
            draw(self.columns, row, self._widths, self.page.glyphs) for row in map(_texts, self._rows(items))
        ]

    def uncut_lines(self, items: Sequence[Payload]) -> list[str]:
        """The same without styles, off a terminal."""
        return [
            draw_uncut(self.columns, [text for text, _ in row], self._widths) for row in self._rows(items)
        ]

    def _rows(self, items: Sequence[Payload]) -> list[list[Cell]]:
        rows = [self.make_row(item, self.page) for item in items]
        if rows and not self._widths:
            rows.insert(0, [(column.title, "dim") for column in self.columns])
            self._fit([_texts(row) for row in rows])
        return rows

    def _fit(self, rows: Sequence[Row]) -> None:
        """Off a terminal nothing is cut; on one that is very narrow, anything but the ids."""
        width = self.page.width
        self._widths = measure(self.columns, rows, width)
        if width is None:
            self.columns = [replace(column, is_whole=True) for column in self.columns]
        elif total_width(self.columns, self._widths) > width:
            self.columns = [replace(column, is_whole=column.title.endswith(" ID")) for column in self.columns]
            self._widths = measure(self.columns, rows, width)


@dataclass(frozen=True)
class ListWriter:
    """Writes a table to stdout, a page at a time."""

    streams: Streams
    table: ListTable

    def write(self, items: Sequence[Payload]) -> None:
        has_color = self.streams.has_color(self.streams.out)
        if items and self.table.page.width is None and not has_color:
            self.streams.result("\n".join(self.table.uncut_lines(items)))
        elif items:
            text = Text("\n").join(self.table.lines(items))
            self.streams.result(to_text(self.streams, self.streams.out, text))


def _texts(row: Sequence[Cell]) -> Row:
    return [Text(text, style) for text, style in row]


def jobs_writer(streams: Streams, now: float, *, with_tasks: bool) -> ListWriter:
    """For jobs, perhaps with the keys of their tasks."""
    columns = [
        Column("JOB ID", is_whole=True),
        Column("NAME"),
        Column("CREATOR", is_optional=True),
        Column("CREATED", is_whole=True, is_optional=True, worth=2),
        Column("SCHEDULE", is_optional=True),
        Column("TASKS", is_whole=True, is_right=True, is_optional=True, worth=1),
    ]
    return _writer(streams, now, columns, _job_row, _task_keys if with_tasks else None, "TASK KEYS")


def runs_writer(streams: Streams, now: float, *, with_tasks: bool) -> ListWriter:
    """For runs, perhaps with the states of their tasks."""
    columns = [
        Column("RUN ID", is_whole=True),
        Column("JOB ID", is_whole=True, is_optional=True, worth=1),
        Column("NAME"),
        Column("STATE", is_whole=True),
        Column("TRIGGER", is_optional=True),
        Column("STARTED", is_whole=True, is_optional=True, worth=3),
        Column("DURATION", is_whole=True, is_right=True, is_optional=True, worth=2),
    ]
    return _writer(streams, now, columns, _run_row, _task_states if with_tasks else None)


def _writer(
    streams: Streams,
    now: float,
    columns: Sequence[Column],
    make_row: Callable[[Payload, Page], list[Cell]],
    format_tasks: Callable[[Payload, Page], str] | None,
    title: str = "TASKS",
) -> ListWriter:
    page = Page(width=width_of(streams, streams.out), now=now, glyphs=glyphs_for(streams.out))
    if format_tasks is None:
        return ListWriter(streams, ListTable(columns, make_row, page))
    wider = [*columns, Column(title, is_optional=True, worth=4)]
    return ListWriter(
        streams,
        ListTable(wider, lambda item, page: [*make_row(item, page), (format_tasks(item, page), "")], page),
    )


def _job_row(job: Payload, page: Page) -> list[Cell]:
    settings = job.get("settings") or {}
    return [
        (str(job.get("job_id", "")), ""),
        (page.line(settings.get("name") or "Untitled"), "bold"),
        (page.line(job.get("creator_user_name") or ""), ""),
        (_format_when(job.get("created_time"), page), ""),
        (page.line(_format_schedule(settings)), ""),
        (_format_number_of_tasks(settings), ""),
    ]


def _run_row(payload: Payload, page: Page) -> list[Cell]:
    run = Run(payload)
    return [
        (str(run.run_id), ""),
        (str(run.job_id or ""), ""),
        (page.line(run.run_name), "bold"),
        _state(run, page),
        (page.line(payload.get("trigger") or ""), ""),
        (_format_when(run.start_time, page), ""),
        (format_duration(seconds_of(run, page.now)), ""),
    ]


def _state(run: Run, page: Page) -> Cell:
    style = style_of(run)
    word = run.shown_state if _is_narrow(page) else format_state(run)
    return f"{style.symbol_in(page.glyphs)} {page.line(word)}", style.style


def _is_narrow(page: Page) -> bool:
    return page.width is not None and page.width < NARROW


def _format_when(milliseconds: float | None, page: Page) -> str:
    return (format_age if _is_narrow(page) else format_moment)(milliseconds, page.now)


def _format_schedule(settings: Payload) -> str:
    """What starts the job: its schedule, its trigger, or that it runs all the time."""
    if continuous := settings.get("continuous"):
        return f"continuous {continuous.get('pause_status') or ''}".strip()
    return format_schedule(settings.get("schedule") or {}) or format_trigger(settings.get("trigger") or {})


def _format_number_of_tasks(settings: Payload) -> str:
    """Nothing where it is not told: a job of several tasks in 2.0."""
    number = len(settings.get("tasks") or ()) or (1 if task_type(settings) else 0)
    return f"{number}+" if number >= MANY else str(number or "")


def _task_keys(job: Payload, page: Page) -> str:
    tasks = (job.get("settings") or {}).get("tasks") or ()
    return page.line(", ".join(str(task.get("task_key")) for task in tasks))


def _task_states(run: Payload, page: Page) -> str:
    return page.line(", ".join(f"{task.task_key} {task.shown_state}" for task in Run(run).tasks))
