"""The job of examples/demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from dbjobs.sandbox.server import Sandbox

from .client import Client, results, state

DEMO = Path(__file__).parents[2] / "examples" / "demo"


def read_job(name: str) -> dict[str, Any]:
    job: dict[str, Any] = yaml.safe_load((DEMO / name).read_text("utf-8"))
    return job


def test_both_runs_go_as_they_say_and_leave_nothing_behind() -> None:
    before = sorted(DEMO.rglob("*"))
    with Sandbox(DEMO, time_scale=50) as sandbox:
        client = Client(sandbox.url, sandbox.token, DEMO)
        with client.session:
            ids = [
                client.post("jobs/runs/submit", **read_job(name))["run_id"]
                for name in ("job.yaml", "fail.yaml")
            ]
            good, bad = (client.wait(run_id) for run_id in ids)
            report, check = client.output(good, "report"), client.output(bad, "check_quality")
    for run in (good, bad):
        rates = [item for item in run["tasks"] if item["task_key"] == "fetch_rates"]
        assert [(item["attempt_number"], state(item)[1]) for item in rates] == [(0, "FAILED"), (1, "SUCCESS")]
    assert state(good) == ("TERMINATED", "SUCCESS")
    assert set(results(good).values()) == {"SUCCESS"}
    assert "| country | orders | revenue EUR |" in report["logs"]
    assert state(bad) == ("TERMINATED", "FAILED")
    assert results(bad)["report"] == "UPSTREAM_FAILED"
    assert check["error"].startswith("BadOrdersError: 606 of 30000 orders are bad")
    assert sorted(DEMO.rglob("*")) == before


def test_the_failing_one_differs_in_name_and_tolerance_only() -> None:
    good, bad = read_job("job.yaml"), read_job("fail.yaml")
    for job, tolerated in ((good, "5"), (bad, "0")):
        check = next(task for task in job["tasks"] if task["task_key"] == "check_quality")
        assert check["spark_python_task"].pop("parameters") == ["--tolerated-percent", tolerated]
        job.pop("run_name")
    assert good == bad
