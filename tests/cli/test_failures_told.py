"""What a wait says of failures: each once, as soon as it happened, with its cause and what to do next."""

import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

from dbjobs.http.response import Payload
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import FakeClock, Received, Reply, ScriptedServer, by_endpoint
from tests.support.payloads import RUN_ID, run, task
from tests.support.terminal import Terminal, run_in_terminal

WORKLOAD_FAILED = "Task load failed with message: Workload failed, see run output for details."
URL = "https://adb-1.2.azuredatabricks.net/?o=1#job/7/run/8"
KEY_ERROR = {
    "error": "KeyError: 'day'",
    "error_trace": 'Traceback (most recent call last):\n  File "/Workspace/load.py", line 3, in <module>\n'
    "KeyError: 'day'",
}


def attempt(key: str, run_id: int, result: str | None = None, **more: Any) -> Payload:
    state = "TERMINATED" if result else "RUNNING"
    ended: dict[str, Any] = {"end_time": 9000 + run_id} if result else {}
    made = task(key, state, result, run_id=run_id, start_time=1000, **ended, **more)
    if result == "FAILED":
        made["state"]["state_message"] = "Workload failed, see run output for details"
    return made


def failing(*tasks: Payload, is_over: bool = False) -> Payload:
    states = ("INTERNAL_ERROR", "FAILED") if is_over else ("RUNNING", None)
    made = run(*states, *tasks, start_time=1000, run_page_url=URL, end_time=99_000 if is_over else 0)
    made["state"]["state_message"] = WORKLOAD_FAILED if is_over else "In run"
    return made


LOAD_FAILS = [
    failing(attempt("load", 11), attempt("clean", 12)),
    failing(attempt("load", 11, "FAILED"), attempt("clean", 12)),
    failing(attempt("load", 11, "FAILED"), attempt("clean", 12, "SUCCESS")),
    failing(attempt("load", 11, "FAILED"), attempt("clean", 12, "SUCCESS"), is_over=True),
]


@pytest.fixture
def workspace(serve: Serve, clock: FakeClock) -> Callable[..., ScriptedServer]:
    """A run that goes through these stages; its tasks left these outputs, by their run ids."""

    def start(stages: list[Payload], outputs: dict[int, Any]) -> ScriptedServer:
        runs = by_endpoint({"runs/get": stages})

        def reply(request: Received) -> Reply:
            if request.endpoint != "runs/get-output":
                return runs(request)  # `by_endpoint` returns a function
            output = outputs.get(int(request.query["run_id"]), {})
            if isinstance(output, list):
                output = output.pop(0) if len(output) > 1 else output[0]
            return output if isinstance(output, Reply) else Reply(body=output)

        return serve(reply)

    return start


def test_a_failure_is_told_when_it_happens_and_once(
    dbjobs: Dbjobs, workspace: Callable[..., ScriptedServer]
) -> None:
    server = workspace(LOAD_FAILS, {11: KEY_ERROR})
    done = dbjobs("runs", "wait", RUN_ID, "--progress", "lines")

    assert done.exit_code == 10
    lines = [re.sub(r"^\d\d:\d\d:\d\d  ", "", line) for line in done.stderr.splitlines()]
    failed = next(number for number, line in enumerate(lines) if line.startswith("  load   FAILED"))
    assert lines[failed].endswith("your code: KeyError: 'day'")
    assert lines[failed + 1 : failed + 4] == [
        "task load: FAILED, 8s",
        "  your code: KeyError: 'day'",
        "    at /Workspace/load.py, line 3",
    ]
    assert failed < next(number for number, line in enumerate(lines) if line.startswith("  clean  SUCCESS"))
    assert done.stderr.count("task load: FAILED") == 1
    assert "Workload failed" not in done.stderr
    assert sum(request.endpoint == "runs/get-output" for request in server.received) == 1


def test_an_attempt_that_is_retried_says_why_it_failed_and_the_run_why_the_last_one_did(
    dbjobs: Dbjobs, workspace: Callable[..., ScriptedServer]
) -> None:
    first, second = attempt("load", 11, "FAILED"), attempt("load", 12, attempt_number=1)
    other_error = {"error": "ConnectionError: busy"}
    last = attempt("load", 12, "FAILED", attempt_number=1)
    stages = [failing(attempt("load", 11)), failing(first, second), failing(first, last, is_over=True)]
    server = workspace(stages, {11: other_error, 12: KEY_ERROR})

    done = dbjobs("runs", "wait", RUN_ID, "--progress", "lines")

    failed = [line for line in done.stderr.splitlines() if re.match(r"[\d:]+ .*FAILED", line)]
    assert [line.split("s  ")[-1] for line in failed] == [
        "probably the platform (network): ConnectionError: busy",
        "attempt 2  your code: KeyError: 'day'",
        "your code: KeyError: 'day'",
    ], "the attempts, and the run"
    assert sum(request.endpoint == "runs/get-output" for request in server.received) == 2


def test_a_failed_wait_ends_with_the_cause_and_the_next_command(
    dbjobs: Dbjobs, workspace: Callable[..., ScriptedServer]
) -> None:
    workspace(LOAD_FAILS, {11: KEY_ERROR})
    done = dbjobs("runs", "wait", RUN_ID)

    assert done.stderr.splitlines()[-5:] == [
        f"  url: {URL}",
        "why: your code: KeyError: 'day' (in load)",
        f"next: dbjobs runs repair {RUN_ID} --rerun-failed",
        "      once the code is fixed: reruns the task that did not succeed, and keeps the results of the one"
        " that succeeded",
        f"more: dbjobs runs explain {RUN_ID}",
    ]


def test_tasks_that_failed_alike_are_told_of_together(
    dbjobs: Dbjobs, workspace: Callable[..., ScriptedServer]
) -> None:
    tasks = [attempt(f"load_{number}", 11 + number, "FAILED") for number in range(6)]
    outputs = {11 + number: KEY_ERROR for number in range(5)}
    workspace([failing(*tasks, is_over=True)], {**outputs, 16: {"error": "ValueError: no rows"}})
    done = dbjobs("runs", "wait", RUN_ID)

    assert done.stderr.count("KeyError: 'day'\n    at /Workspace/load.py") == 1
    assert "tasks load_0, load_1, load_2, load_3 and 1 more: FAILED" in done.stderr
    assert "task load_5: FAILED" in done.stderr
    assert "why: your code: KeyError: 'day' (in load_0, load_1 and 3 more)" in done.stderr
    assert "why: your code: ValueError: no rows (in load_5)" in done.stderr


def test_an_output_that_is_not_there_yet_is_asked_for_again_at_the_end(
    dbjobs: Dbjobs, workspace: Callable[..., ScriptedServer]
) -> None:
    missing = Reply(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not yet"})
    workspace(LOAD_FAILS, {11: [missing, KEY_ERROR]})
    done = dbjobs("runs", "wait", RUN_ID, "--progress", "lines")

    assert done.exit_code == 10
    assert "task load: FAILED, 8s\n  your code: KeyError: 'day'" in done.stderr
    assert "warning" not in done.stderr


def test_each_output_is_shown_as_soon_as_its_task_has_ended(
    dbjobs: Dbjobs, workspace: Callable[..., ScriptedServer]
) -> None:
    stages = [
        failing(attempt("load", 11), attempt("clean", 12)),
        failing(attempt("load", 11, "SUCCESS"), attempt("clean", 12)),
        failing(attempt("load", 11, "SUCCESS"), attempt("clean", 12, "SUCCESS")),
        run("TERMINATED", "SUCCESS", attempt("load", 11, "SUCCESS"), attempt("clean", 12, "SUCCESS")),
    ]
    workspace(stages, {11: {"logs": "loaded 12 rows"}, 12: {"logs": "cleaned"}})
    done = dbjobs("runs", "wait", RUN_ID, "--show-output", "all", "--progress", "lines")

    assert done.exit_code == 0
    order = ["==> load  SUCCESS", "loaded 12 rows", "  clean  SUCCESS", "==> clean  SUCCESS", "cleaned"]
    places = [done.stderr.index(words) for words in order]
    assert places == sorted(places)
    assert done.stderr.count("==>") == 2
    assert "why:" not in done.stderr


def test_nothing_is_read_where_no_output_is_wanted(
    dbjobs: Dbjobs, workspace: Callable[..., ScriptedServer]
) -> None:
    server = workspace(LOAD_FAILS, {11: KEY_ERROR})
    done = dbjobs("runs", "wait", RUN_ID, "--show-output", "none")

    assert done.exit_code == 10
    assert "KeyError" not in done.stderr
    assert f"why: dbjobs runs explain {RUN_ID}" in done.stderr
    assert not [request for request in server.received if request.endpoint == "runs/get-output"]


@pytest.mark.parametrize(
    "stages",
    [LOAD_FAILS[:2], [LOAD_FAILS[0], LOAD_FAILS[3]], [LOAD_FAILS[3]]],
    ids=["the run goes on", "the run ends with it", "the run had ended"],
)
def test_a_terminal_keeps_one_frame_below_what_failed_and_above_the_reason(
    stages: list[Payload], workspace: Callable[..., ScriptedServer]
) -> None:
    """While the run goes on, the tree has the exception; at the end the words below it have."""
    stages = list(stages)  # the last one is for ever
    workspace(stages, {11: KEY_ERROR})
    command = [sys.executable, "-m", "dbjobs", "runs", "wait", str(RUN_ID), "--poll-interval", "1s"]
    terminal = Terminal(command, columns=100)
    if stages[-1] is not LOAD_FAILS[3]:
        in_tree = re.compile(r"✗ load +FAILED +8s +your code: KeyError: 'day'")
        terminal.wait_for(lambda text: in_tree.search(text) is not None, "the tree has no exception")
        stages.append(LOAD_FAILS[3])
    ended = terminal.wait()

    assert ended.exit_code == 10
    assert ended.is_clean
    assert [line for line in ended.text.splitlines() if "load" in line or "FAILED" in line] == [
        "task load: FAILED, 8s",
        "    at /Workspace/load.py, line 3",
        '      File "/Workspace/load.py", line 3, in <module>',
        "✗ INTERNAL_ERROR FAILED  nightly  1m38s",
        "  ✗ load   FAILED   8s",
        "why: your code: KeyError: 'day' (in load)",
        f"{RUN_ID} INTERNAL_ERROR  FAILED",
    ]
    assert ended.text.count("KeyError: 'day'") == 3, "in the block, in its trace, and as the reason"
    assert ended.text.replace("\n  ", "").count(URL) == 1
    assert "Workload failed" not in ended.text
    assert "\x1b[1;31mtask load: FAILED" in ended.raw


PY4J = {
    "error": "py4j.protocol.Py4JJavaError: An error occurred while calling o4.count. PERMISSION_DENIED:"
    " User does not have SELECT on Table 'prod.eu.orders'"
}


def test_what_is_told_of_a_failure_fits_the_terminal(workspace: Callable[..., ScriptedServer]) -> None:
    """Words are not broken, ids and commands stay whole, and the tree has room for what matters."""
    workspace(LOAD_FAILS, {11: PY4J})
    base = [sys.executable, "-m", "dbjobs", "runs"]
    waited = run_in_terminal([*base, "wait", str(RUN_ID), "--poll-interval", "0.1s"], columns=70).text
    explained = run_in_terminal([*base, "explain", str(RUN_ID)], columns=70).text

    assert "permissions: Py4JJavaError: PERMISSION_DENIED" in waited
    assert f"next: dbjobs runs repair {RUN_ID} --rerun-failed" in waited.splitlines()
    assert f"  dbjobs runs repair {RUN_ID} --rerun-failed" in explained.splitlines()
    for words in ("once the permission is granted:", "User does not have SELECT on Table 'prod.eu.orders'"):
        assert words in " ".join(explained.split())
