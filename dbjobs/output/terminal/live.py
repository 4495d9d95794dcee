"""The live view on a terminal: frames drawn over each other, the last one left behind."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from rich.console import Console
from rich.text import Text

from dbjobs.common.clock import Clock
from dbjobs.output.keyboard import TerminalModes, is_foreground, read_pressed_keys
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.guard import Guard, start_guard
from dbjobs.output.terminal.painter import ERASE_BELOW, Painter
from dbjobs.output.terminal.run_view import render_snapshot
from dbjobs.output.terminal.screen import console_for, size_of
from dbjobs.output.terminal.style import glyphs_for
from dbjobs.output.view import View
from dbjobs.runs.snapshots import Ending, Snapshot

FINAL_HEIGHT = 200
"""Lines of the last frame once all runs have ended: it may scroll."""

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


@contextmanager
def live_view(streams: Streams, clock: Clock) -> Iterator[View]:
    """Shows snapshots on stderr; whatever ends it, the last frame stays and the cursor comes back."""
    console = console_for(streams, streams.err)
    live = LiveView(streams, clock, console, Painter(console))
    with live.suspendable():
        try:
            yield View(live.show, live.paused, live.read_keys)
        finally:
            live.close()


class LiveView:
    """What is on the terminal, and what it was before."""

    def __init__(self, streams: Streams, clock: Clock, console: Console, painter: Painter) -> None:
        self.streams = streams
        self.clock = clock
        self.console = console
        self.painter = painter
        self.modes = [TerminalModes(streams.err, ("ECHO",)), TerminalModes(sys.stdin, ("ECHO", "ICANON"))]
        self._snapshot: Snapshot | None = None
        self._size = size_of(streams.err)
        self._guard: Guard | None = None
        self._has_terminal = False
        """it is in the modes of the view"""
        self._is_busy = False
        """something is being written, which a signal must not interrupt"""
        self._was_stopped = False

    def show(self, snapshot: Snapshot) -> None:
        """Draw a frame; only what has changed is written."""
        self._snapshot = snapshot
        if is_foreground(self.streams.err):  # else the shell put this process into the background
            with self._busy():
                self._draw()

    def read_keys(self) -> str:
        """What was typed since the last call."""
        return read_pressed_keys(sys.stdin) if self._has_terminal and self.modes[1].is_off else ""

    def close(self) -> None:
        """Leave the last frame behind."""
        if self._snapshot and self._has_terminal and is_foreground(self.streams.err):
            with self._busy(), suppress(OSError, ValueError):  # the terminal may be gone
                self._write(self.painter.draw_last(self._render(self._snapshot)) + SHOW_CURSOR)
        self._release()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The frame makes room for lines that stay above it, and is drawn again below them."""
        if not self._has_terminal:
            yield
            return
        with self._busy():
            self._write(ERASE_BELOW)
            self.painter.forget()
            yield
            if is_foreground(self.streams.err):
                self._draw()

    @contextmanager
    def suspendable(self) -> Iterator[None]:
        """Ctrl-Z leaves the terminal as it was, and `fg` draws a frame below what the shell has written."""
        try:
            signals = (signal.SIGTSTP, signal.SIGCONT)
            before = [signal.signal(*pair) for pair in zip(signals, (self._stop, self._go_on), strict=True)]
        except (AttributeError, ValueError):  # Windows; or not the main thread, which gets the signals
            yield
            return
        try:
            yield
        finally:
            for signum, handler in zip(signals, before, strict=True):
                signal.signal(signum, handler)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._was_stopped = True
        if not self._is_busy:
            self._suspend()

    def _suspend(self) -> None:
        self._was_stopped = False
        if self._has_terminal and is_foreground(self.streams.err):
            self._send(self.painter.leave() + SHOW_CURSOR)
        self._release()
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)  # continues here
        signal.signal(signal.SIGTSTP, handler)

    def _go_on(self, signum: int, frame: FrameType | None) -> None:
        self.painter.forget()
        if not self._is_busy and self._snapshot and is_foreground(self.streams.err):
            self.show(self._snapshot)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False
            if self._was_stopped:
                self._suspend()

    def _draw(self) -> None:
        assert self._snapshot is not None  # noqa: S101 - `show` has just set it
        size = size_of(self.streams.err)
        if size != self._size:
            self.painter.forget()
            self._size = size
        started = "" if self._has_terminal else self._take()
        is_final = self._snapshot.ending is Ending.ALL_ENDED  # which `close` draws, once
        self._write(
            started + ("" if is_final else self.painter.draw(self._render(self._snapshot), size.columns))
        )

    def _render(self, snapshot: Snapshot) -> Text:
        is_final = snapshot.ending is Ending.ALL_ENDED
        columns, lines = size_of(self.streams.err)
        # a line less than the terminal has: a full screen would scroll
        height = max(FINAL_HEIGHT, lines) if is_final else lines - 1
        now, glyphs = self.clock.now(), glyphs_for(self.streams.err)
        frame = render_snapshot(snapshot, width=columns, height=height, now=now, glyphs=glyphs)
        censored = self.streams.censor(frame.plain)
        return frame if censored == frame.plain else Text(censored)

    def _take(self) -> str:
        """The terminal is not changed before there is something to show."""
        self._has_terminal = True
        for modes in self.modes:
            modes.switch_off()
        self._guard = self._guard or start_guard(self.streams.err)
        return HIDE_CURSOR if self._guard else ""

    def _release(self) -> None:
        for modes in self.modes:
            modes.restore()
        if self._guard:
            self._guard.dismiss()
        self._guard = None
        self._has_terminal = False
        self.painter.forget()

    def _write(self, text: str) -> None:
        if text:
            self.streams.err.write(text)
            self.streams.err.flush()

    def _send(self, text: str) -> None:
        """The same for signal handlers, which may have come in the middle of a write to the stream."""
        data = text.encode()
        with suppress(OSError, ValueError):
            os.write(self.streams.err.fileno(), data)
