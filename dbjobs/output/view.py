"""What every view of a watch can do: show a snapshot, and make room for other text."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbjobs.runs.snapshots import Snapshot


def _draw_nothing(snapshot: "Snapshot") -> None:
    """What a wait without progress shows."""


@dataclass(frozen=True)
class View:
    """A view of a watch."""

    show: Callable[["Snapshot"], None] = _draw_nothing
    paused: Callable[[], AbstractContextManager[None]] = nullcontext
    """a context in which other text may be written: a view that is drawn over itself is gone meanwhile"""
    read_keys: Callable[[], str] = str
    """the keys for the wait since the last call: `r` polls, `o` opens the page, `d` detaches, `c` cancels"""
    sleep: Callable[[float], None] | None = None
    """a pause that a key ends early"""
