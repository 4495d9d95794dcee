"""Changes of settings, old to new, a line each."""

from collections.abc import Iterable

from dbjobs.common.plain_text import clean_line
from dbjobs.jobfiles.differences import ABSENT, Difference
from dbjobs.output.serialization import to_json


def render_changes(changes: Iterable[Difference], *, is_ascii: bool) -> str:
    """`~ path: old → new` for what changes, `+` for what is new, `-` for what goes."""
    return "\n".join(_line(change, "->" if is_ascii else "→") for change in changes)


def _line(change: Difference, arrow: str) -> str:
    if change.old is ABSENT:
        return f"+ {_named(change.path, change.new)}"
    if change.new is ABSENT:
        return f"- {_named(change.path, change.old)}"
    return f"~ {_named(change.path, change.old)} {arrow} {to_json(change.new, indent=None)}"


def _named(path: str, value: object) -> str:
    return f"{clean_line(path)}: {to_json(value, indent=None)}"
