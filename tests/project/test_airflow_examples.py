"""examples/ci/airflow_*.py: their commands, run in the sandbox as Airflow's operator and sensor run them."""

import os
import re
import runpy
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dbjobs.sandbox.server import Sandbox
from tests.conftest import Dbjobs
from tests.project.test_ci_examples import (
    EXAMPLES,
    SOON,
    UNTIL_TOLD,
    lose,
    make_job,
    newest_state,
    runs_of_nightly,
)
from tests.support.tasks import FOR_LONG

Start = Callable[..., "subprocess.Popen[str]"]


@dataclass
class Operator:
    """A task of the example."""

    arguments: dict[str, Any]

    def __rshift__(self, other: "Operator") -> None:
        pass


def read_tasks(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Operator]:
    """The tasks of a DAG, by their ids; without Airflow, which has more packages than all tests together."""
    tasks: dict[str, Operator] = {}

    def declare(**arguments: Any) -> Operator:
        return tasks.setdefault(arguments["task_id"], Operator(arguments))

    contents: dict[str, dict[str, Any]] = {
        "airflow": {},
        "airflow.sdk": {"DAG": lambda *args, **kwargs: nullcontext()},
        "airflow.providers.standard.operators.bash": {"BashOperator": declare},
        "airflow.providers.standard.sensors.bash": {"BashSensor": declare},
    }
    for module, names in contents.items():
        stub = ModuleType(module)
        vars(stub).update(names)
        monkeypatch.setitem(sys.modules, module, stub)
    runpy.run_path(str(EXAMPLES / name))
    return tasks


@pytest.fixture
def start(workspace: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start a task in a group of processes, its templates filled in, stderr with stdout."""
    program = tmp_path / "dbjobs"
    program.write_text(f'#!/bin/sh\n{SOON}\nexec {shlex.quote(sys.executable)} -m dbjobs "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    context = {
        "AIRFLOW_CTX_DAG_ID": "nightly",
        "AIRFLOW_CTX_TASK_ID": "run",
        "AIRFLOW_CTX_DAG_RUN_ID": "scheduled__2026-01-01T02:00:00+00:00",
    }
    started = []

    def start(task: Operator, pulled: str = "", number: int = 1) -> "subprocess.Popen[str]":
        values = {
            "ds": "2026-01-01",
            "conn.databricks.host": workspace.url,
            "conn.databricks.password": workspace.token,
            "ti.xcom_pull(task_ids='start')": pulled,
        }

        def render(text: str) -> str:
            return re.sub(r"\{\{ (.*?) \}\}", lambda found: values[found[1]], text)

        about = task.arguments
        inherited = os.environ if about.get("append_env") else {}
        environ = {name: value for name, value in inherited.items() if not name.startswith("DATABRICKS_")}
        environ |= {**context, "AIRFLOW_CTX_TRY_NUMBER": str(number)}
        process = subprocess.Popen(
            ["bash", "-c", render(about["bash_command"])],
            env=environ | {name: render(value) for name, value in about["env"].items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        lose(process)


@pytest.mark.parametrize(
    ("code", "exit_code", "last_line"),
    [("print('loaded')", 0, "TERMINATED\tSUCCESS"), ("raise ValueError('no data')", 10, "FAILED")],
    ids=["good", "failing"],
)
def test_a_task_ends_as_its_run_ends(
    start: Start,
    dbjobs: Dbjobs,
    task_files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    exit_code: int,
    last_line: str,
) -> None:
    make_job(dbjobs, task_files, tmp_path, code)
    task = read_tasks("airflow_nightly.py", monkeypatch)["run"]

    process = start(task)
    out, _ = process.communicate(timeout=60)

    assert process.returncode == exit_code, out
    assert out.splitlines()[-1].endswith(last_line), "the XCom of the task"


def test_a_task_that_is_killed_cancels_its_run(
    start: Start,
    dbjobs: Dbjobs,
    task_files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_job(dbjobs, task_files, tmp_path, FOR_LONG)
    process = start(read_tasks("airflow_nightly.py", monkeypatch)["run"])
    for line in process.stdout or ():
        if "load" in line:
            break

    os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)

    assert process.returncode == 143
    assert newest_state(dbjobs) == "CANCELED"


def test_a_sensor_looks_again_until_the_run_has_ended(
    start: Start,
    dbjobs: Dbjobs,
    task_files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_job(dbjobs, task_files, tmp_path, UNTIL_TOLD.format(str(tmp_path / "told")))
    tasks = read_tasks("airflow_nightly_later.py", monkeypatch)

    def run(task: Operator, *more: Any) -> tuple[int, str]:
        process = start(task, *more)
        out, _ = process.communicate(timeout=60)
        return process.returncode, out.splitlines()[-1]

    code, run_id = run(tasks["start"])
    assert (code, run_id) == (0, run(tasks["start"])[1]), "the same try starts no second run"
    assert runs_of_nightly(dbjobs) == [run_id]
    assert run(tasks["wait"], run_id)[0] == tasks["wait"].arguments["retry_exit_code"]
    (tmp_path / "told").touch()
    assert dbjobs("runs", "wait", run_id, "--poll-interval", "0.2s").exit_code == 0
    assert run(tasks["wait"], run_id) == (0, f"{run_id}\tTERMINATED\tSUCCESS")
    assert run(tasks["start"], "", 2)[1] != run_id, "another try starts another run"
