"""The table of endpoints: what answers a request, and the versions that have it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dbjobs.sandbox import clusters, dbfs_endpoints, job_endpoints, permission_endpoints, workspace_endpoints
from dbjobs.sandbox.model import USER_NAME
from dbjobs.sandbox.refusal import no_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbjobs.sandbox.call import Call
    from dbjobs.sandbox.model import Json


@dataclass(frozen=True)
class Endpoint:
    """`function` gives the answer: an object, or the content of a file."""

    function: Callable[[Call], Json | bytes]
    versions: tuple[str, ...]
    takes_file: bool = False
    """The body is a file's content, and not JSON."""


def endpoint_name(path: str) -> str:
    """What scenarios and people call it: `runs/get` for `jobs/runs/get`."""
    return path.removeprefix("jobs/")


def find_endpoint(method: str, path: str) -> tuple[Endpoint | None, Json]:
    """The endpoint for `/api/{version}/{path}`, and what its path holds where the table has `{name}`."""
    if found := ENDPOINTS.get((method, path)):
        return found, {}
    for (listed, template), endpoint in _TEMPLATES.items():
        if listed == method and (match := template.fullmatch(path)):
            return endpoint, match.groupdict()
    return None, {}


def answer(method: str, path: str, call: Call) -> Json | bytes:
    endpoint, held = find_endpoint(method, path)
    if endpoint is None or call.version not in endpoint.versions:
        raise no_endpoint(method, f"/{path}")
    return endpoint.function(replace(call, params=call.params | held))


def who_am_i(call: Call) -> Json:
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": "1",
        "userName": USER_NAME,
        "displayName": "Sandbox user",
        "active": True,
        "emails": [{"type": "work", "value": USER_NAME, "primary": True}],
    }


_ALL = ("2.0", "2.1", "2.2")
_OLD = ("2.0",)
_CLUSTERS = ("2.0", "2.1")

ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("POST", "jobs/create"): Endpoint(job_endpoints.create_job, _ALL),
    ("GET", "jobs/get"): Endpoint(job_endpoints.get_job, _ALL),
    ("GET", "jobs/list"): Endpoint(job_endpoints.list_jobs, _ALL),
    ("POST", "jobs/reset"): Endpoint(job_endpoints.reset_job, _ALL),
    ("POST", "jobs/update"): Endpoint(job_endpoints.update_job, _ALL),
    ("POST", "jobs/delete"): Endpoint(job_endpoints.delete_job, _ALL),
    ("POST", "jobs/run-now"): Endpoint(job_endpoints.run_now, _ALL),
    ("POST", "jobs/runs/submit"): Endpoint(job_endpoints.submit_run, _ALL),
    ("GET", "jobs/runs/get"): Endpoint(job_endpoints.get_run, _ALL),
    ("GET", "jobs/runs/list"): Endpoint(job_endpoints.list_runs, _ALL),
    ("GET", "jobs/runs/get-output"): Endpoint(job_endpoints.get_output, _ALL),
    ("GET", "jobs/runs/export"): Endpoint(job_endpoints.export_run, _ALL),
    ("POST", "jobs/runs/cancel"): Endpoint(job_endpoints.cancel_run, _ALL),
    ("POST", "jobs/runs/cancel-all"): Endpoint(job_endpoints.cancel_all_runs, _ALL),
    ("POST", "jobs/runs/delete"): Endpoint(job_endpoints.delete_run, _ALL),
    ("POST", "jobs/runs/repair"): Endpoint(job_endpoints.repair_run, ("2.1", "2.2")),
    ("GET", "preview/scim/v2/Me"): Endpoint(who_am_i, _OLD),
    ("POST", "workspace/mkdirs"): Endpoint(workspace_endpoints.make_folder, _OLD),
    ("GET", "workspace/get-status"): Endpoint(workspace_endpoints.get_status, _OLD),
    ("GET", "workspace/list"): Endpoint(workspace_endpoints.list_folder, _OLD),
    ("POST", "workspace/import"): Endpoint(workspace_endpoints.import_object, _OLD),
    ("GET", "workspace/export"): Endpoint(workspace_endpoints.export_object, _OLD),
    ("POST", "workspace/delete"): Endpoint(workspace_endpoints.delete_object, _OLD),
    ("POST", "workspace-files/import-file/{path}"): Endpoint(
        workspace_endpoints.import_file, _OLD, takes_file=True
    ),
    ("POST", "dbfs/put"): Endpoint(dbfs_endpoints.put, _OLD),
    ("POST", "dbfs/create"): Endpoint(dbfs_endpoints.create, _OLD),
    ("POST", "dbfs/add-block"): Endpoint(dbfs_endpoints.add_block, _OLD),
    ("POST", "dbfs/close"): Endpoint(dbfs_endpoints.close, _OLD),
    ("GET", "dbfs/read"): Endpoint(dbfs_endpoints.read, _OLD),
    ("GET", "dbfs/list"): Endpoint(dbfs_endpoints.list_folder, _OLD),
    ("GET", "dbfs/get-status"): Endpoint(dbfs_endpoints.get_status, _OLD),
    ("POST", "dbfs/mkdirs"): Endpoint(dbfs_endpoints.make_folder, _OLD),
    ("POST", "dbfs/delete"): Endpoint(dbfs_endpoints.delete, _OLD),
    ("GET", "permissions/{object_type}/{object_id}"): Endpoint(permission_endpoints.get_permissions, _OLD),
    ("PUT", "permissions/{object_type}/{object_id}"): Endpoint(permission_endpoints.set_permissions, _OLD),
    ("PATCH", "permissions/{object_type}/{object_id}"): Endpoint(
        permission_endpoints.update_permissions, _OLD
    ),
    ("GET", "permissions/{object_type}/{object_id}/permissionLevels"): Endpoint(
        permission_endpoints.get_levels, _OLD
    ),
    ("GET", "clusters/spark-versions"): Endpoint(clusters.list_spark_versions, _CLUSTERS),
    ("GET", "clusters/list-node-types"): Endpoint(clusters.list_node_types, _CLUSTERS),
    ("GET", "clusters/list"): Endpoint(clusters.list_clusters, _CLUSTERS),
}


def _template(path: str) -> re.Pattern[str]:
    """Of a path with names in braces: `{path}` holds the rest, any other one segment."""
    return re.compile(
        re.sub(r"\{(\w+)\}", lambda name: f"(?P<{name[1]}>{'.+' if name[1] == 'path' else '[^/]+'})", path),
        re.DOTALL,
    )


_TEMPLATES: dict[tuple[str, Any], Endpoint] = {
    (method, _template(path)): endpoint for (method, path), endpoint in ENDPOINTS.items() if "{" in path
}
