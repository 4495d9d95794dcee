"""A page of Markdown: outcome, a table of tasks, a Gantt that GitHub and GitLab draw, errors and traces.

Text of the API cannot become structure: every sign that Markdown or HTML could read is
escaped, and traces stand in fences that are longer than any in them.
"""

import re
from collections.abc import Iterator

from dbjobs.api.models import TaskRun
from dbjobs.common.plain_text import clean_text
from dbjobs.output.formatting import (
    count,
    format_attempt,
    format_counts,
    format_duration,
    format_started,
    format_state,
    format_time_spent,
    format_took,
    format_zoned_date,
    seconds_of,
)
from dbjobs.output.reports.mermaid import draw_gantt
from dbjobs.output.reports.model import Report, ReportedRun, ReportedTask
from dbjobs.output.terminal.style import style_of
from dbjobs.output.truncation import MAX_CELL, short_line

MOST_ROWS = 300
MOST_FAILURES = 10
MOST_DETAILED = 10
TRACE_CHARACTERS = 20_000
"""So that a page stays far below the mebibyte that GitHub takes of a step."""

_SIGNS = re.compile(r"([\\`*{}\[\]<>|~#!$]|(?<!\w)_|_(?!\w))")
_LINKS = re.compile(r"(?<=[a-z])://|(?<=www)\.|@|(?<!\w):(?=[\w+-]+:)", re.IGNORECASE)
"""What becomes a link, a mention or an emoji by itself."""


def render_markdown(report: Report, *, with_gantt: bool = True) -> str:
    """The report as a page; `with_gantt` if whoever shows it draws Mermaid."""
    lines = [*_page(report, with_gantt=with_gantt)]
    return "\n".join(lines) + "\n"


def _page(report: Report, *, with_gantt: bool) -> Iterator[str]:
    if len(report.runs) == 1:
        yield from _one_run(report.runs[0], report, with_gantt=with_gantt)
        return
    yield f"## {_symbol_of(report.worst_run)} {_cell(report.title)}"
    yield from ("", f"{format_counts(_cell(run.state) for run in report.runs)}.")
    yield from _note(report)
    yield from ("", "| | run | state | duration | tasks |", "|---|---|---|--:|---|")
    yield from (_run_row(run, report) for run in report.runs[:MOST_ROWS])
    yield from _left_out(len(report.runs) - MOST_ROWS, "run")
    yield from _not_started(report)
    if with_gantt:
        bars = [(run.label or run.title, run.run) for run in report.runs if run.run]
        yield from draw_gantt(bars, report.made_at)
    failed = [run for run in report.runs if run.failed_tasks]
    for run in failed[:MOST_DETAILED]:
        yield from ("", f"### {_symbol_of(run)} {_link(run)} {_cell(run.label)}".rstrip())
        yield from _failures(run, max(1, MOST_FAILURES // len(failed)))
    yield from _left_out(len(failed) - MOST_DETAILED, "failed run")


def _one_run(run: ReportedRun, report: Report, *, with_gantt: bool) -> Iterator[str]:
    state = _cell(format_state(run.run)) if run.run else run.state
    yield f"## {_symbol_of(run)} {_cell(run.title)}: {state}"
    yield from ("", " · ".join(_facts(run, report)))
    if run.message:
        yield from ("", f"> {_cell(run.message)}")
    yield from _note(report)
    yield from _not_started(report)
    yield from _failures(run)
    if run.tasks:
        yield from ("", "| | task | state | duration | message |", "|---|---|---|--:|---|")
        yield from (_task_row(task, report) for task in run.tasks[:MOST_ROWS])
        yield from _left_out(len(run.tasks) - MOST_ROWS, "task")
    if with_gantt:
        bars = [(_name_of(a.task), a.task) for task in run.tasks for a in task.attempts]
        yield from draw_gantt(bars, report.made_at)


def _name_of(task: TaskRun) -> str:
    return f"{task.task_key} {format_attempt(task)}".rstrip()


def _facts(run: ReportedRun, report: Report) -> Iterator[str]:
    yield _link(run)
    if run.run is None:
        return
    if run.run.job_id:
        yield f"job {run.run.job_id}"
    if run.label:
        yield _cell(run.label)
    if run.run.start_time:
        yield f"{format_started(run.run)} {format_zoned_date(run.run.start_time)}"
    if took := format_duration(seconds_of(run.run, report.made_at)):
        yield f"took {took}" if run.run.is_ended else f"{took} so far"
    if spent := format_time_spent(run.run):
        yield spent


def _note(report: Report) -> Iterator[str]:
    if report.note:
        yield from ("", f"_{_cell(report.note)}_")


def _not_started(report: Report) -> Iterator[str]:
    if report.not_started:
        yield from ("", f"{count(len(report.not_started), 'parameter set')} without a run:", "")
        shown = list(report.not_started.items())[:MOST_ROWS]
        yield from (f"- {_cell(label)}: {_cell(reason)}" for label, reason in shown)
        yield from _left_out(len(report.not_started) - MOST_ROWS, "parameter set")


def _link(run: ReportedRun) -> str:
    return f"[run {run.run_id}](<{run.url}>)" if run.url else f"run {run.run_id}"


def _run_row(run: ReportedRun, report: Report) -> str:
    took = format_duration(seconds_of(run.run, report.made_at)) if run.run else ""
    label = f"{_link(run)} {_cell(run.label)}".rstrip()
    failed = ", ".join(_cell(task.task.task_key) for task in run.failed_tasks[:5] if run.tasks)
    tasks = f"failed: {failed}" if failed else _cell(run.message)
    return f"| {_symbol_of(run)} | {label} | {_cell(run.state)} | {took} | {tasks} |"


def _task_row(task: ReportedTask, report: Report) -> str:
    newest = task.task
    error = task.failure.error.partition("\n")[0] if task.failure else ""
    facts = [format_attempt(newest), error or (newest.message if newest.message != "In run" else "")]
    cells = [
        style_of(newest).symbol,
        _cell(newest.task_key),
        _cell(newest.shown_state),
        format_duration(seconds_of(newest, report.made_at)),
        _cell(", ".join(fact for fact in facts if fact)),
    ]
    return f"| {' | '.join(cells)} |"


def _left_out(number: int, noun: str) -> Iterator[str]:
    if number > 0:
        yield from ("", f"… and {count(number, noun)} more.")


def _failures(run: ReportedRun, most: int = MOST_FAILURES) -> Iterator[str]:
    for task in run.failed_tasks[:most]:
        yield from _failure(task)
    yield from _left_out(len(run.failed_tasks) - most, "failed task")


def _failure(task: ReportedTask) -> Iterator[str]:
    failure = task.failure
    if failure is None:
        return
    state = f"{_cell(task.task.shown_state)} {format_took(task.task)}".rstrip()
    yield from ("", f"**{style_of(task.task).symbol} {_cell(_name_of(task.task))}** {state}", "")
    yield from _fence(failure.error or task.task.shown_state)
    if failure.trace:
        text = failure.trace[-TRACE_CHARACTERS:]
        is_cut = failure.lines_left_out or len(text) < len(failure.trace)
        title = f"{failure.trace_title}, its end" if is_cut else failure.trace_title
        yield from ("", f"<details><summary>{title}</summary>", "", *_fence(text), "", "</details>")


def _fence(text: str) -> Iterator[str]:
    """A block of code that no line of it can end."""
    longest = max((len(found) for found in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}text", clean_text(text), fence)


def _symbol_of(run: ReportedRun) -> str:
    return style_of(run.run).symbol if run.run else "?"


def _cell(text: str) -> str:
    """Text of the API, as text on a line of Markdown."""
    line = short_line(text, MAX_CELL).replace("&", "&amp;")
    line = _SIGNS.sub(r"\\\1", line)
    line = _LINKS.sub(lambda found: "".join(f"&#{ord(sign)};" for sign in found[0]), line)
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", line)
