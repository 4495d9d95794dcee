"""Changes of settings, old to new, a line each."""

from collections.abc import Iterable
from functools import partial

from dbjobs.common.plain_text import clean_line
from dbjobs.jobfiles.differences import ABSENT, Difference
from dbjobs.output.serialization import to_json

_to_json = partial(to_json, indent=None)


def render_changes(changes: Iterable[Difference], *, is_ascii: bool) -> str:
    """`~ path: old → new` for what changes, `+` for what is added, `-` for what is removed."""
    arrow = "->" if is_ascii else "→"
    lines = []
    for change in changes:
        path = clean_line(change.path)
        if change.old is ABSENT:
            lines.append(f"+ {path}: {_to_json(change.new)}")
        elif change.new is ABSENT:
            lines.append(f"- {path}: {_to_json(change.old)}")
        else:
            lines.append(f"~ {path}: {_to_json(change.old)} {arrow} {_to_json(change.new)}")
    return "\n".join(lines)
