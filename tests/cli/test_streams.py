"""Streams that are closed, full, broken or stalled: what dbjobs then does, tells, and exits with.

The rule: what was changed and how a run ended count, whatever becomes of the words about it. A run's id
goes to the stream that still works. Only a result that was the purpose of the command is missed.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Dbjobs, Result, Serve
from tests.support.fakes import Reply, ScriptedServer, by_endpoint
from tests.support.payloads import JOB_ID, RUN_ID, TASKS, run, task
from tests.support.terminal import Terminal

needs_full_device = pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="only Linux has a device that is always full"
)

DBJOBS = [sys.executable, "-m", "dbjobs"]
SETTINGS = json.dumps({"name": "nightly", "tasks": TASKS})
FAILED = run("TERMINATED", "FAILED", task("main", "TERMINATED", "FAILED"))
PAGE = f"<html><script>var __DATABRICKS_NOTEBOOK_MODEL = '{'e30='}';</script></html>"
NOTEBOOK_RUN = run(
    "TERMINATED", "FAILED", task("main", "TERMINATED", "FAILED", notebook_task={"notebook_path": "/a"})
)
REPLIES: dict[str, Any] = {
    "create": {"job_id": JOB_ID},
    "get": {"job_id": JOB_ID, "settings": {"name": "nightly", "parameters": [{"name": "day"}]}},
    "list": {"jobs": [{"job_id": JOB_ID, "settings": {"name": "nightly"}}]},
    "run-now": {"run_id": RUN_ID},
    "runs/submit": {"run_id": RUN_ID},
    "runs/cancel": {},
    "runs/get": NOTEBOOK_RUN,
    "runs/list": {"runs": []},
    "runs/get-output": {"error": "boom", "logs": "the logs"},
    "runs/export": {"views": [{"name": "a", "type": "NOTEBOOK", "content": PAGE}]},
}

OUTCOMES: dict[str, tuple[list[object], int, int]] = {
    "runs now": (["runs", "now", JOB_ID], 0, RUN_ID),
    "runs now -q": (["runs", "now", JOB_ID, "-q"], 0, RUN_ID),
    "runs now -o json": (["runs", "now", JOB_ID, "-o", "json", "-q"], 0, RUN_ID),
    "runs now --wait": (["runs", "now", JOB_ID, "--wait"], 10, RUN_ID),
    "runs submit --wait": (["runs", "submit", "--json", SETTINGS, "--wait", "-q"], 10, RUN_ID),
    "runs wait": (["runs", "wait", RUN_ID], 10, RUN_ID),
    "runs wait -o json": (["runs", "wait", RUN_ID, "-o", "json"], 10, RUN_ID),
    "runs wait, events": (["runs", "wait", RUN_ID, "--progress", "events"], 10, RUN_ID),
    "a backfill": (["runs", "backfill", JOB_ID, "--each", "days.csv"], 10, RUN_ID),
    "runs cancel": (["runs", "cancel", RUN_ID], 0, RUN_ID),
    "jobs create": (["jobs", "create", "--json", SETTINGS], 0, JOB_ID),
}
"""What changes something, or ends with an outcome: the arguments, the exit code, and the id to be told."""

READS: dict[str, list[object]] = {
    "jobs list": ["jobs", "list"],
    "runs get -o json": ["runs", "get", RUN_ID, "-o", "json"],
    "runs output": ["runs", "output", RUN_ID],
    "runs export --dir -": ["runs", "export", RUN_ID, "--dir", "-"],
    "--help": ["--help"],
    "runs": ["runs"],
    "runs wait --help": ["runs", "wait", "--help"],
    "--version": ["--version"],
    "completion": ["completion", "bash"],
    "a dry run": ["jobs", "create", "--json", SETTINGS, "--dry-run"],
}
"""What is called for its result alone."""

STREAMS: dict[str, tuple[str, bool, bool]] = {
    "stdin closed": ("<&-", True, True),
    "stdout closed": (">&-", False, True),
    "stderr closed": ("2>&-", True, False),
    "all closed": ("<&- >&- 2>&-", False, False),
    "stdout full": (">/dev/full", False, True),
    "stderr full": ("2>/dev/full", True, False),
    "both full": (">/dev/full 2>&1", False, False),
    "stdout's reader gone": (">&3", False, True),
    "stderr's reader gone": ("2>&3", True, False),
    "both readers gone": (">&3 2>&3", False, False),
}
"""How a shell says it, where descriptor 3 is a pipe without a reader; and whether stdout and stderr work."""

streams = pytest.mark.parametrize(
    ("redirection", "has_out", "has_err"),
    [
        pytest.param(*case, id=name, marks=needs_full_device if "full" in name else ())
        for name, case in STREAMS.items()
    ],
)


@pytest.fixture
def server(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedServer:
    monkeypatch.chdir(tmp_path)
    Path("days.csv").write_text("day\n2026-01-01\n")
    return serve(by_endpoint(REPLIES))


@contextmanager
def broken_pipe() -> Iterator[int]:
    """The end to write to of a pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def call(redirection: str, *args: object) -> Result:
    """`dbjobs ARGS REDIRECTION`, as a shell starts it; SIGPIPE is as a shell has it, too."""
    with broken_pipe() as writer:
        line = f'exec 3>&{writer}; exec "$@" {redirection} 3>&-'
        done = subprocess.run(
            ["bash", "-c", line, "bash", *DBJOBS, *map(str, args)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            pass_fds=[writer],
        )
    return Result(done.returncode, done.stdout, done.stderr)


@streams
@pytest.mark.parametrize(("args", "exit_code", "told_id"), OUTCOMES.values(), ids=OUTCOMES)
def test_a_stream_that_fails_neither_changes_what_is_done_nor_hides_it(
    server: ScriptedServer,
    args: list[object], exit_code: int, told_id: int,
    redirection: str, has_out: bool, has_err: bool,
) -> None:  # fmt: skip
    result = call(redirection, *args)

    assert result.exit_code == exit_code, result.stderr
    reads = args[:2] == ["runs", "wait"]
    assert len(server.changes) == (0 if reads else 1), "done once"
    has_result = args[:2] != ["runs", "cancel"]
    if has_out and has_result:
        assert str(told_id) in result.stdout
    elif has_err:
        assert str(told_id) in result.stderr, "told where it could be"
    assert "Traceback" not in result.stderr
    assert ("cannot write to standard output" in result.stderr) == (has_err and has_result and not has_out)


@pytest.mark.parametrize(
    ("redirection", "has_out", "has_err"),
    [
        *(STREAMS[name] for name in ("stdout closed", "stderr closed", "all closed", "stdout's reader gone")),
        pytest.param(*STREAMS["stdout full"], marks=needs_full_device),
    ],
)
@pytest.mark.parametrize("args", READS.values(), ids=READS)
def test_a_result_that_was_all_that_was_wanted_is_missed(
    server: ScriptedServer, args: list[object], redirection: str, has_out: bool, has_err: bool
) -> None:
    result = call(redirection, *args)

    if has_out:
        assert (result.exit_code, bool(result.stdout)) == (0, True)
    elif "3" in redirection:
        assert (result.exit_code, result.stderr) == (141, ""), "as if SIGPIPE had ended it: no error"
    else:
        reason = "No space left on device" if "full" in redirection else "it is closed"
        told = f"error: cannot write to standard output: {reason}\n"
        assert (result.exit_code, result.stderr) == (74, told if has_err else "")
    assert server.changes == []


@streams
def test_a_usage_error_stays_one(redirection: str, has_out: bool, has_err: bool) -> None:
    result = call(redirection, "runs", "wait", "1", "--wiat")
    assert (result.exit_code, result.stdout) == (2, "")
    assert ("there is no option --wiat" in result.stderr) == has_err


@needs_full_device
@pytest.mark.parametrize("redirection", [">/dev/full", "2>/dev/full", ">&3 2>&3"])
def test_the_demo_ends_with_its_outcome(redirection: str) -> None:
    assert call(redirection, "demo", "--fail").exit_code == 10


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&3"])
def test_completion_is_silent_about_a_shell_that_left(
    monkeypatch: pytest.MonkeyPatch, redirection: str
) -> None:
    monkeypatch.setenv("_DBJOBS_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "dbjobs ru")
    monkeypatch.setenv("COMP_CWORD", "1")
    result = call(redirection)
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii:strict", "PYTHONUNBUFFERED": "1"},
    ],
    ids=lambda environment: " ".join(f"{name}={value}" for name, value in environment.items()),
)
def test_an_encoding_that_lacks_a_character_keeps_no_line_back(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    name = "日本 é \U0001f600"
    message = "läuft nicht: 日本"
    failed = run("TERMINATED", "FAILED", run_name=name)
    failed["state"]["state_message"] = message
    serve(by_endpoint({"list": {"jobs": [{"job_id": JOB_ID, "settings": {"name": name}}]}, "runs/get": failed,
                       "runs/get-output": {"error": message}}))  # fmt: skip
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)

    def run_dbjobs(*args: object) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run([*DBJOBS, *map(str, args)], capture_output=True, timeout=300, check=False)

    listed = run_dbjobs("jobs", "list")
    assert (listed.returncode, listed.stderr) == (0, b"")
    assert str(JOB_ID).encode() in listed.stdout
    assert json.loads(run_dbjobs("jobs", "list", "-o", "json").stdout)[0]["settings"]["name"] == name

    waited = run_dbjobs("runs", "wait", RUN_ID)
    assert waited.returncode == 10, waited.stderr
    assert b"uft nicht" in waited.stderr
    assert run_dbjobs("--help").returncode == 0


# Readers that are slow, or stop


@contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    """A pipe that nobody reads, with no room left."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        for size in (65536, 1):
            while True:
                try:
                    os.write(writer, b"." * size)
                except BlockingIOError:
                    break
        os.set_blocking(writer, True)
        yield reader, writer
    finally:
        os.close(reader)
        os.close(writer)


def test_progress_that_nobody_reads_does_not_stop_a_wait(serve: Serve) -> None:
    server = serve(
        by_endpoint({"runs/get": [*[run("PENDING"), run("RUNNING")] * 2, run("TERMINATED", "SUCCESS")]})
    )
    quick = ["--poll-interval", "0.1", "--poll-max", "0.1"]
    with full_pipe() as (_, writer):
        done = subprocess.run(
            [*DBJOBS, "runs", "wait", str(RUN_ID), *quick],
            stdout=subprocess.PIPE,
            stderr=writer,
            timeout=300,
            check=False,
        )
    assert (done.returncode, done.stdout.decode()) == (0, f"{RUN_ID}\tTERMINATED\tSUCCESS\n")
    assert len(server.received) >= 5


def test_a_time_limit_holds_while_nobody_reads_the_progress(serve: Serve) -> None:
    serve(by_endpoint({"runs/get": [run("PENDING"), run("RUNNING")]}))
    with full_pipe() as (_, writer):
        done = subprocess.run(
            [*DBJOBS, "runs", "wait", str(RUN_ID), "--timeout", "1s", "-v"],
            stdout=subprocess.PIPE,
            stderr=writer,
            timeout=300,
            check=False,
        )
    assert done.returncode == 124


def test_a_reader_that_is_only_slow_gets_every_line(serve: Serve) -> None:
    tasks = [task(f"task-{number}", "TERMINATED", "SUCCESS") for number in range(2000)]
    serve(by_endpoint({"runs/get": run("TERMINATED", "SUCCESS", *tasks)}))
    with full_pipe() as (reader, writer):
        process = subprocess.Popen(
            [*DBJOBS, "runs", "wait", str(RUN_ID), "--progress", "events", "-o", "json"],
            stderr=writer,
            stdout=writer,
        )
        os.set_blocking(writer, False)  # of what both share, and the process writes to
        data = b""
        while process.poll() is None or _has_data(reader):
            if _has_data(reader):
                data += os.read(reader, 4000)
    text = data.lstrip(b".").decode()
    assert process.returncode == 0
    lines = text.splitlines()
    events = [json.loads(line) for line in lines if line.startswith('{"ts"')]
    assert sum(event["event"] == "task_state" for event in events) == 2000
    document = json.loads("\n".join(line for line in lines if not line.startswith('{"ts"')))
    assert len(document["tasks"]) == 2000


def _has_data(reader: int) -> bool:
    import select

    return bool(select.select([reader], [], [], 0.02)[0])


def test_a_terminal_that_goes_away_amid_the_live_view_changes_no_outcome(serve: Serve) -> None:
    ended: list[bool] = []
    serve(lambda request: Reply(body=FAILED if ended and request.endpoint == "runs/get" else run("RUNNING")))
    quick = ["--poll-interval", "0.2", "--poll-max", "0.2"]
    terminal = Terminal([*DBJOBS, "runs", "wait", str(RUN_ID), *quick], columns=100)
    terminal.read_until("next poll")

    terminal.hang_up()
    ended.append(True)
    assert terminal.process.wait(300) == 10


def test_a_terminal_that_is_paused_does_not_stop_a_wait(serve: Serve, tmp_path: Path) -> None:
    ended: list[bool] = []
    serve(lambda request: Reply(body=FAILED if ended and request.endpoint == "runs/get" else run("RUNNING")))
    result = tmp_path / "result"
    waiting = [*DBJOBS, "runs", "wait", str(RUN_ID), "--poll-interval", "0.2", "--poll-max", "0.2"]
    terminal = Terminal(["sh", "-c", f"exec {shlex.join(waiting)} > {result}"], columns=100)
    terminal.read_until("next poll")

    terminal.type("\x13")  # Ctrl-S
    ended.append(True)
    assert terminal.process.wait(300) == 10
    assert result.read_text() == f"{RUN_ID}\tTERMINATED\tFAILED\n"
    terminal.type("\x11")  # Ctrl-Q
    assert terminal.wait().exit_code == 10


# Events


FIELDS = {"ts", "event", "run_id", "task_key", "life_cycle_state", "result_state", "message"}
TROUBLE = Reply(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "No.\nReally."})


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("more", [[], ["-q"], ["-v"]], ids=["plain", "-q", "-v"])
@pytest.mark.parametrize(
    "ci", [{}, {"GITHUB_ACTIONS": "true"}, {"TF_BUILD": "True"}, {"GITLAB_CI": "true"}], ids=str
)
@pytest.mark.parametrize(
    ("args", "replies", "exit_code", "told"),
    [
        (["runs", "wait", RUN_ID], {}, 10, {"run_state", "task_state", "end", "output", "note"}),
        (["runs", "now", JOB_ID, "--wait"], {}, 10, {"note", "end", "output"}),
        (["runs", "wait", RUN_ID], {"runs/get-output": TROUBLE}, 10, {"warning", "end"}),
        (["runs", "wait", RUN_ID], {"runs/get": NOTEBOOK_RUN | {"run_id": "x"}}, None, {"error"}),
        (["runs", "now", JOB_ID, "--wait"], {"run-now": TROUBLE}, 5, {"error"}),
        (["runs", "wait", RUN_ID], {"runs/get": TROUBLE}, 5, {"error"}),
        (["runs", "wait", RUN_ID, "--timeout", "soon"], {}, 2, {"error"}),
        (["runs", "wait", RUN_ID, "--wiat"], {}, 2, {"error"}),
        (["runs", "wait", RUN_ID, "--junit", "no/\0/file"], {}, None, {"warning"}),
        (["runs", "wait", "seven"], {}, 2, {"error"}),
        (["runs", "wait", "7", "--profile", "none"], {}, 3, {"error"}),
    ],
)  # fmt: skip
def test_with_events_stderr_holds_nothing_but_json(
    dbjobs: Dbjobs, server: ScriptedServer, ci: dict[str, str], more: list[str],
    args: list[object], replies: dict[str, Any], exit_code: int | None, told: set[str],
) -> None:  # fmt: skip
    server.script = by_endpoint(REPLIES | replies)

    result = dbjobs(*args, *more, "--progress", "events", **ci)

    if exit_code is not None:
        assert result.exit_code == exit_code
    events = [json.loads(line) for line in result.stderr.splitlines()]
    assert events
    assert all(event.keys() >= FIELDS for event in events)
    assert told <= {event["event"] for event in events}


def test_a_failed_task_s_output_is_an_event_of_its_own(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    result = dbjobs("runs", "wait", RUN_ID, "--progress=events", "-q")
    [output] = [event for event in map(json.loads, result.stderr.splitlines()) if event["event"] == "output"]
    assert (output["run_id"], output["task_key"]) == (RUN_ID, "main")
    assert "boom" in output["message"]


def test_an_error_is_an_event_with_its_cause_and_its_code(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(by_endpoint(REPLIES | {"run-now": TROUBLE}))
    [error] = map(
        json.loads, dbjobs("runs", "now", JOB_ID, "--wait", "--progress", "events").stderr.splitlines()
    )
    assert (error["event"], error["exit_code"], error["error_code"]) == (
        "error",
        5,
        "INVALID_PARAMETER_VALUE",
    )
    assert "No.\nReally." in error["message"]


# Ids


@pytest.mark.parametrize(
    "args",
    [["runs", "now", JOB_ID, "--wait"], ["runs", "submit", "--json", SETTINGS, "--wait"],
     ["runs", "backfill", JOB_ID, "--each", "days.csv"], ["runs", "wait", RUN_ID, RUN_ID]],
    ids=["now", "submit", "backfill", "wait"],
)  # fmt: skip
def test_an_id_is_printed_once(dbjobs: Dbjobs, server: ScriptedServer, args: list[object]) -> None:
    assert dbjobs(*args, "-o", "id").stdout == f"{RUN_ID}\n"
