"""What a sandbox keeps on disk besides files: JSON, one file or one line per object."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any

from dbjobs.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


class JsonLines:
    """A file that grows by a line per object; for its owner alone, since parameters may be secret."""

    def __init__(self, path: Path, what: str) -> None:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise UsageError(f"the {what} {path} cannot be written: {error.strerror}") from None
        self._file = os.fdopen(descriptor, "w", 1, "utf-8")
        self._lock = threading.Lock()

    def write(self, value: Any) -> None:
        with self._lock:
            self._file.write(json.dumps(value) + "\n")

    def close(self) -> None:
        self._file.close()


class StateFolder:
    """Objects by name; without a folder, nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, value: Any) -> None:
        """Keep an object in place of an earlier one; a file is written whole, or not at all."""
        if self._folder:
            new = self._folder / f"{name}.new"
            new.write_text(json.dumps(value, indent=1), "utf-8")
            new.replace(self._folder / f"{name}.json")

    def remove(self, name: str) -> None:
        if self._folder:
            (self._folder / f"{name}.json").unlink(missing_ok=True)

    def read(self) -> dict[str, Any]:
        """All objects, by name."""
        return (
            {file.stem: _read(file) for file in sorted(self._folder.glob("*.json"))} if self._folder else {}
        )


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except ValueError:
        raise UsageError(
            f"The sandbox cannot read {file}, which it keeps for itself.",
            hint="delete the file, or repair it",
        ) from None
