"""The live view on a terminal: frames drawn over each other, the last one left behind."""

from collections.abc import Callable, Iterator
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
from dbjobs.runs.watching import Ending, Snapshot

FINAL_HEIGHT = 200
"""Lines of the view that stays behind once all runs have ended: it may scroll."""

_ERASE_ROW_ABOVE = (
    (ControlType.CARRIAGE_RETURN,),
    (ControlType.ERASE_IN_LINE, 2),
    (ControlType.CURSOR_UP, 1),
)


@contextmanager
def live_view(streams: Streams, clock: Clock) -> Iterator[Callable[[Snapshot], None]]:
    """Shows snapshots on stderr; whatever ends it, the last frame stays and the cursor comes back."""
    with ExitStack() as stack:
        yield _Painter(streams, clock, console_for(streams, streams.err), stack).show


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
        is_resized = self._follow_size()
        if snapshot.ending is Ending.ALL_ENDED:
            self._draw(self._render(snapshot, max(FINAL_HEIGHT, self.console.height)), is_final=True)
            return
        # a line less than there is room for: a full screen would scroll
        frame = self._render(snapshot, self.console.height - 1)
        if is_resized or frame != self.frame:
            self._draw(frame)

    def _render(self, snapshot: Snapshot, height: int) -> Text:
        glyphs = glyphs_for(self.streams.err)
        width = self.console.width
        frame = render_snapshot(snapshot, width=width, height=height, now=self.clock.now(), glyphs=glyphs)
        censored = self.streams.censor(frame.plain)
        return frame if censored == frame.plain else Text(censored, no_wrap=True, overflow="crop")

    def _draw(self, frame: Text, *, is_final: bool = False) -> None:
        self.frame = frame
        live = self.live or self._start()
        live.update(frame, refresh=not is_final)  # the end of Live draws the final one, once

    def _start(self) -> Live:
        """Nothing is touched before there is something to show."""
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

    def _follow_size(self) -> bool:
        """Take over the terminal's size if it changed."""
        size = size_of(self.streams.err)
        if tuple(size) == tuple(self.console.size):
            return False
        if size.columns < self.console.width:
            self._erase_overflow(size.columns)
        self.console.size = ConsoleDimensions(*size)
        return True

    def _erase_overflow(self, width: int) -> None:
        """A narrowed terminal breaks the old frame's lines: erase the rows by which it grew.

        Live then erases as many rows as the frame had. XTerm and GNU Screen cut lines instead.
        """
        environ = self.streams.environ
        if self.live is None or "XTERM_VERSION" in environ or "STY" in environ:
            return
        lines = self.frame.plain.split("\n")
        extra = sum(max(0, -(-Text(line).cell_len // width) - 1) for line in lines)
        self.console.control(*[Control(*_ERASE_ROW_ABOVE)] * extra)
