"""The work of one attempt: how the engine controls it, and what it leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dbjobs.sandbox.notebooks import SourceCell

OUTPUT_LIMIT = 5 * 1024 * 1024
"""Bytes: the API gives the last 5 MB of logs, and the first 5 MB of a notebook's result."""


class Execution:
    """The work of one attempt; every method is called with the engine's lock held."""

    cells: Sequence[SourceCell] = ()
    """Of a notebook, as they were when it ran."""

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it now: it was asked to end and has not."""

    def advance(self) -> None:
        """React to a change in a run or iteration that it started."""


@dataclass(frozen=True)
class AttemptOutput:
    """What an attempt left behind."""

    logs_path: Path
    error: str | None = None
    error_trace: str | None = None
    notebook_result: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    """What get-output gives besides."""
    cells: list[dict[str, int]] = field(default_factory=list)
    """Of a notebook, each cell that ran: when it `started` and `finished`, and `from` and `to` where in the
    logs it printed."""

    def logs(self) -> tuple[str, bool]:
        """The last 5 MB of what it printed, and whether there was more."""
        size = self.logs_path.stat().st_size if self.logs_path.exists() else 0
        return self.printed(max(0, size - OUTPUT_LIMIT), size), size > OUTPUT_LIMIT

    def printed(self, start: int, end: int) -> str:
        """The part of the logs between two offsets; the last 5 MB of it at most."""
        if not self.logs_path.exists():
            return ""
        with self.logs_path.open("rb") as file:
            file.seek(max(start, end - OUTPUT_LIMIT))
            return file.read(end - file.tell()).decode("utf-8", "replace")
