"""The standard streams of the process, made to withstand descriptors that are closed, full or broken.

Nothing is buffered here, so at exit nothing is left over that Python could fail to write; it would
replace the exit code by 120. stdout reports what it does not take. stderr never does: progress and
messages are no reason to change what is done, nor to stop doing it.
"""

import io
import os
import sys
from typing import Any, TextIO

STALLED_AFTER = 5.0
"""Seconds for which a line of stderr waits for a reader that does not read: a paused terminal or log."""

PIECE = 4096
"""A pipe that has room for anything has room for so many bytes at once: PIPE_BUF on Linux."""


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
    """Standard output takes no more, for another reason than a reader that left (BrokenPipeError)."""


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
        self._write_all(memoryview(data))
        return len(data)

    def _write_all(self, data: memoryview) -> None:
        try:
            while data:
                written = self._target.write(data)
                if written:
                    data = data[written:]
                else:  # a descriptor that does not block, and is full
                    _has_room(self.fileno(), None)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise StdoutError(error.errno, error.strerror) from None


class MessageWriter(ResultWriter):
    """Writes what it can, never raises, and never waits long for a reader that has stopped reading."""

    def __init__(self, raw: Any) -> None:
        super().__init__(raw)
        self._target = _without_blocking(raw)
        self._patience = STALLED_AFTER
        self._is_cut = False

    def _write_all(self, data: memoryview) -> None:
        try:
            self._write_in_time(memoryview(b"\n" + data) if self._is_cut else data)
        except OSError:  # there is nowhere left to say so
            self._is_cut = False

    def _write_in_time(self, data: memoryview) -> None:
        """Once a reader has stalled, lines are dropped until it reads again."""
        size = len(data)
        while data:
            if not _has_room(self._target.fileno(), self._patience):
                self._patience = 0.0
                self._is_cut = self._is_cut or len(data) < size
                return
            data = data[self._target.write(data[:PIECE]) or 0 :]
        self._patience, self._is_cut = STALLED_AFTER, False


def _without_blocking(raw: Any) -> Any:
    """A terminal, opened once more: what is set for this descriptor is not set for the user's shell."""
    if not raw.isatty() or not hasattr(os, "ttyname"):
        return raw
    try:
        name = os.ttyname(raw.fileno())
        return io.FileIO(os.open(name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK), "w")
    except OSError:
        return raw


def _has_room(descriptor: int, seconds: float | None) -> bool:
    """Wait for room for some bytes; True if there is, or if only writing can tell."""
    import select  # late: most calls write nothing

    if not hasattr(select, "poll"):  # Windows
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(None if seconds is None else seconds * 1000))
