"""A process that puts the terminal in order if this one is killed, which nothing in this one can do."""

import subprocess
from dataclasses import dataclass
from typing import TextIO

SCRIPT = """trap '' INT TERM HUP QUIT TSTP TTOU; read -r word || printf %s "$1" """
"""The pipe is closed without a word when its writer has been killed. What the dead view drew is erased, but
not what the shell has written over it."""


@dataclass
class Guard:
    """Runs while the terminal is the view's."""

    process: "subprocess.Popen[bytes]"

    def dismiss(self) -> None:
        """The terminal is in order: there is nothing left to do."""
        try:
            self.process.communicate(b"done\n", timeout=1)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


def start_guard(terminal: TextIO, restoring: str) -> Guard | None:
    """`restoring`: what it writes to the terminal. None where there is no shell to run it."""
    try:
        process = subprocess.Popen(  # noqa: S603 - a fixed script
            ["/bin/sh", "-c", SCRIPT, "guard", restoring],
            stdin=subprocess.PIPE,
            stdout=terminal,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None
    return Guard(process)
