"""Tables of jobs and of runs, whose rows appear as pages arrive.

The first page decides how wide the columns are. On a terminal, what comes later keeps to
that; elsewhere nothing is cut, and a longer name moves the rest of its row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from rich.text import Text

from dbjobs.models import Payload, Run
from dbjobs.render.grid import Column, Row, draw, draw_plain, measure, total_width
from dbjobs.render.looks import dress_for, look_of
from dbjobs.render.screen import to_text, width_of
from dbjobs.render.streams import Streams
from dbjobs.render.tables import Page, say_schedule, say_trigger, task_type
from dbjobs.render.words import say_age, say_moment, say_state

Line = TypeVar("Line", str, Text)

NARROW = 140
"""Cells; a narrower terminal gets one word for a state, and ages without dates."""

MANY = 100
"""Tasks; lists show no more of them."""


@dataclass
class ListTable:
    """A table that grows by pages; its columns are as wide as the first page wants them."""

    columns: Sequence[Column]
    make_row: Callable[[Payload, Page], Row]
    page: Page
    _widths: list[int] = field(default_factory=list)

    def lines(self, items: Sequence[Payload], draw: Callable[..., Line]) -> list[Line]:
        """A line an item, drawn with or without styles, under titles if they are the first."""
        rows: list[Row] = [self.make_row(item, self.page) for item in items]
        if rows and not self._widths:
            rows.insert(0, [Text(column.title, "dim") for column in self.columns])
            self._fit(rows)
        return [draw(self.columns, row, self._widths, self.page.dress) for row in rows]

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
        if items and self.streams.has_color(self.streams.out):
            text = Text("\n").join(self.table.lines(items, draw))
            self.streams.result(to_text(self.streams, self.streams.out, text))
        elif items:
            self.streams.result("\n".join(self.table.lines(items, draw_plain)))


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
    make_row: Callable[[Payload, Page], list[Text]],
    say_tasks: Callable[[Payload, Page], str] | None,
    title: str = "TASKS",
) -> ListWriter:
    page = Page(width=width_of(streams, streams.out), now=now, dress=dress_for(streams.out))
    if say_tasks is None:
        return ListWriter(streams, ListTable(columns, make_row, page))
    wider = [*columns, Column(title, is_optional=True, worth=4)]
    return ListWriter(
        streams,
        ListTable(wider, lambda item, page: [*make_row(item, page), Text(say_tasks(item, page))], page),
    )


def _job_row(job: Payload, page: Page) -> list[Text]:
    settings = job.get("settings") or {}
    return [
        Text(str(job.get("job_id", ""))),
        Text(page.line(settings.get("name") or "Untitled"), "bold"),
        Text(page.line(job.get("creator_user_name") or "")),
        Text(_say_when(job.get("created_time"), page)),
        Text(page.line(_say_schedule(settings))),
        Text(_say_number_of_tasks(settings)),
    ]


def _run_row(payload: Payload, page: Page) -> list[Text]:
    run = Run(payload)
    return [
        Text(str(run.run_id)),
        Text(str(run.job_id or "")),
        Text(page.line(run.run_name), "bold"),
        _state(run, page),
        Text(page.line(payload.get("trigger") or "")),
        Text(_say_when(run.start_time, page)),
        page.duration(run),
    ]


def _state(run: Run, page: Page) -> Text:
    look = look_of(run)
    word = run.shown_state if _is_narrow(page) else say_state(run)
    return Text(f"{look.sign(page.dress)} {page.line(word)}", look.style)


def _is_narrow(page: Page) -> bool:
    return page.width is not None and page.width < NARROW


def _say_when(milliseconds: float | None, page: Page) -> str:
    return (say_age if _is_narrow(page) else say_moment)(milliseconds, page.now)


def _say_schedule(settings: Payload) -> str:
    """What starts the job: its schedule, its trigger, or that it runs all the time."""
    if continuous := settings.get("continuous"):
        return f"continuous {continuous.get('pause_status') or ''}".strip()
    return say_schedule(settings.get("schedule") or {}) or say_trigger(settings.get("trigger") or {})


def _say_number_of_tasks(settings: Payload) -> str:
    """Nothing where it is not told: a job of several tasks in 2.0."""
    number = len(settings.get("tasks") or ()) or (1 if task_type(settings) else 0)
    return f"{number}+" if number >= MANY else str(number or "")


def _task_keys(job: Payload, page: Page) -> str:
    tasks = (job.get("settings") or {}).get("tasks") or ()
    return page.line(", ".join(str(task.get("task_key")) for task in tasks))


def _task_states(run: Payload, page: Page) -> str:
    return page.line(", ".join(f"{task.task_key} {task.shown_state}" for task in Run(run).tasks))
