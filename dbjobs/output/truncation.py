"""The part of a long text that is worth showing: the end of a trace, the beginning of a line.

A job may print megabytes without a newline; what will not be shown is not even cleaned.
"""

from dbjobs.common.plain_text import clean_line, clean_text

LONGEST_LINE = 1000
"""Characters of a line that are shown."""

LONGEST_TEXT = 200_000
"""Characters of a text that are looked at."""


def truncate(line: str, most: int = LONGEST_LINE) -> str:
    """At most `most` characters of a clean line, and how many more there were."""
    return line if len(line) <= most else f"{line[:most]} … ({len(line) - most:,} characters more)"


def short_line(text: str, most: int = LONGEST_LINE) -> str:
    """Text of the API on one line, clean and not too long."""
    line = clean_line(text[:LONGEST_TEXT])
    unseen = max(0, len(text) - LONGEST_TEXT)
    return (
        f"{line[:most]} … ({len(line) - most + unseen:,} characters more)" if unseen else truncate(line, most)
    )


def first_lines(text: object, most: int) -> list[str]:
    """The first `most` lines of a text of the API, clean and none too long."""
    lines = clean_text(str(text or "")[:LONGEST_TEXT]).strip("\n").splitlines()
    more = [f"… {len(lines) - most:,} lines more"] if len(lines) > most else []
    return [truncate(line) for line in lines[:most]] + more


def last_lines(text: object, most: int) -> tuple[list[str], int]:
    """The last `most` lines of a text of the API, clean and none too long; and how many there are in all."""
    whole = str(text or "").strip("\r\n")
    lines = clean_text(whole[-LONGEST_TEXT:]).strip("\n").splitlines()
    unseen = whole[:-LONGEST_TEXT].count("\n")
    return [truncate(line) for line in lines[max(0, len(lines) - most) :]], len(lines) + unseen
