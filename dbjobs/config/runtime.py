"""Inside a notebook or a job of Databricks: the workspace, and credentials of whoever runs it.

Source: https://github.com/databricks/databricks-sdk-py, `databricks/sdk/runtime`
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

RUNTIME_VARIABLE = "DATABRICKS_RUNTIME_VERSION"


class RuntimeCredentials(NamedTuple):
    """What the runtime gives."""

    host: str
    workspace_id: str | None
    headers: Callable[[], Mapping[str, str]]


def runtime_credentials() -> RuntimeCredentials | None:
    """By whichever interface this version of the runtime has; None if it has none, or no notebook runs."""
    for module, name, read in (
        ("dbruntime.sdk_credential_provider", "init_runtime_native_unified", _read_unified),
        ("dbruntime.sdk_credential_provider", "init_runtime_native_auth", _read_native),
        ("dbruntime.databricks_repl_context", "get_context", _read_context),
    ):
        try:
            found = read(getattr(import_module(module), name))
        except Exception:  # noqa: S112 - code of the runtime, which may raise anything
            continue
        if found and found.host:
            return found
    return None


def _read_unified(init: Callable[[], Any]) -> RuntimeCredentials:
    host, _, workspace_id, headers = init()
    return RuntimeCredentials(_url(host), str(workspace_id) if workspace_id else None, headers)


def _read_native(init: Callable[[], Any]) -> RuntimeCredentials:
    host, headers = init()
    return RuntimeCredentials(_url(host), None, headers)


def _read_context(get_context: Callable[[], Any]) -> RuntimeCredentials:
    host = get_context().workspaceUrl
    return RuntimeCredentials(_url(host), None, lambda: {"Authorization": f"Bearer {get_context().apiToken}"})


def _url(host: str | None) -> str:
    return f"https://{host}" if host and "://" not in host else (host or "").rstrip("/")
