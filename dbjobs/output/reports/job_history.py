"""The history of a job as a page: a chart, a grid of tasks and runs, what changed and what failed."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from dbjobs.api.models import Run
from dbjobs.output.formatting import AnyRun, format_date, format_duration, join_facts, seconds_of
from dbjobs.output.job_history import (
    LONGEST_BAR,
    MAX_SHOWN_RUNS,
    RETRIED,
    WHOLE_RUN,
    describe_changes,
    describe_failure,
    describe_flaky_tasks,
    format_percent,
    format_trend,
    job_facts,
)
from dbjobs.output.reports.page import Lines, class_of, compose_page, escape_line, render_facts, symbol_of
from dbjobs.runs.history import Change, Durations, JobHistory, RunOfTask, SuccessRate

CHART_HEIGHT = 150
STRIP_HEIGHT = 26
"""Pixels."""

BAR_SHARE = 0.8
"""How much of its column a bar takes."""

MIN_BAR_HEIGHT = 3
"""Pixels: however short, a bar can be seen."""


def render_history(history: JobHistory, made_at: float) -> str:
    """The page of a job that has runs; `made_at` in epoch seconds."""
    newest = history.runs[-1]
    rate = _rate(history.success)
    title = join_facts(newest.run_name, f"{rate} succeeded" if rate else "")
    return compose_page(title, _body(history), made_at)


def _body(history: JobHistory) -> Lines:
    newest = history.runs[-1]
    rate = _rate(history.success)
    outcome = f"newest run {newest.shown_state}" + (f", {rate} of all succeeded" if rate else "")
    yield f'<header class="{class_of(newest)}">'
    yield f'<p class="outcome"><span class="symbol">{symbol_of(newest)}</span> {escape_line(outcome)}</p>'
    yield f"<h1>{escape_line(newest.run_name)}</h1>"
    facts = job_facts(history, newest.job_id or 0)
    yield from render_facts({label: escape_line(value) for label, value in facts})
    yield "</header>"
    if history.durations:
        yield "<section>\n<h2>How long the runs took</h2>"
        yield _chart(history, history.durations)
        yield "</section>"
    yield from _grid(history)
    yield from _sentences("What changed", "active", describe_changes(history))
    yield from _sentences("What is flaky", "mixed", describe_flaky_tasks(history))
    yield from _sentences("What failed", "failed", map(describe_failure, history.failures))


def _sentences(title: str, kind: str, sentences: Iterable[str]) -> Lines:
    articles = [f'<article class="{kind}">{escape_line(sentence)}</article>' for sentence in sentences]
    if articles:
        yield from (f"<section>\n<h2>{title}</h2>", *articles, "</section>")


def _rate(success: SuccessRate) -> str:
    return "" if success.rate is None else format_percent(success.rate)


def _chart(history: JobHistory, durations: Durations) -> str:
    """A bar for each run, and a line at the median of each level between changes."""
    runs = history.runs[-MAX_SHOWN_RUNS:]
    longest = max([durations.p95, *(seconds_of(run, 0) or 0.0 for run in runs if run.is_ended)]) or 1.0
    label = f"durations of {len(runs)} runs, {format_duration(longest)} at most"
    bars = []
    for index, run in enumerate(runs):
        share = (seconds_of(run, 0) or 0.0) / longest if run.is_ended else 0.0
        bars.append(_bar(run, index, len(runs), share, CHART_HEIGHT, _tip(run)))
        if not (run.outcome and run.outcome.is_good):
            top = min(CHART_HEIGHT * (1 - share), CHART_HEIGHT - MIN_BAR_HEIGHT)
            bars.append(_symbol(run, index, len(runs), max(13.0, top - 4), _tip(run)))
    lines = [
        f'<line class="level" x1="{start:.2f}%" x2="{end:.2f}%" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{start:.2f}%" y="{y - 4:.1f}">{format_duration(seconds)}</text>'
        for start, end, seconds in _levels(history, runs, durations)
        for y in [CHART_HEIGHT - CHART_HEIGHT * seconds / longest]
    ]
    first, last = (format_date(run.start_time)[:10] for run in (runs[0], runs[-1]))
    return (
        f'<svg class="chart" width="100%" height="{CHART_HEIGHT}" role="img" aria-label="{label}">'
        f"{''.join(bars)}{''.join(lines)}</svg>"
        f'<p class="axis"><span>{first}</span><span>{last}</span></p>'
    )


def _levels(
    history: JobHistory, runs: Sequence[Run], durations: Durations
) -> Iterable[tuple[float, float, float]]:
    """From where to where, in percent, the run took about how many seconds."""
    indexes = {run.run_id: index for index, run in enumerate(runs)}
    changes = [change for change in history.changes if change.run.run_id in indexes]
    edges = [0, *(indexes[change.run.run_id] for change in changes), len(runs)]
    medians = [changes[0].before, *(change.after for change in changes)] if changes else [durations.p50]
    for (start, end), median in zip(pairwise(edges), medians, strict=True):
        yield 100 * start / len(runs), 100 * end / len(runs), median


def _grid(history: JobHistory) -> Lines:
    """A row for the whole run and one for each task: a strip of its runs, and its figures."""
    yield '<section>\n<h2>Tasks and runs</h2>\n<table class="gantt history"><thead><tr>'
    yield '<th scope="col">task</th><th class="bars" scope="col">runs, from old to new</th>'
    for title in ("succeeded", "p50", "p95", "last", "trend", "slack"):
        yield f'<th class="figure" scope="col">{title}</th>'
    yield "</tr></thead>\n<tbody>"
    runs = history.runs[-MAX_SHOWN_RUNS:]
    strip = _strip([(run, _tip(run), "") for run in runs], history.durations, history.success)
    yield _row(f"<b>{WHOLE_RUN}</b>", strip, history.success, history.durations, history.changes, "")
    for task in history.tasks:
        name = f"<bdi>{escape_line(task.task_key)}</bdi>"
        name += "" if task.is_current else " <small>removed</small>"
        cells = [_task_cell(one, run) for one, run in zip(task.runs[-MAX_SHOWN_RUNS:], runs, strict=True)]
        is_critical = task.task_key in history.critical_path
        slack = "none" if is_critical else format_duration(task.slack)
        strip = _strip(cells, task.durations, task.success)
        yield _row(name, strip, task.success, task.durations, task.changes, slack)
    yield "</tbody>\n</table>"
    yield (
        '<p class="legend">A bar is a run that succeeded, as high as it took long: two thirds of the height'
        " is the median. ✗ failed, ■ was canceled or an upstream task failed, – was skipped,"
        f" {RETRIED} succeeded after it had failed. Slack is how much longer a task may take before the"
        " run does.</p>"
    )
    yield "</section>"


def _task_cell(one: RunOfTask | None, run: Run) -> tuple[AnyRun | None, str, str]:
    if one is None:
        return None, "", ""
    attempts = f"{one.attempts} attempts" if one.attempts > 1 else ""
    return one.task, join_facts(_tip(one.task, run), attempts), RETRIED if one.is_flaky else ""


def _tip(one: AnyRun, run: Run | None = None) -> str:
    run_id = (run or one).run_id
    started = format_date((run or one).start_time)
    duration = format_duration(seconds_of(one, 0)) if one.is_ended else ""
    return join_facts(one.shown_state, duration, f"run {run_id}", started)


def _row(
    name: str,
    strip: str,
    success: SuccessRate,
    durations: Durations | None,
    changes: tuple[Change, ...],
    slack: str,
) -> str:
    seconds = (durations.p50, durations.p95, durations.last) if durations else (None, None, None)
    p50, p95, last = map(format_duration, seconds)
    trend = format_trend(durations, changes)
    figures = {
        "succeeded": _rate(success),
        "p50": p50,
        "p95": p95,
        "last": last,
        "trend": trend if trend in ("", "steady") else f"<b>{trend}</b>",
        "slack": slack,
    }
    cells = [
        f'<td class="figure"><span class="label">{label} </span>{value}</td>'
        if value
        else '<td class="figure"></td>'
        for label, value in figures.items()
    ]
    return f'<tr><th scope="row">{name}</th><td class="bars">{strip}</td>{"".join(cells)}</tr>'


def _strip(
    cells: Sequence[tuple[AnyRun | None, str, str]], durations: Durations | None, success: SuccessRate
) -> str:
    """Bars for what succeeded, symbols for the rest: no state is shown by color alone."""
    drawn = []
    for index, (run, tip, symbol) in enumerate(cells):
        if run is None:
            continue
        if run.outcome and run.outcome.is_good and durations and durations.p50:
            share = min(1.0, (seconds_of(run, 0) or 0.0) / durations.p50 / LONGEST_BAR)
            drawn.append(_bar(run, index, len(cells), share, STRIP_HEIGHT, tip, symbol))
        else:
            drawn.append(_symbol(run, index, len(cells), STRIP_HEIGHT - 6, tip))
    label = f"{success.succeeded} of {success.counted} succeeded"
    return f'<svg width="100%" height="{STRIP_HEIGHT}" role="img" aria-label="{label}">{"".join(drawn)}</svg>'


def _bar(run: AnyRun, index: int, count: int, share: float, height: int, tip: str, symbol: str = "") -> str:
    """A bar from the bottom up, with `symbol` on top."""
    width = 100 / count
    left = width * (index + (1 - BAR_SHARE) / 2)
    pixels = max(MIN_BAR_HEIGHT, height * share)
    place = (
        f'x="{left:.2f}%" width="{width * BAR_SHARE:.2f}%" y="{height - pixels:.1f}" height="{pixels:.1f}"'
    )
    mark = (
        f'<text class="mark" x="{width * (index + 0.5):.2f}%" y="{height - 4}">{symbol}</text>'
        if symbol
        else ""
    )
    return (
        f'<g class="{class_of(run)}"><title>{escape_line(tip)}</title><rect class="work" {place}/>{mark}</g>'
    )


def _symbol(run: AnyRun, index: int, count: int, y: float, tip: str) -> str:
    x = 100 / count * (index + 0.5)
    return (
        f'<g class="{class_of(run)}"><title>{escape_line(tip)}</title>'
        f'<text class="symbol" x="{x:.2f}%" y="{y:.1f}">{symbol_of(run)}</text></g>'
    )
