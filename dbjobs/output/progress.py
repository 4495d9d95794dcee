"""The view of a watch: live, in lines or as events, as the terminal and the user want it."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from dbjobs.common.clock import Clock
from dbjobs.output.keyboard import is_foreground
from dbjobs.output.streams import Streams
from dbjobs.runs.watching import Snapshot

TICKS = {"live": 0.5, "lines": 5.0, "events": 5.0, "none": math.inf}
"""Seconds between two looks at the time: a clock that runs, or heartbeats that are in time."""

Show = Callable[[Snapshot], None]


def mode_of(progress: str, streams: Streams) -> str:
    """What `--progress` comes to: live on a terminal, lines elsewhere, nothing if it is to be quiet.

    Events are for programs, which get all of them.

    --verbose writes lines of its own, and a job in the background has no terminal of its own:
    a live view could stand among neither.
    """
    if progress == "events":
        return progress
    if streams.quiet:
        return "none"
    if progress not in ("auto", "live"):
        return progress
    has_screen = streams.is_terminal(streams.err) and is_foreground(streams.err)
    return "live" if has_screen and not streams.verbose else "lines"


def open_view(mode: str, streams: Streams, clock: Clock) -> AbstractContextManager[Show]:
    """A view of a watch, on stderr: it shows the snapshots that it is given, and puts the terminal in order.

    `mode` is what `mode_of` returns. Each view loads what it needs, and no more.
    """
    if mode == "live":
        from dbjobs.output.terminal.live import live_view

        return live_view(streams, clock)
    if mode == "events":
        from dbjobs.output.events import EventProgress

        return nullcontext(EventProgress(streams, clock).show)
    if mode == "lines":
        from dbjobs.output.terminal.lines import LineProgress

        return nullcontext(LineProgress(streams, clock).show)
    return nullcontext(lambda snapshot: None)
