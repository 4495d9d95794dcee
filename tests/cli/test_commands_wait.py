"""Waiting for runs: what is printed where, and what the exit code says. Real runs in the sandbox."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from dbjobs.http.response import Payload
from dbjobs.sandbox.server import Sandbox
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import FakeClock, Reply, by_endpoint
from tests.support.payloads import RUN_ID, TASKS, run, status, task
from tests.support.tasks import FAIL, FOR_LONG, job_file, python_task

QUICK = ("--poll-interval", "0.1", "--poll-max", "0.2")
NOT_THERE = Reply(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No such run."})
BROKEN = Reply(500, {"error_code": "INTERNAL_ERROR", "message": "Broken."})


@pytest.fixture
def start(dbjobs: Dbjobs, workspace: Sandbox, task_files: Path, tmp_path: Path) -> Callable[[str], str]:
    """Start a run of one task, named main, that runs this code; its run_id."""

    def submit(code: str) -> str:
        file = job_file(tmp_path, python_task(task_files, "main", code), run_name="started")
        return dbjobs("runs", "submit", "-f", file).stdout.strip()

    return submit


def state_of(dbjobs: Dbjobs, run_id: str) -> Payload:
    state: Payload = json.loads(dbjobs("runs", "get", run_id, "-o", "json").stdout)["state"]
    return state


def wait_until_active(dbjobs: Dbjobs, run_id: str) -> None:
    while state_of(dbjobs, run_id)["life_cycle_state"] != "RUNNING":
        time.sleep(0.02)


# Outcomes


@pytest.mark.parametrize(
    ("code", "settings", "exit_code", "state"),
    [
        pytest.param("", {}, 0, "TERMINATED\tSUCCESS", id="success"),
        pytest.param(FAIL, {}, 10, "INTERNAL_ERROR\tFAILED", id="failure"),
        pytest.param(FOR_LONG, {"timeout_seconds": 1}, 11, "TERMINATED\tTIMEDOUT", id="time-out"),
    ],
)
def test_submit_and_wait_exits_with_the_outcome(
    dbjobs: Dbjobs, workspace: Sandbox, task_files: Path, tmp_path: Path,
    code: str, settings: Payload, exit_code: int, state: str,
) -> None:  # fmt: skip
    file = job_file(tmp_path, python_task(task_files, "main", code), run_name="nightly", **settings)

    result = dbjobs("runs", "submit", "-f", file, "--wait", *QUICK)
    assert result.exit_code == exit_code
    run_id, line = result.lines
    assert run_id.isdigit()
    assert line == f"{run_id}\t{state}"


def test_a_run_that_is_canceled_meanwhile_exits_12(dbjobs: Dbjobs, start: Callable[[str], str]) -> None:
    run_id = start(FOR_LONG)
    wait_until_active(dbjobs, run_id)
    asked = dbjobs("runs", "cancel", run_id)

    result = dbjobs("runs", "wait", run_id, *QUICK)
    assert (asked.exit_code, asked.stdout) == (0, "")
    assert (result.exit_code, result.stdout) == (12, f"{run_id}\tTERMINATED\tCANCELED\n")


def test_cancel_and_wait_is_a_success_once_the_run_has_ended(
    dbjobs: Dbjobs, start: Callable[[str], str]
) -> None:
    run_id = start(FOR_LONG)

    result = dbjobs("runs", "cancel", run_id, "--wait")
    assert (result.exit_code, result.stdout) == (0, f"{run_id}\tTERMINATED\tCANCELED\n")
    assert dbjobs("runs", "cancel", run_id).exit_code == 0, "no error for one that has ended"


def test_a_run_at_its_job_s_concurrency_limit_never_ran(
    dbjobs: Dbjobs, workspace: Sandbox, task_files: Path, tmp_path: Path
) -> None:
    settings = {"name": "one at a time", "max_concurrent_runs": 1, "queue": {"enabled": False}}
    file = job_file(tmp_path, python_task(task_files, "main", FOR_LONG), **settings)
    job_id = dbjobs("jobs", "create", "-f", file).stdout.strip()
    first = dbjobs("runs", "now", job_id).stdout.strip()

    second = dbjobs("runs", "now", job_id, "--wait", *QUICK)
    assert second.exit_code == 13
    run_id, line = second.lines
    assert line == f"{run_id}\tSKIPPED\tMAXIMUM_CONCURRENT_RUNS_REACHED"
    dbjobs("runs", "cancel", first)


def test_a_task_that_the_workspace_cannot_run_is_an_internal_error(
    dbjobs: Dbjobs, workspace: Sandbox, tmp_path: Path
) -> None:
    file = job_file(
        tmp_path,
        {"task_key": "main", "spark_jar_task": {"main_class_name": "Main"}, "existing_cluster_id": "c"},
    )

    result = dbjobs("runs", "submit", "-f", file, "--wait", *QUICK)
    assert result.exit_code == 14
    assert result.lines[1].endswith("\tINTERNAL_ERROR\t-")


@pytest.fixture
def half_failed(task_files: Path, tmp_path: Path) -> Path:
    """A run whose last task succeeds though the first failed."""
    return job_file(
        tmp_path,
        python_task(task_files, "optional", FAIL),
        python_task(task_files, "report", after=["optional"], run_if="ALL_DONE"),
    )


@pytest.mark.parametrize(("strict", "exit_code"), [((), 0), (("--strict",), 17)], ids=["lenient", "strict"])
def test_success_with_failures_warns_and_is_a_failure_only_under_strict(
    dbjobs: Dbjobs, workspace: Sandbox, half_failed: Path, strict: tuple[str, ...], exit_code: int
) -> None:
    result = dbjobs("runs", "submit", "-f", half_failed, "--wait", "--quiet", *QUICK, *strict)

    assert result.exit_code == exit_code
    assert result.lines[1].endswith("\tTERMINATED\tSUCCESS_WITH_FAILURES")
    assert f"warning: run {result.lines[0]} succeeded, but these tasks failed: optional" in result.stderr


TOLD = {
    "SUCCESS": (run("TERMINATED", "SUCCESS"), 0),
    "SUCCESS_WITH_FAILURES": (run("TERMINATED", "SUCCESS_WITH_FAILURES"), 0),
    "FAILED": (run("TERMINATED", "FAILED"), 10),
    "INTERNAL_ERROR and FAILED": (run("INTERNAL_ERROR", "FAILED"), 10),
    "TIMEDOUT": (run("TERMINATED", "TIMEDOUT"), 11),
    "CANCELED": (run("TERMINATED", "CANCELED"), 12),
    "SKIPPED": (run("SKIPPED"), 13),
    "MAXIMUM_CONCURRENT_RUNS_REACHED": (run("SKIPPED", "MAXIMUM_CONCURRENT_RUNS_REACHED"), 13),
    "INTERNAL_ERROR": (run("INTERNAL_ERROR"), 14),
    "UPSTREAM_FAILED": (run("TERMINATED", "UPSTREAM_FAILED"), 15),
    "UPSTREAM_CANCELED": (run("TERMINATED", "UPSTREAM_CANCELED"), 15),
    "EXCLUDED": (run("TERMINATED", "EXCLUDED"), 16),
    "DISABLED": (run("TERMINATED", "DISABLED"), 16),
    "EVICTED": (run("TERMINATED", "EVICTED"), 16),
    "UPSTREAM_EVICTED": (run("TERMINATED", "UPSTREAM_EVICTED"), 16),
    "a result of tomorrow": (run("TERMINATED", "A_RESULT_OF_TOMORROW"), 19),
    "no result at all": (run("TERMINATED"), 19),
    "status alone, success": ({**run(), "state": None, "status": status("TERMINATED", "SUCCESS")}, 0),
    "status alone, failure": (
        {**run(), "state": None, "status": status("TERMINATED", "RUN_EXECUTION_ERROR")},
        10,
    ),
    "status alone, cluster": ({**run(), "state": None, "status": status("TERMINATED", "CLUSTER_ERROR")}, 14),
}


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("told", "exit_code"), TOLD.values(), ids=TOLD)
def test_the_exit_codes_of_a_wait(dbjobs: Dbjobs, serve: Serve, told: Payload, exit_code: int) -> None:
    states = [run("QUEUED"), run("RUNNING"), run("A_STATE_OF_TOMORROW"), told]
    serve(by_endpoint({"runs/get": states, "runs/get-output": {}}))

    result = dbjobs("runs", "wait", RUN_ID)
    assert result.exit_code == exit_code
    [line] = result.lines
    assert line.split("\t")[0] == str(RUN_ID)
    assert line.count("\t") == 2


# Several runs


def test_several_runs_are_told_in_the_order_asked_and_the_gravest_decides(
    dbjobs: Dbjobs, start: Callable[[str], str]
) -> None:
    slow, bad, good = start("import time; time.sleep(0.5)"), start(FAIL), start("")
    success, failure = "TERMINATED\tSUCCESS", "INTERNAL_ERROR\tFAILED"

    result = dbjobs("runs", "wait", slow, bad, good, bad, *QUICK)
    assert result.exit_code == 10
    assert result.lines == [f"{slow}\t{success}", f"{bad}\t{failure}", f"{good}\t{success}"]

    as_json = dbjobs("runs", "wait", good, slow, "-o", "json", *QUICK)
    assert as_json.exit_code == 0
    assert [item["run_id"] for item in json.loads(as_json.stdout)] == [int(good), int(slow)]

    as_lines = dbjobs("runs", "wait", "-", "-o", "jsonl", *QUICK, stdin=f"{bad}\n{good}\n")
    assert as_lines.exit_code == 10
    assert [json.loads(line)["run_id"] for line in as_lines.lines] == [int(bad), int(good)]


def test_fail_fast_leaves_the_others_going(dbjobs: Dbjobs, start: Callable[[str], str]) -> None:
    slow, bad = start(FOR_LONG), start(FAIL)

    result = dbjobs("runs", "wait", slow, bad, "--fail-fast", *QUICK)
    assert result.exit_code == 10
    assert f"run {slow} is still running, and nothing was canceled" in result.stderr
    assert f"dbjobs runs wait {slow}" in result.stderr
    assert f"dbjobs runs cancel {slow}" in result.stderr
    assert "result_state" not in state_of(dbjobs, slow)
    dbjobs("runs", "cancel", slow)


@pytest.mark.usefixtures("clock")  # a wait asks for 30 seconds, since a new run may not be visible yet
def test_a_run_that_is_not_there_keeps_no_other_from_its_end(
    dbjobs: Dbjobs, start: Callable[[str], str]
) -> None:
    good = start("")

    result = dbjobs("runs", "wait", 1, good, *QUICK)
    assert result.exit_code == 4
    assert "Run 1 does not exist." in result.stderr
    assert result.lines == ["1\t-\t-", f"{good}\tTERMINATED\tSUCCESS"]


# Streams


@pytest.mark.parametrize("output", ["json", "jsonl", "yaml", "id"])
def test_a_finished_wait_prints_the_final_run_whatever_its_outcome(
    dbjobs: Dbjobs, start: Callable[[str], str], output: str
) -> None:
    run_id = start(FAIL)

    result = dbjobs("runs", "wait", run_id, "-o", output, *QUICK)
    assert result.exit_code == 10
    if output == "id":
        assert result.stdout == f"{run_id}\n"
        return
    final = json.loads(result.stdout) if output != "yaml" else yaml.safe_load(result.stdout)
    assert final == json.loads(dbjobs("runs", "get", run_id, "-o", "json").stdout)
    assert final["state"]["result_state"] == "FAILED"
    assert (len(result.lines) == 1) == (output == "jsonl")


@pytest.mark.parametrize("shown", ["all", "failed", "none"])
def test_show_output_says_whose_output_is_shown_on_stderr(
    dbjobs: Dbjobs, workspace: Sandbox, task_files: Path, tmp_path: Path, shown: str
) -> None:
    file = job_file(
        tmp_path,
        python_task(task_files, "good", "print('word ' + 'of the good')"),
        python_task(task_files, "bad", "print('word ' + 'of the bad')\n" + FAIL),
    )

    result = dbjobs("runs", "submit", "-f", file, "--wait", "--show-output", shown, *QUICK)
    assert result.exit_code == 10
    assert len(result.lines) == 2
    assert ("word of the good" in result.stderr) == (shown == "all")
    assert ("the data is bad" in result.stderr) == (shown != "none")
    assert ("line 2, in <module>" in result.stderr) == (shown != "none"), "the trace"


def test_a_failed_run_tells_of_its_failed_tasks_by_default(
    dbjobs: Dbjobs, start: Callable[[str], str]
) -> None:
    result = dbjobs("runs", "wait", start(FAIL), *QUICK)

    assert "task main: FAILED" in result.stderr
    assert "ValueError: the data is bad" in result.stderr


def test_quiet_leaves_out_progress_and_notes_but_no_failure(
    dbjobs: Dbjobs, start: Callable[[str], str]
) -> None:
    good = dbjobs("runs", "wait", start(""), "--quiet", *QUICK)
    bad = dbjobs("runs", "wait", start(FAIL), "--quiet", *QUICK)

    assert good.stderr == ""
    assert "the data is bad" in bad.stderr
    assert "RUNNING" not in bad.stderr


def test_the_way_back_is_told_at_once_with_the_options_of_the_call(
    dbjobs: Dbjobs, workspace: Sandbox, task_files: Path, tmp_path: Path
) -> None:
    config = tmp_path / "my folder" / "config.yaml"
    config.parent.mkdir()
    config.write_text(f"profiles: {{here: {{host: '{workspace.url}', token: {workspace.token}}}}}", "utf-8")
    file = job_file(tmp_path, python_task(task_files, "main"))

    options = ("--config", config, "-p", "here", "--api-version", "2.1")
    result = dbjobs("runs", "submit", "-f", file, *options)
    words = f"--profile here --config '{config}' --api-version 2.1 {result.stdout.strip()}"
    assert f"dbjobs runs wait {words}" in result.stderr


# Limits


def test_at_the_time_limit_the_wait_ends_and_the_run_goes_on(
    dbjobs: Dbjobs, start: Callable[[str], str]
) -> None:
    run_id = start(FOR_LONG)
    wait_until_active(dbjobs, run_id)

    result = dbjobs("runs", "wait", run_id, "--timeout", "0.3", *QUICK)
    assert (result.exit_code, result.stdout) == (124, f"{run_id}\tRUNNING\t-\n")
    assert "the time limit has passed" in result.stderr
    assert f"dbjobs runs wait {run_id}" in result.stderr
    assert f"dbjobs runs cancel {run_id}" in result.stderr
    assert state_of(dbjobs, run_id)["life_cycle_state"] == "RUNNING"
    dbjobs("runs", "cancel", run_id)


def test_at_the_time_limit_the_run_is_canceled_if_that_was_asked(
    dbjobs: Dbjobs, start: Callable[[str], str]
) -> None:
    run_id = start(FOR_LONG)

    result = dbjobs("runs", "wait", run_id, "--timeout", "0.3", "--on-timeout", "cancel", *QUICK)
    assert (result.exit_code, result.stdout) == (124, f"{run_id}\tTERMINATED\tCANCELED\n")


def test_a_timeout_of_0_looks_once(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(Reply(body=run("RUNNING")))

    assert dbjobs("runs", "wait", RUN_ID, "--timeout", "0").exit_code == 124
    assert len(server.received) == 1


def test_a_wait_lives_through_an_outage_and_says_so(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    troubles = [BROKEN, Reply(reset=True), Reply(200, "<html>Sign in"), Reply(302, headers={"Location": "/"})]
    serve(by_endpoint({"runs/get": [run("RUNNING"), *troubles, run("TERMINATED", "SUCCESS")]}))

    result = dbjobs("runs", "wait", RUN_ID)
    assert result.exit_code == 0
    assert "last seen RUNNING: the server is not ready: Broken." in result.stderr
    assert "contact is restored" in result.stderr
    assert clock.time < 200


def test_a_wait_without_contact_gives_up_after_max_outage(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    serve(
        by_endpoint({"runs/get": [run("RUNNING", run_page_url="https://adb.example/#job/1/run/2"), BROKEN]})
    )

    result = dbjobs("runs", "wait", RUN_ID, "--max-outage", "5m")
    assert (result.exit_code, result.stdout) == (6, f"{RUN_ID}\tRUNNING\t-\n")
    assert "the outcome is not known: the server is not ready: Broken." in result.stderr
    assert f"run {RUN_ID} may still be running, and nothing was canceled" in result.stderr
    assert "https://adb.example/#job/1/run/2" in result.stderr
    assert f"dbjobs runs wait {RUN_ID}" in result.stderr
    assert 300 <= clock.time <= 340


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("command", ["now", "submit"])
def test_a_run_just_started_may_not_be_there_yet(dbjobs: Dbjobs, serve: Serve, command: str) -> None:
    refusal = Reply(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Run 1 does not exist."})
    forbidden = Reply(403, {"error_code": "PERMISSION_DENIED", "message": "Not yours."})
    started = {"run_id": RUN_ID}
    serve(
        by_endpoint(
            {
                "run-now": started,
                "runs/submit": started,
                "runs/get": [NOT_THERE, refusal, forbidden, run("TERMINATED", "SUCCESS")],
            }
        )
    )

    what = ("--json", json.dumps({"tasks": TASKS})) if command == "submit" else (7,)
    result = dbjobs("runs", command, *what, "--wait")
    assert result.exit_code == 0
    assert result.lines == [str(RUN_ID), f"{RUN_ID}\tTERMINATED\tSUCCESS"]


@pytest.mark.usefixtures("clock")
def test_a_run_that_never_appears_is_not_found(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(by_endpoint({"run-now": {"run_id": RUN_ID}, "runs/get": NOT_THERE}))

    result = dbjobs("runs", "now", 7, "--wait")
    assert result.exit_code == 4
    assert result.lines[0] == str(RUN_ID)
    assert "No such run. (RESOURCE_DOES_NOT_EXIST, HTTP 404)" in result.stderr


def test_a_run_that_is_not_there_is_looked_for_three_times_over_30_seconds(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    """It may have been started a second ago, by another command: the service is eventually consistent."""
    server = serve(NOT_THERE)

    result = dbjobs("runs", "wait", RUN_ID)
    assert (result.exit_code, result.stdout) == (4, f"{RUN_ID}\t-\t-\n")
    assert result.stderr.count("No such run.") == 1
    assert "still be running" not in result.stderr, "nothing says that there is such a run"
    assert clock.time == 30
    assert len(server.received) >= 3


@pytest.mark.usefixtures("clock")
def test_a_run_started_by_an_earlier_command_may_not_be_there_yet(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(by_endpoint({"runs/get": [NOT_THERE, NOT_THERE, NOT_THERE, run("TERMINATED", "SUCCESS")]}))

    assert dbjobs("runs", "wait", RUN_ID).exit_code == 0


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("result_state", "exit_code"), [("SUCCESS", 0), ("FAILED", 10)], ids=["success", "failure"]
)
@pytest.mark.parametrize("trouble", [BROKEN, NOT_THERE, Reply(reset=True)], ids=["500", "404", "reset"])
def test_trouble_with_an_output_is_a_warning_and_changes_no_exit_code(
    dbjobs: Dbjobs, serve: Serve, trouble: Reply, result_state: str, exit_code: int
) -> None:
    ended = run("TERMINATED", result_state, task("main", "TERMINATED", result_state))
    serve(by_endpoint({"runs/get": ended, "runs/get-output": trouble}))

    result = dbjobs("runs", "wait", RUN_ID, "--show-output", "all")
    assert result.exit_code == exit_code
    assert "warning: the output of main could not be fetched: " in result.stderr


@pytest.mark.usefixtures("clock")
def test_events_are_one_json_object_a_line(dbjobs: Dbjobs, serve: Serve) -> None:
    ended = run("TERMINATED", "SUCCESS", task("main", "TERMINATED", "SUCCESS"))
    serve(by_endpoint({"runs/get": [run("RUNNING", None, task("main", "RUNNING")), ended]}))

    result = dbjobs("runs", "wait", RUN_ID, "--progress", "events")
    events = [json.loads(line) for line in result.stderr.splitlines()]
    fields = {"ts", "event", "run_id", "task_key", "life_cycle_state", "result_state", "message"}
    assert all(fields <= event.keys() for event in events)
    assert [(event["event"], event["life_cycle_state"]) for event in events] == [
        ("run_state", "RUNNING"),
        ("task_state", "RUNNING"),
        ("task_state", "TERMINATED"),
        ("run_state", "TERMINATED"),
        ("end", "TERMINATED"),
        ("note", None),
    ]


@pytest.mark.usefixtures("clock")
def test_no_progress_is_told_if_none_is_wanted(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(by_endpoint({"runs/get": [run("PENDING"), run("RUNNING"), run("TERMINATED", "SUCCESS")]}))

    result = dbjobs("runs", "wait", RUN_ID, "--progress", "none")
    assert "PENDING" not in result.stderr
    assert "RUNNING" not in result.stderr
    assert result.lines == [f"{RUN_ID}\tTERMINATED\tSUCCESS"]


def test_what_the_server_says_moves_no_cursor(dbjobs: Dbjobs, serve: Serve) -> None:
    evil = "\x1b[2J\x1b]0;title\x07\u202egnp[/red][bold]\r\n"
    failed = {
        **run("TERMINATED", "FAILED", task("main", "TERMINATED", "FAILED")),
        "run_name": f"[dev ann] nightly{evil}",
        "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED", "state_message": evil},
    }
    serve(by_endpoint({"runs/get": failed, "runs/get-output": {"error": evil, "error_trace": evil}}))

    result = dbjobs("runs", "wait", RUN_ID)
    assert result.exit_code == 10
    assert "[dev ann] nightly" in result.stderr
    for character in "\x1b\x07\u202e\r":
        assert character not in result.stderr
