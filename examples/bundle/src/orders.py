"""Where the tasks of one run keep the day's orders: a table in a workspace, a folder in the sandbox."""

import json
import os
from pathlib import Path

FILE = Path(os.environ.get("DBJOBS_SANDBOX_RUN_DIR", ".")) / "orders.json"


def write(orders: list[dict]) -> None:
    FILE.write_text(json.dumps(orders))


def read() -> list[dict]:
    return json.loads(FILE.read_text())
