"""What `jobs get` and `runs get` show: facts above, tasks in a table below.

Tables fit the terminal; off a terminal nothing is wrapped, cut or coloured. Ids and
addresses are whole in any case.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from dbjobs.api.models import Run, TaskRun, in_dependency_order
from dbjobs.http.response import Payload
from dbjobs.output.formatting import (
    format_attempt,
    format_duration,
    format_message,
    format_moment,
    format_started,
    format_time_spent,
    seconds_of,
)
from dbjobs.output.streams import Streams
from dbjobs.output.terminal import tree
from dbjobs.output.terminal.cells import Canvas
from dbjobs.output.terminal.grid import Column, lay_out_table
from dbjobs.output.terminal.screen import to_text, width_of
from dbjobs.output.terminal.style import glyphs_for

Fact = tuple[str, Text | str]
"""A label and what it says; blank ones are left out."""


@dataclass(frozen=True, kw_only=True)
class Page(Canvas):
    """What a result is laid out for: `width` cells, or uncut if None."""

    width: int | None


def show_job(streams: Streams, job: Payload, now: float) -> None:
    """Write a job to stdout, for people."""
    _show(streams, render_job(job, _page(streams, now)))


def show_run(streams: Streams, run: Payload, now: float) -> None:
    """Write a run to stdout, for people."""
    _show(streams, render_run(Run(run), _page(streams, now)))


def _page(streams: Streams, now: float) -> Page:
    return Page(width=width_of(streams, streams.out), now=now, glyphs=glyphs_for(streams.out))


def _show(streams: Streams, text: Text) -> None:
    streams.result(to_text(streams, streams.out, text))


def render_job(job: Payload, page: Page) -> Text:
    """A job's settings in short, and its tasks."""
    settings = job.get("settings") or {}
    title = Text(page.line(settings.get("name") or "Untitled"), "bold")
    facts = [*_job_facts(job, page), *_settings_facts(settings, page)]
    tasks = settings.get("tasks") or ([settings] if task_type(settings) else [])
    return _compose(title, render_facts(facts), _job_tasks(tasks, page))


def _job_facts(job: Payload, page: Page) -> Iterator[Fact]:
    yield "job id", str(job.get("job_id", ""))
    yield "creator", page.line(job.get("creator_user_name") or "")
    yield "run as", page.line(job.get("run_as_user_name") or "")
    yield "created", format_moment(job.get("created_time"), page.now)


def _settings_facts(settings: Payload, page: Page) -> Iterator[Fact]:
    yield "schedule", page.line(format_schedule(settings.get("schedule") or {}))
    yield "trigger", page.line(format_trigger(settings.get("trigger") or {}))
    yield "continuous", page.line((settings.get("continuous") or {}).get("pause_status") or "")
    for place, parameter in enumerate(settings.get("parameters") or ()):
        text = f"{parameter.get('name')}={parameter.get('default', '')}"
        yield "parameters" if place == 0 else "", page.line(text)
    yield "time limit", format_duration(settings.get("timeout_seconds") or None)
    yield "concurrent", str(settings.get("max_concurrent_runs") or "")
    tags = settings.get("tags") or {}
    yield "tags", page.line(", ".join(f"{key}={value}" for key, value in tags.items()))


def format_schedule(schedule: Payload) -> str:
    """`0 0 2 * * ? Europe/Berlin, PAUSED`."""
    when = " ".join(
        str(schedule[key]) for key in ("quartz_cron_expression", "timezone_id") if schedule.get(key)
    )
    return _with_pause(when, schedule)


def format_trigger(trigger: Payload) -> str:
    """`file_arrival url=s3://bucket/path`, whatever the kind of trigger."""
    kinds = [
        " ".join([kind, *(f"{key}={value}" for key, value in settings.items())])
        for kind, settings in trigger.items()
        if isinstance(settings, dict)
    ]
    return _with_pause(", ".join(kinds), trigger)


def _with_pause(text: str, settings: Payload) -> str:
    status = settings.get("pause_status")
    return f"{text}, {status}" if text and status and status != "UNPAUSED" else text


def task_type(task: Payload) -> str:
    """`notebook` for a task that has a notebook_task, and so for every type there is or will be."""
    return next(
        (key.removesuffix("_task") for key in task if key.endswith("_task") and task[key] is not None), ""
    )


def format_cluster(task: Payload) -> str:
    """What a task runs on."""
    new = task.get("new_cluster")
    if new:
        return " ".join(str(new[key]) for key in ("node_type_id", "spark_version") if new.get(key)) or "new"
    keys = ("existing_cluster_id", "job_cluster_key", "environment_key")
    return next((str(task[key]) for key in keys if task.get(key)), "")


JOB_COLUMNS = (
    Column("TASK"),
    Column("TYPE", is_whole=True),
    Column("DEPENDS ON"),
    Column("CLUSTER", is_optional=True),
)


def _job_tasks(tasks: Sequence[Payload], page: Page) -> list[Text]:
    """The tasks of a job's settings, dependencies first."""
    rows = [_job_task(task, page) for task in in_dependency_order(map(TaskRun, tasks))]
    return lay_out_table(JOB_COLUMNS, rows, width=page.width, glyphs=page.glyphs) if rows else []


def _job_task(task: TaskRun, page: Page) -> list[Text]:
    after, settings = ", ".join(task.depends_on), task.payload
    return [
        Text(page.line(cell))
        for cell in (task.task_key, task_type(settings), after, format_cluster(settings))
    ]


def render_run(run: Run, page: Page) -> Text:
    """A run: what, where, how it stands and where its time went, and its tasks."""
    title = Text(page.line(run.run_name), "bold")
    return _compose(title, render_facts(_run_facts(run, page)), _run_tasks(run, page))


def _run_facts(run: Run, page: Page) -> Iterator[Fact]:
    yield "run id", str(run.run_id)
    yield "job id", str(run.job_id or "")
    yield "url", page.line(run.run_page_url or "")
    yield "state", Text.assemble(page.symbol(run), " ", page.whole_state(run))
    yield "message", page.line(format_message(run))
    yield "attempt", format_attempt(run).removeprefix("attempt ")
    yield format_started(run), format_moment(run.start_time, page.now)
    yield "duration", format_duration(seconds_of(run, page.now))
    yield "spent on", format_time_spent(run)


RUN_COLUMNS = (
    Column(is_whole=True),
    Column("TASK", gap=1),
    Column("STATE", is_whole=True),
    Column("DURATION", is_whole=True, is_right=True),
    Column("RUN ID", is_whole=True, is_optional=True),
    Column("MESSAGE", is_optional=True),
)


def _run_tasks(run: Run, page: Page) -> list[Text]:
    nodes = tree.grow(run.tasks)
    guides = tree.draw_guides(nodes, range(len(nodes)), page.glyphs, page.width)
    rows = [_run_task(node.task, guide, page) for node, guide in zip(nodes, guides, strict=True)]
    return lay_out_table(RUN_COLUMNS, rows, width=page.width, glyphs=page.glyphs) if rows else []


def _run_task(task: TaskRun, guide: str, page: Page) -> list[Text]:
    name, run_id = page.name(task, guide), Text(str(task.run_id or "-"))
    return [page.symbol(task), name, page.state(task), page.duration(task), run_id, page.details(task)]


def render_facts(facts: Iterable[Fact]) -> list[Text]:
    """Labels and values in two columns, neither ever cut."""
    said = [(label, Text(value) if isinstance(value, str) else value) for label, value in facts]
    said = [(label, value) for label, value in said if value.plain]
    widest = max((len(label) for label, _ in said), default=0)
    return [Text.assemble("  ", (f"{label:<{widest}}", "dim"), "  ", value) for label, value in said]


def _compose(title: Text, facts: Sequence[Text], table: Sequence[Text]) -> Text:
    """Title and facts, then the table after a blank line."""
    gap = [Text()] if table else []
    return Text("\n").join([title, *facts, *gap, *table])
