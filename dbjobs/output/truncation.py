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


def truncate(line: str, maximum: int = MAX_LINE, unseen: int = 0) -> str:
    """The first `maximum` characters of a clean line, and how many more there are; `unseen` come after it."""
    if len(line) <= maximum and not unseen:
        return line
    return f"{line[:maximum]} … ({len(line[maximum:]) + unseen:,} more characters)"


def short_line(text: str, maximum: int = MAX_LINE) -> str:
    """Text of the API on one line, clean and not too long."""
    return truncate(clean_line(text[:MAX_TEXT]), maximum, max(0, len(text) - MAX_TEXT))


def first_lines(text: object, maximum: int) -> list[str]:
    """The first lines of a text of the API, clean and none too long."""
    lines = clean_text(str(text or "")[:MAX_TEXT]).strip("\n").splitlines()
    more = [f"… {len(lines) - maximum:,} more lines"] if len(lines) > maximum else []
    return [truncate(line) for line in lines[:maximum]] + more


def last_lines(text: object, maximum: int) -> tuple[list[str], int]:
    """The last lines of a text of the API, clean and none too long; and how many there are in all."""
    whole = str(text or "").strip("\r\n")
    lines = clean_text(whole[-MAX_TEXT:]).strip("\n").splitlines()
    unseen = whole[:-MAX_TEXT].count("\n")
    return [truncate(line) for line in lines[max(0, len(lines) - maximum) :]], len(lines) + unseen
