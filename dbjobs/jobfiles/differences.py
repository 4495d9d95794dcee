"""The differences between two versions of a job's settings, old and new."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dbjobs.http.response import Payload

LIST_KEYS = ("task_key", "job_cluster_key", "environment_key", "name")
"""The keys of tasks, clusters, environments, and parameters in their lists."""

SERVER_DEFAULTS: Payload = {"format": "MULTI_TASK", "max_concurrent_runs": 1, "run_if": "ALL_SUCCESS"}
"""What the server adds to settings that do not mention it, besides what is empty or zero."""

ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "ABSENT"})()
"""The value of a side that has none; None is a value."""


@dataclass(frozen=True)
class Difference:
    """One value that differs, at a path such as `tasks[clean].max_retries`."""

    path: str
    old: Any
    new: Any

    def as_document(self) -> Payload:
        """For programs; a side that has no value is left out."""
        sides = {"old": self.old, "new": self.new}
        return {"path": self.path, **{name: value for name, value in sides.items() if value is not ABSENT}}


def differences(old: Any, new: Any, path: str = "") -> Iterator[Difference]:
    """Value by value, in the order of the old settings; one side may leave out a default."""
    parts = _parts(old, new)
    if parts:
        old_parts, new_parts = parts
        for step in {**old_parts, **new_parts}:
            here = (path + step).lstrip(".")
            yield from differences(old_parts.get(step, ABSENT), new_parts.get(step, ABSENT), here)
    elif old is ABSENT or new is ABSENT:
        value = new if old is ABSENT else old
        if value is not ABSENT and value and SERVER_DEFAULTS.get(path.rpartition(".")[2]) != value:
            yield Difference(path, old, new)
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield Difference(path, old, new)


def _parts(old: Any, new: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """Both sides by the step that leads to each part; None if they are to be compared as a whole."""
    sides = [side for side in (old, new) if side is not ABSENT]
    if not any(sides):
        return None
    if all(isinstance(side, dict) for side in sides):
        return _by_field(old), _by_field(new)
    if all(isinstance(side, list) for side in sides):
        for key in LIST_KEYS:
            if all(is_keyed_by(key, side) for side in sides):
                return _by_key(key, old), _by_key(key, new)
    return None


def _by_field(side: Any) -> dict[str, Any]:
    return {} if side is ABSENT else {step_to(str(name)): value for name, value in side.items()}


def _by_key(key: str, side: Any) -> dict[str, Any]:
    return {} if side is ABSENT else {f"[{item[key]}]": item for item in side}


def is_keyed_by(key: str, items: list[Any]) -> bool:
    """Whether each element has this key, and none twice."""
    keys = [item.get(key) if isinstance(item, dict) else None for item in items]
    return all(isinstance(one, str) and one for one in keys) and len(set(keys)) == len(keys)


def step_to(name: str) -> str:
    """`.name`, or `["a.name"]` for one that would be taken for two."""
    return f'["{name}"]' if any(mark in name for mark in ".[]") else f".{name}"
