"""Condition tasks: `op`, `left` and `right` to "true" or "false"."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from dbjobs.sandbox.dag import FAILED
from dbjobs.sandbox.model import SUCCEEDED, Termination

if TYPE_CHECKING:
    from dbjobs.sandbox.model import Json

_TEXTUAL = {"EQUAL_TO": operator.eq, "NOT_EQUAL": operator.ne}
_NUMERIC = {
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_OR_EQUAL": operator.ge,
    "LESS_THAN": operator.lt,
    "LESS_THAN_OR_EQUAL": operator.le,
}
OPS = (*_TEXTUAL, *_NUMERIC)


def evaluate(condition: Json) -> tuple[Termination, str | None]:
    """How the task ends, and its outcome. EQUAL_TO and NOT_EQUAL compare texts, the others numbers."""
    op, left, right = condition["op"], str(condition["left"]), str(condition["right"])
    if op in _TEXTUAL:
        return SUCCEEDED, str(_TEXTUAL[op](left, right)).lower()
    try:
        return SUCCEEDED, str(_NUMERIC[op](float(left), float(right))).lower()
    except ValueError:
        message = f"{op} compares numbers, not {left!r} and {right!r}."
        return Termination(FAILED, "INVALID_RUN_CONFIGURATION", message=message), None
