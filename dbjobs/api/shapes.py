"""The fields of responses that are used, and the check of their types.

Responses are checked against these shapes when they arrive, so that no other code has to check
whether `tasks` is a list. A field that is not named here may hold anything, and any field may be
null or absent, unless its name ends with `!`.
Source: https://docs.databricks.com/api/workspace/jobs
"""

import re
from enum import Enum
from typing import Any, TypeAlias

MAX_REQUEST_BYTES = 10 * 1024 * 1024
"""The API takes no larger body."""

MAX_INTEGER = 2**63 - 1
MAX_TIME = 253_402_300_799_999
"""Epoch milliseconds: the end of the year 9999."""


class Kind(Enum):
    """A value that is neither an array nor an object, as an error describes it."""

    TEXT = "text"
    FLAG = "true or false"
    ID = "an id"
    NUMBER = "a number of 64 bits"
    TIME = "a time in epoch milliseconds"


Shape: TypeAlias = "Kind | Fields | list[Shape]"
"""A Kind, the fields of an object, or an array with the shape of its elements."""

Fields: TypeAlias = dict[str, Shape]

TEXT, FLAG, ID, NUMBER, TIME = Kind.TEXT, Kind.FLAG, Kind.ID, Kind.NUMBER, Kind.TIME
OBJECT: Shape = {}

_STATE: Fields = {
    "state": {
        "life_cycle_state": TEXT,
        "result_state": TEXT,
        "state_message": TEXT,
        "queue_reason": TEXT,
        "user_cancelled_or_timedout": FLAG,
    },
    "status": {
        "state": TEXT,
        "termination_details": {"code": TEXT, "type": TEXT, "message": TEXT},
        "queue_details": {"code": TEXT, "message": TEXT},
    },
    "start_time": TIME,
    "end_time": TIME,
}

_TASK_TYPES: Fields = {
    "notebook_task": OBJECT,
    "spark_jar_task": OBJECT,
    "spark_python_task": OBJECT,
    "spark_submit_task": OBJECT,
    "pipeline_task": OBJECT,
    "python_wheel_task": OBJECT,
    "run_job_task": OBJECT,
    "sql_task": OBJECT,
    "dbt_task": OBJECT,
    "new_cluster": {"autoscale": OBJECT},
}

_RUN_FIELDS: Fields = {
    **_STATE,
    "run_id": ID,
    "job_id": ID,
    "run_name": TEXT,
    "run_page_url": TEXT,
    "run_type": TEXT,
    "trigger": TEXT,
    "creator_user_name": TEXT,
    "attempt_number": NUMBER,
    "number_in_job": NUMBER,
    **{f"{part}_duration": NUMBER for part in ("queue", "setup", "execution", "cleanup", "run")},
    "cluster_instance": {"cluster_id": TEXT},
    "task": OBJECT,
    "job_cluster_key": TEXT,
    "libraries": [OBJECT],
    "git_source": {"git_snapshot": OBJECT},
    "trigger_info": OBJECT,
    "cluster_spec": {"new_cluster": {"autoscale": OBJECT}},
}

_TASK_RUN: Fields = {
    **_RUN_FIELDS,
    **_TASK_TYPES,
    "task_key": TEXT,
    "depends_on": [{"task_key!": TEXT}],
    "condition_task": {"left": TEXT, "op": TEXT, "right": TEXT, "outcome": TEXT},
    "for_each_task": {
        "task": OBJECT,
        "stats": {
            "error_message_stats": [{"count": NUMBER, "error_message": TEXT}],
            "task_run_stats": OBJECT,
        },
    },
}

RUN: Fields = {
    **_RUN_FIELDS,
    "tasks": [_TASK_RUN],
    "iterations": [_TASK_RUN],
    "job_clusters": [{"job_cluster_key": TEXT, "new_cluster": {"autoscale": OBJECT}}],
    "job_parameters": [{"name!": TEXT}],
    "overriding_parameters": OBJECT,
    "repair_history": [{**_STATE, "id": ID, "type": TEXT, "task_run_ids": [ID]}],
    "has_more": FLAG,
    "next_page_token": TEXT,
}

_TASK_SETTINGS: Fields = {
    **_TASK_TYPES,
    "task_key": TEXT,
    "depends_on": [{"task_key!": TEXT}],
    "libraries": [OBJECT],
    "condition_task": OBJECT,
    "for_each_task": {"task": OBJECT},
}

NOTIFICATION_EVENTS = (
    "on_start",
    "on_success",
    "on_failure",
    "on_duration_warning_threshold_exceeded",
    "on_streaming_backlog_exceeded",
    "on_maintenance_start",
    "on_maintenance_complete",
)
"""What people and webhooks can be notified of."""

JOB: Fields = {
    "job_id": ID,
    "creator_user_name": TEXT,
    "run_as_user_name": TEXT,
    "created_time": TIME,
    "settings": {
        **_TASK_TYPES,
        "name": TEXT,
        "tasks": [_TASK_SETTINGS],
        "job_clusters": [{"job_cluster_key": TEXT}],
        "environments": [{"environment_key": TEXT}],
        "parameters": [{"name": TEXT}],
        "max_concurrent_runs": NUMBER,
        "timeout_seconds": NUMBER,
        "tags": OBJECT,
        "email_notifications": {event: [TEXT] for event in NOTIFICATION_EVENTS},
        "webhook_notifications": {event: [OBJECT] for event in NOTIFICATION_EVENTS},
        "schedule": {"quartz_cron_expression": TEXT, "timezone_id": TEXT, "pause_status": TEXT},
        "continuous": {"pause_status": TEXT},
        "trigger": {"pause_status": TEXT, "file_arrival": {"url": TEXT}, "periodic": OBJECT},
    },
    "has_more": FLAG,
    "next_page_token": TEXT,
}

JOB_PERMISSIONS = "/api/2.0/permissions/jobs"
"""The path, without the job's id, of an endpoint that is not part of the Jobs API."""

_PERMISSIONS: Fields = {
    "access_control_list": [
        {
            "user_name": TEXT,
            "group_name": TEXT,
            "service_principal_name": TEXT,
            "all_permissions": [{"permission_level": TEXT}],
        }
    ]
}
"""Source: https://docs.databricks.com/api/workspace/jobs/getpermissions"""

_PAGE: Fields = {"has_more": FLAG, "next_page_token": TEXT}

ANSWERS: dict[str, Fields] = {
    "create": {"job_id!": ID},
    "get": {"job_id!": ID, **JOB},
    "list": {**_PAGE, "jobs": [{"job_id!": ID, **JOB}]},
    "reset": {},
    "update": {},
    "delete": {},
    "run-now": {"run_id!": ID, "number_in_job": NUMBER},
    "runs/submit": {"run_id!": ID},
    "runs/get": {"run_id!": ID, **RUN},
    "runs/list": {**_PAGE, "runs": [{"run_id!": ID, **RUN}]},
    "runs/get-output": {
        "notebook_output": {"result": TEXT, "truncated": FLAG},
        "run_job_output": {"run_id": ID},
        "sql_output": OBJECT,
        "dbt_output": OBJECT,
        "logs": TEXT,
        "logs_truncated": FLAG,
        "error": TEXT,
        "error_trace": TEXT,
        "info": TEXT,
        "metadata": RUN,
    },
    "runs/export": {"views": [{"content": TEXT, "name": TEXT, "type": TEXT}]},
    "runs/cancel": {},
    "runs/cancel-all": {},
    "runs/delete": {},
    "runs/repair": {"repair_id!": ID},
    JOB_PERMISSIONS: _PERMISSIONS,
}
"""By endpoint. `{}`: the response has no fields."""

LATER_PAGES: dict[str, Fields] = {"get": JOB, "runs/get": RUN}
"""By endpoint: pages after the first may lack the id."""


class ShapeError(ValueError):
    """A field has a value of a wrong type; the message has its path, and no value."""


class MissingFieldError(ShapeError):
    """The response lacks a field without which it is useless."""


def check_shape(answer: dict[str, Any], shape: Fields) -> None:
    """Raise a ShapeError if the answer does not match. Numbers sent as strings of digits are converted."""
    for name in shape:
        if name.endswith("!") and answer.get(name[:-1]) is None:
            raise MissingFieldError(name[:-1])
    _check_object(answer, shape, "")


def _check(value: Any, shape: Shape, path: str) -> None:
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            raise ShapeError(f"{path} is {_name(value)} instead of an object")
        _check_object(value, shape, path)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise ShapeError(f"{path} is {_name(value)} instead of an array")
        for index, item in enumerate(value):
            _check(item, shape[0], f"{path}[{index}]")
    elif not _fits(value, shape):
        raise ShapeError(f"{path} is {_name(value)} instead of {shape.value}")


def _check_object(value: dict[str, Any], shape: Fields, path: str) -> None:
    for marked_name, expected in shape.items():
        name = marked_name.removesuffix("!")
        found = value.get(name)
        here = f"{path}.{name}" if path else name
        if found is not None:
            if isinstance(found, str) and expected in _NUMBERS and re.fullmatch(r"[0-9]{1,19}", found):
                found = value[name] = int(found)
            _check(found, expected, here)
        elif name != marked_name:
            raise ShapeError(f"{here} is missing")


_NUMBERS = (ID, NUMBER, TIME)


def _fits(value: Any, kind: Kind) -> bool:
    if kind is TEXT:
        return isinstance(value, str)
    if kind is FLAG:
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | float if kind is NUMBER else int):
        return False
    least, most = (-MAX_INTEGER if kind is NUMBER else 0), (MAX_TIME if kind is TIME else MAX_INTEGER)
    return bool(least <= value <= most)


def _name(value: Any) -> str:
    """What a value is in JSON."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return "another number"
    names = {dict: "an object", list: "an array", str: "text", type(None): "null"}
    return names.get(type(value), "something else")
