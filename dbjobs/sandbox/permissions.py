"""Who may do what with jobs and the files of the workspace.

Permissions are kept and given back. They have no effect: whoever has the token may do everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbjobs.sandbox.model import USER_NAME
from dbjobs.sandbox.refusal import invalid

if TYPE_CHECKING:
    from dbjobs.sandbox.state import StateFolder

Principal = tuple[str, str]
"""The kind of a principal and its name."""


class Permissions:
    """The level of each principal, by object; `kept` has those of an earlier sandbox."""

    def __init__(self, kept: StateFolder) -> None:
        self._kept = kept
        self._granted: dict[str, dict[Principal, str]] = {
            saved["object_id"]: {(kind, name): level for kind, name, level in saved["granted"]}
            for saved in kept.read().values()
        }

    def of(self, object_id: str) -> dict[Principal, str]:
        """As they were set; of a job before that, its creator's."""
        default = {("user_name", USER_NAME): "IS_OWNER"} if object_id.startswith("/jobs/") else {}
        return self._granted.get(object_id, default)

    def set(self, object_id: str, granted: dict[Principal, str]) -> None:
        if object_id.startswith("/jobs/") and list(granted.values()).count("IS_OWNER") != 1:
            raise invalid("The job must have exactly one owner.")
        self._granted[object_id] = granted
        listed = [(kind, name, level) for (kind, name), level in granted.items()]
        self._kept.write(_file_name(object_id), {"object_id": object_id, "granted": listed})

    def forget(self, object_id: str) -> None:
        self._granted.pop(object_id, None)
        self._kept.remove(_file_name(object_id))


def _file_name(object_id: str) -> str:
    return object_id.strip("/").replace("/", "-")
