"""JSON and YAML text to plain values, for configuration and job files.

An error has the number of the line and never its text, which may contain a secret. YAML is read as
YAML 1.2, so that `no`, `12:30` and `2026-01-01` are strings, and all values are those of JSON.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dbjobs.common.yaml12 import MAX_DEPTH, DocumentError, Location, finite, read_yaml

__all__ = ["Document", "DocumentError", "parse_document", "read_document"]

MAX_JSON_SIZE_FOR_LINES = 1024 * 1024
"""JSON larger than this is not read a second time just to find a line."""


@dataclass(frozen=True)
class Document:
    """The value of a text, and the lines of its parts."""

    value: Any
    text: str
    yaml_location: Location | None = None
    base: tuple[str | int, ...] = ()
    """the path of the value, if it is only a part of the text"""

    def line_of(self, path: Sequence[str | int]) -> int | None:
        """The line, from 1, of the value at a path, or of the nearest value around it; None if unknown."""
        location, line = self._location, None
        for step in (*self.base, *path):
            inner = location.inner if location else None
            try:
                location = inner[step]  # type: ignore[index]
            except (TypeError, KeyError, IndexError):
                break
            line = location.line
        return line

    @cached_property
    def _location(self) -> Location | None:
        """JSON is read as YAML, whose reader has the lines; a text of one line needs no number."""
        if "\n" not in self.text.strip():
            return None
        if self.yaml_location or len(self.text) > MAX_JSON_SIZE_FOR_LINES:
            return self.yaml_location
        with suppress(DocumentError):
            root = read_yaml(self.text)
            return root.location if root else None
        return None


def parse_document(text: str) -> Any:
    """Read JSON or YAML; a DocumentError says why it is neither."""
    return read_document(text).value


def read_document(text: str) -> Document:
    """Like `parse_document`, with the lines of all values."""
    if text.lstrip()[:1] in ("{", "["):
        with suppress(ValueError):  # what is not JSON may be YAML's flow style, whose parser knows the line
            try:
                value = json.loads(
                    text, object_pairs_hook=_unique_keys, parse_float=finite, parse_constant=finite
                )
            except RecursionError:
                raise DocumentError("it is nested too deeply") from None
            if _is_deeper(value, MAX_DEPTH):
                raise DocumentError("it is nested too deeply")
            return Document(value, text)
    root = read_yaml(text)
    return Document(root.value, text, root.location) if root else Document(None, text)


def _is_deeper(value: Any, limit: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return limit == 0 or any(_is_deeper(one, limit - 1) for one in inner)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ValueError("duplicate key")
    return mapping
