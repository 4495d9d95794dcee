"""One self-contained page: outcome, what failed and why, and a timeline of tasks and attempts.

It needs no script and fetches nothing. All text of the API goes through `_text`.
"""

import html
from collections.abc import Iterator, Sequence
from importlib.resources import files

from dbjobs.api.models import TaskRun
from dbjobs.common.plain_text import clean_text
from dbjobs.output.formatting import (
    AnyRun,
    count,
    format_attempt,
    format_counts,
    format_duration,
    format_message,
    format_started,
    format_state,
    format_time_spent,
    format_zoned_date,
    seconds_of,
)
from dbjobs.output.reports.gantt import Chart, draw_axis, draw_bars
from dbjobs.output.reports.model import Failure, Report, ReportedRun, ReportedTask, whole_span
from dbjobs.output.terminal.style import StateStyle, style_of
from dbjobs.output.truncation import short_line

MOST_SECTIONS = 50
"""Of many runs, so many are told of in detail, the failed ones first."""

OPEN_TRACES = 3
"""So many traces are unfolded; more would push the timeline out of sight."""

Lines = Iterator[str]


def render_html(report: Report) -> str:
    """The report as a page."""
    return "\n".join(_page(report)) + "\n"


def _page(report: Report) -> Lines:
    worst_run = report.worst_run
    title = f"{_symbol(worst_run.run)} {_text(report.title)} {_text(worst_run.state)}"
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield (
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    )
    style = files("dbjobs.output.reports").joinpath("page.css").read_text("utf-8")
    yield f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>"
    if len(report.runs) == 1:
        yield from _one_run(worst_run, report)
    else:
        yield from _several_runs(report)
    yield from _not_started(report)
    yield f"<footer>written by dbjobs, {format_zoned_date(report.made_at * 1000)}</footer>"
    yield "</main>\n</body>\n</html>"


def _one_run(run: ReportedRun, report: Report) -> Lines:
    state = _text(format_state(run.run)) if run.run else run.state
    yield f'<header class="{_class(run.run)}">'
    yield f'<p class="outcome"><span class="symbol">{_symbol(run.run)}</span> {state}</p>'
    yield f"<h1>{_text(run.title)}</h1>"
    yield from _message(run, report)
    yield from _facts(run, report)
    yield "</header>"
    yield from _run_body(run, report)


def _several_runs(report: Report) -> Lines:
    worst_run = report.worst_run
    states = format_counts(run.state for run in report.runs)
    yield f'<header class="{_class(worst_run.run)}">'
    yield f'<p class="outcome"><span class="symbol">{_symbol(worst_run.run)}</span> {_text(states)}</p>'
    yield f"<h1>{_text(report.title)}</h1>"
    yield f'<p class="message">{_text(report.note)}</p>' if report.note else ""
    yield "</header>"
    rows = [_RunRow(run) for run in report.runs]
    yield from _timeline("Runs", rows, report)
    chosen = sorted(report.runs, key=lambda run: run.is_good)[:MOST_SECTIONS]
    if len(report.runs) > len(chosen):
        yield f"<p>In detail, the failed ones first: {len(chosen)} of {len(report.runs)} runs.</p>"
    for run in chosen:
        yield from _run_section(run, report)


def _not_started(report: Report) -> Lines:
    if report.not_started:
        yield '<details class="run" open>'
        yield f"<summary>{count(len(report.not_started), 'parameter set')} without a run</summary>"
        yield "<ul>"
        for label, reason in report.not_started.items():
            yield f"<li><bdi>{_text(label)}</bdi>: {_text(reason)}</li>"
        yield "</ul>"
        yield "</details>"


def _run_section(run: ReportedRun, report: Report) -> Lines:
    is_open = "" if run.is_good else " open"
    label = f" <bdi>{_text(run.label)}</bdi>" if run.label else ""
    yield f'<details class="run {_class(run.run)}"{is_open}>'
    yield (
        f'<summary><span class="symbol">{_symbol(run.run)}</span> '
        f"run {run.run_id}{label} <b>{_text(run.state)}</b></summary>"
    )
    yield from _message(run, report)
    yield from _facts(run, report)
    yield from _run_body(run, report)
    yield "</details>"


def _message(run: ReportedRun, report: Report) -> Lines:
    said = run.error or (format_message(run.run) if run.run else "")
    for text in (said, report.note if len(report.runs) == 1 else ""):
        if text:
            yield f'<p class="message">{_text(text)}</p>'


def _facts(run: ReportedRun, report: Report) -> Lines:
    yield '<dl class="facts">'
    for label, value in _named_facts(run, report):
        yield f"<div><dt>{label}</dt><dd>{value}</dd></div>"
    yield "</dl>"


def _named_facts(run: ReportedRun, report: Report) -> Iterator[tuple[str, str]]:
    yield "run", _link(run)
    if run.label:
        yield "parameters", _text(run.label)
    if run.run is None:
        return
    facts = {
        "job": str(run.run.job_id or ""),
        format_started(run.run): format_zoned_date(run.run.start_time),
        "took" if run.run.is_ended else "so far": format_duration(seconds_of(run.run, report.made_at)),
        "spent on": format_time_spent(run.run),
        "tasks": format_counts(task.task.shown_state for task in run.tasks),
    }
    yield from ((label, _text(value)) for label, value in facts.items() if value)


def _link(run: ReportedRun) -> str:
    if not run.url:
        return str(run.run_id)
    return f'<a href="{html.escape(run.url)}" rel="noreferrer">{run.run_id}</a>'


def _run_body(run: ReportedRun, report: Report) -> Lines:
    if run.failed_tasks:
        number = len(run.failed_tasks)
        yield "<section>\n<h2>What failed</h2>" + (f"\n<p>{number} tasks</p>" if number > 1 else "")
        for place, task in enumerate(run.failed_tasks):
            yield from _failed_task(task, is_open=place < OPEN_TRACES)
        yield "</section>"
    if run.tasks:
        yield from _timeline("Timeline", [_TaskRow(task) for task in run.tasks], report)
    if run.recovered_tasks:
        yield "<section>\n<h2>What failed at first</h2>"
        for task in run.recovered_tasks:
            yield from _failed_task(task, is_open=False)
        yield "</section>"


def _failed_task(task: ReportedTask, *, is_open: bool) -> Lines:
    for attempt in reversed(task.attempts):
        if attempt.failure:
            yield from _failure(attempt.task, attempt.failure, is_open=is_open and attempt.task is task.task)


def _failure(task: TaskRun, failure: Failure, *, is_open: bool) -> Lines:
    facts = [format_attempt(task), format_duration(seconds_of(task, 0) if task.is_ended else None)]
    more = "".join(f" <small>{fact}</small>" for fact in facts if fact)
    yield '<article class="failed">'
    yield (
        f'<h3><span class="symbol">{_symbol(task)}</span> <bdi>{_text(task.task_key)}</bdi> '
        f"{_text(task.shown_state)}{more}</h3>"
    )
    yield f'<pre class="error">{_block(failure.error)}</pre>' if failure.error else ""
    if failure.trace:
        left_out = f" ({failure.lines_left_out:,} lines before left out)" if failure.lines_left_out else ""
        yield f"<details{' open' if is_open else ''}><summary>{failure.trace_title}{left_out}</summary>"
        yield f'<pre tabindex="0">{_block(failure.trace)}</pre></details>'
    yield "</article>"


class _RunRow:
    """A run of several, in the timeline."""

    def __init__(self, run: ReportedRun) -> None:
        self.name = run.label or str(run.run_id)
        self.note = str(run.run_id) if run.label else ""
        self.state = run.state
        self.newest: AnyRun | None = run.run
        self.bars: Sequence[AnyRun] = (run.run,) if run.run else ()


class _TaskRow:
    """A task with all its attempts, in the timeline."""

    def __init__(self, task: ReportedTask) -> None:
        self.name = task.task.task_key
        self.note = format_attempt(task.task)
        self.state = task.task.shown_state
        self.newest: AnyRun | None = task.task
        self.bars: Sequence[AnyRun] = [attempt.task for attempt in task.attempts]


def _timeline(title: str, rows: Sequence[_RunRow | _TaskRow], report: Report) -> Lines:
    span = whole_span([bar for row in rows for bar in row.bars], report.made_at)
    chart = Chart(*span, report.made_at) if span else None
    yield f'<section>\n<h2>{title}</h2>\n<table class="gantt">'
    yield '<thead><tr><th colspan="2" scope="col">name</th><th scope="col">state</th>'
    yield '<th class="took" scope="col">took</th>'
    axis = draw_axis(chart) if chart else ""
    yield f'<td class="bars" aria-hidden="true">{axis}</td></tr></thead>\n<tbody>'
    for row in rows:
        yield _row(row, chart, report.made_at)
    yield "</tbody>\n</table>\n</section>"


def _row(row: _RunRow | _TaskRow, chart: Chart | None, now: float) -> str:
    note = f" <small>{row.note}</small>" if row.note else ""
    took = format_duration(seconds_of(row.newest, now)) if row.newest else ""
    bars = draw_bars(chart, [(bar, _class(bar), _tip(bar, now)) for bar in row.bars]) if chart else ""
    return (
        f'<tr class="{_class(row.newest)}"><td class="symbol">{_symbol(row.newest)}</td>'
        f'<th scope="row"><bdi>{_text(row.name)}</bdi>{note}</th><td class="state">{_text(row.state)}</td>'
        f'<td class="took">{took}</td><td class="bars">{bars}</td></tr>'
    )


def _tip(run: AnyRun, now: float) -> str:
    facts = [
        format_attempt(run),
        run.shown_state,
        format_duration(seconds_of(run, now)),
        format_zoned_date(run.start_time),
    ]
    return _text(", ".join(fact for fact in facts if fact))


CLASSES = {
    StateStyle.GOOD: "good",
    StateStyle.FAILED: "failed",
    StateStyle.MIXED: "mixed",
    StateStyle.STOPPED: "stopped",
}


def _class(run: AnyRun | None) -> str:
    style = style_of(run) if run else StateStyle.UNKNOWN
    return CLASSES.get(style, "active" if run and not run.is_ended else "other")


def _symbol(run: AnyRun | None) -> str:
    return style_of(run).symbol if run else StateStyle.UNKNOWN.symbol


def _text(text: str) -> str:
    """Text of the API on one line, as text."""
    return html.escape(short_line(text))


def _block(text: str) -> str:
    """The same over several lines."""
    return html.escape(clean_text(text))
