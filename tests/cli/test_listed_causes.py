"""Every table tells why a run failed, though the API's lists say only that it did; it takes few requests."""

import sys
from collections import Counter
from typing import Any

import pytest

from tests.conftest import Dbjobs, Result, Serve
from tests.support.fakes import FakeClock, Received, Reply
from tests.support.payloads import JOB_ID, run, task
from tests.support.terminal import Terminal

NOW = 1_767_225_600_000
"""The fake clock's beginning."""

SAYS_NOTHING = (
    "Task check failed with message: Workload failed, see run output for details."
    " This caused all downstream tasks to get skipped."
)
TRACE = """Traceback (most recent call last):
  File "check.py", line 3, in <module>
BadOrdersError: {} bad orders"""


def failed(run_id: int, message: str = SAYS_NOTHING) -> dict[str, Any]:
    """A run of two tasks, of which `check` failed; its task runs have ids of their own."""
    tasks = [
        task("load", "TERMINATED", "SUCCESS", end_time=NOW - 9_000) | {"run_id": run_id * 100 + 1},
        task("check", "TERMINATED", "FAILED", end_time=NOW - 8_000, after=("load",))
        | {"run_id": run_id * 100 + 2},
    ]
    tasks[1]["state"]["state_message"] = "Workload failed, see run output for details"
    times = {"start_time": NOW - 10_000, "end_time": NOW - 7_000, "run_type": "JOB_RUN"}
    one = run("TERMINATED", "FAILED", *tasks, run_id=run_id, **times)
    one["state"]["state_message"] = message
    return one


class Workspace:
    """One job and its runs, whose lists have tasks only if they are asked for; it counts the requests."""

    def __init__(self, runs: list[dict[str, Any]], outputs: Reply | None = None) -> None:
        self.runs, self.outputs = runs, outputs
        self.calls: Counter[str] = Counter()

    def __call__(self, request: Received) -> Reply:
        self.calls["permissions" if "permissions" in request.path else request.endpoint] += 1
        run_id = int(request.query.get("run_id", 0))
        job = {"job_id": JOB_ID, "settings": {"name": "nightly"}}
        if request.endpoint in ("list", "get"):
            return Reply(body={"jobs": [job]} if request.endpoint == "list" else job)
        if request.endpoint == "runs/list":
            start, size = int(request.query.get("page_token", 0)), int(request.query["limit"])
            listed = [] if request.query.get("active_only") else self.runs[start : start + size]
            if not request.query.get("expand_tasks"):
                listed = [{name: one[name] for name in one if name != "tasks"} for one in listed]
            more = start + size < len(self.runs)
            return Reply(body={"runs": listed, **({"next_page_token": str(start + size)} if more else {})})
        if request.endpoint == "runs/get":
            return Reply(body=next(one for one in self.runs if one["run_id"] == run_id))
        if request.endpoint == "runs/get-output":
            return self.outputs or Reply(
                body={"error": "BadOrdersError", "error_trace": TRACE.format(run_id)}
            )
        return Reply(403, {"error_code": "PERMISSION_DENIED", "message": "not for you"})


def messages(done: Result) -> list[str]:
    """The last column of each row."""
    return [line.split("  ")[-1].strip() for line in done.stdout.splitlines() if "✗" in line]


CAUSE = "BadOrdersError: {} bad orders (in check)"


@pytest.mark.parametrize(
    ("command", "requests"),
    [
        (["runs", "list"], {"runs/list": 1, "runs/get-output": 2}),
        (["runs", "list", "--limit", "2"], {"runs/list": 1, "runs/get-output": 2}),
        (["runs", "list", "--limit", "0"], {"runs/list": 1, "runs/get": 2, "runs/get-output": 2}),
        (["runs", "list", "--failed"], {"runs/list": 1, "runs/get": 2, "runs/get-output": 2}),
        (["jobs", "get", str(JOB_ID)], {"get": 1, "runs/list": 1, "runs/get-output": 2}),
    ],
    ids=" ".join,
)
def test_a_failed_row_has_the_words_of_the_exception(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, command: list[str], requests: dict[str, int]
) -> None:
    workspace = Workspace([failed(11), failed(12)])
    serve(workspace)

    done = dbjobs(*command)

    assert (done.exit_code, done.stderr) == (0, "")
    assert messages(done) == [CAUSE.format(1102), CAUSE.format(1202)]
    del workspace.calls["permissions"]
    assert workspace.calls == requests


def test_the_overview_has_the_cause_of_each_job_that_fails(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    workspace = Workspace([failed(11), failed(12)])
    serve(workspace)

    done = dbjobs("jobs", "list", "--runs")

    assert messages(done) == [CAUSE.format(1102)], "that of its newest run"
    assert workspace.calls == {"list": 1, "runs/list": 2, "runs/get": 1, "runs/get-output": 1}


def test_a_run_has_it_as_its_message_and_beside_the_task(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    workspace = Workspace([failed(11)])
    serve(workspace)

    done = dbjobs("runs", "get", 11)

    assert f"message   your code: {CAUSE.format(1102)}" in done.stdout
    assert messages(done)[-1] == "BadOrdersError: 1102 bad orders"
    assert "see run output" not in done.stdout
    assert workspace.calls == {"runs/get": 1, "runs/get-output": 1}


def test_the_history_of_a_job_tells_failures_by_their_cause(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    workspace = Workspace([failed(run_id) for run_id in range(11, 15)])
    serve(workspace)

    done = dbjobs("jobs", "history", JOB_ID)

    newest = "last in run 14 (2025-12-31): BadOrdersError: 1402 bad orders"
    assert done.stdout.partition("Failures\n")[2] == f"  check FAILED 4 times, {newest}\n"
    assert workspace.calls == {"runs/list": 1, "runs/get-output": 1}


@pytest.mark.parametrize("option", [("-q",), ("-o", "json"), ("-o", "jsonl"), ("-o", "yaml"), ("-o", "id")])
@pytest.mark.parametrize("command", ["runs list", "runs get 11", "jobs list --runs", f"jobs get {JOB_ID}"])
def test_nothing_is_read_for_programs(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, command: str, option: tuple[str, ...]
) -> None:
    workspace = Workspace([failed(11)])
    server = serve(workspace)

    assert dbjobs(*command.split(), *option).exit_code == 0

    assert not workspace.calls["runs/get-output"]
    assert not any(request.query.get("expand_tasks") for request in server.received)


@pytest.mark.parametrize("command", ["runs list --limit 0", f"jobs get {JOB_ID}"])
def test_the_newest_ten_are_read_however_many_failed(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, command: str
) -> None:
    workspace = Workspace([failed(run_id) for run_id in range(1000, 1060)])
    serve(workspace)

    shown = messages(dbjobs(*command.split()))

    assert shown[:10] == [CAUSE.format(f"{run_id}02") for run_id in range(1000, 1010)]
    assert set(shown[10:]) <= {SAYS_NOTHING}
    assert workspace.calls["runs/get-output"] == 10


@pytest.mark.parametrize(
    "message", ["Cluster could not be launched: no quota", "Run canceled by ann@example.com"]
)
def test_a_message_that_says_the_cause_needs_no_request(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, message: str
) -> None:
    workspace = Workspace([failed(11, message)])
    serve(workspace)
    assert messages(dbjobs("runs", "list")) == [message]
    assert workspace.calls == {"runs/list": 1}


@pytest.mark.parametrize(
    "outputs",
    [
        Reply(403, {"error_code": "PERMISSION_DENIED", "message": "not for you"}),
        Reply(500, {"error_code": "INTERNAL_ERROR", "message": "try later"}),
        Reply(reset=True),
        Reply(body={}),
    ],
    ids=["no permission", "server error", "connection lost", "no output"],
)
def test_what_cannot_be_read_leaves_the_message_of_the_api(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, outputs: Reply
) -> None:
    workspace = Workspace([failed(11), failed(12)], outputs)
    serve(workspace)

    done = dbjobs("runs", "list")

    assert (done.exit_code, done.stderr) == (0, "")
    assert messages(done) == [SAYS_NOTHING, SAYS_NOTHING]
    assert workspace.calls["runs/get-output"] <= 2, "nothing is tried again"


def test_a_table_waits_two_seconds_at_most(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    workspace = Workspace([failed(run_id) for run_id in range(11, 16)])

    def slowly(request: Received) -> Reply:
        if request.endpoint == "runs/get-output":
            clock.time += 0.9
        return workspace(request)

    serve(slowly)
    done = dbjobs("runs", "list")

    assert messages(done) == [*(CAUSE.format(f"{run_id}02") for run_id in (11, 12, 13)), *[SAYS_NOTHING] * 2]


def test_an_output_that_never_comes_holds_nothing_up(dbjobs: Dbjobs, serve: Serve) -> None:
    workspace = Workspace([failed(11), failed(12)], Reply(hang=True))
    serve(workspace)

    done = dbjobs("runs", "list")

    assert (done.exit_code, done.stderr, messages(done)) == (0, "", [SAYS_NOTHING, SAYS_NOTHING])
    assert workspace.calls["runs/get-output"] == 1


def test_a_run_of_api_2_0_is_its_own_only_task(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    one = failed(11, "Workload failed, see run output for details")
    del one["tasks"]
    workspace = Workspace([one])
    serve(workspace)

    done = dbjobs("runs", "list", "--api-version", "2.0")

    assert messages(done) == ["BadOrdersError: 11 bad orders"]
    assert workspace.calls == {"runs/list": 1, "runs/get-output": 1}


def test_the_chooser_of_runs_tells_it_too(serve: Serve) -> None:
    workspace = Workspace([failed(11), failed(12)])
    serve(workspace)
    terminal = Terminal([sys.executable, "-m", "dbjobs", "runs", "get"], columns=120)

    terminal.read_until("1102 bad orders (in check)")
    terminal.read_until("1202 bad orders (in check)")
    terminal.type("\x1b")

    assert terminal.wait().exit_code == 130
    assert workspace.calls == {"runs/list": 1, "runs/get-output": 2}
