"""Job settings as the checks and conversions see them, whatever a file may contain."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dbjobs.http.response import Payload
from dbjobs.jobfiles.findings import Path
from dbjobs.jobfiles.known_fields import LEGACY_TASK_FIELDS


@dataclass(frozen=True)
class Settings:
    """Job settings, or the body of runs/submit, and the request that they are for."""

    content: Payload
    request: str
    """create, reset, update or submit"""

    @property
    def is_partial(self) -> bool:
        """An update names what changes; what it refers to may be in the job already."""
        return self.request == "update"

    @property
    def is_legacy(self) -> bool:
        """True if fields of a task are at the top, as in API 2.0."""
        return "tasks" not in self.content and any(is_task_field(name) for name in self.content)

    @cached_property
    def top_tasks(self) -> list[tuple[Path, Payload]]:
        """The tasks that may depend on each other, with their paths."""
        return [((), self.content)] if self.is_legacy else items_of(self.content, "tasks")

    @cached_property
    def all_tasks(self) -> list[tuple[Path, Payload]]:
        """Those, and the tasks that they run for each input."""
        found: list[tuple[Path, Payload]] = []
        for path, task in self.top_tasks:
            found += nested_tasks(path, task)
        return found


def nested_tasks(path: Path, task: Payload) -> Iterator[tuple[Path, Payload]]:
    """A task, the one that it runs for each input, the one that that one runs, …"""
    yield path, task
    loop = task.get("for_each_task")
    if isinstance(loop, dict) and isinstance(inner := loop.get("task"), dict):
        yield from nested_tasks((*path, "for_each_task", "task"), inner)


def is_task_field(name: object) -> bool:
    """True for what says what a task runs and on what, in API 2.0 at the top."""
    return isinstance(name, str) and (name in LEGACY_TASK_FIELDS or name.endswith("_task"))


def items_of(mapping: Payload, field: str) -> list[tuple[Path, Payload]]:
    """The items of a list of mappings, with their paths; `field_checks` is about the others."""
    items = mapping.get(field)
    if not isinstance(items, list):
        return []
    return [((field, index), item) for index, item in enumerate(items) if isinstance(item, dict)]


def has_string(mapping: Payload, field: str) -> bool:
    """Whether a field is there, and a text."""
    return isinstance(mapping.get(field), str)


def as_integer(value: Any) -> int | None:
    """A whole number, given as one or as a text; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
