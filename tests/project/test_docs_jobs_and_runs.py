"""docs/jobs-and-runs.md: every example does what it stands for."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from dbjobs.jobfiles.parameters import PARAMETER_OPTIONS
from tests.conftest import Dbjobs, Result, Serve
from tests.support.fakes import FakeClock, Received, Reply, by_endpoint
from tests.support.payloads import run, task

PAGE = (Path(__file__).parents[2] / "docs" / "jobs-and-runs.md").read_text("utf-8")
EXAMPLES = [
    line.partition(" > ")[0]
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]
NOTEBOOK = {"notebook_task": {"notebook_path": "/n"}}
JOB: dict[str, Any] = {
    "job_id": 42,
    "settings": {
        "name": "nightly",
        "schedule": {"quartz_cron_expression": "0 0 2 * * ?", "timezone_id": "UTC"},
        "parameters": [{"name": "day", "default": ""}, {"name": "city", "default": ""}],
        "tasks": [{"task_key": "clean", **NOTEBOOK}, {"task_key": "old", **NOTEBOOK}],
    },
}
SALES = {**JOB, "job_id": 46, "settings": {**JOB["settings"], "name": "sales"}}
FAR_FUTURE = 9 * 10**12
"""A time that no test's clock reaches: the run is one of the last seven days."""

FAILED = run(
    "TERMINATED",
    "FAILED",
    task("clean", "TERMINATED", "FAILED", run_id=1),
    run_id=43,
    job_id=42,
    start_time=FAR_FUTURE,
    end_time=FAR_FUTURE + 1,
)
ACTIVE = run("RUNNING", None, run_id=45, job_id=42, creator_user_name="ann", trigger="ONE_TIME")
GOOD = run(
    "TERMINATED",
    "SUCCESS",
    task("clean", "TERMINATED", "SUCCESS", run_id=3),
    run_id=44,
    job_id=42,
    start_time=1,
)
MENDED = run(
    "TERMINATED",
    "SUCCESS",
    task("clean", "TERMINATED", "SUCCESS", run_id=2, attempt_number=1),
    run_id=43,
    end_time=FAR_FUTURE + 2,
)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_works(
    dbjobs: Dbjobs,
    serve: Serve,
    clock: FakeClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    example: str,
) -> None:
    replies = by_endpoint(
        {
            "list": {"jobs": [JOB, SALES]},
            "get": JOB,
            "update": {},
            "reset": {},
            "run-now": {"run_id": 43},
            "runs/list": {"runs": [ACTIVE, FAILED, GOOD]},
            "runs/get": [FAILED, MENDED],
            "runs/get-output": {"logs": "x"},
            "runs/repair": {"repair_id": 44},
        }
    )
    by_id = {"44": GOOD, "46": SALES}

    def reply(request: Received) -> Reply:
        found = by_id.get(request.query.get("run_id") or request.query.get("job_id") or "")
        return Reply(body=found) if found else replies(request)

    server = serve(reply)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDITOR", "sed -i s/UTC/GMT/")
    Path("job.yaml").write_text(dbjobs("jobs", "get", 42, "-o", "yaml").stdout)
    if "@last" in example:
        dbjobs("runs", "wait", 43)
    host = server.url.partition("//")[2]
    done = Result(0, "", "")
    for command in example.split(" | "):
        words = [
            word.replace("adb-1234567890123456.7.azuredatabricks.net", host) for word in shlex.split(command)
        ]
        assert words[0] == "dbjobs"
        done = dbjobs(*words[1:], stdin=done.stdout)
    assert done.exit_code == 0, done.stderr
    assert done.stdout or server.changes


def test_every_kind_of_parameters_is_told_of() -> None:
    for kind, option in PARAMETER_OPTIONS.items():
        assert f"`{option}`" in PAGE
        assert f"`{kind}`" in PAGE or kind == "job_parameters"
