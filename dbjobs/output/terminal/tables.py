"""What `jobs get` and `runs get` show: facts above, tasks in a table below.

Tables fit the terminal; off a terminal nothing is wrapped, cut or colored. Ids and
addresses are never cut.
"""

from collections.abc import Iterable, Iterator, Sequence

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
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.layout import Column, lay_out_table
from dbjobs.output.terminal.screen import canvas_for, write_lines
from dbjobs.output.terminal.tree import build_tree, draw_guides

Fact = tuple[str, Text | str]
"""A label and its value; facts with a blank value are left out."""

JOB_TASK_COLUMNS = (
    Column("TASK"),
    Column("TYPE", is_whole=True),
    Column("DEPENDS ON"),
    Column("CLUSTER", is_optional=True),
)

RUN_TASK_COLUMNS = (
    Column(is_whole=True),
    Column("TASK", gap=1),
    Column("STATE", is_whole=True),
    Column("DURATION", is_whole=True, is_right=True),
    Column("RUN ID", is_whole=True, is_optional=True),
    Column("MESSAGE", is_optional=True),
)


def show_job(streams: Streams, job: Payload, now: float) -> None:
    """Write a job to stdout, for people."""
    write_lines(streams, [render_job(job, canvas_for(streams, streams.out, now))])


def show_run(streams: Streams, run: Payload, now: float) -> None:
    """Write a run to stdout, for people."""
    write_lines(streams, [render_run(Run(run), canvas_for(streams, streams.out, now))])


def render_job(job: Payload, canvas: Canvas) -> Text:
    """A job's settings in short, and its tasks, dependencies first."""
    settings = job.get("settings") or {}
    tasks = settings.get("tasks") or ([settings] if task_type(settings) else [])
    rows = []
    for task in in_dependency_order(map(TaskRun, tasks)):
        cluster = format_cluster(task.payload)
        cells = (task.task_key, task_type(task.payload), ", ".join(task.depends_on), cluster)
        rows.append([Text(canvas.line(cell)) for cell in cells])
    title = settings.get("name") or "Untitled"
    return _compose(title, _job_facts(job, settings, canvas), JOB_TASK_COLUMNS, rows, canvas)


def _job_facts(job: Payload, settings: Payload, canvas: Canvas) -> Iterator[Fact]:
    yield "job id", str(job.get("job_id", ""))
    yield "creator", canvas.line(job.get("creator_user_name") or "")
    yield "run as", canvas.line(job.get("run_as_user_name") or "")
    yield "created", format_moment(job.get("created_time"), canvas.now)
    yield "schedule", canvas.line(format_schedule(settings.get("schedule") or {}))
    yield "trigger", canvas.line(format_trigger(settings.get("trigger") or {}))
    yield "continuous", canvas.line((settings.get("continuous") or {}).get("pause_status") or "")
    for index, parameter in enumerate(settings.get("parameters") or ()):
        text = f"{parameter.get('name')}={parameter.get('default', '')}"
        yield "parameters" if index == 0 else "", canvas.line(text)
    yield "time limit", format_duration(settings.get("timeout_seconds") or None)
    yield "concurrent", str(settings.get("max_concurrent_runs") or "")
    tags = settings.get("tags") or {}
    yield "tags", canvas.line(", ".join(f"{key}={value}" for key, value in tags.items()))


def format_schedule(schedule: Payload) -> str:
    """`0 0 2 * * ? Europe/Berlin, PAUSED`."""
    keys = ("quartz_cron_expression", "timezone_id")
    return _with_pause(" ".join(str(schedule[key]) for key in keys if schedule.get(key)), schedule)


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
    types = (key for key in task if key.endswith("_task") and task[key] is not None)
    return next(types, "").removesuffix("_task")


def format_cluster(task: Payload) -> str:
    """What a task runs on."""
    new = task.get("new_cluster")
    if new:
        return " ".join(str(new[key]) for key in ("node_type_id", "spark_version") if new.get(key)) or "new"
    keys = ("existing_cluster_id", "job_cluster_key", "environment_key")
    return next((str(task[key]) for key in keys if task.get(key)), "")


def render_run(run: Run, canvas: Canvas) -> Text:
    """A run: what, where, its state and where its time went, and its tasks."""
    nodes = build_tree(run.tasks)
    guides = draw_guides(nodes, range(len(nodes)), canvas.glyphs, canvas.width)
    rows = [
        [
            canvas.symbol(node.task),
            canvas.name(node.task, guide),
            canvas.state(node.task),
            canvas.duration(node.task),
            Text(str(node.task.run_id or "-")),
            canvas.details(node.task),
        ]
        for node, guide in zip(nodes, guides, strict=True)
    ]
    facts: list[Fact] = [
        ("run id", str(run.run_id)),
        ("job id", str(run.job_id or "")),
        ("url", canvas.line(run.run_page_url or "")),
        ("state", Text.assemble(canvas.symbol(run), " ", canvas.whole_state(run))),
        ("message", canvas.line(format_message(run))),
        ("attempt", format_attempt(run).removeprefix("attempt ")),
        (format_started(run), format_moment(run.start_time, canvas.now)),
        ("duration", format_duration(seconds_of(run, canvas.now))),
        ("spent on", format_time_spent(run)),
    ]
    return _compose(run.run_name, facts, RUN_TASK_COLUMNS, rows, canvas)


def _compose(
    title: str,
    facts: Iterable[Fact],
    columns: Sequence[Column],
    rows: Sequence[Sequence[Text]],
    canvas: Canvas,
) -> Text:
    """Title and facts, then the table after a blank line."""
    lines = [Text(canvas.line(title), "bold"), *render_facts(facts)]
    if rows:
        lines += [Text(), *lay_out_table(columns, rows, width=canvas.width, glyphs=canvas.glyphs)]
    return Text("\n").join(lines)


def render_facts(facts: Iterable[Fact]) -> list[Text]:
    """Labels and values in two columns, neither ever cut."""
    texts = [(label, Text(value) if isinstance(value, str) else value) for label, value in facts]
    shown = [(label, value) for label, value in texts if value.plain]
    width = max((len(label) for label, _ in shown), default=0)
    return [Text.assemble("  ", (f"{label:<{width}}", "dim"), "  ", value) for label, value in shown]
