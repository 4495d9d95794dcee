"""Reads the fields of a request, which come as JSON or, in a query, as text.

The service takes numbers given as text and texts given as numbers; so does this.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from dbjobs.sandbox.refusal import invalid, malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbjobs.sandbox.model import Json


def integer(params: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """A whole number; without a default it is required."""
    value = params.get(name)
    if value is None or value == "":
        if default is None:
            raise invalid(f"Missing required field: {name}")
        return default
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value, re.ASCII):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
        return value
    raise malformed(f"{name} has to be a whole number, not {value!r}.")


def boolean(params: Mapping[str, Any], name: str) -> bool:
    """True or false; false if absent."""
    value = str(params.get(name, "false")).lower()
    if value not in {"true", "false"}:
        raise malformed(f"{name} has to be true or false, not {value}.")
    return value == "true"


def text(params: Mapping[str, Any], name: str) -> str:
    """A text; empty if absent."""
    return _text(name, params.get(name, ""))


def mapping(params: Mapping[str, Any], name: str) -> Json:
    """An object; empty if absent."""
    value = params.get(name, {})
    if not isinstance(value, dict):
        raise malformed(f"{name} has to be an object.")
    return value


def items(params: Mapping[str, Any], name: str, key: str) -> list[Json]:
    """A list of objects that each have a text under `key`; empty if absent."""
    value = params.get(name, [])
    if not isinstance(value, list) or not all(
        isinstance(i, dict) and isinstance(i.get(key), str) for i in value
    ):
        raise malformed(f"{name} has to be a list of objects with a {key}.")
    return value


def texts(params: Mapping[str, Any], name: str) -> list[str]:
    """A list of texts; empty if absent."""
    value = params.get(name, [])
    if not isinstance(value, list):
        raise malformed(f"{name} has to be a list.")
    return [_text(name, item) for item in value]


def text_map(params: Mapping[str, Any], name: str) -> dict[str, str]:
    """An object of texts; empty if absent."""
    return {key: _text(name, value) for key, value in mapping(params, name).items()}


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    raise malformed(f"{name} has to hold texts, not {value!r}.")
