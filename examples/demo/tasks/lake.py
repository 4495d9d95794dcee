"""Where the tasks of one run keep their files, and how they read and write them."""

from __future__ import annotations

import csv
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Row = dict[str, str]


def path(name: str) -> Path:
    """A file of this run; the sandbox gives the tasks of a run one scratch folder."""
    return Path(os.environ["DBJOBS_SANDBOX_RUN_DIR"]) / name


def read_rows(name: str) -> list[Row]:
    with path(name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_rows(name: str, rows: Iterable[Row]) -> int:
    """Write the rows, and return how many there were; all have the fields of the first."""
    rows = list(rows)
    with path(name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def in_batches(rows: list[Row], batches: int = 4, seconds: float = 1.6) -> Iterator[list[Row]]:
    """The rows in a few batches, at the pace of a busy storage, so that there is something to watch."""
    size = -(-len(rows) // batches)
    for start in range(0, len(rows), size):
        time.sleep(seconds / batches)
        yield rows[start : start + size]
