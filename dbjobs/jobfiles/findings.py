"""Problems found in a job file, each with its path. None quotes a value, for it may be a secret."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dbjobs.common.nearest import did_you_mean

Path = tuple[str | int, ...]
"""Where in a document: names of fields, and positions in lists from 0."""

MAX_NAME_LENGTH = 64
MAX_DIGITS = 8
"""A name with more digits looks like a token in the wrong place."""


@dataclass(frozen=True)
class Finding:
    """A problem at a path; `problem` reads on from the path's name: "must be a string"."""

    path: Path
    problem: str
    is_error: bool = True
    known: Sequence[str] = ()
    """what the path's last name may have been meant to be"""
    is_unknown: bool = False
    """True if dbjobs merely does not know the field or value, which `--force` sends"""

    def describe(self, line: int | None) -> str:
        """One sentence: the line if it is known, the path, the problem, and the nearest known name."""
        where = f"line {line}: " if line else ""
        name = str(self.path[-1]) if self.path else ""
        suggestion = did_you_mean(name, self.known, str)
        return f"{where}{format_path(self.path) or 'it'} {self.problem}{suggestion}"


def warning(path: Path, problem: str) -> Finding:
    """A finding that keeps nothing from being sent."""
    return Finding(path, problem, is_error=False)


def unknown(path: Path, problem: str) -> Finding:
    """A finding about a value that may be newer than dbjobs: an error that `--force` lifts."""
    return Finding(path, problem, is_unknown=True)


def unknown_field(path: Path, problem: str, known: Sequence[str] = ()) -> Finding:
    """A finding about a field that may be newer than dbjobs: the service ignores what it does not know."""
    return Finding(path, problem, is_error=False, known=known, is_unknown=True)


def format_path(path: Path) -> str:
    """`tasks[2].spark_python_task.python_file`."""
    shown = ""
    for step in path:
        if isinstance(step, int):
            shown += f"[{step}]"
        elif re.fullmatch(r"\w+", str(step)):
            shown += ("." if shown else "") + format_name(str(step))
        else:
            shown += f"[{format_name(str(step))}]"
    return shown


def format_name(name: str) -> str:
    """A name of the file, or `…` if it may be something else than a name."""
    is_name = len(name) <= MAX_NAME_LENGTH and re.fullmatch(r"[\w.\- ]+", name)
    return name if is_name and sum(map(str.isdigit, name)) <= MAX_DIGITS else "…"


def join_names(names: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return f" {last} ".join([*([", ".join(names[:-1])] if names[1:] else []), *names[-1:]])
