"""A shell in tmux: a real terminal emulator that breaks long lines anew when its window is resized."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from uuid import uuid4

import pytest

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

PROMPT = "ready>"


class Tmux:
    """A window with an interactive shell."""

    def __init__(self, columns: int = 80, lines: int = 24, history: int = 1000) -> None:
        self._socket = f"dbjobs-{os.getpid()}-{uuid4().hex[:8]}"
        self._environ = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        size = ("-x", str(columns), "-y", str(lines))
        self._call("new-session", "-d", *size, f"exec env PS1='{PROMPT} ' bash --norc --noprofile")
        self.wait_for(lambda text: PROMPT in text)

    def type(self, *keys: str) -> None:
        """Text, or the names of keys: `Enter`, `C-z`."""
        self._call("send-keys", *keys)

    def resize(self, columns: int, lines: int = 24) -> None:
        self._call("resize-window", "-x", str(columns), "-y", str(lines))

    @property
    def text(self) -> str:
        """The scrollback and the window."""
        return self._call("capture-pane", "-p", "-S", "-").rstrip()

    @property
    def has_cursor(self) -> bool:
        return self._call("display-message", "-p", "#{cursor_flag}").strip() == "1"

    @property
    def title(self) -> str:
        return self._call("display-message", "-p", "#{pane_title}").strip()

    def wait_for(self, is_shown: Callable[[str], bool], timeout: float = 60) -> str:
        """Until the text is as it has to be; returns it."""
        deadline = time.monotonic() + timeout
        while not is_shown(text := self.text):
            assert time.monotonic() < deadline, f"it never came to that; the window:\n{text}"
            time.sleep(0.05)
        return text

    def close(self) -> None:
        self._call("kill-server")

    def _call(self, *args: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, "-f", os.devnull, *args],
            env=self._environ,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout
