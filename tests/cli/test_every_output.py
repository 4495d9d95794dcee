"""Whatever reads, whatever became of the run: programs get the server's answer, and ids that exist."""

import json
from typing import Any

import pytest
import yaml

from dbjobs.http.response import Payload
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import by_endpoint
from tests.support.payloads import BEYOND_FLOAT, JOB_ID, TASKS, run, task

RUNS: dict[str, Payload] = {
    "success": run("TERMINATED", "SUCCESS", task("a", "TERMINATED", "SUCCESS")),
    "failed": run("INTERNAL_ERROR", "FAILED", task("a", "TERMINATED", "FAILED")),
    "canceled in the queue": run("TERMINATED", "CANCELED", queue_duration=5000),
    "skipped": run("SKIPPED"),
    "running": run("RUNNING", None, task("a", "RUNNING")),
    "upstream failed": run(
        "TERMINATED",
        "FAILED",
        task("a", "TERMINATED", "FAILED"),
        {**task("b", "TERMINATED", "UPSTREAM_FAILED", after=("a",)), "run_id": None},
    ),
    "run-job": run("TERMINATED", "SUCCESS", task("a", "TERMINATED", "SUCCESS", run_job_task={"job_id": 7})),
    "retried": run(
        "TERMINATED",
        "SUCCESS",
        task("a", "TERMINATED", "FAILED"),
        task("a", "TERMINATED", "SUCCESS", attempt_number=1, run_id=5),
    ),
    "of API 2.0": run("TERMINATED", "SUCCESS", cluster_spec={}),
    "beyond a float": run("TERMINATED", "SUCCESS", task("a", run_id=BEYOND_FLOAT - 1), run_id=BEYOND_FLOAT),
}
JOB = {"job_id": JOB_ID, "settings": {"name": "nightly", "tasks": TASKS}}
OUTPUT = {"logs": "done", "metadata": {"run_id": BEYOND_FLOAT}}


def _task_ids(payload: Payload) -> list[str]:
    newest = {task["task_key"]: task["run_id"] for task in payload.get("tasks", ())}
    if not newest and "cluster_spec" in payload:
        newest = {"nightly": payload["run_id"]}
    return [str(run_id) for run_id in newest.values() if run_id is not None]


@pytest.mark.parametrize("payload", RUNS.values(), ids=RUNS.keys())
def test_programs_get_the_server_s_answer_and_ids_that_exist(
    dbjobs: Dbjobs, serve: Serve, payload: Payload
) -> None:
    serve(
        by_endpoint(
            {
                "get": JOB,
                "list": {"jobs": [JOB]},
                "runs/get": payload,
                "runs/list": {"runs": [payload]},
                "runs/get-output": OUTPUT,
            }
        )
    )
    run_id, task_ids = str(payload["run_id"]), _task_ids(payload)
    outputs = {one["task_key"]: one["run_id"] and OUTPUT for one in payload.get("tasks", ())}
    if "cluster_spec" in payload:
        outputs = {"nightly": OUTPUT}
    commands: list[tuple[tuple[str, ...], Any, list[str]]] = [
        (("jobs", "get", str(JOB_ID)), JOB, [str(JOB_ID)]),
        (("jobs", "list"), [JOB], [str(JOB_ID)]),
        (("runs", "get", run_id), payload, [run_id]),
        (("runs", "list", "--limit", "0"), [payload], [run_id]),
        (("runs", "output", run_id), outputs, task_ids),
    ]
    for command, answer, ids in commands:
        printed = {output: dbjobs(*command, "-o", output) for output in ("json", "jsonl", "yaml", "id")}
        assert {done.exit_code for done in printed.values()} == {0}, (command, printed)
        assert json.loads(printed["json"].stdout) == answer, command
        assert yaml.safe_load(printed["yaml"].stdout) == answer, command
        lines = [json.loads(line) for line in printed["jsonl"].lines]
        as_lines = answer if isinstance(answer, list) else [answer]
        if command[:2] == ("runs", "output"):
            as_lines = [{key: value} for key, value in outputs.items()]
        assert lines == as_lines, command
        assert printed["id"].lines == ids, command
        assert "None" not in dbjobs(*command).stdout, command
