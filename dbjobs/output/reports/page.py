"""What every page of HTML is made of: its frame, facts, and text of the API as text."""

import html
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files

from dbjobs.common.plain_text import clean_text
from dbjobs.output.formatting import AnyRun, format_zoned_date
from dbjobs.output.reports.model import ReportedSet
from dbjobs.output.sets import SetState
from dbjobs.output.terminal.style import StateStyle, style_of
from dbjobs.output.truncation import short_line

CLASSES = {
    StateStyle.GOOD: "good",
    StateStyle.FAILED: "failed",
    StateStyle.MIXED: "mixed",
    StateStyle.STOPPED: "stopped",
}

Lines = Iterator[str]


def compose_page(title: str, body: Iterable[str], made_at: float) -> str:
    """A page that needs no script and fetches nothing; `made_at` in epoch seconds."""
    style = files("dbjobs.output.reports").joinpath("page.css").read_text("utf-8")
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{escape_line(title)}</title>",
        f"<style>\n{style}</style>\n</head>\n<body>\n<main>",
    )
    foot = (
        f"<footer>written by dbjobs, {format_zoned_date(made_at * 1000)}</footer>",
        "</main>\n</body>\n</html>\n",
    )
    return "\n".join((*head, *body, *foot))


def render_facts(facts: Mapping[str, str]) -> Lines:
    """Labels and their values, which are HTML; those without a value are left out."""
    yield '<dl class="facts">'
    for label, value in facts.items():
        if value:
            yield f"<div><dt>{label}</dt><dd>{value}</dd></div>"
    yield "</dl>"


def class_of(run: AnyRun | None) -> str:
    """The class of a state, which decides its color."""
    style = style_of(run) if run else StateStyle.UNKNOWN
    return CLASSES.get(style, "active" if run and not run.is_ended else "other")


def symbol_of(run: AnyRun | None) -> str:
    return style_of(run).symbol if run else StateStyle.UNKNOWN.symbol


def symbol_of_set(row: ReportedSet) -> str:
    """That of its run, or of what keeps it from having one."""
    if row.run:
        return symbol_of(row.run.run)
    styles = {SetState.REFUSED: StateStyle.REFUSED, SetState.UNCERTAIN: StateStyle.UNKNOWN}
    return styles.get(row.state, StateStyle.NOT_STARTED).symbol


def escape_line(text: str) -> str:
    """Text of the API on one line, as text."""
    return html.escape(short_line(text))


def escape_block(text: str) -> str:
    """The same over several lines."""
    return html.escape(clean_text(text))
