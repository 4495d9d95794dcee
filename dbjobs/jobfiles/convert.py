"""Conversion from the form of API 2.0, with one task's fields at the top, to `tasks[]` and back.

Source: https://docs.databricks.com/reference/jobs-api-2-1-migration
"""

from dataclasses import dataclass, field

from dbjobs.http.response import Payload
from dbjobs.jobfiles.findings import Finding
from dbjobs.jobfiles.known_fields import LEGACY_TASK_FIELDS, LEGACY_TASK_TYPES
from dbjobs.jobfiles.settings import Settings, is_task_field, items_of

TASK_KEY = "main"
"""The key of a task that had none in API 2.0."""

LEGACY_FIELDS = (
    *LEGACY_TASK_FIELDS,
    "name",
    "run_name",
    "idempotency_token",
    "schedule",
    "max_concurrent_runs",
    "access_control_list",
)
SHARED_FIELDS = (
    "timeout_seconds",
    "email_notifications",
    "webhook_notifications",
    "notification_settings",
)
"""What a job and a task both have; a job of one task needs it once."""

WITHOUT_EFFECT = {
    "task_key": None,
    "run_if": "ALL_SUCCESS",
    "format": None,
    "queue": {"enabled": False},
    "performance_target": "STANDARD",
    "disabled": False,
}
"""Fields that mean nothing for the one task of a job; None means any value."""

NO_EQUIVALENT = "has no equivalent in Jobs API 2.0"


@dataclass(frozen=True)
class Conversion:
    """Settings in the form of the API version, what was done to them, and what could not be."""

    settings: Payload
    note: str | None = None
    findings: list[Finding] = field(default_factory=list)


def convert(settings: Settings, version: str) -> Conversion:
    """Settings in the form that a version of the API takes; they are as they were if it is theirs."""
    content = settings.content
    if version == "2.0":
        return _to_version_2_0(content) if items_of(content, "tasks") else Conversion(content)
    if not settings.is_legacy or settings.is_partial:  # the task of an update is found in the job
        return Conversion(content)
    note = f"sent in the form of Jobs API {version}, as a task with the key {TASK_KEY!r}"
    task = {name: value for name, value in content.items() if is_task_field(name)}
    others = {name: value for name, value in content.items() if name not in task and name != "format"}
    return Conversion({**others, "tasks": [{"task_key": TASK_KEY, **task}]}, note)


def _to_version_2_0(content: Payload) -> Conversion:
    tasks = items_of(content, "tasks")
    if len(tasks) > 1:
        problem = f"has {len(tasks)} tasks; a job of Jobs API 2.0 has one"
        return Conversion(content, findings=[Finding(("tasks",), problem)])
    path, task = tasks[0]
    clusters = {
        item.get("job_cluster_key"): item.get("new_cluster") for _, item in items_of(content, "job_clusters")
    }
    converted: Payload = {}
    findings: list[Finding] = []
    others = {name: value for name, value in content.items() if name not in ("tasks", "job_clusters")}
    if "job_cluster_key" in task:
        cluster = clusters.get(task["job_cluster_key"])
        task = {name: value for name, value in task.items() if name != "job_cluster_key"}
        task["new_cluster"] = cluster
    for prefix, fields in (((), others), (path, task)):
        for name, value in fields.items():
            is_default = name in WITHOUT_EFFECT and WITHOUT_EFFECT[name] in (None, value)
            if is_default or value in (None, {}, []):
                continue
            is_known = name in (*LEGACY_FIELDS, *SHARED_FIELDS)
            if not is_known or (str(name).endswith("_task") and name not in LEGACY_TASK_TYPES):
                findings.append(Finding((*prefix, name), NO_EQUIVALENT))
            elif converted.get(name) not in (None, {}, [], 0, value):
                problem = f"differs from {name} of the job, and Jobs API 2.0 has one of them"
                findings.append(Finding((*prefix, name), problem))
            else:
                converted[name] = value
    note = "sent in the form of Jobs API 2.0, with the fields of its task at the top"
    return Conversion(converted, note, findings)
