"""The live view on a terminal: frames drawn over each other, the last one left behind."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from rich.text import Text

from dbjobs.common.clock import Clock
from dbjobs.output.keyboard import Keyboard, TerminalModes, is_foreground
from dbjobs.output.stdio import wait_until_writable
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.controls import Controls, add_footer
from dbjobs.output.terminal.guard import Guard, start_guard
from dbjobs.output.terminal.painter import ERASE_AFTER_CURSOR, ERASE_BELOW, Painter
from dbjobs.output.terminal.run_view import render_snapshot
from dbjobs.output.terminal.screen import console_for, size_of
from dbjobs.output.terminal.style import glyphs_for
from dbjobs.output.terminal.theme import theme_for
from dbjobs.output.terminal.window import (
    LAST_REPLY,
    LONG_WAIT,
    Window,
    background_in,
    has_synchronized_output,
    title_of,
)
from dbjobs.output.view import View
from dbjobs.runs.snapshots import Ending, Snapshot

FINAL_HEIGHT = 200
"""Lines of the last frame once all runs have ended: it may scroll."""

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"

SECONDS_FOR_PAUSED_TERMINAL = 1.0
"""How long a terminal that takes no output is waited for at the end."""

SECONDS_FOR_REPLIES = 0.25
"""A terminal on this machine replies within milliseconds; a slow one is waited for once more at the end, lest
its replies end up in the shell."""


@contextmanager
def live_view(streams: Streams, clock: Clock, *, has_keys: bool = True) -> Iterator[View]:
    """Shows snapshots on stderr; whatever ends it, the last frame stays and the cursor comes back.

    `has_keys`: keys are read, and the window gets a title and a notification.
    """
    live = LiveView(streams, clock, has_keys=has_keys)
    with live.suspendable():
        try:
            yield View(live.show, live.paused, live.read_keys, live.sleep)
        finally:
            live.close()


class LiveView:
    """What is on the terminal, and what it was before."""

    def __init__(self, streams: Streams, clock: Clock, *, has_keys: bool) -> None:
        self.streams = streams
        self.clock = clock
        self.console = console_for(streams, streams.err)
        self.painter = Painter(self.console)
        self.has_keys = has_keys
        self.keyboard = Keyboard(sys.stdin)
        self.controls = Controls()
        self.window = Window(streams.environ, is_wanted=has_keys)
        self.echo = TerminalModes(streams.err, ("ECHO",))
        self.line_mode = TerminalModes(sys.stdin, ("ICANON",) if has_keys else ())
        self._snapshot: Snapshot | None = None
        self._size = size_of(streams.err)
        self._guard: Guard | None = None
        self._has_terminal = False
        """it is in the modes of the view"""
        self._is_busy = False
        """something is being written, which a signal must not interrupt"""
        self._was_stopped = False
        self._has_asked = False
        """the terminal what it can do"""

    def show(self, snapshot: Snapshot) -> None:
        """Draw a frame; only what has changed is written."""
        self._snapshot = snapshot
        if is_foreground(self.streams.err):  # else the shell put this process into the background
            with self._busy():
                self._draw()

    @property
    def _reads_keys(self) -> bool:
        """Keys arrive one by one, and are meant for this process."""
        is_ready = self._has_terminal and self.line_mode.is_off and self.keyboard.is_open
        return is_ready and is_foreground(self.streams.err)

    def read_keys(self) -> str:
        """The keys that are for the wait; the others have changed the view."""
        replies = self.keyboard.replies
        keys = self.keyboard.read() if self._reads_keys else []
        pressed = self.controls.press(keys)
        if self.keyboard.replies != replies:  # of a slow terminal
            self._use_replies()
        elif not keys:
            return ""
        if self._snapshot:
            self.show(self._snapshot)
        return pressed

    def sleep(self, seconds: float) -> None:
        """A key ends it early."""
        if self._reads_keys:
            self.keyboard.wait(seconds)
        else:
            self.clock.sleep(seconds)

    def close(self) -> None:
        """Leave the last frame behind."""
        if self._snapshot and self._has_terminal and is_foreground(self.streams.err):
            with self._busy(), suppress(OSError, ValueError):  # the terminal may be gone
                self.controls = Controls()
                frame = self._render(self._snapshot, has_footer=False)
                is_long_wait = self._snapshot.ending and self._snapshot.elapsed > LONG_WAIT
                notification = self.window.notify(self._title(self._snapshot)) if is_long_wait else ""
                self._write(self.painter.draw_last(frame) + SHOW_CURSOR + notification)
            if self._has_asked and self._reads_keys:
                self.keyboard.await_reply(LAST_REPLY, SECONDS_FOR_REPLIES)
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
        text = "" if self._has_terminal else self._take()
        if self._snapshot.ending is not Ending.ALL_ENDED:  # which `close` draws, once
            text += self.painter.draw(self._render(self._snapshot), size.columns)
        self._write(text + self.window.set_title(self._title(self._snapshot)))

    def _render(self, snapshot: Snapshot, *, has_footer: bool = True) -> Text:
        is_final = snapshot.ending is Ending.ALL_ENDED
        columns, lines = size_of(self.streams.err)
        # a line less than the terminal has: a full screen would scroll
        height = max(FINAL_HEIGHT, lines) if is_final else lines - 1
        now, glyphs = self.clock.now(), glyphs_for(self.streams.err)
        has_footer = has_footer and self._reads_keys and not snapshot.ending
        footer = self.controls.footer(snapshot, columns, lines, glyphs) if has_footer else []
        frame = render_snapshot(
            snapshot,
            width=columns,
            height=height - len(footer),
            now=now,
            glyphs=glyphs,
            has_filter=self.controls.has_filter,
            is_unfolded=self.controls.is_unfolded,
        )
        if has_footer:
            frame = add_footer(frame, footer, columns, glyphs)
        censored = self.streams.censor(frame.plain)
        return frame if censored == frame.plain else Text(censored)

    def _take(self) -> str:
        """The terminal is not changed before there is something to show."""
        self._has_terminal = True
        self.echo.switch_off()
        self.line_mode.switch_off()
        self._guard = self._guard or start_guard(
            self.streams.err, SHOW_CURSOR + ERASE_AFTER_CURSOR + self.window.restore_title()
        )
        if self._reads_keys and not self._has_asked and self.window.questions:
            self._has_asked = True
            self._write(self.window.questions)
            self.keyboard.await_reply(LAST_REPLY, SECONDS_FOR_REPLIES)
            self._use_replies()
        return self.window.save_title() + (HIDE_CURSOR if self._guard else "")

    def _use_replies(self) -> None:
        """What the terminal says of synchronized output and of its background."""
        replies = self.keyboard.replies
        self.painter.is_synchronized = has_synchronized_output(replies)
        self.console.push_theme(theme_for(self.streams.environ, background_in(replies)))
        self.painter.forget()

    def _title(self, snapshot: Snapshot) -> str:
        return self.streams.censor(title_of(snapshot, self.clock.now(), glyphs_for(self.streams.err)))

    def _release(self) -> None:
        if self._has_terminal:
            self._send(self.window.restore_title())
        self.line_mode.restore()
        self.echo.restore()
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
            terminal = self.streams.err.fileno()
            if wait_until_writable(terminal, SECONDS_FOR_PAUSED_TERMINAL):  # not after Ctrl-S, for one
                os.write(terminal, data)
