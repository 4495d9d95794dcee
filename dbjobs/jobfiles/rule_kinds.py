"""The kinds of rules about the fields of one mapping, such as a limit, a pattern or a choice.

A requirement is worded to follow the field's name: messages and the page of rules
(docs/job-rules.md) are made of it.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from dbjobs.http.response import Payload
from dbjobs.jobfiles.findings import Finding, Path, join_names


@dataclass(frozen=True)
class FieldRule:
    """What the value of a field must be; `is_satisfied` gets it and the mapping that it is in."""

    field: str
    requirement: str
    is_satisfied: Callable[[Any, Payload], bool]
    is_error: bool = True
    is_unknown: bool = False
    explain: Callable[[Any], str] | None = None
    """what is wrong with a value, where that is clearer than the requirement"""

    def check(self, mapping: Payload, path: Path) -> Iterator[Finding]:
        value = mapping.get(self.field)
        if value is not None and not is_reference(value) and not self.is_satisfied(value, mapping):
            requirement = self.explain(value) if self.explain else self.requirement
            yield Finding((*path, self.field), requirement, self.is_error, is_unknown=self.is_unknown)

    def describe(self) -> str:
        return f"`{self.field}` {self.requirement}"


@dataclass(frozen=True)
class FieldChoice:
    """How many of some fields are given: at least one, at most one, or both; `unless` one of others is."""

    fields: tuple[str, ...]
    is_required: bool = True
    is_exclusive: bool = True
    unless: tuple[str, ...] = ()

    def check(self, mapping: Payload, path: Path) -> Iterator[Finding]:
        given = [field for field in self.fields if not is_empty(mapping.get(field))]
        if self.is_exclusive and len(given) > 1:
            yield Finding((*path, given[1]), f"is given along with {given[0]}; only one of them can be given")
        elif self.is_required and all(mapping.get(one) in (None, "") for one in (*self.fields, *self.unless)):
            if len(self.fields) == 1:
                yield Finding((*path, *self.fields), "is missing")
            else:
                yield Finding(path, f"needs one of {', '.join(self.fields)}")

    def describe(self) -> str:
        names = ", ".join(f"`{field}`" for field in self.fields)
        if not self.is_required:
            return f"at most one of {names}"
        how_many = (
            "" if len(self.fields) == 1 else "exactly one of " if self.is_exclusive else "at least one of "
        )
        unless = " or ".join(f"`{field}`" for field in self.unless)
        return f"{how_many}{names} is needed" + (f", unless {unless} is given" if unless else "")


def exactly_one(*fields: str) -> FieldChoice:
    return FieldChoice(fields)


def at_most_one(*fields: str) -> FieldChoice:
    return FieldChoice(fields, is_required=False)


def at_least_one(*fields: str, unless: tuple[str, ...] = ()) -> FieldChoice:
    return FieldChoice(fields, is_exclusive=False, unless=unless)


SIZES: dict[str, Callable[[Any], int]] = {
    "": lambda value: len(value) if isinstance(value, list | dict) else 0,
    "bytes": lambda value: len(value.encode(errors="replace")) if isinstance(value, str) else 0,
    "characters": lambda value: len(value) if isinstance(value, str) else 0,
    "bytes as JSON": lambda value: len(_as_json(value).encode(errors="replace")),
    "characters as JSON": lambda value: len(_as_json(value)),
    "characters in total": lambda value: (
        sum(len(str(text)) for pair in value.items() for text in pair) if isinstance(value, dict) else 0
    ),
}
"""How the size of a value is measured, by its unit; without one, the elements of a list or a mapping."""


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def at_most(field: str, maximum: int, unit: str = "") -> FieldRule:
    requirement = f"has more than {maximum:,} {unit}".rstrip()
    return FieldRule(field, requirement, lambda value, _: SIZES[unit](value) <= maximum)


def min_items(field: str, minimum: int) -> FieldRule:
    requirement = "is empty" if minimum == 1 else f"has fewer than {minimum}"
    return FieldRule(
        field, requirement, lambda value, _: not isinstance(value, list) or len(value) >= minimum
    )


def between(field: str, minimum: float, maximum: float | None = None) -> FieldRule:
    """A number in a range, both ends included."""
    requirement = f"must be {minimum:,} or more"
    if maximum is not None:
        requirement = f"must be from {minimum:,} to {maximum:,}"

    def is_satisfied(value: Any, _: Payload) -> bool:
        number = as_number(value)
        return number is None or (number >= minimum and (maximum is None or number <= maximum))

    return FieldRule(field, requirement, is_satisfied)


def one_of(field: str, *values: str) -> FieldRule:
    requirement = f"must be one of {', '.join(values)}"
    return FieldRule(field, requirement, lambda value, _: not isinstance(value, str) or value in values)


def matches(field: str, pattern: str, requirement: str) -> FieldRule:
    """A text, or each text of a list or among the values of a mapping, that matches a pattern as a whole."""
    return FieldRule(
        field,
        requirement,
        lambda value, _: all(re.fullmatch(pattern, text, re.DOTALL) for text in strings_in(value)),
    )


def begins(field: str, *prefixes: str) -> FieldRule:
    requirement = f"must begin with {' or '.join(prefixes)}"
    return FieldRule(
        field, requirement, lambda value, _: all(text.startswith(prefixes) for text in strings_in(value))
    )


def keys_match(field: str, pattern: str, requirement: str) -> FieldRule:
    """A mapping whose keys each match a pattern as a whole."""
    return FieldRule(
        field,
        requirement,
        lambda value, _: all(
            re.fullmatch(pattern, str(key), re.DOTALL) for key in (value if isinstance(value, dict) else ())
        ),
    )


def needs(field: str, *others: str) -> FieldRule:
    """A field that counts only together with one of some others."""
    return FieldRule(
        field,
        f"needs {' or '.join(others)} as well",
        lambda value, mapping: is_empty(value) or any(mapping.get(other) is not None for other in others),
    )


def excludes(field: str, *others: str) -> FieldRule:
    return FieldRule(
        field,
        f"cannot be combined with {join_names(others)}",
        lambda value, mapping: is_empty(value) or all(is_empty(mapping.get(other)) for other in others),
    )


def absent(field: str, requirement: str) -> FieldRule:
    return FieldRule(field, requirement, lambda value, _: is_empty(value))


def only_if(field: str, other: str, *values: str) -> FieldRule:
    """A field that may be given only if another one has one of some values."""
    return FieldRule(
        field,
        f"can only be given with {other} {' or '.join(values)}",
        lambda value, mapping: (
            is_empty(value) or is_reference(mapping.get(other)) or mapping.get(other) in values
        ),
    )


def is_empty(value: Any) -> bool:
    """True for what says nothing: null, an empty text, list or mapping; not for zero or false."""
    return value in (None, "", [], {}) and value is not False and value != 0


def is_reference(value: Any) -> bool:
    """True for a text whose value is known only when the job runs."""
    return isinstance(value, str) and "{{" in value


def strings_in(value: Any) -> Collection[str]:
    """A text, the texts of a list, or those among the values of a mapping; no references."""
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str) and not is_reference(text)]


def as_number(value: Any) -> float | None:
    """A number, given as one or as a text; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}(\.[0-9]{1,19})?", value):
        return float(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
