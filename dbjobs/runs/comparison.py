"""What is different between two runs of a job: the settings that each ran with, parameters, commit."""

from collections.abc import Mapping
from typing import Any

from dbjobs.api.models import Run
from dbjobs.http.response import Payload
from dbjobs.jobfiles.differences import Difference, differences

STATE_FIELDS = (
    "attempt_number", "cluster_instance", "effective_performance_target", "effective_serverless_compute_id",
    "effective_usage_policy_id", "end_time", "git_source", "logical_date", "original_attempt_run_id",
    "resolved_values", "run_id", "run_page_url", "start_time", "state", "status",
    *(f"{part}_duration" for part in ("queue", "setup", "execution", "cleanup", "run")),
)  # fmt: skip
"""Fields of a task run that say how it went; all others are settings."""

OUTCOME_FIELDS = {"condition_task": ("outcome",), "for_each_task": ("stats",)}
"""Fields of that kind within the settings of a task."""


def settings_of(run: Run) -> Payload:
    """What a run ran with, as far as the run itself tells: a job may have changed since."""
    payload = run.payload
    tasks = [settings_of_task(task.payload) for task in run.tasks] or [
        {**(payload.get("task") or {}), **(payload.get("cluster_spec") or {})}
    ]
    found = {
        **shared_settings_of(run),
        "tasks": tasks,
        "trigger": payload.get("trigger"),
        "creator_user_name": payload.get("creator_user_name"),
    }
    return {name: value for name, value in found.items() if value}


def shared_settings_of(run: Run) -> Payload:
    """What all tasks of a run had in common."""
    git_source = dict(run.payload.get("git_source") or {})
    snapshot = git_source.pop("git_snapshot", None) or {}
    return {
        "parameters": parameters_of(run.payload),
        "git_source": {**git_source, "commit": snapshot.get("used_commit")},
        "job_clusters": run.payload.get("job_clusters"),
    }


def settings_of_task(task: Payload) -> Payload:
    """The settings of a task that its run shows."""
    settings = {name: value for name, value in task.items() if name not in STATE_FIELDS}
    for name, fields in OUTCOME_FIELDS.items():
        if isinstance(settings.get(name), dict):
            settings[name] = {key: value for key, value in settings[name].items() if key not in fields}
    return settings


def parameters_of(run: Payload) -> Mapping[str, Any]:
    """The values of a run's parameters: those of the job, with what the run was started with over them."""
    job = {item["name"]: item.get("value", item.get("default")) for item in run.get("job_parameters") or ()}
    return job | {kind: values for kind, values in (run.get("overriding_parameters") or {}).items() if values}


def compare_runs(old: Run, new: Run) -> list[Difference]:
    """What the newer run ran with that the older one did not. How they went is not compared."""
    return list(differences(settings_of(old), settings_of(new)))
