"""Against a server that we did not write: minilake, an emulator that runs Python tasks for real."""

import base64
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import requests

from tests.conftest import Dbjobs

pytestmark = pytest.mark.skipif(find_spec("minilake") is None, reason="minilake wants Python 3.11")

JOB = """
name: two tasks
tasks:
  - task_key: greet
    spark_python_task: {python_file: /Shared/greet.py, parameters: [Ada]}
  - task_key: divide
    depends_on: [{task_key: greet}]
    spark_python_task: {python_file: /Shared/divide.py, parameters: ["12", "%s"]}
"""
FILES = {
    "greet.py": "import sys\nprint(f'hello {sys.argv[1]}')\n",
    "divide.py": "import sys\nprint('quotient', int(sys.argv[1]) // int(sys.argv[2]))\n",
}


@pytest.fixture(scope="module")
def minilake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its URL, with the tasks' files uploaded."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [Path(sys.executable).parent / "minilake", "--port", str(port)],
        cwd=tmp_path_factory.mktemp("minilake"),
        env={**os.environ, "MINILAKE_JOB_EXECUTOR": "subprocess"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url)
        for name, source in FILES.items():
            _upload(url, f"/Shared/{name}", source)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            requests.get(f"{url}/_minilake/health", timeout=1).raise_for_status()
        except requests.RequestException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _upload(url: str, path: str, source: str) -> None:
    content = base64.b64encode(source.encode()).decode()
    body = {"path": path, "format": "AUTO", "overwrite": True, "content": content}
    requests.post(f"{url}/api/2.0/workspace/import", json=body, timeout=10).raise_for_status()


@pytest.mark.parametrize(("divisor", "exit_code", "result_state"), [("4", 0, "SUCCESS"), ("0", 10, "FAILED")])
def test_a_job_of_two_tasks_runs_to_its_outcome(
    dbjobs: Dbjobs,
    minilake: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    divisor: str,
    exit_code: int,
    result_state: str,
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", minilake)
    monkeypatch.setenv("DATABRICKS_TOKEN", "anything-goes")
    file = tmp_path / "job.yaml"
    file.write_text(JOB % divisor)

    job_id = dbjobs("jobs", "create", "-f", file).stdout.strip()
    done = dbjobs("runs", "now", job_id, "--wait", "--poll-interval", "0.1s")

    run_id, ending = done.lines
    assert done.exit_code == exit_code
    assert ending == f"{run_id}\tTERMINATED\t{result_state}"
    output = dbjobs("runs", "output", run_id).stdout
    assert "hello Ada" in output
    if exit_code:
        assert "ZeroDivisionError" in done.stderr, "a failed run tells why, unasked"
        assert "ZeroDivisionError" in output
    else:
        assert "quotient 3" in output


@pytest.fixture
def here(minilake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", minilake)
    monkeypatch.setenv("DATABRICKS_TOKEN", "anything-goes")


@pytest.mark.usefixtures("here")
def test_a_job_lives_its_life(dbjobs: Dbjobs, tmp_path: Path) -> None:
    """Created from YAML, got, updated, reset to what was got, run, its output read, listed, deleted."""
    file = tmp_path / "job.yaml"
    file.write_text((JOB % "4").replace("two tasks", "a life"))
    job_id = dbjobs("jobs", "create", "-f", file).stdout.strip()
    printed = dbjobs("jobs", "get", "a life", "-o", "yaml")
    file.write_text(printed.stdout)

    updated = dbjobs(
        "jobs", "update", job_id, "--set", "name=another life", "--set", "tasks[greet].timeout_seconds=60"
    )
    assert updated.stderr.splitlines() == [
        '~ name: "a life" → "another life"',
        "~ tasks[greet].timeout_seconds: null → 60",
        f"job {job_id} updated",
    ]
    assert dbjobs("jobs", "list", "--name", "another life", "-o", "id").lines == [job_id]

    reset = dbjobs("jobs", "reset", job_id, "-f", file, "--yes")
    assert reset.stderr.splitlines() == [
        '~ name: "another life" → "a life"',
        "~ tasks[greet].timeout_seconds: 60 → null",
        f"job {job_id} reset",
    ]
    assert dbjobs("jobs", "get", job_id, "-o", "yaml").stdout == printed.stdout

    done = dbjobs("runs", "now", "a life", "--wait", "--poll-interval", "0.1s")
    run_id = done.lines[0]
    assert done.exit_code == 0, done.stderr
    assert "hello Ada" in dbjobs("runs", "output", run_id, "--task", "greet").stdout
    assert dbjobs("runs", "list", "--job", job_id, "-o", "id").lines == [run_id]
    assert dbjobs("runs", "list", "--job", job_id, "--active", "-o", "id").lines == []

    assert dbjobs("runs", "delete", run_id, "--yes").exit_code == 0
    assert dbjobs("runs", "get", run_id).exit_code == 4
    assert dbjobs("jobs", "delete", job_id, "--yes").exit_code == 0
    assert dbjobs("jobs", "get", job_id).exit_code == 4


@pytest.mark.usefixtures("here")
def test_what_the_server_makes_of_an_update_is_said(dbjobs: Dbjobs, tmp_path: Path) -> None:
    """minilake names a job "Untitled" if an update does not name it."""
    file = tmp_path / "job.yaml"
    file.write_text((JOB % "4").replace("two tasks", "named"))
    job_id = dbjobs("jobs", "create", "-f", file).stdout.strip()
    updated = dbjobs("jobs", "update", job_id, "--set", "max_concurrent_runs=2")
    assert updated.exit_code == 0
    assert 'the server did not keep what it was sent:\n~ name: "named" → "Untitled"' in updated.stderr
