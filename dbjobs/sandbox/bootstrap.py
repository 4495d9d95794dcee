"""Runs one task's Python file in its own process, and writes down how it ended.

Started as a script: `python bootstrap.py FOLDER`. FOLDER/task.json says what to run (`file` or `entry_point`,
`arguments`, `packages`, `cells`, `widgets`, `values`); FOLDER/result.json describes the end (`error`,
`error_trace`, `notebook_result`, `values`, `cells`). Uses the standard library only, and nothing of dbjobs.

Arguments become `sys.argv`. A notebook also finds a `dbutils` with what can mean something outside a cluster:
`widgets`, `notebook.exit` and `jobs.taskValues`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from types import ModuleType, SimpleNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:  # what takes long to import would be waited for at every task
    from typing import Any

_UNSET = object()


class NotebookExit(BaseException):
    """Ends the notebook; not an Exception, so that `except Exception` does not stop it."""


class Widgets:
    """`dbutils.widgets`: the task's parameters, and defaults for the others."""

    def __init__(self, given: dict[str, str]) -> None:
        self._given = given
        self._defaults: dict[str, str] = {}

    def get(self, name: str) -> str:
        if name in self._given:
            return self._given[name]
        if name in self._defaults:
            return self._defaults[name]
        raise KeyError(f"InputWidgetNotDefined: no input widget named {name} is defined")

    def getAll(self) -> dict[str, str]:  # noqa: N802 - the name that notebooks call
        return {**self._defaults, **self._given}

    def text(self, name: str, default: str = "", label: str = "") -> None:
        self._defaults[name] = default

    def dropdown(self, name: str, default: str, choices: list[str], label: str = "") -> None:
        self._defaults[name] = default

    combobox = multiselect = dropdown


class TaskValues:
    """`dbutils.jobs.taskValues`: values that tasks of one run pass to each other."""

    def __init__(self, upstream: dict[str, dict[str, Any]]) -> None:
        self._upstream = upstream
        self.own: dict[str, Any] = {}

    def set(self, key: str, value: Any) -> None:
        self.own[key] = json.loads(json.dumps(value))

    def get(self, taskKey: str, key: str, default: Any = _UNSET, debugValue: Any = None) -> Any:  # noqa: N803
        value = self._upstream.get(taskKey, {}).get(key, default)
        if value is _UNSET:
            raise ValueError(f"No task value with key {key} was set by task {taskKey}")
        return value


def exit_notebook(value: object) -> None:
    raise NotebookExit(str(value))


def run_entry_point(spec: dict[str, Any]) -> None:
    """Call a wheel's entry point by the name in its metadata; else the package's function of that name."""
    from importlib import import_module, metadata

    package, name = spec["entry_point"]
    sys.argv = [name, *spec["arguments"]]
    del sys.path[0]  # the folder of this file
    try:
        points = metadata.distribution(package).entry_points
    except metadata.PackageNotFoundError:
        points = metadata.EntryPoints()
    for point in points:
        if point.name == name:
            point.load()()
            return
    getattr(import_module(package.replace("-", "_")), name)()


def run_file(spec: dict[str, Any], names: dict[str, Any], notes: list[dict[str, int]]) -> None:
    """Run the file as `__main__`, as if Python had been started with it; a notebook's cells one by one."""
    path = spec["file"]
    main = ModuleType("__main__")
    main.__dict__.update(names, __file__=path)
    sys.modules["__main__"] = main
    sys.argv = [path, *spec["arguments"]]
    sys.path[0] = os.path.dirname(path)  # noqa: PTH120
    if not spec["cells"]:
        with open(path, "rb") as file:  # noqa: PTH123
            run(file.read(), path, main)
    for line, code in spec["cells"]:
        notes.append({"started": int(time.time() * 1000), "from": printed()})
        try:
            # The empty lines let an error name the line in the file.
            run("\n" * (line - 1) + code, path, main)
        finally:
            notes[-1].update(finished=int(time.time() * 1000), to=printed())


def run(code: bytes | str, path: str, main: ModuleType) -> None:
    exec(compile(code, path, "exec"), main.__dict__)  # noqa: S102 - this is what the process is for


def printed() -> int:
    """How many bytes the logs have."""
    sys.stdout.flush()
    return os.fstat(sys.stdout.fileno()).st_size


def describe(error: BaseException) -> dict[str, str]:
    """The error's last line and its trace, without the frames of this file."""
    import traceback

    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    last = traceback.format_exception_only(type(error), error)[-1].strip()
    return {"error": last, "error_trace": "".join(traceback.format_exception(type(error), error, trace))}


def execute(spec: dict[str, Any]) -> dict[str, Any]:
    """Run what the spec asks for; returns the result to write."""
    values = TaskValues(spec["values"])
    dbutils = SimpleNamespace(
        widgets=Widgets(spec["widgets"]),
        notebook=SimpleNamespace(exit=exit_notebook),
        jobs=SimpleNamespace(taskValues=values),
    )
    result: dict[str, Any] = {"values": values.own, "cells": []}
    try:
        if spec["packages"]:
            sys.path.insert(1, spec["packages"])
        if spec["entry_point"]:
            run_entry_point(spec)
        else:
            run_file(spec, {"dbutils": dbutils} if spec["cells"] else {}, result["cells"])
    except NotebookExit as end:
        result["notebook_result"] = str(end)
    except SystemExit as end:
        if end.code not in {None, 0}:
            result.update(describe(end))
    except BaseException as error:
        result.update(describe(error))
    return result


def main() -> int:
    folder = sys.argv[1]
    with open(f"{folder}/task.json", encoding="utf-8") as file:  # noqa: PTH123
        result = execute(json.load(file))
    with open(f"{folder}/result.json", "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(result, file)
    if "error" in result:
        sys.stderr.write(result["error_trace"])
    return int("error" in result)


if __name__ == "__main__":
    sys.exit(main())
