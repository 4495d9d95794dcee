"""Repeating a run: the request that starts its job, or its tasks, once more.

A run of a job is repeated by run-now with its parameters. A one-time run has no job to start, so it is
submitted again with the settings of its tasks, as far as a run shows them.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from dbjobs.api.models import Run
from dbjobs.errors import RefusedError
from dbjobs.http.response import Payload
from dbjobs.jobfiles.known_fields import LEGACY_TASK_FIELDS, RECORDS, SUBMIT_FIELDS

KIND_FIELDS = {
    "notebook_params": ("notebook_task", "base_parameters"),
    "python_named_params": ("python_wheel_task", "named_parameters"),
    "sql_params": ("sql_task", "parameters"),
    "python_params": ("spark_python_task", "parameters"),
    "jar_params": ("spark_jar_task", "parameters"),
    "spark_submit_params": ("spark_submit_task", "parameters"),
    "dbt_commands": ("dbt_task", "commands"),
}
"""Where a task's settings have what a run of a job gets as parameters of a kind."""


def check_repeatable(run: Payload) -> None:
    """Refuse a run that no request starts: one of a task, or one that a notebook started."""
    run_id, job_run_id = run["run_id"], run.get("job_run_id")
    if job_run_id not in (None, run_id):
        raise RefusedError(
            f"run {run_id} is that of a task, which is not run alone",
            hint=f"to repeat the whole run: dbjobs runs rerun {job_run_id};"
            f" to run this task again in it: dbjobs runs repair {job_run_id} --rerun {run.get('task_key')}",
        )
    if run.get("run_type") == "WORKFLOW_RUN":
        raise RefusedError(
            f"run {run_id} was started by a notebook (dbutils.notebook.run), and cannot be repeated",
            hint="repeat the run whose notebook started it",
        )


def plan_submit(run: Payload, new_parameters: Payload, version: str) -> Payload:
    """The body of runs/submit: the settings of the run's tasks, with new parameters put into them."""
    body = {name: deepcopy(run[name]) for name in SUBMIT_FIELDS if run.get(name) and name != "tasks"}
    if "git_source" in body:
        body["git_source"].pop("git_snapshot", None)
    if version == "2.0":
        single = {**(run.get("task") or {}), **(run.get("cluster_spec") or {})}
        task = {name: deepcopy(value) for name, value in single.items() if name in LEGACY_TASK_FIELDS}
        _set_parameters(task, new_parameters)
        _check_that_it_runs(run, [task])
        return {**body, **task}
    tasks = [_task_settings(task.payload) for task in Run(run).tasks]
    job_clusters = {cluster.get("job_cluster_key"): cluster for cluster in run.get("job_clusters") or ()}
    for task in tasks:
        _set_parameters(task, new_parameters)
        cluster = job_clusters.get(task.get("job_cluster_key"))
        if cluster:  # runs/submit has no job_clusters
            del task["job_cluster_key"]
            task["new_cluster"] = deepcopy(cluster.get("new_cluster"))
    _check_that_it_runs(run, tasks)
    return {**body, "tasks": tasks}


def _check_that_it_runs(run: Payload, tasks: Sequence[Payload]) -> None:
    """Refuse what would run nothing: API 2.0 shows no tasks of a run that has several."""
    if not any(name.endswith("_task") for task in tasks for name in task):
        raise RefusedError(
            f"run {run['run_id']} does not show what its tasks ran, so it cannot be repeated",
            hint="try --api-version 2.2, or submit the file that it was started from",
        )


def _task_settings(task: Mapping[str, Any]) -> Payload:
    """The settings of a task, without what became of it; types of tasks that are not known are kept."""
    settings = _known(task, "SubmitTask")
    if settings.get("condition_task"):
        settings["condition_task"] = _known(settings["condition_task"], "ConditionTask")
    if for_each := settings.get("for_each_task"):
        settings["for_each_task"] = _known(for_each, "ForEachTask")
        if for_each.get("task"):
            settings["for_each_task"]["task"] = _task_settings(for_each["task"])
    return settings


def _known(value: Mapping[str, Any], record: str) -> Payload:
    return {
        name: deepcopy(inner)
        for name, inner in value.items()
        if (name in RECORDS[record] or name.endswith("_task")) and inner not in (None, {}, [])
    }


def _set_parameters(task: Payload, parameters: Payload) -> None:
    """Named parameters are added to those of the task, a list takes the place of the old one."""
    inner = (task.get("for_each_task") or {}).get("task")
    for settings in filter(None, (task, inner)):
        for kind, values in parameters.items():
            task_type, field = KIND_FIELDS[kind]
            if task_type in settings:
                old = settings[task_type].get(field)
                is_named = isinstance(values, dict) and isinstance(old, dict | None)
                settings[task_type][field] = {**(old or {}), **values} if is_named else values
