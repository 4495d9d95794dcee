"""Scenarios as files, included ones and others: found, read and checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from dbjobs.common.documents import DocumentError, read_document
from dbjobs.errors import UsageError
from dbjobs.sandbox.endpoints import ENDPOINTS, endpoint_name
from dbjobs.sandbox.model import TERMINAL
from dbjobs.sandbox.scenario import (
    Fault,
    PastTaskOutcome,
    PlannedOutcome,
    Rule,
    Scenario,
    TaskOutcome,
    When,
    WhenRequest,
    WhenTask,
)
from dbjobs.sandbox.sign_in import PAGES

_FOLDER = Path(__file__).parent
_RULES: dict[str, tuple[type[Any], type[Any]]] = {
    "requests": (WhenRequest, Fault),
    "tasks": (WhenTask, TaskOutcome),
    "runs": (When, PlannedOutcome),
    "past_tasks": (WhenTask, PastTaskOutcome),
}
"""The fields of a scenario that are lists of rules."""


MOST_PAST_RUNS = 1000


def shipped() -> dict[str, str]:
    """The included scenarios: their names, and what happens in them."""
    return {path.stem: read_scenario(path.stem).description for path in sorted(_FOLDER.glob("*.yaml"))}


def read_scenario(name_or_file: str) -> Scenario:
    """The scenario of that name, or in that file; a UsageError says what is wrong with it."""
    names = {path.stem: path for path in _FOLDER.glob("*.yaml")}
    path = names.get(name_or_file, Path(name_or_file))
    try:
        document = read_document(path.read_text("utf-8"))
    except (OSError, ValueError):
        hint = f"dbjobs comes with {', '.join(sorted(names))}"
        raise UsageError(f"there is no scenario {name_or_file}", hint=hint) from None
    except DocumentError as error:
        raise UsageError(f"the scenario {path} is neither JSON nor YAML: {error}") from None
    try:
        return _scenario(document.value)
    except _WrongError as wrong:
        line = document.line_of(wrong.path)
        where = f"{path}, line {line}" if line else str(path)
        raise UsageError(f"the scenario {where}: {wrong}") from None


class _WrongError(Exception):
    """An invalid value, and where it is."""

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.path = path


def _scenario(given: Any) -> Scenario:
    _check_mapping(given, "a scenario")
    rules = {part: _rules(part, given[part]) for part in _RULES if part in given}
    plain = {name: value for name, value in given.items() if name not in rules}
    scenario: Scenario = _made(Scenario, plain, **rules)
    return scenario


def _rules(part: str, given: Any) -> list[Rule[Any, Any]]:
    if not isinstance(given, list):
        raise _WrongError(f"{part} has to be a list of rules", part)
    when_type, then_type = _RULES[part]
    rules = []
    for number, rule in enumerate(given):
        path = (part, number)
        _check_mapping(rule, "a rule", *path)
        if unknown := set(rule) - {"when", "then"}:
            raise _WrongError(f"a rule has when and then, and no {min(unknown)}", *path, min(unknown))
        when = _made(when_type, rule.get("when", {}), *path, "when")
        rules.append(Rule(when, _made(then_type, rule.get("then"), *path, "then")))
    return rules


def _made(kind: type[Any], given: Any, *path: str | int, **rules: list[Rule[Any, Any]]) -> Any:
    """A dataclass of the values that are given, each checked by the type of its field."""
    _check_mapping(given, str(path[-1]) if path else "a scenario", *path)
    types = {one.name: str(one.type) for one in fields(kind) if one.init and not one.name.startswith("_")}
    for name, value in given.items():
        if name not in types:
            raise _WrongError(f"there is no {name} here, but {', '.join(types)}", *path, name)
        expected, is_right = _BY_NAME.get(name) or _BY_TYPE[types[name]]
        if not is_right(value):
            raise _WrongError(f"{name} has to be {expected}", *path, name)
    return kind(**given, **rules)


def _check_mapping(given: Any, what: str, *path: str | int) -> None:
    if not isinstance(given, dict):
        raise _WrongError(f"{what} has to be a mapping", *path)


def _is_number(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool) and bool(value >= 0)  # type: ignore[operator]


def _are_endpoints(value: Any) -> bool:
    """A name that no endpoint has would never apply, and nobody would know why."""
    known = [endpoint_name(path) for _, path in (*ENDPOINTS, *PAGES)]
    patterns = value if isinstance(value, list) else [value]
    return all(isinstance(one, str) and any(fnmatchcase(name, one) for name in known) for one in patterns)


_Check = tuple[str, Callable[[Any], bool]]

_COUNT: _Check = ("a whole number, 0 or more", lambda value: _is_number(value, int))
_SECONDS: _Check = ("a number of seconds, 0 or more", lambda value: _is_number(value, int, float))
_TEXT: _Check = ("a text", lambda value: isinstance(value, str))

_BY_TYPE: dict[str, _Check] = {
    "str": _TEXT,
    "str | None": _TEXT,
    "int": _COUNT,
    "int | None": _COUNT,
    "float": _SECONDS,
    "float | None": _SECONDS,
    "int | str | None": (
        "seconds, or a date as text",
        lambda value: _is_number(value, int) or isinstance(value, str),
    ),
    "bool": ("true or false", lambda value: isinstance(value, bool)),
    "dict[str, Any]": ("a mapping", lambda value: isinstance(value, dict)),
    "Any": ("anything", lambda value: True),
}
_BY_NAME: dict[str, _Check] = {
    "endpoint": ("the name of an endpoint, such as runs/get, or a list of such", _are_endpoints),
    "status": ("an HTTP status", lambda value: _is_number(value, int) and 200 <= value <= 599),
    "past_runs": (
        f"a whole number from 0 to {MOST_PAST_RUNS:,}",
        lambda value: _is_number(value, int) and value <= MOST_PAST_RUNS,
    ),
    "every": ("a whole number from 1 on", lambda value: _is_number(value, int) and value > 0),
    "life_cycle_state": (f"one of {', '.join(sorted(TERMINAL))}", lambda value: value in TERMINAL),
}
