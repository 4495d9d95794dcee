"""What a sandbox keeps for the next one beside files: JSON in a folder, a file an object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dbjobs.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


class StateFolder:
    """Objects by name; without a folder, nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, value: Any) -> None:
        """Keep an object in place of an earlier one; a file is there whole, or not at all."""
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
            f"The sandbox cannot read {file}, which it keeps for itself.", hint="delete the file, or mend it"
        ) from None
