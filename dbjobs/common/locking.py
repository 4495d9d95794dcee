"""A lock that one process at a time holds."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dbjobs.common.deadline import seconds_left
from dbjobs.errors import UnsentError

LOCK_SECONDS = 60.0
"""How long to wait for a lock: the process that holds it may have been suspended."""

LOCK_PAUSE = 0.05
"""Seconds between two tries."""

if sys.platform == "win32":

    @contextmanager
    def locked(folder: Path) -> Iterator[None]:
        """Lock a folder; others wait. Windows needs a file for that."""
        import msvcrt

        with (folder / ".lock").open("a+b") as stream:
            stream.seek(0)
            _wait_for_lock(folder, lambda: msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1))
            try:
                yield
            finally:
                stream.seek(0)
                msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)

else:

    @contextmanager
    def locked(folder: Path) -> Iterator[None]:
        """Lock a folder; others wait."""
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY)
        try:
            _wait_for_lock(folder, lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB))
            yield
        finally:
            os.close(descriptor)


def _wait_for_lock(folder: Path, lock: Callable[[], None]) -> None:
    """Call `lock` until it raises no OSError; an UnsentError after LOCK_SECONDS, or at a time limit."""
    seconds = min(LOCK_SECONDS, seconds_left())
    ends_at = time.monotonic() + seconds
    while True:
        try:
            lock()
        except OSError:
            if time.monotonic() >= ends_at:
                raise UnsentError(
                    f"another dbjobs has held the lock of {folder} for {seconds:.0f} s",
                    hint="it may be waiting for input, or be suspended: end it",
                ) from None
            time.sleep(LOCK_PAUSE)
        else:
            return
