"""One self-contained page: outcome, what failed and why, and a timeline of tasks and attempts.

It needs no script and fetches nothing. All text of the API goes through `escape_line` or `escape_block`.
"""

import html
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dbjobs.api.models import Run
from dbjobs.output.formatting import (
    AnyRun,
    format_attempt,
    format_duration,
    format_iterations,
    format_message,
    format_short_duration,
    format_state,
    format_zoned_date,
    join_facts,
    seconds_of,
)
from dbjobs.output.reports.facts import describe_run
from dbjobs.output.reports.gantt import WAITING, draw_axis, draw_bars, make_chart, render_legend
from dbjobs.output.reports.model import Report, ReportedRun, ReportedTask, link_of
from dbjobs.output.reports.page import (
    Lines,
    class_of,
    compose_page,
    escape_block,
    escape_line,
    render_facts,
    symbol_of,
)
from dbjobs.output.reports.several_runs import render_several, render_times
from dbjobs.output.sets import format_state_counts

OPEN_TRACES = 3
"""Traces that are open at first; more would push the timeline out of sight."""


class TimelineRow(NamedTuple):
    """One row of the timeline: a task with all its attempts."""

    name: str
    note: str
    state: str
    newest: AnyRun | None
    bars: Sequence[AnyRun]
    kind: str = ""
    """a class of the row: `pass` or `part`"""


def render_html(report: Report) -> str:
    """The report as a page."""
    if report.is_of_one:
        run = report.worst_run
        title = f"{symbol_of(run.run)} {report.title} {run.state}"
    else:
        title = f"{report.title}: {format_state_counts(row.state for row in report.rows)}"
    return compose_page(title, _body(report), report.made_at)


def _body(report: Report) -> Lines:
    worst_run = report.worst_run if report.runs else None
    run = worst_run.run if worst_run else None
    if not report.is_of_one:
        outcome = format_state_counts(row.state for row in report.rows)
    else:
        outcome = format_state(run) if run else report.runs[0].state
    yield f'<header class="{class_of(run)}">'
    yield f'<p class="outcome"><span class="symbol">{symbol_of(run)}</span> {escape_line(outcome)}</p>'
    yield f"<h1>{escape_line(report.title)}</h1>"
    if report.is_of_one:
        yield from _facts(report.runs[0], report)
    else:
        if report.note:
            yield f'<p class="message">{escape_line(report.note)}</p>'
        yield from render_times(report)
    yield "</header>"
    if report.is_of_one:
        yield from _run_body(report.runs[0], report)
    else:
        yield from render_several(report, lambda run, is_open: _run_section(run, report, is_open=is_open))


def _run_section(run: ReportedRun, report: Report, *, is_open: bool) -> Lines:
    """One of several runs."""
    label = f" <bdi>{escape_line(run.label)}</bdi>" if run.label else ""
    yield f'<details class="run {class_of(run.run)}"{" open" if is_open else ""}>'
    yield (
        f'<summary><span class="symbol">{symbol_of(run.run)}</span> '
        f"run {run.run_id}{label} <b>{escape_line(run.state)}</b></summary>"
    )
    yield from _facts(run, report)
    yield from _run_body(run, report)
    yield "</details>"


def _facts(run: ReportedRun, report: Report) -> Lines:
    """The messages about a run, and what is known of it."""
    message = run.error or (format_message(run.run) if run.run else "")
    for text in (message, *run.repairs, report.note if len(report.runs) == 1 else ""):
        if text:
            yield f'<p class="message">{escape_line(text)}</p>'
    facts = {"run": _linked(str(run.run_id), run.url)}
    if run.run:
        facts |= {
            label: "".join(f"<bdi>{escape_line(value)}</bdi>" for value in values)
            for label, values in describe_run(run, report.made_at).items()
        }
    yield from render_facts(facts)


def _linked(text: str, url: str) -> str:
    """Text of HTML, as a link if there is a URL."""
    return f'<a href="{html.escape(url)}" rel="noreferrer">{text}</a>' if url else text


def _run_body(run: ReportedRun, report: Report) -> Lines:
    """What failed, the timeline of the tasks, and what failed at first."""
    if run.failed_tasks:
        number = len(run.failed_tasks)
        yield "<section>\n<h2>What failed</h2>" + (f"\n<p>{number} tasks</p>" if number > 1 else "")
        for index, task in enumerate(run.failed_tasks):
            yield from _failures(task, is_open=index < OPEN_TRACES)
        yield "</section>"
    if run.repair_command:
        yield f'<p class="next">To repair the run: <code>{run.repair_command}</code></p>'
    if run.tasks:
        yield from _timeline("Timeline", list(_rows_of(run)), report)
    if run.recovered_tasks:
        yield "<section>\n<h2>What failed at first</h2>"
        for task in run.recovered_tasks:
            yield from _failures(task, is_open=False)
        yield "</section>"


def _rows_of(run: ReportedRun) -> Iterator[TimelineRow]:
    """The first run and its repairs, if there was one; then the tasks, each with its parts."""
    for name, one in run.passes:
        yield TimelineRow(name, "", one.shown_state, one, [one], "pass")
    for task in run.tasks:
        newest, attempts = task.task, [attempt.task for attempt in task.attempts]
        note = join_facts(format_attempt(newest), format_iterations(newest), run.count_parts(newest))
        yield TimelineRow(newest.task_key, note, newest.shown_state, newest, attempts)
        for name, part in run.shown_parts(newest):
            label = f"{name} {part.run_name}" if isinstance(part, Run) else name
            yield TimelineRow(label, "", part.shown_state, part, [part], "part")


def _failures(reported: ReportedTask, *, is_open: bool) -> Lines:
    """The failed attempts at a task, the newest first; `is_open`: with the newest one's trace open."""
    for attempt in reversed(reported.attempts):
        task, failure = attempt.task, attempt.failure
        if failure is None:
            continue
        facts = [format_attempt(task), format_short_duration(seconds_of(task, 0) if task.is_ended else None)]
        small = "".join(f" <small>{fact}</small>" for fact in facts if fact)
        yield '<article class="failed">'
        yield (
            f'<h3><span class="symbol">{symbol_of(task)}</span> {_name(task.task_key, task)} '
            f"{escape_line(task.shown_state)}{small}</h3>"
        )
        if failure.error:
            yield f'<pre class="error">{escape_block(failure.error)}</pre>'
        if failure.trace:
            left_out = (
                f" ({failure.lines_left_out:,} lines before left out)" if failure.lines_left_out else ""
            )
            opened = " open" if is_open and task is reported.task else ""
            yield f"<details{opened}><summary>{failure.trace_title}{left_out}</summary>"
            yield f'<pre tabindex="0">{escape_block(failure.trace)}</pre></details>'
        yield "</article>"


def _name(text: str, run: AnyRun | None) -> str:
    """Text of the API, as a link if the run or the task that it names has a page."""
    return _linked(f"<bdi>{escape_line(text)}</bdi>", link_of(run) if run else "")


def _timeline(title: str, rows: Sequence[TimelineRow], report: Report) -> Lines:
    now = report.made_at
    runs = [bar for row in rows for bar in row.bars]
    chart = make_chart(runs, now)
    yield f'<section>\n<h2>{title}</h2>\n<table class="gantt">'
    yield '<thead><tr><th colspan="2" scope="col">name</th><th scope="col">state</th>'
    yield '<th class="took" scope="col">took</th>'
    axis = draw_axis(chart) if chart else ""
    yield f'<td class="bars" aria-hidden="true">{axis}</td></tr></thead>\n<tbody>'
    for row in rows:
        note = f" <small>{escape_line(row.note)}</small>" if row.note else ""
        took = format_short_duration(seconds_of(row.newest, now)) if row.newest else ""
        tips = [
            join_facts(
                format_attempt(bar),
                bar.shown_state,
                format_short_duration(seconds_of(bar, now)),
                *(
                    f"{part} {format_duration(bar.seconds_in(part))}"
                    for part in WAITING
                    if bar.seconds_in(part)
                ),
                format_zoned_date(bar.start_time),
            )
            for bar in row.bars
        ]
        bars = [(bar, class_of(bar), escape_line(tip)) for bar, tip in zip(row.bars, tips, strict=True)]
        kind = f"{class_of(row.newest)} {row.kind}".rstrip()
        yield f'<tr class="{kind}"><td class="symbol">{symbol_of(row.newest)}</td>'
        yield f'<th scope="row">{_name(row.name, row.newest)}{note}</th>'
        yield f'<td class="state">{escape_line(row.state)}</td><td class="took">{took}</td>'
        yield f'<td class="bars">{draw_bars(chart, bars) if chart else ""}</td></tr>'
    yield "</tbody>\n</table>"
    if chart and (legend := render_legend(chart, runs)):
        yield legend
    yield "</section>"
