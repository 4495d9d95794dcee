"""The workspace and the credentials that Databricks gives to the notebooks and jobs that it runs.

Source: https://github.com/databricks/databricks-sdk-py, `databricks/sdk/runtime`
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

VARIABLE = "DATABRICKS_RUNTIME_VERSION"
"""Set wherever the runtime is."""


class RuntimeCredentials(NamedTuple):
    """What the runtime gives."""

    host: str
    workspace_id: str | None
    headers: Callable[[], Mapping[str, str]]


def runtime_credentials(environ: Mapping[str, str], host: str | None = None) -> RuntimeCredentials | None:
    """By whichever interface this version of the runtime has; None outside of one, or for another host."""
    if VARIABLE not in environ:
        return None
    for module, name in (
        ("dbruntime.sdk_credential_provider", "init_runtime_native_unified"),
        ("dbruntime.sdk_credential_provider", "init_runtime_native_auth"),
        ("dbruntime.databricks_repl_context", "get_context"),
    ):
        try:
            found = _read(name, getattr(import_module(module), name))
        except Exception:  # noqa: S112 - code of the runtime, which may raise anything
            continue
        if found.host:
            return found if host in (None, found.host) else None
    return None


def _read(name: str, interface: Callable[[], Any]) -> RuntimeCredentials:
    """What an interface gives; each version of the runtime has its own."""
    workspace_id: Any = None
    if name == "get_context":
        host = interface().workspaceUrl

        def headers() -> dict[str, str]:
            return {"Authorization": f"Bearer {interface().apiToken}"}

    elif name == "init_runtime_native_auth":
        host, headers = interface()
    else:
        host, _, workspace_id, headers = interface()
    host = f"https://{host}" if host and "://" not in host else (host or "").rstrip("/")
    return RuntimeCredentials(host, str(workspace_id) if workspace_id else None, headers)
