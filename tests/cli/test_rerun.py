"""`runs rerun`: the same parameters once more, of a job or of a one-time run."""

import json
from pathlib import Path
from typing import Any

import pytest

from dbjobs.sandbox.server import Sandbox
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import Reply, by_endpoint
from tests.support.payloads import JOB_ID, RUN_ID, run, task

JOB = {
    "job_id": JOB_ID,
    "settings": {"name": "nightly", "parameters": [{"name": "day"}, {"name": "city", "default": "Ulm"}]},
}
DAY = [{"name": "day", "value": "2026-01-01"}, {"name": "city", "value": "Ulm", "default": "Ulm"}]
OF_JOB = run(
    "TERMINATED", "FAILED", task("clean", "TERMINATED", "FAILED"), job_parameters=DAY, run_type="JOB_RUN"
)
ONCE = run(
    "TERMINATED",
    "SUCCESS",
    task(
        "clean",
        "TERMINATED",
        "FAILED",
        attempt_number=0,
        run_id=5,
        notebook_task={"notebook_path": "/n", "base_parameters": {"day": "1", "city": "Ulm"}},
        job_cluster_key="small",
        cluster_instance={"cluster_id": "c"},
        libraries=[{"pypi": {"package": "x"}}],
        start_time=1,
    ),
    task(
        "clean",
        "TERMINATED",
        "SUCCESS",
        attempt_number=1,
        run_id=6,
        notebook_task={"notebook_path": "/n", "base_parameters": {"day": "1", "city": "Ulm"}},
        job_cluster_key="small",
        cluster_instance={"cluster_id": "c"},
        libraries=[{"pypi": {"package": "x"}}],
        start_time=1,
    ),
    task(
        "each",
        "TERMINATED",
        "SUCCESS",
        after=("clean",),
        for_each_task={
            "inputs": "[1]",
            "task": {"task_key": "one", "brand_new_task": {"a": 1}, "run_page_url": "http://x"},
            "stats": {"task_run_stats": {"total_iterations": 1}},
        },
    ),
    task(
        "check",
        "TERMINATED",
        "SUCCESS",
        condition_task={"op": "EQUAL_TO", "left": "1", "right": "1", "outcome": "true"},
    ),
    run_type="SUBMIT_RUN",
    run_name="adhoc",
    job_clusters=[{"job_cluster_key": "small", "new_cluster": {"num_workers": 1, "spark_version": "15"}}],
    git_source={"git_url": "https://x", "git_branch": "main", "git_snapshot": {"used_commit": "abc"}},
)


def sent(server: Any) -> dict[str, Any]:
    """The body of the one request that started a run, without its token."""
    (request,) = server.changes
    body: dict[str, Any] = dict(request.body)
    assert body.pop("idempotency_token")
    return body


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_a_run_of_a_job_is_repeated_with_its_parameters(dbjobs: Dbjobs, serve: Serve, version: str) -> None:
    server = serve(by_endpoint({"runs/get": OF_JOB, "get": JOB, "run-now": {"run_id": 7}}))

    done = dbjobs("runs", "rerun", RUN_ID, "--api-version", version)

    assert (done.exit_code, done.stdout) == (0, "7\n")
    assert sent(server) == {"job_id": JOB_ID, "job_parameters": {"day": "2026-01-01", "city": "Ulm"}}
    assert server.changes[0].path == f"/api/{version}/jobs/run-now"
    repeats = f"repeats run {RUN_ID} (nightly, TERMINATED FAILED) with day=2026-01-01, city=Ulm"
    assert done.stderr.splitlines()[0] == repeats


def test_some_parameters_are_changed(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(by_endpoint({"runs/get": OF_JOB, "get": JOB, "run-now": {"run_id": 7}}))

    done = dbjobs("runs", "rerun", RUN_ID, "-P", "city=Köln, am Rhein")

    assert done.exit_code == 0
    assert sent(server)["job_parameters"] == {"day": "2026-01-01", "city": "Köln, am Rhein"}


def test_parameters_of_an_older_kind_are_repeated_too(dbjobs: Dbjobs, serve: Serve) -> None:
    before = run("TERMINATED", "SUCCESS", overriding_parameters={"python_params": ["--day", "1"]})
    job = {"job_id": JOB_ID, "settings": {"tasks": [{"task_key": "a", "spark_python_task": {}}]}}
    server = serve(by_endpoint({"runs/get": before, "get": job, "run-now": {"run_id": 7}}))

    done = dbjobs("runs", "rerun", RUN_ID)

    assert done.exit_code == 0
    assert sent(server) == {"job_id": JOB_ID, "python_params": ["--day", "1"]}
    assert " with --day, 1\n" in done.stderr


def test_a_one_time_run_is_submitted_again_without_what_became_of_it(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(by_endpoint({"runs/get": ONCE, "runs/submit": {"run_id": 8}}))

    done = dbjobs("runs", "rerun", RUN_ID, "-P", "day=2")

    assert (done.exit_code, done.stdout) == (0, "8\n"), done.stderr
    assert sent(server) == {
        "run_name": "adhoc",
        "git_source": {"git_url": "https://x", "git_branch": "main"},
        "tasks": [
            {
                "task_key": "clean",
                "notebook_task": {"notebook_path": "/n", "base_parameters": {"day": "2", "city": "Ulm"}},
                "libraries": [{"pypi": {"package": "x"}}],
                "new_cluster": {"num_workers": 1, "spark_version": "15"},
            },
            {
                "task_key": "each",
                "depends_on": [{"task_key": "clean"}],
                "for_each_task": {"inputs": "[1]", "task": {"task_key": "one", "brand_new_task": {"a": 1}}},
            },
            {"task_key": "check", "condition_task": {"op": "EQUAL_TO", "left": "1", "right": "1"}},
        ],
    }


def test_a_one_time_run_of_2_0_is_submitted_again(dbjobs: Dbjobs, serve: Serve) -> None:
    before = run(
        "TERMINATED",
        "SUCCESS",
        run_type="SUBMIT_RUN",
        task={"spark_python_task": {"python_file": "dbfs:/a.py", "parameters": ["1"]}},
        cluster_spec={"existing_cluster_id": "c-1"},
        cluster_instance={"cluster_id": "c-1"},
    )
    server = serve(by_endpoint({"runs/get": before, "runs/submit": {"run_id": 8}}))

    done = dbjobs("runs", "rerun", RUN_ID, "--api-version", "2.0", "--python-param", "2")

    assert (done.exit_code, done.stdout) == (0, "8\n"), done.stderr
    assert sent(server) == {
        "run_name": "nightly",
        "spark_python_task": {"python_file": "dbfs:/a.py", "parameters": ["2"]},
        "existing_cluster_id": "c-1",
    }


@pytest.mark.parametrize(
    ("before", "code", "error", "hint"),
    [
        (
            run("TERMINATED", "SUCCESS", run_type="WORKFLOW_RUN"),
            5,
            f"run {RUN_ID} was started by a notebook (dbutils.notebook.run), and cannot be repeated",
            "repeat the run whose notebook started it",
        ),
        (
            run("TERMINATED", "SUCCESS", task_key="clean", job_run_id=9),
            5,
            f"run {RUN_ID} is that of a task, which is not run alone",
            "to repeat the whole run: dbjobs runs rerun 9;"
            " to run this task again in it: dbjobs runs repair 9 --rerun clean",
        ),
        (
            run("TERMINATED", "SUCCESS", run_type="SUBMIT_RUN"),
            5,
            f"run {RUN_ID} does not show what its tasks ran, so it cannot be repeated",
            "try --api-version 2.2, or submit the file that it was started from",
        ),
        (
            run("TERMINATED", "SUCCESS", job_parameters=[{"name": "dya", "value": "1"}]),
            2,
            f"job {JOB_ID} has no parameter 'dya'; did you mean 'day'?",
            "its parameters are day, city; --force sends others anyway",
        ),
    ],
    ids=["of a notebook", "of a task", "without tasks", "a parameter that the job has no more"],
)
@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_what_cannot_be_repeated_is_refused_before_anything_is_sent(
    dbjobs: Dbjobs, serve: Serve, version: str, before: dict[str, Any], code: int, error: str, hint: str
) -> None:
    server = serve(by_endpoint({"runs/get": before, "get": JOB}))

    done = dbjobs("runs", "rerun", RUN_ID, "--api-version", version)

    assert (done.exit_code, server.changes) == (code, [])
    assert done.stderr == f"error: {error}\nhint: {hint}\n"


def test_the_job_of_a_run_may_be_gone(dbjobs: Dbjobs, serve: Serve) -> None:
    gone = Reply(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": f"Job {JOB_ID} does not exist."})
    server = serve(by_endpoint({"runs/get": OF_JOB, "get": gone}))

    done = dbjobs("runs", "rerun", RUN_ID)

    assert (done.exit_code, server.changes) == (4, [])
    assert f"the job of run {RUN_ID} no longer exists: Job {JOB_ID} does not exist." in done.stderr


def test_a_dry_run_prints_the_request(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(by_endpoint({"runs/get": OF_JOB, "get": JOB}))

    done = dbjobs("runs", "rerun", RUN_ID, "--dry-run", "-o", "json")

    assert (done.exit_code, server.changes) == (0, [])
    assert json.loads(done.stdout)["body"]["job_parameters"]["day"] == "2026-01-01"


def test_a_start_whose_outcome_is_unknown_names_the_run_and_the_token(
    dbjobs: Dbjobs, serve: Serve, clock: object
) -> None:
    serve(by_endpoint({"runs/get": OF_JOB, "get": JOB, "run-now": Reply(reset=True)}))

    done = dbjobs("runs", "rerun", RUN_ID, "--idempotency-token", "t-1")

    assert done.exit_code == 6
    assert "the run may have been started" in done.stderr


def test_a_run_of_the_sandbox_runs_again_and_is_waited_for(
    dbjobs: Dbjobs, workspace: Sandbox, task_files: Path
) -> None:
    (task_files / "again.py").write_text("import sys\nprint('got', sys.argv[1:])\n")
    tasks = [{"task_key": "a", "spark_python_task": {"python_file": "again.py", "parameters": ["first"]}}]
    submitted = dbjobs("runs", "submit", "--json", json.dumps({"run_name": "once", "tasks": tasks}), "--wait")
    assert submitted.exit_code == 0, submitted.stderr
    first = submitted.lines[0]

    done = dbjobs("runs", "rerun", first, "--python-param", "second", "--wait", "--show-output", "all")

    assert done.exit_code == 0, done.stderr
    assert done.lines[0] != first
    assert "got ['second']" in done.stderr
    assert f"repeats run {first} (once, TERMINATED SUCCESS) with second" in done.stderr
