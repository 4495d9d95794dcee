"""The user's editor, for a text that is to be changed by hand."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dbjobs.errors import UsageError


def edit_file(path: Path, environ: Mapping[str, str]) -> None:
    """Open a file in $VISUAL, $EDITOR or the system's own editor, and wait for its end."""
    given = environ.get("VISUAL") or environ.get("EDITOR")
    if not given and not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal for an editor", hint="set VISUAL or EDITOR, or use dbjobs jobs update"
        )
    command = shlex.split(given or ("notepad" if os.name == "nt" else "vi"), posix=os.name != "nt")
    try:
        code = subprocess.run([*command, str(path)], check=False).returncode  # noqa: S603 - the user's own
    except OSError as error:
        raise UsageError(
            f"the editor {command[0]!r} cannot be started: {error.strerror or error}",
            hint="set VISUAL or EDITOR to one that can",
        ) from None
    if code:
        raise UsageError(f"the editor {command[0]!r} ended with exit code {code}; nothing was sent")


def write_draft(name: str, text: str) -> Path:
    """A new file for the user alone, in the folder for temporary files."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix=f"{name}-", suffix=".yaml", delete=False
    ) as file:
        file.write(text)
    return Path(file.name)


def read_draft(path: Path) -> str:
    """What the editor left; nothing if it removed the file."""
    return path.read_text("utf-8", errors="replace") if path.exists() else ""
