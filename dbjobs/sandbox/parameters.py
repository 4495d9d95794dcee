"""What starts and repairs of runs take besides the settings: parameters, a choice of tasks, an idempotency
token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dbjobs.sandbox import dag
from dbjobs.sandbox.fields import boolean, mapping, text_map, texts
from dbjobs.sandbox.model import depends_on
from dbjobs.sandbox.refusal import invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbjobs.sandbox.model import JobRun, Json, TaskAttempt

MAX_TOKEN_CHARACTERS = 64
MAX_PARAMETER_BYTES = 10_000

_LIMITED = ("jar_params", "notebook_params", "python_params", "spark_submit_params")
"""ASCII only, and up to 10,000 bytes as JSON."""

PARAMETER_KINDS: dict[str, Callable[[Json, str], Any]] = {
    "job_parameters": text_map,
    "notebook_params": text_map,
    "python_named_params": text_map,
    "sql_params": text_map,
    "pipeline_params": mapping,
    "jar_params": texts,
    "python_params": texts,
    "spark_submit_params": texts,
    "dbt_commands": texts,
}


def idempotency_token(body: Json) -> str | None:
    token = body.get("idempotency_token")
    if token and (not isinstance(token, str) or len(token) > MAX_TOKEN_CHARACTERS):
        raise invalid(f"idempotency_token may have {MAX_TOKEN_CHARACTERS} characters at most.")
    return token or None


def read(body: Json) -> Json:
    """The parameters of run-now, by kind; one kind at most."""
    given = {kind: value for kind, read_kind in PARAMETER_KINDS.items() if (value := read_kind(body, kind))}
    if len(given) > 1:
        raise invalid(f"A run takes one kind of parameters, not several: {', '.join(sorted(given))}.")
    for kind, value in given.items():
        if kind in _LIMITED and not json.dumps(value, ensure_ascii=False).isascii():
            raise invalid(f"{kind} may hold ASCII characters only.")
        if kind in _LIMITED and len(json.dumps({kind: value})) > MAX_PARAMETER_BYTES:
            raise invalid(f"{kind} may have {MAX_PARAMETER_BYTES} bytes as JSON at most.")
    return given


def to_rerun(body: Json, run: JobRun, tasks: list[Json]) -> set[str]:
    """The keys of the tasks that a runs/repair asks for, and those that it includes.

    Tasks that were never attempted, such as those added to the job since, are always among them.
    """
    chosen, all_failed = texts(body, "rerun_tasks"), boolean(body, "rerun_all_failed_tasks")
    if bool(chosen) == all_failed:
        raise invalid("One of rerun_tasks and rerun_all_failed_tasks has to be given.")
    depends, latest = depends_on(tasks), run.attempts.latest
    if unknown := set(chosen) - set(depends):
        raise invalid(f"Task {min(unknown)} does not exist in the run.")
    failed = {key for key, attempt in latest.items() if attempt.result not in dag.NOT_FAILED}
    keys = (set(chosen) or failed & set(depends)) | (set(depends) - set(latest))
    if not keys:
        raise invalid(f"Run {run.run_id} has no failed tasks to repair.")
    return dag.closure(keys, dag.reverse(depends)) if boolean(body, "rerun_dependent_tasks") else keys


def given_to(attempt: TaskAttempt) -> Json:
    """The task's own settings, with the values from run-now.

    `python_params` replace the parameters of a Python file or a wheel. `notebook_params` and job parameters
    are merged over a notebook's, the job's last, and likewise over a wheel's named parameters
    (docs.databricks.com/jobs/parameters).
    """
    run, given = attempt.job_run, attempt.job_run.overriding
    settings: Json = attempt.task[attempt.type]
    if attempt.type in {"spark_python_task", "python_wheel_task"} and "python_params" in given:
        return settings | {"parameters": given["python_params"]}
    if attempt.type == "python_wheel_task" and (
        "named_parameters" in settings or "python_named_params" in given
    ):
        named = settings.get("named_parameters", {}) | given.get("python_named_params", {})
        return settings | {"named_parameters": named | run.job_parameters}
    if attempt.type == "notebook_task":
        base = settings.get("base_parameters", {}) | given.get("notebook_params", {})
        return settings | {"base_parameters": base | run.job_parameters}
    return settings


def only(body: Json, tasks: list[Json]) -> list[str]:
    """The `only` of run-now: task keys, perhaps with a `+` before or after it."""
    chosen = texts(body, "only")
    keys = {task["task_key"] for task in tasks}
    for item in chosen:
        if item.strip("+") not in keys:
            raise invalid(f"Task {item.strip('+')} does not exist in the job.")
    return chosen
