"""Every command under `jobs` and `runs`, against the sandbox, in each version of the API."""

import json
from pathlib import Path

import pytest

from dbjobs.sandbox.server import Sandbox
from tests.conftest import Dbjobs, Result

VERSIONS = ("2.0", "2.1", "2.2")
SOURCE = "import sys\nprint('args', sys.argv[1:])\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_job_lives_its_life(dbjobs: Dbjobs, workspace: Sandbox, task_files: Path, version: str) -> None:
    (task_files / "args.py").write_text(SOURCE)
    name = f"a life in {version}"
    task = {"spark_python_task": {"python_file": "args.py", "parameters": ["by default"]}}
    settings = {"name": name, **({} if version == "2.0" else {"max_concurrent_runs": 2}), **task}

    def call(*args: str) -> Result:
        done = dbjobs(*args, "--api-version", version)
        assert done.exit_code == 0, done.stderr
        return done

    job_id = call("jobs", "create", "--json", json.dumps(settings)).stdout.strip()
    assert call("jobs", "list", "--name", name, "-o", "id").lines == [job_id]
    printed = call("jobs", "get", name, "-o", "yaml").stdout

    updated = call("jobs", "update", name, "--set", "timeout_seconds=60", "--set", "tags.team=data")
    assert "warning" not in updated.stderr
    assert json.loads(call("jobs", "get", job_id, "-o", "json").stdout)["settings"]["tags"] == {
        "team": "data"
    }
    call("jobs", "update", name, "--remove", "tags")
    assert "tags" not in call("jobs", "get", job_id, "-o", "yaml").stdout
    file = str(task_files / "job.yaml")
    Path(file).write_text(printed)
    call("jobs", "reset", job_id, "-f", file, "--yes")
    assert "no setting changes" in call("jobs", "reset", job_id, "-f", file, "--dry-run").stdout

    first = call("runs", "now", name, "--wait", "--poll-interval", "0.1s").lines[0]
    second = call("runs", "now", name, "-P", "day=1", "--wait", "--poll-interval", "0.1s").lines[0]
    assert "args ['by default']" in call("runs", "output", first).stdout
    assert "args ['day=1']" in call("runs", "output", second).stdout
    assert call("runs", "list", "--job", name, "-o", "id").lines == [second, first]
    assert call("runs", "list", "--job", name, "--since", "1h", "--limit", "1", "-o", "id").lines == [second]
    assert call("runs", "list", "--job", name, "--until", "1h", "-o", "id").lines == []
    assert call("runs", "list", "--job", name, "--active", "-o", "id").lines == []

    call("runs", "delete", first, "--yes")
    assert call("runs", "list", "--job", job_id, "--completed", "-o", "id").lines == [second]
    call("jobs", "delete", name, "--yes")
    assert dbjobs("jobs", "get", job_id, "--api-version", version).exit_code == 4


@pytest.mark.parametrize("version", VERSIONS)
def test_all_runs_of_a_job_are_canceled(
    dbjobs: Dbjobs, workspace: Sandbox, task_files: Path, version: str
) -> None:
    (task_files / "sleep.py").write_text("import time\ntime.sleep(60)\n")
    settings = {
        "name": "sleepers",
        "spark_python_task": {"python_file": "sleep.py"},
        "max_concurrent_runs": 2,
    }
    job_id = dbjobs("jobs", "create", "--json", json.dumps(settings)).stdout.strip()
    runs = [dbjobs("runs", "now", job_id).stdout.strip() for _ in range(2)]

    done = dbjobs("runs", "cancel-all", job_id, "--yes", "--api-version", version)
    assert done.exit_code == 0, done.stderr
    waited = dbjobs("runs", "wait", *runs, "--poll-interval", "0.1s", "--show-output", "none")
    assert (waited.exit_code, waited.lines) == (12, [f"{run_id}\tTERMINATED\tCANCELED" for run_id in runs])
