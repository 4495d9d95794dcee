"""Conversion of the HTML in results and errors to plain text, and of tables to HTML."""

import re
from html import escape, unescape

_TAG = re.compile(r"<[^<>]*>")
_TAG_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9]*)")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_PLAIN = {"span", "a", "b", "u", "i", "br"}
"""Tags that only color plain output."""

ANSI_OUT = '<div class="ansiout"'


def looks_like_html(text: str) -> bool:
    """True for text in tags; a traceback's `<module>` is not one."""
    return text.lstrip().startswith(("<div", "<span", "<pre", "<p>", "<p ", "<br", "<table", "<html"))


def to_text(html: str) -> str:
    """The text in HTML, without its tags."""
    return unescape(_TAG.sub("", _BREAK.sub("\n", html)))


def plain_output(html: str) -> str | None:
    """What a command printed, if that is all that its HTML shows; None if there is more to it."""
    html = html.strip()
    if not (html.startswith(ANSI_OUT) and html.endswith("</div>")):
        return None
    inner = html[html.index(">") + 1 : -len("</div>")] if ">" in html else ""
    tags = {name.lower() for name in _TAG_NAME.findall(inner)}
    return to_text(inner) if tags <= _PLAIN else None


def table(names: list[str], rows: list[list[str]], note: str = "") -> str:
    """A table, every text in it escaped."""
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    caption = f"<caption>{escape(note)}</caption>\n" if note else ""
    return f"<table>\n{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
