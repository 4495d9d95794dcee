"""The standard streams of the process, which withstand descriptors that are closed, full or broken.

Nothing is buffered here, so at exit nothing is left that Python could fail to write; it would
replace the exit code with 120. A failure to write to stdout is an error. A failure to write to
stderr is ignored: progress and messages are not a reason to stop.
"""

import io
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

STALLED_AFTER = 5.0
"""Seconds for which a line of stderr waits for a reader that does not read, such as a paused terminal."""

PIECE = 4096
"""A pipe that can be written to accepts this many bytes at once: PIPE_BUF on Linux."""


def install_streams() -> None:
    """Replace sys.stdin, sys.stdout and sys.stderr; what was closed gets a descriptor, in this order.

    Otherwise the next file that is opened would become standard output.
    """
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(os.open(os.devnull, os.O_RDONLY))))
    sys.stdout = _text(ResultWriter(_raw(sys.stdout)), sys.stdout)
    sys.stderr = _text(MessageWriter(_raw(sys.stderr)), sys.stderr)


def _raw(stream: TextIO | None) -> Any:
    if stream is None:  # opened for reading, so that writing fails as it does to what is closed
        return io.FileIO(os.open(os.devnull, os.O_RDONLY), "w")
    buffer = stream.buffer
    return getattr(buffer, "raw", buffer)  # `python -u` has no buffer


def _text(writer: "ResultWriter", stream: TextIO | None) -> TextIO:
    encoding = stream.encoding if stream else "utf-8"
    return io.TextIOWrapper(writer, encoding=encoding, errors="backslashreplace", write_through=True)


class StdoutError(OSError):
    """Standard output takes no more, for another reason than a closed pipe (BrokenPipeError)."""


class ResultWriter(io.BufferedIOBase):
    """Writes all of it, however long it takes, or raises StdoutError or BrokenPipeError."""

    def __init__(self, raw: Any) -> None:
        self._raw = self._target = raw

    @property
    def name(self) -> str:
        return str(self._raw.name)

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def isatty(self) -> bool:
        return bool(self._raw.isatty())

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        left = memoryview(data)
        try:
            while left:
                written = self._target.write(left)
                if written:
                    left = left[written:]
                else:  # a descriptor that does not block, and is full
                    wait_until_writable(self.fileno(), None)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise StdoutError(error.errno, error.strerror) from None
        return len(data)


class MessageWriter(ResultWriter):
    """Writes what it can, never raises, and never waits long for a reader that has stopped reading."""

    def __init__(self, raw: Any) -> None:
        super().__init__(raw)
        self._patience = STALLED_AFTER
        self._is_cut = False
        if raw.isatty() and hasattr(os, "ttyname"):
            # a terminal is opened once more: not to block must not be set for the user's shell
            with suppress(OSError):
                name = os.ttyname(raw.fileno())
                descriptor = os.open(name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
                self._target = io.FileIO(descriptor, "w")

    def write(self, data: Any) -> int:
        """Once a reader has stalled, lines are dropped until it reads again."""
        left = memoryview(b"\n" + data if self._is_cut else data)
        size = len(left)
        try:
            while left:
                if not wait_until_writable(self._target.fileno(), self._patience):
                    self._patience = 0.0
                    self._is_cut = self._is_cut or len(left) < size
                    return len(data)
                left = left[self._target.write(left[:PIECE]) or 0 :]
            self._patience, self._is_cut = STALLED_AFTER, False
        except OSError:  # an error about stderr cannot be written anywhere
            self._is_cut = False
        return len(data)


def wait_until_writable(descriptor: int, seconds: float | None) -> bool:
    """True if some bytes can be written within this many seconds, or if only writing can show that."""
    import select  # late: most calls write nothing

    if not hasattr(select, "poll"):  # Windows
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(None if seconds is None else seconds * 1000))
