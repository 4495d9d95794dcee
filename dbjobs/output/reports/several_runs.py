"""The part of a page on several runs, such as those of a backfill: a grid, what failed, and all of them."""

import html
from collections.abc import Callable, Sequence

from dbjobs.output.causes import format_short_cause, render_cause
from dbjobs.output.formatting import (
    count,
    format_date,
    format_duration,
    format_message,
    format_zoned_date,
    join_facts,
    seconds_of,
)
from dbjobs.output.reports.gantt import draw_axis, draw_bars, make_chart
from dbjobs.output.reports.model import (
    Report,
    ReportedRun,
    ReportedSet,
    group_by_reason,
    whole_span,
)
from dbjobs.output.reports.page import Lines, class_of, escape_line, render_facts, symbol_of, symbol_of_set
from dbjobs.output.sets import SetState, common_prefix
from dbjobs.runs.cause_groups import CauseGroup

MAX_ALL_DETAILED = 20
"""So few runs have a section each, whatever became of them."""

MAX_DETAILED_CAUSES, MAX_DETAILED_OF_CAUSE = 15, 3
"""Of more, the first runs of each cause have one."""

MAX_ROWS_WITH_BARS = 100
"""With more runs, their rows have no bars: a page has to stay small."""

MAX_LISTED_NAMES = 100
"""Sets that are listed by name in one place."""

RenderRun = Callable[[ReportedRun, bool], Lines]
"""The section of one run; with its traces open if the flag is true."""


def render_several(report: Report, render_run: RenderRun) -> Lines:
    """Failures by cause, what was not started, the grid, details of some runs, and a row for each."""
    yield from _failures(report)
    yield from _not_started(report)
    yield from _grid(report.rows)
    yield from _details(report, render_run)
    yield from _table(report)


def render_times(report: Report) -> Lines:
    """When the first run began, and how long it took until the last one ended."""
    runs = [run.run for run in report.runs if run.run]
    span = whole_span(runs, report.made_at)
    if span is None:
        return
    seconds = [seconds_of(run, report.made_at) or 0.0 for run in runs if run.is_ended and run.start_time]
    is_over = all(run.is_ended for run in runs)
    yield from render_facts(
        {
            "started": escape_line(format_zoned_date(span[0])),
            "took" if is_over else "so far": format_duration((span[1] - span[0]) / 1000),
            "a run on average": format_duration(sum(seconds) / len(seconds)) if seconds else "",
        }
    )


def _grid(rows: Sequence[ReportedSet]) -> Lines:
    """A symbol for each, in order; one that has a run leads to its row."""
    noun = "Sets" if rows[0].label else "Runs"
    first, last = escape_line(rows[0].name), escape_line(rows[-1].name)
    yield f"<section>\n<h2>{noun} in order</h2>"
    yield f"<p><bdi>{first}</bdi> to <bdi>{last}</bdi></p>"
    yield '<ol class="grid">'
    for number, row in enumerate(rows, 1):
        run = row.run.run if row.run else None
        took = format_duration(seconds_of(run, 0)) if run and run.is_ended else ""
        tip = escape_line(join_facts(row.name, row.word, took))
        symbol, kind = symbol_of_set(row), _class(row)
        yield f'<li class="{kind}"><a href="#s{number}" title="{tip}">{symbol}</a></li>'
    yield "</ol>\n</section>"


def _class(row: ReportedSet) -> str:
    if row.run:
        return class_of(row.run.run)
    return "failed" if row.state is SetState.REFUSED else "other"


def _failures(report: Report) -> Lines:
    """Each cause with the sets that it hit."""
    lost = [run for run in report.runs if run.run is None]
    if not report.cause_groups and not lost:
        return
    prefix = common_prefix([row.name for row in report.rows])
    anchors = {row.run.run_id: f"#s{number}" for number, row in enumerate(report.rows, 1) if row.run}
    runs = {run.run_id: run for run in report.runs}
    yield "<section>\n<h2>What failed</h2>"
    for group in report.cause_groups:
        members = [runs[one.run_id] for one in group.runs]
        yield f'<article class="{class_of(group.runs[0])}">'
        yield f"<h3>{_group_title(group, members)}</h3>"
        yield from (f"<p>{escape_line(line)}</p>" for line in _cause_lines(group))
        names = [
            f'<a href="{anchors[run.run_id]}"><bdi>{escape_line(run.name.removeprefix(prefix))}</bdi></a>'
            for run in members[:MAX_LISTED_NAMES]
        ]
        yield f"<p>{_join_names(names, len(members))}</p>"
        yield "</article>"
    if lost:
        yield '<article class="other">'
        yield f'<h3><span class="symbol">?</span> {count(len(lost), "run")} not seen</h3>'
        yield from (
            f"<p><bdi>{escape_line(run.name)}</bdi>: {escape_line(run.error)}</p>" for run in lost[:10]
        )
        yield "</article>"
    yield "</section>"


def _details(report: Report, render_run: RenderRun) -> Lines:
    """The first runs of each cause; of a report on few runs, all of them, the failed ones first."""
    runs = {run.run_id: run for run in report.runs}
    if len(runs) <= MAX_ALL_DETAILED:
        shown = sorted(report.runs, key=lambda run: run.is_good)
    else:
        groups = report.cause_groups[:MAX_DETAILED_CAUSES]
        shown = [runs[one.run_id] for group in groups for one in group.runs[:MAX_DETAILED_OF_CAUSE]]
    if not shown:
        return
    yield "<section>\n<h2>In detail</h2>"
    if len(shown) < len(runs):
        yield f"<p>The first runs of each cause: {len(shown)} of {len(runs)}</p>"
    for index, run in enumerate(shown):
        yield from render_run(run, index == 0 and not run.is_good)
    yield "</section>"


def _group_title(group: CauseGroup, members: Sequence[ReportedRun]) -> str:
    noun = "set" if members[0].label else "run"
    cause = format_short_cause(group.cause) if group.cause else "causes that were not read"
    symbol = f'<span class="symbol">{symbol_of(group.runs[0])}</span>'
    return f"{symbol} {count(len(members), noun)}: {escape_line(cause)}"


def _cause_lines(group: CauseGroup) -> list[str]:
    """What the exception became, and the line of the user's own code."""
    return [line.strip() for line in list(render_cause(group.cause))[1:]] if group.cause else []


def _join_names(names: Sequence[str], number: int) -> str:
    """Names in HTML; `number` is how many there would be."""
    more = f" and {number - len(names)} more" if number > len(names) else ""
    return ", ".join(names) + more


def _not_started(report: Report) -> Lines:
    """The sets without a run, by reason."""
    if not report.not_started:
        return
    prefix = common_prefix([row.name for row in report.rows])
    yield f"<section>\n<h2>{count(len(report.not_started), 'parameter set')} without a run</h2>"
    for reason, rows in group_by_reason(report).items():
        yield f'<article class="{_class(rows[0])}">'
        yield (
            f'<h3><span class="symbol">{symbol_of_set(rows[0])}</span> '
            f"{count(len(rows), 'set')} {escape_line(reason)}</h3>"
        )
        names = [
            f"<bdi>{escape_line(row.label.removeprefix(prefix))}</bdi>" for row in rows[:MAX_LISTED_NAMES]
        ]
        yield f"<p>{_join_names(names, len(rows))}</p>"
        yield "</article>"
    yield "</section>"


def _table(report: Report) -> Lines:
    """A row for each, which leads to the page of its run; of few, with a bar on a common axis."""
    noun = "set" if report.rows[0].label else "run"
    runs = [run.run for run in report.runs if run.run]
    chart = make_chart(runs, report.made_at) if len(report.rows) <= MAX_ROWS_WITH_BARS else None
    when = f'<td class="bars" aria-hidden="true">{draw_axis(chart)}</td>' if chart else ""
    yield f"<section>\n<h2>All {noun}s</h2>"
    yield f'<table class="gantt rows{"" if chart else " many"}"><thead><tr>'
    yield f'<th colspan="2" scope="col">{noun}</th><th scope="col">state</th>'
    yield '<th class="took" scope="col">took</th>'
    yield (when or '<th class="when" scope="col">started</th>') + '<th class="why" scope="col">message</th>'
    yield "</tr></thead>\n<tbody>"
    causes = {
        run.run_id: format_short_cause(group.cause)
        for group in report.cause_groups
        if group.cause
        for run in group.runs
    }
    for number, row in enumerate(report.rows, 1):
        run = row.run.run if row.run else None
        took = format_duration(seconds_of(run, report.made_at)) if run else ""
        message = causes.get(run.run_id, "") if run else row.reason
        if not message and run and not (row.run and row.run.is_good):
            message = format_message(run)
        if row.run and row.run.error:
            message = row.run.error
        yield f'<tr id="s{number}" class="{_class(row)}"><td class="symbol">{symbol_of_set(row)}</td>'
        yield f'<th scope="row">{_link(row)}</th><td class="state">{escape_line(row.word)}</td>'
        started = format_date(run.start_time) if run else ""
        when = f'<td class="when">{started}</td>'
        if chart:
            tip = escape_line(join_facts(row.word, took, started))
            bars = draw_bars(chart, [(run, class_of(run), tip)]) if run else ""
            when = f'<td class="bars">{bars}</td>'
        yield f'<td class="took">{took}</td>{when}<td class="why">{escape_line(message)}</td></tr>'
    yield "</tbody>\n</table>\n</section>"


def _link(row: ReportedSet) -> str:
    name = f"<bdi>{escape_line(row.name)}</bdi>"
    if row.run is None:
        return name
    note = f" <small>{row.run.run_id}</small>" if row.label else ""
    if not row.run.url:
        return name + note
    return f'<a href="{html.escape(row.run.url)}" rel="noreferrer">{name}</a>{note}'
