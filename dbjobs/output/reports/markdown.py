"""A page of Markdown: outcome, a table of tasks, a Gantt chart in Mermaid, errors and traces.

Text of the API cannot become markup: every character that Markdown or HTML could read is
escaped, and traces are in code fences that are longer than any in them.
"""

import re
from collections.abc import Iterator, Sequence

from dbjobs.api.models import TaskRun
from dbjobs.common.plain_text import clean_text
from dbjobs.output.causes import format_short_cause
from dbjobs.output.formatting import (
    AnyRun,
    count,
    format_attempt,
    format_duration,
    format_iterations,
    format_message,
    format_short_duration,
    format_state,
    format_took,
    format_zoned_date,
    join_facts,
    seconds_of,
)
from dbjobs.output.reports.facts import describe_run
from dbjobs.output.reports.mermaid import draw_gantt
from dbjobs.output.reports.model import Report, ReportedRun, group_by_reason, link_of
from dbjobs.output.reports.page import symbol_of_set
from dbjobs.output.sets import common_prefix, format_state_counts
from dbjobs.output.terminal.style import StateStyle, style_of
from dbjobs.output.truncation import MAX_CELL, short_line

MAX_ROWS = 300
MAX_ALL_ROWS = 50
"""With more runs, a grid stands for all, and only those that did not go well have a row."""

GRID_WIDTH = 50
MAX_NAMES = 20
MAX_SHOWN_FAILURES = 10
MAX_DETAILED_RUNS = 10
MAX_SHOWN_TRACE = 20_000
"""Characters of a trace: a page stays far below the mebibyte that GitHub takes of a step."""

_MARKUP = re.compile(r"([\\`*{}\[\]<>|~#!$]|(?<!\w)_|_(?!\w))")
_LINKS = re.compile(r"(?<=[a-z])://|(?<=www)\.|@|(?<!\w):(?=[\w+-]+:)", re.IGNORECASE)
"""What becomes a link, a mention or an emoji by itself."""


def render_markdown(report: Report, *, with_gantt: bool = True) -> str:
    """The report as a page; `with_gantt` if whoever shows it draws Mermaid."""
    page = _one_run if report.is_of_one else _several_runs
    return "\n".join(page(report, with_gantt=with_gantt)) + "\n"


def _one_run(report: Report, *, with_gantt: bool) -> Iterator[str]:
    reported, run = report.runs[0], report.runs[0].run
    state = _cell(format_state(run)) if run else reported.state
    yield f"## {_symbol_of(reported)} {_cell(reported.title)}: {state}"
    described = describe_run(reported, report.made_at)
    facts = {label: _cell(f"{label} {', '.join(values)}") for label, values in described.items()}
    first = [facts.pop(label, "") for label in ("job", "started", "waiting since", "ended", "took", "so far")]
    yield from ("", join_facts(_link(reported), *first, separator=" · "))
    if facts:
        yield from ("", join_facts(*facts.values(), separator=" · "))
    if reported.message:
        yield from ("", f"> {_cell(reported.message)}")
    yield from _repairs(reported)
    yield from _note(report)
    yield from _failures(reported, MAX_SHOWN_FAILURES)
    if reported.repair_command:
        yield from ("", f"To repair the run: `{reported.repair_command}`")
    if reported.passes:
        yield from ("", "| | pass | state | duration | |", "|---|---|---|--:|---|")
        yield from (
            _row(name, one, format_zoned_date(one.start_time), report) for name, one in reported.passes
        )
    if reported.tasks:
        yield from ("", "| | task | state | duration | message |", "|---|---|---|--:|---|")
        rows = list(_task_rows(reported, report))
        yield from rows[:MAX_ROWS]
        yield from _left_out(len(rows) - MAX_ROWS, "row")
    if with_gantt:
        attempts = [attempt.task for task in reported.tasks for attempt in task.attempts]
        yield from draw_gantt([(_name_of(task), task) for task in attempts], report.made_at)


def _task_rows(reported: ReportedRun, report: Report) -> Iterator[str]:
    """A row for each task, and for its iterations or the run that it started."""
    for task in reported.tasks:
        newest = task.task
        error = task.failure.error.partition("\n")[0] if task.failure else ""
        facts = (format_attempt(newest), format_iterations(newest), reported.count_parts(newest))
        message = join_facts(*facts, error or format_message(newest))
        yield _row(newest.task_key, newest, message, report)
        for name, part in reported.shown_parts(newest):
            yield _row(name, part, format_message(part), report, prefix="↳ ")


def _row(name: str, run: AnyRun, message: str, report: Report, prefix: str = "") -> str:
    cells = [
        style_of(run).symbol,
        prefix + _linked(_cell(name), link_of(run)),
        _cell(run.shown_state),
        format_short_duration(seconds_of(run, report.made_at)),
        _cell(message),
    ]
    return f"| {' | '.join(cells)} |"


def _several_runs(report: Report, *, with_gantt: bool) -> Iterator[str]:
    rows = report.rows
    symbol = _symbol_of(report.worst_run) if report.runs else StateStyle.NOT_STARTED.symbol
    yield f"## {symbol} {_cell(report.title)}"
    yield from ("", f"{format_state_counts(row.state for row in rows)}.")
    yield from _note(report)
    yield from _groups(report)
    if len(rows) > MAX_ALL_ROWS:
        yield from _grid(report)
        rows = tuple(row for row in rows if row.run and not row.run.is_good)
    if shown := [row.run for row in rows[:MAX_ROWS] if row.run]:
        yield from ("", "| | run | state | duration | tasks |", "|---|---|---|--:|---|")
        yield from (_run_row(run, report) for run in shown)
        yield from _left_out(len(rows) - MAX_ROWS, "run")
    if with_gantt and len(report.runs) <= MAX_ALL_ROWS:
        bars = [(run.label or run.title, run.run) for run in report.runs if run.run]
        yield from draw_gantt(bars, report.made_at)
    runs = {run.run_id: run for run in report.runs}
    examples = [runs[group.runs[0].run_id] for group in report.cause_groups]
    detailed = [run for run in examples if run.failed_tasks][:MAX_DETAILED_RUNS]
    for run in detailed:
        yield from ("", f"### {_symbol_of(run)} {_link(run)} {_cell(run.label)}".rstrip())
        yield from _failures(run, max(1, MAX_SHOWN_FAILURES // len(detailed)))


def _groups(report: Report) -> Iterator[str]:
    """A line for each cause of failures, and for each reason why sets have no run."""
    runs = {run.run_id: run for run in report.runs}
    prefix = common_prefix([row.name for row in report.rows])
    lines = []
    for group in report.cause_groups:
        members = [runs[run.run_id] for run in group.runs]
        noun = "set" if report.sets else "run"
        cause = format_short_cause(group.cause) if group.cause else "causes that were not read"
        text = f"{count(len(members), noun)}: {cause}"
        links = [_link(run, run.name.removeprefix(prefix)) for run in members[:MAX_NAMES]]
        lines.append(f"- {_symbol_of(members[0])} **{_cell(text)}**: {_join(links, len(members))}")
    for reason, rows in group_by_reason(report).items():
        names = [_cell(row.label.removeprefix(prefix)) for row in rows[:MAX_NAMES]]
        text = f"{count(len(rows), 'set')} {reason}"
        lines.append(f"- {symbol_of_set(rows[0])} **{_cell(text)}**: {_join(names, len(rows))}")
    if lines:
        yield from ("", *lines)


def _join(names: Sequence[str], number: int) -> str:
    """`number` is how many names there would be."""
    more = f" and {number - len(names)} more" if number > len(names) else ""
    return ", ".join(names) + more


def _grid(report: Report) -> Iterator[str]:
    """A symbol for each set, in order."""
    rows = report.rows
    prefix = common_prefix([row.name for row in rows])
    starts = range(0, len(rows), GRID_WIDTH)
    names = [short_line(rows[start].name.removeprefix(prefix), MAX_CELL) for start in starts]
    width = max(map(len, names))
    lines = [
        f"{name:<{width}}  {''.join(map(symbol_of_set, rows[start : start + GRID_WIDTH]))}"
        for start, name in zip(starts, names, strict=True)
    ]
    yield from ("", *_fence("\n".join(lines)))


def _run_row(run: ReportedRun, report: Report) -> str:
    took = format_duration(seconds_of(run.run, report.made_at)) if run.run else ""
    label = f"{_link(run)} {_cell(run.label)}".rstrip()
    failed = ", ".join(_cell(task.task.task_key) for task in run.failed_tasks[:5] if run.tasks)
    tasks = f"failed: {failed}" if failed else _cell(run.message)
    tasks = join_facts(tasks, *map(_cell, run.repairs), separator="; ")
    return f"| {_symbol_of(run)} | {label} | {_cell(run.state)} | {took} | {tasks} |"


def _repairs(run: ReportedRun) -> Iterator[str]:
    for line in run.repairs:
        yield from ("", _cell(line[0].upper() + line[1:]))


def _note(report: Report) -> Iterator[str]:
    if report.note:
        yield from ("", f"_{_cell(report.note)}_")


def _failures(run: ReportedRun, maximum: int) -> Iterator[str]:
    """The errors and traces of the tasks that failed."""
    for reported in run.failed_tasks[:maximum]:
        task, failure = reported.task, reported.failure
        if failure is None:
            continue
        state = f"{_cell(task.shown_state)} {format_took(task)}".rstrip()
        yield from ("", f"**{style_of(task).symbol} {_cell(_name_of(task))}** {state}", "")
        yield from _fence(failure.error or task.shown_state)
        if failure.trace:
            text = failure.trace[-MAX_SHOWN_TRACE:]
            is_cut = failure.lines_left_out or len(text) < len(failure.trace)
            title = f"{failure.trace_title}, its end" if is_cut else failure.trace_title
            yield from ("", f"<details><summary>{title}</summary>", "", *_fence(text), "", "</details>")
    yield from _left_out(len(run.failed_tasks) - maximum, "failed task")


def _fence(text: str) -> Iterator[str]:
    """A block of code that no line of it can end."""
    longest = max((len(found) for found in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}text", clean_text(text), fence)


def _left_out(number: int, noun: str) -> Iterator[str]:
    if number > 0:
        yield from ("", f"… and {count(number, noun)} more.")


def _name_of(task: TaskRun) -> str:
    return f"{task.task_key} {format_attempt(task)}".rstrip()


def _link(run: ReportedRun, name: str = "") -> str:
    return _linked(_cell(name) or f"run {run.run_id}", run.url)


def _linked(text: str, url: str) -> str:
    return f"[{text}](<{url}>)" if url else text


def _symbol_of(run: ReportedRun) -> str:
    return style_of(run.run).symbol if run.run else "?"


def _cell(text: str) -> str:
    """Text of the API, as text on a line of Markdown."""
    line = short_line(text, MAX_CELL).replace("&", "&amp;")
    line = _MARKUP.sub(r"\\\1", line)
    line = _LINKS.sub(lambda found: "".join(f"&#{ord(char)};" for char in found[0]), line)
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", line)
