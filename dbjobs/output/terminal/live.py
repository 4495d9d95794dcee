"""The live view on a terminal: each frame is drawn over the one before; the last one stays."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from rich.console import Console, ConsoleDimensions
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType
from rich.text import Text

from dbjobs.common.clock import Clock
from dbjobs.output.keyboard import without_echo
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.run_view import render_snapshot
from dbjobs.output.terminal.screen import console_for, size_of
from dbjobs.output.terminal.style import glyphs_for
from dbjobs.output.view import View
from dbjobs.runs.watching import Ending, Snapshot

FINAL_HEIGHT = 200
"""Lines of the last frame once all runs have ended: it may scroll."""

_ERASE_ROW_ABOVE = (
    (ControlType.CARRIAGE_RETURN,),
    (ControlType.ERASE_IN_LINE, 2),
    (ControlType.CURSOR_UP, 1),
)


@contextmanager
def live_view(streams: Streams, clock: Clock) -> Iterator[View]:
    """Shows snapshots on stderr; whatever ends it, the last frame stays and the cursor comes back."""
    with ExitStack() as stack:
        painter = _Painter(streams, clock, console_for(streams, streams.err), stack)
        yield View(painter.show, painter.paused)


@dataclass
class _Painter:
    streams: Streams
    clock: Clock
    console: Console
    stack: ExitStack
    live: Live | None = None
    frame: Text = field(default_factory=Text)

    def show(self, snapshot: Snapshot) -> None:
        """Draw a frame, unless the terminal shows just that already."""
        is_final = snapshot.ending is Ending.ALL_ENDED
        size = size_of(self.streams.err)
        is_resized = tuple(size) != tuple(self.console.size)
        if is_resized:
            if self.live and size.columns < self.console.width:
                self._erase_overflow(size.columns)
            self.console.size = ConsoleDimensions(*size)
        # a line less than the terminal has: a full screen would scroll
        height = max(FINAL_HEIGHT, size.lines) if is_final else size.lines - 1
        now, glyphs = self.clock.now(), glyphs_for(self.streams.err)
        frame = render_snapshot(snapshot, width=size.columns, height=height, now=now, glyphs=glyphs)
        censored = self.streams.censor(frame.plain)
        if censored != frame.plain:
            frame = Text(censored, no_wrap=True, overflow="crop")
        if is_final or is_resized or frame != self.frame:
            self.frame = frame
            # the end of Live draws the final one, once
            (self.live or self._start()).update(frame, refresh=not is_final)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The frame makes room for lines that stay above it, and is drawn again below them."""
        if self.live:
            self.live.update(Text(), refresh=True)
        yield
        if self.live:
            self.live.update(self.frame, refresh=True)

    def _start(self) -> Live:
        """The terminal is not changed before there is something to show."""
        live = Live(
            console=self.console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self.stack.enter_context(without_echo(self.streams.err))
        self.stack.callback(self.console.show_cursor)
        self.live = self.stack.enter_context(live)
        return live

    def _erase_overflow(self, width: int) -> None:
        """A narrowed terminal breaks the old frame's lines: erase the rows by which it grew.

        Live then erases as many rows as the frame had. XTerm and GNU Screen cut lines instead.
        """
        if "XTERM_VERSION" in self.streams.environ or "STY" in self.streams.environ:
            return
        lines = self.frame.plain.split("\n")
        extra = sum(max(0, -(-Text(line).cell_len // width) - 1) for line in lines)
        self.console.control(*[Control(*_ERASE_ROW_ABOVE)] * extra)
