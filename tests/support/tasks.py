"""Tasks that the sandbox runs: their code goes into its folder, what comes back goes into a job file."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dbjobs.http.response import Payload

FAIL = "raise ValueError('the data is bad')"
FOR_LONG = "import time; time.sleep(60)"


def python_task(
    root: Path, task_key: str, code: str = "", *parameters: str, after: Iterable[str] = (), **fields: Any
) -> Payload:
    """A spark_python_task that runs this code, with these parameters."""
    own = {"python_file": _write(root, code), "parameters": list(parameters)}
    return _task(task_key, after, spark_python_task=own, **fields)


def notebook_task(
    root: Path, task_key: str, code: str = "", *, after: Iterable[str] = (), **fields: Any
) -> Payload:
    """A notebook_task that runs this code."""
    own = {"notebook_path": "/" + _write(root, code).removesuffix(".py")}
    return _task(task_key, after, notebook_task=own, **fields)


def job_file(folder: Path, *tasks: Payload, **settings: Any) -> Path:
    """A file of settings with these tasks."""
    path = folder / "job.json"
    path.write_text(json.dumps({"tasks": tasks, **settings}), "utf-8")
    return path


def _write(root: Path, code: str) -> str:
    name = hashlib.sha256(code.encode()).hexdigest()[:16] + ".py"
    (root / name).write_text(code, "utf-8")
    return name


def _task(task_key: str, after: Iterable[str], **fields: Any) -> Payload:
    return {"task_key": task_key, "depends_on": [{"task_key": key} for key in after], **fields}
