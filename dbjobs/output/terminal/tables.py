"""What `jobs get` and `runs get` show: facts above, tasks in a table below.

Tables fit the terminal; off a terminal nothing is wrapped, cut or colored. Ids and
addresses are never cut.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.text import Text

from dbjobs.api.models import Run, TaskRun, in_dependency_order
from dbjobs.http.response import Payload
from dbjobs.output.causes import format_short_cause, format_words
from dbjobs.output.formatting import (
    format_age,
    format_attempt,
    format_duration,
    format_message,
    format_moment,
    format_started,
    format_time_spent,
    seconds_of,
)
from dbjobs.output.job_settings import (
    format_cluster,
    format_libraries,
    format_notifications,
    format_permissions,
    format_schedule,
    format_target,
    format_trigger,
    task_type,
)
from dbjobs.output.run_facts import (
    format_commit,
    format_compute,
    format_parameters,
    format_repairs,
    format_run_trigger,
)
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.layout import CAUSE_SHARE, CAUSE_WIDTH, NAME_WIDTH, Column, lay_out_table
from dbjobs.output.terminal.screen import canvas_for, write_lines
from dbjobs.output.terminal.tree import build_tree, draw_guides
from dbjobs.runs.causes import Cause, is_generic
from dbjobs.runs.job_details import JobDetails

Fact = tuple[str, Text | str]
"""A label and its value; facts with a blank value are left out."""

JOB_TASK_COLUMNS = (
    Column("TASK"),
    Column("TYPE", is_whole=True),
    Column("RUNS"),
    Column("DEPENDS ON", is_optional=True, priority=1),
    Column("CLUSTER", is_optional=True),
)

RUN_TASK_COLUMNS = (
    Column(is_whole=True),
    Column("TASK", gap=1, min_width=NAME_WIDTH),
    Column("STATE", is_whole=True),
    Column("DURATION", is_whole=True, is_right=True),
    Column("RUN ID", is_whole=True, is_optional=True),
    Column("MESSAGE", is_optional=True, priority=1, min_width=CAUSE_WIDTH, min_share=CAUSE_SHARE),
)

LAST_RUN_COLUMNS = (
    Column(is_whole=True),
    Column("LAST RUNS", is_whole=True, gap=1),
    Column("STARTED", is_whole=True, is_optional=True, priority=1),
    Column("DURATION", is_whole=True, is_right=True, is_optional=True),
    Column("TRIGGER", is_optional=True),
    Column("RUN ID", is_whole=True),
    Column("MESSAGE", is_optional=True, priority=2, min_width=CAUSE_WIDTH, min_share=CAUSE_SHARE),
)


def show_job(streams: Streams, job: Payload, now: float, details: JobDetails | None = None) -> None:
    """Write a job to stdout, for people."""
    write_lines(streams, [render_job(job, canvas_for(streams, streams.out, now), details)])


def show_run(streams: Streams, run: Payload, now: float, causes: Mapping[int, Cause] = {}) -> None:
    """Write a run to stdout, for people; `causes` has, by run_id, why its tasks failed."""
    write_lines(streams, [render_run(Run(run), canvas_for(streams, streams.out, now), causes)])


def render_job(job: Payload, canvas: Canvas, details: JobDetails | None = None) -> Text:
    """A job's settings in short, its tasks, dependencies first, and its last runs."""
    settings = job.get("settings") or {}
    tasks = settings.get("tasks") or ([settings] if task_type(settings) else [])
    rows = []
    for task in in_dependency_order(map(TaskRun, tasks)):
        payload = task.payload
        after, cluster = ", ".join(task.depends_on), format_cluster(payload)
        cells = (task.task_key, task_type(payload), format_target(payload), after, cluster)
        rows.append([Text(canvas.line(cell)) for cell in cells])
    title = settings.get("name") or "Untitled"
    facts = [*_job_facts(job, settings, canvas), *_more_job_facts(settings, tasks, details, canvas)]
    text = _compose(title, facts, JOB_TASK_COLUMNS, rows, canvas)
    if details and details.runs:
        last = [_last_run(run, details.causes.get(run.run_id), canvas) for run in details.runs]
        table = lay_out_table(LAST_RUN_COLUMNS, last, width=canvas.width, glyphs=canvas.glyphs)
        text = Text("\n").join([text, Text(), *table])
    return text


def _last_run(run: Run, cause: Cause | None, canvas: Canvas) -> list[Text]:
    return [
        canvas.symbol(run),
        canvas.state(run),
        Text(format_age(run.start_time, canvas.now)),
        canvas.duration(run),
        Text(canvas.line(run.payload.get("trigger") or "")),
        Text(str(run.run_id)),
        canvas.cause(run, cause),
    ]


def _job_facts(job: Payload, settings: Payload, canvas: Canvas) -> Iterator[Fact]:
    yield "job id", str(job.get("job_id", ""))
    yield "creator", canvas.line(job.get("creator_user_name") or "")
    yield "run as", canvas.line(job.get("run_as_user_name") or "")
    yield "created", format_moment(job.get("created_time"), canvas.now)
    yield "schedule", canvas.line(format_schedule(settings.get("schedule") or {}))
    yield "trigger", canvas.line(format_trigger(settings.get("trigger") or {}))
    yield "continuous", canvas.line((settings.get("continuous") or {}).get("pause_status") or "")
    parameters = settings.get("parameters") or ()
    texts = (f"{parameter.get('name')}={parameter.get('default', '')}" for parameter in parameters)
    yield from _labelled("parameters", texts, canvas)
    yield "time limit", format_duration(settings.get("timeout_seconds") or None)
    yield "concurrent", str(settings.get("max_concurrent_runs") or "")
    tags = settings.get("tags") or {}
    yield "tags", canvas.line(", ".join(f"{key}={value}" for key, value in tags.items()))


def _more_job_facts(
    settings: Payload, tasks: Sequence[Payload], details: JobDetails | None, canvas: Canvas
) -> Iterator[Fact]:
    yield from _labelled("libraries", format_libraries(tasks), canvas)
    yield from _labelled("notifications", format_notifications(settings), canvas)
    if details is None:
        return
    if details.permissions is None:
        yield "permissions", canvas.line(f"cannot be read: {details.permissions_problem}")
    else:
        yield from _labelled("permissions", format_permissions(details.permissions), canvas)
    yield "url", details.url
    if details.runs_problem:
        yield "last runs", canvas.line(f"cannot be read: {details.runs_problem}")
    elif not details.runs:
        yield "last runs", "none"


def _labelled(label: str, texts: Iterable[str], canvas: Canvas) -> Iterator[Fact]:
    """A line for each text, the label before the first."""
    for index, text in enumerate(texts):
        yield "" if index else label, canvas.line(text)


def render_run(run: Run, canvas: Canvas, causes: Mapping[int, Cause] = {}) -> Text:
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
            canvas.details(node.task, cause=_words(node.task, causes)),
        ]
        for node, guide in zip(nodes, guides, strict=True)
    ]
    facts: list[Fact] = [
        ("run id", str(run.run_id)),
        ("job id", str(run.job_id or "")),
        ("url", canvas.line(run.run_page_url or "")),
        ("state", Text.assemble(canvas.symbol(run), " ", canvas.whole_state(run))),
        ("message", canvas.line(_message(run, causes))),
        ("queue", canvas.line(run.queue_code)),
        ("trigger", canvas.line(format_run_trigger(run))),
        ("creator", canvas.line(run.payload.get("creator_user_name") or "")),
        *_labelled("parameters", format_parameters(run), canvas),
        ("attempt", format_attempt(run).removeprefix("attempt ")),
        ("repairs", canvas.line(format_repairs(run, canvas.now))),
        *_labelled("commit", format_commit(run), canvas),
        *_labelled("compute", format_compute(run), canvas),
        (format_started(run), format_moment(run.start_time, canvas.now)),
        ("duration", format_duration(seconds_of(run, canvas.now))),
        ("spent on", format_time_spent(run)),
    ]
    return _compose(run.run_name, facts, RUN_TASK_COLUMNS, rows, canvas)


def _words(task: TaskRun, causes: Mapping[int, Cause]) -> str | None:
    cause = causes.get(task.run_id or 0)
    return format_words(cause) if cause else None


def _message(run: Run, causes: Mapping[int, Cause]) -> str:
    """What the run says; if that is only that a task failed, why the first one did."""
    failed = (cause for cause in map(causes.get, (task.run_id or 0 for task in run.failed_tasks)) if cause)
    cause = next(failed, None) if is_generic(run.message) else None
    if cause is None:
        return format_message(run)
    return format_short_cause(cause, cause.tasks if len(run.tasks) > 1 else ())


def _compose(
    title: str,
    facts: Iterable[Fact],
    columns: Sequence[Column],
    rows: Sequence[Sequence[Text]],
    canvas: Canvas,
) -> Text:
    """Title and facts, then the table after a blank line."""
    lines = [Text(canvas.line(title), "bold"), *render_facts(facts, canvas.width)]
    if rows:
        lines += [Text(), *lay_out_table(columns, rows, width=canvas.width, glyphs=canvas.glyphs)]
    return Text("\n").join(lines)


def render_facts(facts: Iterable[Fact], width: int | None) -> list[Text]:
    """Labels and values in two columns, neither ever cut; on a terminal, text continues on the next line."""
    texts = [(label, Text(value) if isinstance(value, str) else value) for label, value in facts]
    shown = [(label, value) for label, value in texts if value.plain]
    label_width = max((len(label) for label, _ in shown), default=0)
    return [
        Text.assemble("  ", (f"{'' if number else label:<{label_width}}", "dim"), "  ", line)
        for label, value in shown
        for number, line in enumerate(_wrap(value, width and max(20, width - label_width - 4)))
    ]


def _wrap(value: Text, width: int | None) -> list[Text]:
    """Lines of this many cells, broken between words; a URL stays whole, so that a terminal can open it."""
    if width is None or value.cell_len <= width or "://" in value.plain:
        return [value]
    lines = textwrap.wrap(value.plain, width, break_long_words=False, break_on_hyphens=False)
    return [Text(line, value.style) for line in lines]
