"""The part of a long text that is worth showing: the end of a trace, the beginning of a line."""

from dbjobs.render.streams import clean_text

LONGEST_LINE = 1000
"""Characters of a line that are shown; a job may print megabytes without a newline."""


def shorten(line: str, most: int = LONGEST_LINE) -> str:
    """At most `most` characters of a line, and how many more there were."""
    return line if len(line) <= most else f"{line[:most]} … ({len(line) - most:,} characters more)"


def last_lines(text: object, most: int) -> tuple[list[str], int]:
    """The last `most` lines of a text of the API, clean and none too long; and how many there are in all."""
    lines = clean_text(str(text or "")).strip("\n").splitlines()
    return [shorten(line) for line in lines[max(0, len(lines) - most) :]], len(lines)
