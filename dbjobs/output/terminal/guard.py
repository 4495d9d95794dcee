"""A process that shows the cursor again if this one is killed, which nothing in this one can do."""

import subprocess
from dataclasses import dataclass
from typing import TextIO

SCRIPT = r"""trap '' INT TERM HUP QUIT TSTP TTOU; read -r word || printf '\033[?25h\033[J'"""
"""The pipe is closed without a word when its writer has been killed. What the dead view drew is erased, but
not what the shell has written over it."""


@dataclass
class Guard:
    """Runs while the cursor is hidden."""

    process: "subprocess.Popen[bytes]"

    def dismiss(self) -> None:
        """The cursor is shown: there is nothing left to do."""
        try:
            self.process.communicate(b"done\n", timeout=1)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


def start_guard(terminal: TextIO) -> Guard | None:
    """None where there is no shell to run it."""
    try:
        process = subprocess.Popen(  # noqa: S603 - a fixed script
            ["/bin/sh", "-c", SCRIPT], stdin=subprocess.PIPE, stdout=terminal, stderr=subprocess.DEVNULL
        )
    except OSError:
        return None
    return Guard(process)
