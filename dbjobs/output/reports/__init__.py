"""Reports on runs for pipelines and people: JUnit, Markdown, HTML. Pure functions from runs to text."""

import re
from collections.abc import Callable

from dbjobs.output.reports.model import Report

FORMS = (".html", ".md")
"""What `--report FILE` can be, by the extension."""

_SURROGATES = re.compile("[\ud800-\udfff]")
"""Halves of characters, which UTF-8 cannot encode."""


def render_report(report: Report, extension: str) -> str:
    """The report in the form that a file's extension asks for; `.xml` is JUnit."""
    if extension == ".html":
        from dbjobs.output.reports.html import render_html as render
    elif extension == ".md":
        from dbjobs.output.reports.markdown import render_markdown as render
    else:
        from dbjobs.output.reports.junit import render_junit as render
    rendering: Callable[[Report], str] = render
    return _SURROGATES.sub("\ufffd", rendering(report))
