"""Long lists of a whole workspace: complete, in order, in each version."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from dbjobs.sandbox.server import Sandbox
from tests.conftest import TOKEN, Dbjobs

RUNS, JOBS = 2_345, 1_234
VERSIONS = ("2.0", "2.1", "2.2")
NO_PROCESS = {"task_key": "check", "condition_task": {"op": "EQUAL_TO", "left": "1", "right": "1"}}


class Workspace:
    """A sandbox with many jobs and runs, and their ids, the newest first."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {TOKEN}"
        settings = {"tasks": [NO_PROCESS], "name": "of many"}
        self.jobs = [self._post("create", **settings, tags={"n": str(n)})["job_id"] for n in range(JOBS)][
            ::-1
        ]
        self.runs = [self._post("runs/submit", tasks=[NO_PROCESS])["run_id"] for _ in range(RUNS)][::-1]
        self._session.close()

    def _post(self, endpoint: str, **body: Any) -> Any:
        response = self._session.post(f"{self.sandbox.url}/api/2.2/jobs/{endpoint}", json=body, timeout=30)
        response.raise_for_status()
        return response.json()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    root: Path = tmp_path_factory.mktemp("many")
    with Sandbox(root=root, token=TOKEN, time_scale=1000) as sandbox:
        yield Workspace(sandbox)


@pytest.fixture(autouse=True)
def _here(many: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", many.sandbox.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)


@pytest.mark.parametrize("version", VERSIONS)
def test_all_runs_are_listed(dbjobs: Dbjobs, many: Workspace, version: str) -> None:
    done = dbjobs("runs", "list", "--limit", 0, "-o", "id", "--api-version", version)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.lines == [str(run_id) for run_id in many.runs]


@pytest.mark.parametrize("version", VERSIONS)
def test_all_jobs_are_listed(dbjobs: Dbjobs, many: Workspace, version: str) -> None:
    done = dbjobs("jobs", "list", "-o", "id", "--api-version", version)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.lines == [str(job_id) for job_id in many.jobs]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("noun", ["jobs", "runs"])
def test_seven_rows_take_one_request(dbjobs: Dbjobs, many: Workspace, noun: str, version: str) -> None:
    done = dbjobs(noun, "list", "--limit", 7, "-o", "id", "--api-version", version, "-v")
    ids = many.jobs if noun == "jobs" else many.runs
    assert done.lines == [str(one) for one in ids[:7]]
    assert sum("/list" in line for line in done.stderr.splitlines()) == 1


def test_many_jobs_of_a_name_are_no_job(dbjobs: Dbjobs) -> None:
    done = dbjobs("jobs", "get", "of many")
    assert done.exit_code == 2
    assert "1234 jobs are named 'of many'" in done.stderr
