"""A lock that one process at a time holds."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":

    @contextmanager
    def locked(folder: Path) -> Iterator[None]:
        """Lock a folder; others wait. Windows needs a file for that."""
        import msvcrt

        with (folder / ".lock").open("a+b") as stream:
            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_LOCK, 1)
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
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
