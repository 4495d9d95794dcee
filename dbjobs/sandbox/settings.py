"""Job settings of every version, checked and in one form.

In that form, settings have `tasks`, whatever version they came in: a job of 2.0, with its one task's fields
at the top, becomes a job of one task in the format SINGLE_TASK.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbjobs.sandbox import dag
from dbjobs.sandbox.conditions import OPS
from dbjobs.sandbox.fields import integer, items, mapping, text, text_map, texts
from dbjobs.sandbox.model import TASK_TYPES, depends_on
from dbjobs.sandbox.refusal import invalid, malformed

if TYPE_CHECKING:
    from dbjobs.sandbox.model import Json

MAX_TASKS = 1_000
MAX_CONCURRENT_RUNS = 1_000
MAX_RUN_NAME_BYTES = 4_096
MAX_CONCURRENCY = 100
"""Of a for-each task."""

LEGACY_TASK_KEY = "main"
"""The task_key of the one task of a job in the format of 2.0."""

_TASK_FIELDS = (
    *TASK_TYPES,
    "existing_cluster_id",
    "new_cluster",
    "libraries",
    "max_retries",
    "min_retry_interval_millis",
    "retry_on_timeout",
)
_INTEGERS = ("timeout_seconds", "max_retries", "min_retry_interval_millis", "max_concurrent_runs")
_TASK_KEY = re.compile(r"[\w\-]{1,100}", re.ASCII)
_CLUSTERS = {"existing_cluster_id", "new_cluster", "job_cluster_key"}
_REQUIRED = {
    "spark_python_task": ("python_file",),
    "notebook_task": ("notebook_path",),
    "python_wheel_task": ("package_name", "entry_point"),
    "condition_task": ("op", "left", "right"),
    "for_each_task": ("inputs", "task"),
    "run_job_task": ("job_id",),
}
_MERGED_BY = {"tasks": "task_key", "job_clusters": "job_cluster_key"}


def read_submit(body: Json) -> Json:
    """The body of runs/submit as settings."""
    if len(str(body.get("run_name", "")).encode()) > MAX_RUN_NAME_BYTES:
        raise invalid(f"run_name may have {MAX_RUN_NAME_BYTES} bytes at most.")
    return read_settings(body)


def read_settings(body: Json) -> Json:
    """Settings of any version in the one form; refuses what cannot be a job."""
    settings = {name: value for name, value in body.items() if name not in {"idempotency_token", "format"}}
    if any(name in settings for name in TASK_TYPES):
        settings = _lift_task(settings)
    else:
        settings["format"] = "MULTI_TASK"
    settings = _integers(settings) | {"tasks": _read_tasks(settings)}
    if not 0 <= settings.get("max_concurrent_runs", 1) <= MAX_CONCURRENT_RUNS:
        raise invalid(f"max_concurrent_runs has to be from 0 to {MAX_CONCURRENT_RUNS}.")
    if settings.get("timeout_seconds", 0) < 0:
        raise invalid("timeout_seconds has to be 0 or more.")
    items(settings, "parameters", "name")
    mapping(settings, "queue")
    return settings


def update_settings(settings: Json, changes: Json, to_remove: list[str]) -> Json:
    """What jobs/update makes of settings: fields are replaced, `tasks` and `job_clusters` merged by key."""
    is_single = settings["format"] == "SINGLE_TASK" and "tasks" not in changes
    updated = lower_task(settings) if is_single else dict(settings)
    for name, value in changes.items():
        updated[name] = _merge(name, updated, changes) if name in _MERGED_BY else value
    for field in to_remove:
        _remove(updated, field)
    return read_settings(updated)


def lower_task(settings: Json) -> Json:
    """Settings as 2.0 shows them: the fields of the one task at the top, and none of several."""
    lowered = {name: value for name, value in settings.items() if name != "tasks"}
    if settings["format"] != "SINGLE_TASK":
        return lowered
    return lowered | {name: value for name, value in settings["tasks"][0].items() if name != "task_key"}


def _lift_task(settings: Json) -> Json:
    if "tasks" in settings:
        raise invalid("Give either tasks or the fields of one task, not both.")
    task = {name: settings.pop(name) for name in _TASK_FIELDS if name in settings}
    return settings | {"tasks": [{"task_key": LEGACY_TASK_KEY, **task}], "format": "SINGLE_TASK"}


def _read_tasks(settings: Json) -> list[Json]:
    tasks = items(settings, "tasks", "task_key")
    if not tasks:
        raise invalid("One of tasks, or a task's field such as spark_python_task, has to be given.")
    if len(tasks) > MAX_TASKS:
        raise invalid(f"A job may have {MAX_TASKS} tasks at most, not {len(tasks)}.")
    tasks = [_read_task(task) for task in tasks]
    depends = depends_on(tasks)
    if len(depends) < len(tasks):
        raise invalid("Two tasks have the same task_key.")
    _check_dependencies(depends)
    return tasks


def _read_task(task: Json) -> Json:
    key = task["task_key"]
    if not _TASK_KEY.fullmatch(key):
        raise invalid("task_key has to be 1 to 100 letters, digits, - or _.")
    types = [name for name in TASK_TYPES if name in task]
    if len(types) != 1:
        raise invalid(f"Task {key} has to have one type, such as spark_python_task; it has {len(types)}.")
    if len(_CLUSTERS & set(task)) > 1:
        raise invalid(f"Task {key} has to name one of {', '.join(sorted(_CLUSTERS))}.")
    run_if = task.get("run_if", "ALL_SUCCESS")
    if run_if not in dag.RUN_IF:
        raise invalid(f"run_if of task {key} has to be one of {', '.join(dag.RUN_IF)}, not {run_if}.")
    items(task, "depends_on", "task_key")
    return _integers(task) | {types[0]: _read_type(types[0], mapping(task, types[0]), key)}


def _read_type(name: str, given: Json, key: str) -> Json:
    """The `*_task` of a task that the sandbox can run; any other is kept as it is."""
    if missing := [field for field in _REQUIRED.get(name, ()) if field not in given]:
        raise invalid(f"{name} of task {key} lacks {missing[0]}.")
    if name == "condition_task" and given["op"] not in OPS:
        raise invalid(f"op of task {key} has to be one of {', '.join(OPS)}.")
    if name == "for_each_task":
        return _read_for_each(given, key)
    if not all(isinstance(given[field], (str, int, float)) for field in _REQUIRED.get(name, ())):
        raise malformed(f"{name} of task {key} has to hold texts.")
    read: Json = {}
    if name in {"spark_python_task", "python_wheel_task"} and "parameters" in given:
        read["parameters"] = texts(given, "parameters")
    for field in ("base_parameters", "named_parameters"):
        if field in given and name in {"notebook_task", "python_wheel_task"}:
            read[field] = text_map(given, field)
    return given | read


def _read_for_each(given: Json, key: str) -> Json:
    nested = mapping(given, "task")
    if not isinstance(nested.get("task_key"), str):
        raise malformed(f"The nested task of task {key} lacks a task_key.")
    if "for_each_task" in nested or "depends_on" in nested:
        raise invalid(f"The nested task of task {key} can have neither a for_each_task nor depends_on.")
    concurrency = integer(given, "concurrency", 1)
    if not 1 <= concurrency <= MAX_CONCURRENCY:
        raise invalid(f"concurrency of task {key} has to be from 1 to {MAX_CONCURRENCY}.")
    return given | {"inputs": text(given, "inputs"), "task": _read_task(nested), "concurrency": concurrency}


def _check_dependencies(depends: dict[str, list[str]]) -> None:
    for key, dependencies in depends.items():
        for other in dependencies:
            if other not in depends:
                raise invalid(f"Task {key} depends on {other}, which does not exist.")
    if cycle := dag.find_cycle(depends):
        raise invalid(f"Tasks depend on each other in a cycle: {', '.join(cycle)}.")


def _integers(settings: Json) -> Json:
    return settings | {name: integer(settings, name) for name in _INTEGERS if name in settings}


def _merge(name: str, old: Json, new: Json) -> list[Json]:
    key = _MERGED_BY[name]
    merged = {item[key]: item for item in items(old, name, key) + items(new, name, key)}
    return list(merged.values())


def _remove(settings: Json, field: str) -> None:
    name, _, key = field.partition("/")
    if key and name in _MERGED_BY:
        settings[name] = [item for item in settings.get(name, []) if item.get(_MERGED_BY[name]) != key]
    else:
        settings.pop(name, None)
