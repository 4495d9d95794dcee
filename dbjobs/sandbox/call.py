"""A request, as an endpoint gets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbjobs.sandbox import fields

if TYPE_CHECKING:
    from dbjobs.sandbox.model import Json
    from dbjobs.sandbox.paging import Tokens
    from dbjobs.sandbox.workspace import Workspace


@dataclass(frozen=True)
class Call:
    """A request whose sender is known and whose body was read."""

    version: str
    params: Json
    """The query, the fields of the body and of the path, in one mapping."""
    workspace: Workspace
    tokens: Tokens
    url: str
    body: bytes = b""
    """As it was sent, for an endpoint that takes a file."""

    @property
    def job_id(self) -> int:
        return fields.integer(self.params, "job_id")

    @property
    def run_id(self) -> int:
        return fields.integer(self.params, "run_id")

    @property
    def path(self) -> str:
        """Of a file or a folder."""
        path = fields.text(self.params, "path")
        return path if path.startswith(("/", "dbfs:")) else f"/{path}"
