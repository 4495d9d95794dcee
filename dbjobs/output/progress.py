"""The view of a watch: live, in lines or as events, as the terminal and the user want it."""

import math
from contextlib import AbstractContextManager, nullcontext
from enum import Enum

from dbjobs.common.clock import Clock
from dbjobs.output.keyboard import is_foreground
from dbjobs.output.streams import Streams
from dbjobs.output.view import View


class ProgressMode(str, Enum):
    """How a wait reports progress, on stderr."""

    AUTO = "auto"
    LIVE = "live"
    LINES = "lines"
    EVENTS = "events"
    NONE = "none"


TICKS = {
    ProgressMode.LIVE: 0.5,
    ProgressMode.LINES: 5.0,
    ProgressMode.EVENTS: 5.0,
    ProgressMode.NONE: math.inf,
}
"""Seconds between two updates of the time that is shown, or between two checks for a heartbeat."""

LONGEST_LIVE_PAUSE = 15.0
"""Seconds between two polls at most while somebody looks, unless the user has set the pauses."""


def resolve_mode(mode: ProgressMode, streams: Streams) -> ProgressMode:
    """The mode that `--progress` results in: live on a terminal, lines elsewhere, none if quiet.

    Events are for programs, which get all of them.

    --verbose writes lines of its own, and a job in the background has no terminal of its own:
    a live view works with neither.
    """
    if mode is ProgressMode.EVENTS:
        return mode
    if streams.quiet:
        return ProgressMode.NONE
    if mode not in (ProgressMode.AUTO, ProgressMode.LIVE):
        return mode
    has_screen = streams.is_terminal(streams.err) and is_foreground(streams.err)
    return ProgressMode.LIVE if has_screen and not streams.verbose else ProgressMode.LINES


def open_view(
    mode: ProgressMode, streams: Streams, clock: Clock, *, has_keys: bool = True
) -> AbstractContextManager[View]:
    """A view of a watch, on stderr: it shows the snapshots that it is given, and puts the terminal in order.

    `mode` is what `resolve_mode` returns. `has_keys`: a live view reads keys.
    Each view loads what it needs, and no more.
    """
    if mode is ProgressMode.LIVE:
        from dbjobs.output.terminal.live import live_view

        return live_view(streams, clock, has_keys=has_keys)
    if mode is ProgressMode.EVENTS:
        from dbjobs.output.events import EventProgress

        return nullcontext(View(EventProgress(streams, clock).show))
    if mode is ProgressMode.LINES:
        from dbjobs.output.terminal.lines import LineProgress

        return nullcontext(View(LineProgress(streams, clock).show))
    return nullcontext(View())
