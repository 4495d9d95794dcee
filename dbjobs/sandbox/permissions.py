"""Who may do what with jobs and the files of the workspace.

Permissions are kept and given back. They have no effect: whoever has the token may do everything.
"""

from __future__ import annotations

from dbjobs.sandbox.model import USER_NAME
from dbjobs.sandbox.refusal import invalid

Principal = tuple[str, str]
"""The kind of a principal and its name."""


class Permissions:
    """The level of each principal, by object."""

    def __init__(self) -> None:
        self._granted: dict[str, dict[Principal, str]] = {}

    def of(self, object_id: str) -> dict[Principal, str]:
        """As they were set; of a job before that, its creator's."""
        default = {("user_name", USER_NAME): "IS_OWNER"} if object_id.startswith("/jobs/") else {}
        return self._granted.get(object_id, default)

    def set(self, object_id: str, granted: dict[Principal, str]) -> None:
        if object_id.startswith("/jobs/") and list(granted.values()).count("IS_OWNER") != 1:
            raise invalid("The job must have exactly one owner.")
        self._granted[object_id] = granted
