"""Drives every command of `databricks jobs` and `databricks runs`, version 0.18; a program of its own.

`drive_legacy_cli.py VERSION`; the workspace has the files of `test_peers`.
"""

import json
import sys
from typing import Any

from click.testing import CliRunner  # type: ignore[import-not-found, unused-ignore]
from databricks_cli.cli import cli  # type: ignore[import-not-found, unused-ignore]
from databricks_cli.jobs.cli import jobs_group  # type: ignore[import-not-found, unused-ignore]
from databricks_cli.runs.cli import runs_group  # type: ignore[import-not-found, unused-ignore]

VERSION = sys.argv[1]
CALLED: set[str] = set()


def databricks(noun: str, verb: str, *args: object) -> str:
    """Call it as from a shell; what it printed, warnings apart."""
    CALLED.add(f"{noun} {verb}")
    done = CliRunner().invoke(cli, [noun, verb, *map(str, args)])
    assert done.exit_code == 0, f"{noun} {verb}: {done.output} {done.exception!r}"
    return str(done.stdout)


def settings(file: str) -> dict[str, Any]:
    """Of a job, or of a one-time run, in the shape of the version."""
    own = {"spark_python_task": {"python_file": file}, "existing_cluster_id": "0923-164208-meows279"}
    return own if VERSION == "2.0" else {"tasks": [{"task_key": "main", **own}]}


def main() -> None:
    databricks("jobs", "configure", "--version", VERSION)
    job_id = json.loads(
        databricks("jobs", "create", "--json", json.dumps(settings("ok.py") | {"name": "old"}))
    )["job_id"]
    databricks("jobs", "reset", "--job-id", job_id, "--json", json.dumps(settings("ok.py") | {"name": "new"}))
    job = json.loads(databricks("jobs", "get", "--job-id", job_id))
    assert job["settings"]["name"] == "new"
    assert job["settings"]["format"] == "SINGLE_TASK" if VERSION == "2.0" else job["settings"]["tasks"]
    assert databricks("jobs", "list").split() == [str(job_id), "new"]
    for options in (
        (["--all"], ["--limit", 1], ["--name", "new", "--expand-tasks"]) if VERSION == "2.1" else ()
    ):
        listed = json.loads(databricks("jobs", "list", "--output", "JSON", *options))["jobs"]
        assert [one["job_id"] for one in listed] == [job_id]

    done = databricks("runs", "submit", "--wait", "--json", json.dumps(settings("ok.py")))
    first = json.JSONDecoder().raw_decode(done)[0]["run_id"]
    params = json.dumps(["x"])
    started = json.loads(databricks("jobs", "run-now", "--job-id", job_id, "--python-params", params))
    slow = json.loads(databricks("runs", "submit", "--json", json.dumps(settings("slow.py"))))["run_id"]
    databricks("runs", "cancel", "--run-id", slow)
    run = json.loads(databricks("runs", "get", "--run-id", first))
    assert run["state"]["result_state"] == "SUCCESS"
    output_id = first if VERSION == "2.0" else run["tasks"][0]["run_id"]
    assert json.loads(databricks("runs", "get-output", "--run-id", output_id))["logs"] == "ok []\n"
    table = databricks("runs", "list", "--limit", 2, "--offset", 1).splitlines()
    assert [line.split()[0] for line in table] == [str(started["run_id"]), str(first)]
    assert "http" in table[0]
    databricks("runs", "list", "--job-id", job_id, "--completed-only", "--output", "JSON")
    databricks("jobs", "delete", "--job-id", job_id)
    known = {f"{group.name} {verb}" for group in (JOBS, RUNS) for verb in group.commands}
    assert known <= CALLED, known - CALLED


JOBS, RUNS = jobs_group, runs_group
JOBS.name, RUNS.name = "jobs", "runs"

if __name__ == "__main__":
    main()
