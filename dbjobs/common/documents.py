"""JSON and YAML text to plain values, for configuration and job files alike.

An error names the line and never quotes it: the line may hold a secret. YAML is read as
YAML 1.2 has it, so that `no`, `12:30` and `2026-01-01` stay the strings that people
meant, and only JSON's own types come out.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dbjobs.common.yaml12 import MAX_DEPTH, DocumentError, Place, finite, read_yaml

__all__ = ["Document", "DocumentError", "parse_document", "read_document"]

MAX_SEARCHED = 1024 * 1024
"""JSON larger than this is not read a second time just to name a line."""


@dataclass(frozen=True)
class Document:
    """What a text holds, and where in the text it stands."""

    value: Any
    text: str
    yaml_place: Place | None = None

    def line_of(self, path: Sequence[str | int]) -> int | None:
        """The line, from 1, of the value at a path, or of the nearest thing around it; None if unknown."""
        place, line = self._place, None
        for step in path:
            inner = place.inner if place else None
            try:
                place = inner[step]  # type: ignore[index]
            except (TypeError, KeyError, IndexError):
                break
            line = place.line
        return line

    @cached_property
    def _place(self) -> Place | None:
        """JSON is YAML as well, whose parser knows the lines. One line needs no number."""
        if "\n" not in self.text.strip():
            return None
        if self.yaml_place or len(self.text) > MAX_SEARCHED:
            return self.yaml_place
        with suppress(DocumentError):
            root = read_yaml(self.text)
            return root.place if root else None
        return None


def parse_document(text: str) -> Any:
    """Read JSON or YAML, told apart by content; a DocumentError says why it is neither."""
    return read_document(text).value


def read_document(text: str) -> Document:
    """Like `parse_document`, with the lines."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return Document(_read_json(text), text)
        except RecursionError:
            raise DocumentError("it is nested too deeply") from None
        except ValueError:
            pass  # YAML's flow style looks like JSON, and its parser knows the line
    root = read_yaml(text)
    return Document(root.value, text, root.place) if root else Document(None, text)


def _read_json(text: str) -> Any:
    value = json.loads(text, object_pairs_hook=_distinct, parse_float=finite, parse_constant=_no_constant)
    if _is_deeper(value, MAX_DEPTH):
        raise RecursionError
    return value


def _is_deeper(value: Any, limit: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return limit == 0 or any(_is_deeper(one, limit - 1) for one in inner)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ValueError("a key stands twice")
    return mapping


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
