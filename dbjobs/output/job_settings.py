"""Settings of jobs and their tasks in words, for tables and facts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dbjobs.api.shapes import NOTIFICATION_EVENTS
from dbjobs.http.response import Payload

TARGETS = {
    "notebook_task": ("notebook_path",),
    "spark_python_task": ("python_file",),
    "python_wheel_task": ("package_name", "entry_point"),
    "spark_jar_task": ("main_class_name", "jar_uri"),
    "spark_submit_task": ("parameters",),
    "pipeline_task": ("pipeline_id",),
    "run_job_task": ("job_id",),
    "dbt_task": ("commands",),
    "dashboard_task": ("dashboard_id",),
    "condition_task": ("left", "op", "right"),
}
"""By the type of a task, the fields that say what it runs."""

SQL_TARGETS = ("file", "query", "dashboard", "alert")


def format_schedule(schedule: Payload) -> str:
    """`0 0 2 * * ? Europe/Berlin, PAUSED`."""
    keys = ("quartz_cron_expression", "timezone_id")
    return _with_pause(" ".join(str(schedule[key]) for key in keys if schedule.get(key)), schedule)


def format_trigger(trigger: Payload) -> str:
    """`file_arrival url=s3://bucket/path`, whatever the kind of trigger."""
    kinds = [
        " ".join([kind, *(f"{key}={value}" for key, value in settings.items())])
        for kind, settings in trigger.items()
        if isinstance(settings, dict)
    ]
    return _with_pause(", ".join(kinds), trigger)


def _with_pause(text: str, settings: Payload) -> str:
    status = settings.get("pause_status")
    return f"{text}, {status}" if text and status and status != "UNPAUSED" else text


def task_type(task: Payload) -> str:
    """`notebook` for a task that has a notebook_task, and so for every type there is or will be."""
    types = (key for key in task if key.endswith("_task") and task[key] is not None)
    return next(types, "").removesuffix("_task")


def format_target(task: Mapping[str, Any]) -> str:
    """What a task runs: a notebook's path, a file, a job; of a for-each task, what is run for each input."""
    for_each = task.get("for_each_task")
    if isinstance(for_each, dict):
        inner = for_each.get("task") or {}
        return f"for each of {for_each.get('inputs')}: {task_type(inner)} {format_target(inner)}".strip()
    sql = task.get("sql_task")
    if isinstance(sql, dict):
        found: Payload = next((sql[key] for key in SQL_TARGETS if isinstance(sql.get(key), dict)), {})
        return " ".join(str(found[key]) for key in found if key == "path" or key.endswith("_id"))
    for name, fields in TARGETS.items():
        settings = task.get(name)
        if isinstance(settings, dict):
            values = (settings.get(field) for field in fields)
            lists = (
                value if isinstance(value, list) else [value] for value in values if value not in (None, "")
            )
            return " ".join(str(word) for words in lists for word in words)
    return ""


def format_cluster(task: Payload) -> str:
    """What a task runs on."""
    new = task.get("new_cluster")
    if new:
        return " ".join(str(new[key]) for key in ("node_type_id", "spark_version") if new.get(key)) or "new"
    keys = ("existing_cluster_id", "job_cluster_key", "environment_key")
    return next((str(task[key]) for key in keys if task.get(key)), "")


def format_libraries(tasks: Sequence[Payload]) -> Iterator[str]:
    """`pypi pandas==2.0 (clean, load)`: each library, and the tasks that have it unless all do."""
    users: dict[str, list[str]] = {}
    for task in tasks:
        for library in task.get("libraries") or ():
            for kind, value in library.items():
                name = next(iter(value.values()), "") if isinstance(value, dict) else value
                users.setdefault(f"{kind} {name}", []).append(str(task.get("task_key") or ""))
    for library, keys in users.items():
        yield library if len(keys) == len(tasks) else f"{library} ({', '.join(keys)})"


def format_notifications(settings: Payload) -> Iterator[str]:
    """`on_failure: ann@example.com, webhook 7`, an event each."""
    emails, hooks = settings.get("email_notifications") or {}, settings.get("webhook_notifications") or {}
    for event in NOTIFICATION_EVENTS:
        names = [str(address) for address in emails.get(event) or ()]
        names += [f"webhook {hook.get('id')}" for hook in hooks.get(event) or ()]
        if names:
            yield f"{event}: {', '.join(names)}"


def format_permissions(answer: Payload) -> Iterator[str]:
    """`CAN_MANAGE: ann@example.com, group admins`, a level each; of several that somebody has, the first."""
    by_level: dict[str, list[str]] = {}
    for entry in answer.get("access_control_list") or ():
        group = entry.get("group_name")
        name = f"group {group}" if group else entry.get("user_name") or entry.get("service_principal_name")
        for permission in (entry.get("all_permissions") or ())[:1]:
            by_level.setdefault(str(permission.get("permission_level")), []).append(str(name))
    for level, names in by_level.items():
        yield f"{level}: {', '.join(names)}"
