"""Long texts, shortened for people: the beginning of a line, the end of a trace.

A job may print megabytes without a newline; what will not be shown is not even cleaned.
"""

from dbjobs.common.plain_text import clean_line, clean_text

MAX_LINE = 1000
"""Characters of a line that are shown."""

MAX_TEXT = 200_000
"""Characters of a text that are looked at."""

MAX_CELL = 200
"""Characters of a cell in the tables of reports."""

MAX_ERROR_LINES = 40
"""Lines of an error that are shown."""


def truncate(line: str, most: int = MAX_LINE) -> str:
    """At most `most` characters of a clean line, and how many more there were."""
    return line if len(line) <= most else f"{line[:most]} … ({len(line) - most:,} characters more)"


def short_line(text: str, most: int = MAX_LINE) -> str:
    """Text of the API on one line, clean and not too long."""
    line = clean_line(text[:MAX_TEXT])
    unseen = max(0, len(text) - MAX_TEXT)
    return (
        f"{line[:most]} … ({len(line) - most + unseen:,} characters more)" if unseen else truncate(line, most)
    )


def first_lines(text: object, most: int) -> list[str]:
    """The first `most` lines of a text of the API, clean and none too long."""
    lines = clean_text(str(text or "")[:MAX_TEXT]).strip("\n").splitlines()
    more = [f"… {len(lines) - most:,} lines more"] if len(lines) > most else []
    return [truncate(line) for line in lines[:most]] + more


def last_lines(text: object, most: int) -> tuple[list[str], int]:
    """The last `most` lines of a text of the API, clean and none too long; and how many there are in all."""
    whole = str(text or "").strip("\r\n")
    lines = clean_text(whole[-MAX_TEXT:]).strip("\n").splitlines()
    unseen = whole[:-MAX_TEXT].count("\n")
    return [truncate(line) for line in lines[max(0, len(lines) - most) :]], len(lines) + unseen
