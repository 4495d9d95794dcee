"""`runs repair`: what is run again, with what, and that a wait judges the new attempts."""

import json
from pathlib import Path
from typing import Any

import pytest

from dbjobs.api.models import Run
from dbjobs.runs.repairs import has_begun
from dbjobs.sandbox.server import Sandbox
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import FakeClock, ScriptedServer, by_endpoint
from tests.support.payloads import run, task

OLD_END: dict[str, Any] = run(
    "TERMINATED",
    "FAILED",
    task("load", "TERMINATED", "SUCCESS", run_id=1),
    task("clean", "TERMINATED", "FAILED", run_id=2),
    run_id=43,
    end_time=1000,
)
GOING: dict[str, Any] = {**OLD_END, "state": {"life_cycle_state": "RUNNING"}, "end_time": 0}
NEW_END: dict[str, Any] = {
    **OLD_END,
    "state": {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"},
    "tasks": [*OLD_END["tasks"], task("clean", "TERMINATED", "SUCCESS", run_id=3, attempt_number=1)],
    "end_time": 2000,
}


@pytest.mark.parametrize(
    ("now", "begun"),
    [
        pytest.param(OLD_END, False, id="as before"),
        pytest.param(GOING, True, id="it goes on"),
        pytest.param(NEW_END, True, id="ended anew"),
        pytest.param({**OLD_END, "end_time": 2000}, True, id="another end"),
        pytest.param({**OLD_END, "tasks": NEW_END["tasks"]}, True, id="a new attempt"),
    ],
)
def test_a_repair_shows_in_the_run(now: dict[str, Any], begun: bool) -> None:
    assert has_begun(Run(OLD_END), Run(now)) is begun


def scripted(serve: Serve, *polls: dict[str, Any]) -> ScriptedServer:
    return serve(by_endpoint({"runs/get": [OLD_END, *polls], "runs/repair": {"repair_id": 77}}))


def test_the_repair_id_alone_is_printed(dbjobs: Dbjobs, serve: Serve) -> None:
    scripted(serve)
    done = dbjobs("runs", "repair", 43)
    assert done.stdout == "77\n"
    assert done.stderr == "repair 77 of run 43 started; to wait for it: dbjobs runs wait 43\n"
    assert json.loads(dbjobs("runs", "repair", 43, "-o", "json").stdout) == {"repair_id": 77}


@pytest.mark.parametrize("polls", [[OLD_END, OLD_END, GOING, NEW_END], [OLD_END, NEW_END], [NEW_END]])
def test_the_old_end_is_never_taken_for_the_new_one(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, polls: list[dict[str, Any]]
) -> None:
    server = scripted(serve, *polls)
    done = dbjobs("runs", "repair", 43, "--wait")
    assert done.exit_code == 0
    assert done.lines == ["77", "43\tTERMINATED\tSUCCESS"]
    assert len(server.received) == 2 + len(polls)


def test_a_wait_prints_the_run_as_it_ended(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    scripted(serve, GOING, {**NEW_END, "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED"}})
    done = dbjobs("runs", "repair", 43, "--wait", "--show-output", "none", "-o", "json")
    assert done.exit_code == 10
    assert json.loads(done.stdout)["end_time"] == 2000


@pytest.mark.parametrize(
    ("options", "exit_code", "problem"),
    [
        (["--rerun", "clean", "--rerun-failed"], 2, "--rerun and --rerun-failed cannot be combined"),
        (["--rerun", "nope"], 4, "run 43 has no task 'nope'\nhint: its tasks: load, clean"),
        (["--job-param", "nope=1"], 2, "the job declares no parameters"),
        (["--job-param", "a=1", "--python-param", "b"], 2, "a run takes one kind of parameters"),
    ],
)
def test_what_the_api_would_refuse_is_not_sent(
    dbjobs: Dbjobs, serve: Serve, options: list[str], exit_code: int, problem: str
) -> None:
    server = scripted(serve)
    done = dbjobs("runs", "repair", 43, *options)
    assert (done.exit_code, server.changes) == (exit_code, [])
    assert problem in done.stderr


def test_force_sends_a_parameter_that_the_run_does_not_show(dbjobs: Dbjobs, serve: Serve) -> None:
    server = scripted(serve)
    assert dbjobs("runs", "repair", 43, "--job-param", "nope=1", "--force").exit_code == 0
    assert server.changes[0].body["job_parameters"]["nope"] == "1"


@pytest.mark.parametrize("version", ["2.1", "2.2"])
def test_a_run_is_repaired_and_repaired_again(
    dbjobs: Dbjobs, workspace: Sandbox, task_files: Path, version: str
) -> None:
    """In the sandbox: the file is mended between the repairs."""
    flag = task_files / f"flag_{version}"
    source = (
        f"import sys\nfrom pathlib import Path\nprint(sys.argv[1:])\nassert Path({str(flag)!r}).exists()\n"
    )
    (task_files / "needs_flag.py").write_text(source)
    body = {
        "tasks": [{"task_key": "a", "spark_python_task": {"python_file": "needs_flag.py"}}],
    }

    def call(*args: str) -> Any:
        return dbjobs(*args, "--api-version", version, "--poll-interval", "0.1s")

    job_id = dbjobs("jobs", "create", "--json", json.dumps(body)).stdout.strip()
    first = call("runs", "now", job_id, "--python-param", "kept", "--wait")
    assert first.exit_code == 10
    run_id = first.lines[0]
    assert call("runs", "repair", run_id, "--wait").exit_code == 10
    flag.touch()
    last = call("runs", "repair", run_id, "--rerun", "a", "--wait")
    assert last.exit_code == 0, last.stderr
    assert last.lines[1] == f"{run_id}\tTERMINATED\tSUCCESS"
    assert "['kept']" in dbjobs("runs", "output", run_id).stdout, "parameters are sent again"
