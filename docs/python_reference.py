"""The reference in docs/python.md: every public name, its signature and its docstring."""

import dataclasses
import enum
import functools
import inspect
import re
from collections.abc import Callable, Iterator

import dbjobs

MARKER = "<!-- written by make docs from the docstrings -->\n"


def with_python_reference(page: str) -> str:
    """The page, with all that follows its marker made anew."""
    classes = [(name, getattr(dbjobs, name)) for name in sorted(dbjobs.PUBLIC)]
    text = page.partition(MARKER)[0] + MARKER
    for name, value in classes:
        if not issubclass(value, Exception):
            text += "\n" + "\n".join(_describe_class(name, value)) + "\n"
    rows = [
        f"| `{name}` | {_exit_code(value)} | {_summary(value)} |"
        for name, value in classes
        if issubclass(value, Exception)
    ]
    return text + "\n".join(["\n## Errors\n", "| error | exit code | |", "|---|---|---|", *rows]) + "\n"


def _exit_code(error: type[dbjobs.DbjobsError]) -> str:
    if error in (dbjobs.OutcomeError, dbjobs.OutcomeUnknownError):
        return "that of the outcome" if error is dbjobs.OutcomeError else "that of its `cause`"
    return str(int(error.exit_code))


def _describe_class(name: str, value: type) -> Iterator[str]:
    has_constructor = "__init__" in vars(value) and not dataclasses.is_dataclass(value)
    yield f"## {name}{_signature(value.__init__) if has_constructor else ''}"
    yield from ["", inspect.getdoc(value) or ""]
    if has_constructor and (told := inspect.getdoc(value.__init__)):
        yield from ["", told]
    if issubclass(value, enum.Enum):
        yield from ["", ", ".join(f"`{member.name}`" for member in value)]
        return
    rows = []
    if dataclasses.is_dataclass(value):
        inherited = [base.__dataclass_fields__ for base in value.__bases__ if dataclasses.is_dataclass(base)]
        known = {name for fields in inherited for name in fields} - {"payload"}
        rows = [f"- `{field.name}`" for field in dataclasses.fields(value) if field.name not in known]
    for base in [*(base for base in value.__bases__ if base.__name__.startswith("_")), value]:
        for member, found in vars(base).items():
            if member.startswith("_"):
                continue
            if isinstance(found, property | functools.cached_property):
                rows.append(f"- `{member}`: {_join(inspect.getdoc(found) or '')}".rstrip(": "))
            elif inspect.isfunction(found):
                rows.append(f"- `{member}{_signature(found)}`  \n  {_join(inspect.getdoc(found) or '')}")
    yield from ["", *rows] if rows else []


def _signature(function: Callable[..., object]) -> str:
    text = re.sub(r"\(self(, )?", "(", str(inspect.signature(function)))
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text).removesuffix(" -> None")  # quoted annotations
    return re.sub(r"\b(?:[a-z_]+\.)+(\w+)", r"\1", text)


def _join(text: str) -> str:
    return " ".join(text.split())


def _summary(value: type) -> str:
    return _join((inspect.getdoc(value) or "").partition("\n\n")[0])
