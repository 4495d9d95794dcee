"""Checks of single fields: kinds of values, names of fields, and the rules for each type of the API.

A wrong kind is an error only where the service could make nothing of it: it takes numbers
given as texts, and texts given as numbers. A field or word that is not known may be new.
"""

import re
from collections.abc import Iterator
from typing import Any

from dbjobs.http.response import Payload
from dbjobs.jobfiles.findings import Finding, Path, unknown, unknown_field, warning
from dbjobs.jobfiles.known_fields import (
    ANY_NUMBER,
    ANYTHING,
    BOOLEAN,
    INTEGER,
    SCALAR,
    STRING,
    EnumValues,
    Record,
    Schema,
)
from dbjobs.jobfiles.rules import MAY_BE_EMPTY, RULES

NAMES_OF_KINDS = {
    dict: "a mapping",
    list: "a list",
    str: "a string",
    bool: "true or false",
    float: "a fraction",
}


def check_fields(value: Any, schema: Schema, path: Path = ()) -> Iterator[Finding]:
    """What of a value does not fit a schema of `known_fields`; null fits any."""
    if value is None or schema == ANYTHING:
        return
    if isinstance(schema, dict):
        yield from _check_mapping(value, schema, path)
    elif isinstance(schema, list):
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from check_fields(item, schema[0], (*path, index))
        else:
            yield _wrong_kind(path, "a list", value)
    elif isinstance(schema, EnumValues):
        if not isinstance(value, str):
            yield _wrong_kind(path, STRING, value)
        elif not schema.has(value) and "{{" not in value:
            yield unknown(path, f"is not one of {', '.join(schema)}")
    else:
        yield from _check_scalar(value, schema, path)


def _check_mapping(value: Any, schema: dict[str, Schema], path: Path) -> Iterator[Finding]:
    if not isinstance(value, dict):
        yield _wrong_kind(path, "a mapping", value)
        return
    any_name = schema.get("*")
    for name, inner in value.items():
        if name in schema or any_name:
            yield from check_fields(inner, schema.get(name, any_name), (*path, name))
        else:
            yield unknown_field((*path, name), "is not a known field", known=tuple(schema))
    if isinstance(schema, Record):
        for name in schema.required:
            if value.get(name) is None:
                yield Finding((*path, name), "is missing")
            elif value[name] == "" and (schema.name, name) not in MAY_BE_EMPTY:
                yield Finding((*path, name), "is empty")
        yield from check_rules(value, schema.name, path)


def check_rules(value: Payload, type_name: str, path: Path) -> Iterator[Finding]:
    """What a mapping does not keep of the rules for a type."""
    for rule in RULES.get(type_name, ()):
        yield from rule.check(value, path)


def _check_scalar(value: Any, kind: str, path: Path) -> Iterator[Finding]:
    is_key = kind == STRING and str(path[-1]).endswith(("name", "_key"))  # others refer to it by this string
    if not _fits(value, kind) or (is_key and not isinstance(value, str)):
        yield _wrong_kind(path, kind, value)
    elif kind == STRING and not isinstance(value, str):
        yield warning(path, f"is {kind_of(value)} where a string is expected; quote it to send it as written")


def _fits(value: Any, kind: str) -> bool:
    if isinstance(value, dict | list) or kind in (STRING, SCALAR):
        return not isinstance(value, dict | list)
    if kind == BOOLEAN:
        return isinstance(value, bool) or value in ("true", "false")
    if isinstance(value, str):
        return "{{" in value or bool(re.fullmatch(_NUMERALS[kind], value))
    return not isinstance(value, bool) and (kind == ANY_NUMBER or isinstance(value, int))


_NUMERALS = {INTEGER: r"-?[0-9]{1,19}", ANY_NUMBER: r"-?[0-9]{1,40}(\.[0-9]{1,40})?"}


def kind_of(value: Any) -> str:
    """What a value is, in words that do not disclose it."""
    return NAMES_OF_KINDS.get(type(value), "a number")


def _wrong_kind(path: Path, expected: str, value: Any) -> Finding:
    problem = f"must be {expected}"
    return Finding(path, problem if kind_of(value) == expected else f"{problem}, not {kind_of(value)}")
