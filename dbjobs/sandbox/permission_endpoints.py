"""The Permissions API, of jobs and of the files of the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbjobs.sandbox import fields
from dbjobs.sandbox.refusal import RefusalError, invalid

if TYPE_CHECKING:
    from dbjobs.sandbox.call import Call
    from dbjobs.sandbox.model import Json
    from dbjobs.sandbox.permissions import Principal

_JOB_LEVELS = {
    "CAN_VIEW": "Can view the job and its runs",
    "CAN_MANAGE_RUN": "Can view the job, and start and cancel its runs",
    "IS_OWNER": "Owns the job",
    "CAN_MANAGE": "Can do everything with the job",
}
_FILE_LEVELS = {
    "CAN_READ": "Can read",
    "CAN_RUN": "Can read and run",
    "CAN_EDIT": "Can read, run and change",
    "CAN_MANAGE": "Can do everything",
}
_TYPES = {
    "jobs": ("job", _JOB_LEVELS),
    "directories": ("directory", _FILE_LEVELS),
    "notebooks": ("notebook", _FILE_LEVELS),
    "files": ("file", _FILE_LEVELS),
}
_PRINCIPALS = ("user_name", "group_name", "service_principal_name")


def get_permissions(call: Call) -> Json:
    return _show(call, _object_id(call))


def set_permissions(call: Call) -> Json:
    object_id = _object_id(call)
    call.workspace.permissions.set(object_id, _read_granted(call))
    return _show(call, object_id)


def update_permissions(call: Call) -> Json:
    object_id = _object_id(call)
    granted = call.workspace.permissions.of(object_id) | _read_granted(call)
    new_owner = next((key for key, level in _read_granted(call).items() if level == "IS_OWNER"), None)
    if new_owner:  # a job's former owner goes
        granted = {key: level for key, level in granted.items() if level != "IS_OWNER" or key == new_owner}
    call.workspace.permissions.set(object_id, granted)
    return _show(call, object_id)


def get_levels(call: Call) -> Json:
    _object_id(call)
    _, levels = _TYPES[call.params["object_type"]]
    return {
        "permission_levels": [
            {"permission_level": level, "description": description} for level, description in levels.items()
        ]
    }


def _object_id(call: Call) -> str:
    """The object that a call is about, as the API names it; refuses a job that does not exist."""
    kind = fields.text(call.params, "object_type")
    if kind not in _TYPES:
        raise RefusalError(
            404,
            "ENDPOINT_NOT_FOUND",
            f"The sandbox has permissions of {', '.join(_TYPES)} only, not of {kind}.",
        )
    number = fields.integer(call.params, "object_id")
    if kind == "jobs" and not any(job.job_id == number for job in call.workspace.jobs()):
        raise RefusalError(404, "RESOURCE_DOES_NOT_EXIST", f"Job {number} does not exist.")
    return f"/{kind}/{number}"


def _read_granted(call: Call) -> dict[Principal, str]:
    """The `access_control_list` of a request; of a principal that it names twice, the last level."""
    _, levels = _TYPES[call.params["object_type"]]
    granted: dict[Principal, str] = {}
    for item in fields.items(call.params, "access_control_list", "permission_level"):
        named = [(kind, fields.text(item, kind)) for kind in _PRINCIPALS if item.get(kind)]
        if len(named) != 1:
            raise invalid(f"Each item of access_control_list has to have one of {', '.join(_PRINCIPALS)}.")
        if item["permission_level"] not in levels:
            raise invalid(f"permission_level has to be one of {', '.join(levels)}.")
        granted[named[0]] = item["permission_level"]
    return granted


def _show(call: Call, object_id: str) -> Json:
    kind = object_id.split("/")[1]
    listed = [
        {kind: name, "all_permissions": [{"permission_level": level, "inherited": False}]}
        for (kind, name), level in call.workspace.permissions.of(object_id).items()
    ]
    inherited = {"permission_level": "CAN_MANAGE", "inherited": True, "inherited_from_object": [f"/{kind}/"]}
    listed.append({"group_name": "admins", "all_permissions": [inherited]})
    return {"object_id": object_id, "object_type": _TYPES[kind][0], "access_control_list": listed}
