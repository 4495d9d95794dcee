"""Causes of failures in words: the one form in which every view and report tells them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dbjobs.common.plain_text import clean_line
from dbjobs.output.formatting import count
from dbjobs.output.truncation import MAX_ERROR_LINES, first_lines, truncate
from dbjobs.runs.cause_signs import Category
from dbjobs.runs.causes import Cause, is_generic
from dbjobs.runs.failures import FailedTask

VERDICTS = {
    Category.CODE: "your code",
    Category.PLATFORM: "the platform",
    Category.PERMISSIONS: "permissions",
    Category.CONFIGURATION: "configuration",
    Category.CANCELED: "canceled",
    Category.UPSTREAM: "upstream",
    Category.NEVER_STARTED: "never started",
    Category.UNKNOWN: "not sure",
}

MAX_NAMED = 4
"""Tasks that one cause names; the others are counted."""

LONGEST_CAUSE = 400


def format_verdict(cause: Cause) -> str:
    """`your code`, `the platform (storage)`, `canceled by ann@example.com`, `probably permissions`."""
    verdict = VERDICTS[cause.category]
    if cause.category is Category.CANCELED and cause.area:
        verdict = f"canceled by {clean_line(cause.area)}"
    elif cause.area:
        verdict = f"{verdict} ({cause.area})"
    is_doubtful = not cause.is_sure and cause.category is not Category.UNKNOWN
    return f"probably {verdict}" if is_doubtful else verdict


def format_cause(cause: Cause) -> str:
    """The verdict and the exception, or the message: `your code: KeyError: 'day'`."""
    line = truncate(clean_line(cause.line), LONGEST_CAUSE)
    if line and cause.category is Category.UNKNOWN:
        return line
    return f"{format_verdict(cause)}: {line}" if line else format_verdict(cause)


def format_short_cause(cause: Cause, names: Sequence[str] = ()) -> str:
    """The same for a narrow place: without the module of the exception, and what py4j says of every call.

    `names`: the tasks that it affected, if they are to be shown.
    """
    return format_cause(replace(cause, line=_shorten(cause.line))) + _format_where(names)


def format_words(cause: Cause, names: Sequence[str] = ()) -> str:
    """For a narrower place still: only the exception or the message, or the verdict if there is neither."""
    line = truncate(clean_line(_shorten(cause.line)), LONGEST_CAUSE)
    return (line or format_verdict(cause)) + _format_where(names)


def _shorten(line: str) -> str:
    line = re.sub(r"^(?:[\w$]+\.)+(?=[A-Z]\w*(?::|$))", "", line)
    return re.sub(r"(?<=: )An error occurred while calling \S+\.? (?=\S)", "", line)


def _format_where(names: Sequence[str]) -> str:
    return f" (in {format_names(names, 2)})" if names else ""


def format_names(names: Sequence[str], most: int = MAX_NAMED) -> str:
    """`a`, `a and b`, `a, b, c, d and 3 more`."""
    shown = [clean_line(name) for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def render_cause(cause: Cause, indent: str = "") -> Iterator[str]:
    """The cause, what it was reported as, and the deepest line of the user's own code, a line each."""
    yield indent + format_cause(cause)
    if cause.became:
        yield f"{indent}  which became {truncate(clean_line(cause.became), LONGEST_CAUSE)}"
    if cause.frame:
        yield f"{indent}  at {clean_line(cause.frame)}"


def describe_failure(failed: FailedTask) -> list[str]:
    """Why a task failed, line by line: each distinct cause of its parts once, or its whole error."""
    output = failed.output or {}
    lines = []
    if failed.parts:  # what the task says itself, such as how many of its parts failed
        own = first_lines(output.get("error") or failed.task.message, 1)
        lines = [line for line in own if not is_generic(line)]
    for cause in failed.causes:
        first, *others = render_cause(cause)
        lines += [f"{format_names(cause.tasks)}: {first}" if failed.parts else first, *others]
    if failed.parts_left_out:
        lines.append(f"… and {count(failed.parts_left_out, 'more part')} failed")
    if not failed.parts and not output.get("error_trace"):  # the cause shows the first line of the error
        lines += first_lines(output.get("error"), MAX_ERROR_LINES)[1:]
    return [line for line in lines if line.strip()]
