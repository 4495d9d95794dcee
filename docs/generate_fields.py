"""Writes dbjobs/jobfiles/api_fields.json: the fields, enums and task types of the Jobs API.

.venv/bin/python docs/generate_fields.py     (or: make fields)

The source is the data classes of the official SDK that is installed, so upgrade it first:
.venv/bin/pip install --upgrade databricks-sdk
"""

import dataclasses
import enum
import inspect
import json
import types
import typing
from pathlib import Path
from typing import Any

from databricks.sdk.service import jobs
from databricks.sdk.version import __version__ as sdk_version

FILE = Path(__file__).parent.parent / "dbjobs" / "jobfiles" / "api_fields.json"
REQUESTS = {
    "JobSettings": jobs.JobsAPI.create,
    "SubmitRun": jobs.JobsAPI.submit,
    "RunNow": jobs.JobsAPI.run_now,
}
"""Bodies whose fields are the arguments of a method."""

SCALARS = {str: "text", int: "whole", float: "number", bool: "truth"}


class Fields:
    """The types that are reached from some bodies, by name."""

    def __init__(self) -> None:
        self.types: dict[str, dict[str, Any]] = {}
        self.required: dict[str, list[str]] = {}
        self.enums: dict[str, list[str]] = {}
        self._classes: dict[str, Any] = {}

    def add_request(self, name: str, method: Any) -> None:
        """A body, by the arguments of the method that sends it."""
        hints = typing.get_type_hints(method, vars(jobs))
        parameters = list(inspect.signature(method).parameters)
        self._add(name, {field: hints[field] for field in parameters if field != "self"})

    def _add(self, name: str, hints: dict[str, Any]) -> None:
        self.types[name] = {}
        for field, hint in sorted(hints.items()):
            self.types[name][field] = self._kind_of(hint)
        if required := [field for field, hint in sorted(hints.items()) if not _is_optional(hint)]:
            self.required[name] = required

    def _kind_of(self, hint: Any) -> Any:
        """A name of a scalar, an enum or a type; `[kind]` for a list, `{"*": kind}` for a map."""
        inner = [one for one in typing.get_args(hint) if one is not types.NoneType]
        origin = typing.get_origin(hint)
        if origin is list:
            return [self._kind_of(inner[0])]
        if origin is dict:
            return {"*": self._kind_of(inner[1])}
        if inner:
            return self._kind_of(inner[0])
        if hint in SCALARS:
            return SCALARS[hint]
        if hint in (Any, dict):
            return "anything"
        return self._add_class(hint)

    def _add_class(self, cls: Any) -> str:
        name: str = cls.__name__
        if self._classes.setdefault(name, cls) is not cls:
            raise ValueError(f"two classes are called {name}")
        if issubclass(cls, enum.Enum):
            self.enums[name] = sorted(member.value for member in cls)
        elif name not in self.types:
            hints = typing.get_type_hints(cls)
            self._add(name, {field.name: hints[field.name] for field in dataclasses.fields(cls)})
        return name


def _is_optional(hint: Any) -> bool:
    return types.NoneType in typing.get_args(hint)


def generated() -> str:
    """What the file has to hold for the SDK that is installed."""
    fields = Fields()
    for name, method in REQUESTS.items():
        fields.add_request(name, method)
    content = {
        "databricks-sdk": sdk_version,
        "read_only": sorted({field.name for field in dataclasses.fields(jobs.Job)} - {"settings"}),
        "enums": dict(sorted(fields.enums.items())),
        "required": dict(sorted(fields.required.items())),
        "types": dict(sorted(fields.types.items())),
    }
    return json.dumps(content, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(generated(), "utf-8")
