"""The job of examples/demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from dbjobs.sandbox.server import Sandbox

from .client import Client, results, state

DEMO = Path(__file__).parents[2] / "examples" / "demo"


def read_job(name: str) -> dict[str, Any]:
    job: dict[str, Any] = yaml.safe_load((DEMO / name).read_text("utf-8"))
    return job


@pytest.mark.parametrize("name", ["job.yaml", "fail.yaml"])
def test_the_demo_runs(name: str) -> None:
    before = sorted(DEMO.rglob("*"))
    with Sandbox(DEMO, time_scale=50) as sandbox:
        client = Client(sandbox.url, sandbox.token, DEMO)
        with client.session:
            run = client.wait(client.post("jobs/runs/submit", **read_job(name))["run_id"])
            attempts = [item["attempt_number"] for item in run["tasks"] if item["task_key"] == "fetch_rates"]
            assert attempts == [0, 1]
            if name == "job.yaml":
                assert state(run) == ("TERMINATED", "SUCCESS")
                assert set(results(run).values()) == {"SUCCESS"}
                assert "| country | orders | revenue EUR |" in client.output(run, "report")["logs"]
            else:
                assert state(run) == ("TERMINATED", "FAILED")
                assert results(run)["report"] == "UPSTREAM_FAILED"
                assert client.output(run, "check_quality")["error"].startswith("BadOrdersError: 614 of 30000")
    assert sorted(DEMO.rglob("*")) == before


def test_the_failing_one_differs_in_name_and_tolerance_only() -> None:
    good, bad = read_job("job.yaml"), read_job("fail.yaml")
    for job, tolerated in ((good, "5"), (bad, "0")):
        check = next(task for task in job["tasks"] if task["task_key"] == "check_quality")
        assert check["spark_python_task"].pop("parameters") == ["--tolerated-percent", tolerated]
        job.pop("run_name")
    assert good == bad
