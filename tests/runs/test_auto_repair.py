"""What `--repair-on infra` repairs: in every scenario of the sandbox, and of every cause."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from dbjobs.api.models import TaskRun
from dbjobs.runs import auto_repair, snapshots
from dbjobs.runs.auto_repair import is_passing
from dbjobs.runs.cause_signs import CODES
from dbjobs.runs.causes import find_cause
from dbjobs.sandbox.scenario import Scenario
from dbjobs.sandbox.scenarios import read_scenario, shipped
from dbjobs.sandbox.server import Sandbox
from tests.conftest import Dbjobs

HEALED = {"lost-cluster": 1, "flaky-task": 1}
"""Scenarios in which the platform makes a run fail, and the repairs that it takes."""

NOT_HEALED = {
    "failing-task": 10,
    "odd-states": 19,
    "expired-token": 3,
    "login-page": 3,
    "refused": 5,
    "outage": 6,
}
"""Scenarios in which no repair helps, and how a wait ends."""

GOOD, BAD = "print('loaded')\n", "raise ValueError('bad rows')\n"


def shortened(name: str) -> Scenario:
    """The scenario, in which nothing takes longer than two seconds of real time."""
    scenario = read_scenario(name)
    for rule in scenario.requests:
        for record, field in ((rule.when, "for_seconds"), (rule.then, "invisible_for")):
            object.__setattr__(record, field, min(2.0, getattr(record, field)))
    return scenario


def read_errors(sandbox: Sandbox, run_ids: list[str]) -> list[str]:
    """The error of each attempt at the task, the oldest first, read without the faults of the scenario."""
    sandbox.scenario.requests.clear()
    sandbox.scenario.requests_per_minute = 0

    def get(endpoint: str, run_id: object) -> Any:
        url = f"{sandbox.url}/api/2.2/jobs/runs/{endpoint}?run_id={run_id}"
        return requests.get(url, headers={"Authorization": f"Bearer {sandbox.token}"}, timeout=30).json()

    runs = [get("get", run_id) for run_id in run_ids]
    attempts = [attempt for run in runs for attempt in run.get("tasks", ())]
    return [get("get-output", attempt["run_id"]).get("error", "") for attempt in attempts]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto_repair, "FIRST_PAUSE", 0.2)
    monkeypatch.setattr(snapshots, "REFUSAL_SECONDS", 5.0)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("source", [GOOD, BAD], ids=["good code", "bad code"])
@pytest.mark.parametrize("name", sorted(shipped()))
def test_what_the_platform_broke_heals_and_no_error_of_the_code_is_repeated(
    dbjobs: Dbjobs, tmp_path: Path, name: str, source: str
) -> None:
    (tmp_path / "load.py").write_text(source)
    tasks = [
        {"task_key": "load", "spark_python_task": {"python_file": "load.py"}, "existing_cluster_id": "1"}
    ]
    body = json.dumps({"run_name": "nightly", "tasks": tasks})
    with Sandbox(root=tmp_path, scenario=shortened(name), time_scale=200) as sandbox:
        environ = {"DATABRICKS_HOST": sandbox.url, "DATABRICKS_TOKEN": sandbox.token}
        options = ["--wait", "--repair", "3", "--poll-interval", "0.3s", "--max-outage", "5s"]
        done = dbjobs("runs", "submit", "--json", body, *options, **environ)
        errors = read_errors(sandbox, done.lines[:1])
    by_code = [number for number, error in enumerate(errors) if "bad rows" in error]
    assert by_code in ([], [len(errors) - 1]), f"an error of the code was repeated: {done.stderr}"
    expected = NOT_HEALED.get(name, 10 if source == BAD and name not in ("any-ending", "huge-output") else 0)
    assert done.exit_code == expected, done.stderr
    if errors:
        assert len(errors) - 1 == HEALED.get(name, 0), done.stderr


PASSING_CODES = {
    "INTERNAL_ERROR",
    "CLOUD_FAILURE",
    "CLUSTER_ERROR",
    "DRIVER_ERROR",
    "MAX_SPARK_CONTEXTS_EXCEEDED",
    "CLUSTER_REQUEST_LIMIT_EXCEEDED",
    "STORAGE_ACCESS_ERROR",
}


@pytest.mark.parametrize("code", [*CODES, "RUN_EXECUTION_ERROR", "A_NEW_ONE"])
def test_a_code_of_the_platform_alone_is_reason_enough(code: str) -> None:
    details = {"code": code, "type": "CLIENT_ERROR", "message": ""}
    attempt = TaskRun({"task_key": "load", "status": {"state": "TERMINATED", "termination_details": details}})
    assert is_passing(find_cause(attempt)) is (code in PASSING_CODES)


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        ("KeyError: 'day'", False),
        ("AssertionError: 606 rows are bad", False),
        ("[TABLE_OR_VIEW_NOT_FOUND] The table `a`.`b` cannot be found. SQLSTATE: 42P01", False),
        ("PermissionError: [Errno 13] Permission denied: '/dbfs/x'", False),
        ("java.lang.OutOfMemoryError: Java heap space", False),
        ("OSError: [Errno 28] No space left on device", False),
        ("requests.exceptions.ConnectionError: HTTPSConnectionPool: Max retries exceeded", True),
        ("org.apache.spark.SparkException: Job aborted: ExecutorLostFailure, worker decommissioned", True),
        ("java.lang.IllegalStateException: Cannot call methods on a stopped SparkContext", True),
    ],
)
def test_an_exception_counts_by_what_it_says(error: str, passes: bool) -> None:
    attempt = TaskRun(
        {"task_key": "load", "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED"}}
    )
    assert is_passing(find_cause(attempt, {"error": error})) is passes
