"""The real process: signals, what it loads before it does anything, and the sandbox as a server."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from dbjobs.__main__ import main
from dbjobs.sandbox.server import Sandbox
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import Reply
from tests.support.payloads import TASKS
from tests.support.tasks import FOR_LONG, job_file, python_task

Start = Callable[..., "subprocess.Popen[str]"]
SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)


@pytest.fixture
def start() -> Iterator[Start]:
    """Start `python -m dbjobs …`; whatever still runs at the end of the test is killed."""
    with ExitStack() as processes:

        def popen(*args: object) -> subprocess.Popen[str]:
            process = processes.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "dbjobs", *map(str, args)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            processes.callback(process.kill)
            return process

        yield popen


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def read_until(process: "subprocess.Popen[str]", words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"{words!r} was never said")


@SIGNALS
def test_an_interrupted_wait_leaves_the_run_going_and_says_how_to_come_back(
    start: Start,
    dbjobs: Dbjobs,
    workspace: Sandbox,
    task_files: Path,
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    file = job_file(tmp_path, python_task(task_files, "main", FOR_LONG))
    process = start("runs", "submit", "-f", file, "--wait", "--poll-interval", "0.1")
    run_id = first_line(process)
    read_until(process, "main  RUNNING")

    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert out == f"{run_id}\tRUNNING\t-\n"
    assert "interrupted" in err
    assert f"run {run_id} is still running, and nothing was canceled" in err
    assert f"dbjobs runs wait {run_id}" in err
    assert f"dbjobs runs cancel {run_id}" in err
    assert "Traceback" not in err
    state = json.loads(dbjobs("runs", "get", run_id, "-o", "json").stdout)["state"]
    assert state["life_cycle_state"] == "RUNNING"
    dbjobs("runs", "cancel", run_id)


@SIGNALS
def test_an_interrupted_start_says_how_to_find_out_what_became_of_it(
    start: Start, serve: Serve, number: signal.Signals
) -> None:
    busy = Reply(503, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "Busy."}, {"Retry-After": "60"})
    server = serve(busy)
    process = start("runs", "submit", "--json", json.dumps({"tasks": TASKS}), "--wait")
    read_until(process, "trying again in")

    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (128 + number, "")
    token = server.received[0].body["idempotency_token"]
    assert f"--wait --idempotency-token {token}\n" in err
    assert "Traceback" not in err


def test_an_interrupted_read_ends_without_a_word(start: Start, serve: Serve) -> None:
    serve(Reply(503, headers={"Retry-After": "60"}))
    process = start("runs", "get", 42)
    read_until(process, "trying again in")

    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 130


INTERRUPTED_AT = """
import atexit, os, signal, sys

moment = sys.argv.pop(1)

class Interrupter:
    def find_spec(self, name, *args):
        if name == moment:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupter())
if moment == "the end":
    atexit.register(os.kill, os.getpid(), signal.SIGINT)
from dbjobs.__main__ import main
main()
"""


@pytest.mark.parametrize("moment", ["typer", "dbjobs.cli.jobs.get", "requests", "the end"])
def test_ctrl_c_shows_no_traceback_at_any_moment(serve: Serve, moment: str) -> None:
    serve(Reply(body={"job_id": 42, "settings": {"name": "nightly"}}))
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT, moment, "jobs", "get", "42"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr.strip() == ""
    assert done.returncode in (130, -signal.SIGINT), "a shell shows both as 130"
    assert bool(done.stdout) == (moment == "the end")


SLOW = {"requests", "urllib3", "yaml", "pydantic", "rich.live", "werkzeug", "platformdirs"}
LOADED = """
import sys
from dbjobs.cli.app import main
sys.argv[0] = "dbjobs"
try:
    main()
finally:
    print("LOADED", *sorted(sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("args", "exit_code"),
    [
        pytest.param(["--version"], 0, id="--version"),
        pytest.param(["--help"], 0, id="--help"),
        pytest.param(["runs", "--help"], 0, id="runs --help"),
        pytest.param(["runs", "wait", "--help"], 0, id="runs wait --help"),
        pytest.param(["runs", "nwo"], 2, id="a usage error"),
        pytest.param(["runs", "wait", "1", "--timeout", "soon"], 2, id="a wrong option"),
        pytest.param(["jobs", "create"], 2, id="a missing option"),
        pytest.param(["profiles", "--help"], 0, id="profiles --help"),
        pytest.param(["profiles", "add", "--help"], 0, id="profiles add --help"),
    ],
)
def test_what_needs_no_workspace_loads_nothing_slow(args: list[str], exit_code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *args], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == exit_code
    loaded = set(done.stderr.partition("LOADED ")[2].split())
    assert "dbjobs.cli.app" in loaded
    assert sorted(loaded & SLOW) == []


def test_an_old_python_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """pip refuses it as well, but a zipapp is started by whatever `python3` is."""
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    monkeypatch.setattr(sys, "argv", ["dbjobs.pyz", "--version"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 3
    assert capsys.readouterr().err == (
        "error: dbjobs needs Python 3.10 or later, and this is 3.9: call python3.12 dbjobs.pyz\n"
    )


def test_the_module_loads_nothing_slow_for_its_version() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "dbjobs", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "dbjobs.cli.app" in loaded
    assert sorted(loaded & SLOW) == []


def _environment(lines: list[str]) -> dict[str, str]:
    exports = [line.removeprefix("export ").split("=", 1) for line in lines]
    assert [line.startswith("export ") for line in lines] == [True, True]
    return {name: value.strip("'") for name, value in exports}


@SIGNALS
def test_the_sandbox_serves_until_it_is_told_to_end(
    start: Start, dbjobs: Dbjobs, tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "main.py").write_text("print('from the root')", "utf-8")
    process = start("sandbox", "serve", "--root", tmp_path, "--time-scale", 100)
    environ = _environment([first_line(process), first_line(process)])
    assert environ.keys() == {"DATABRICKS_HOST", "DATABRICKS_TOKEN"}
    assert environ["DATABRICKS_HOST"].startswith("http://127.0.0.1:")

    task = {"task_key": "main", "spark_python_task": {"python_file": "main.py"}}
    result = dbjobs(
        "runs", "submit", "--json", json.dumps({"tasks": [task]}), "--wait", "--show-output", "all",
        "--poll-interval", "0.1", **environ,
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "from the root" in result.stderr

    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err
    with pytest.raises(requests.ConnectionError):
        requests.get(environ["DATABRICKS_HOST"], timeout=5)


def test_the_sandbox_takes_its_token_from_the_environment(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBJOBS_SANDBOX_TOKEN", "it's mine")
    process = start("sandbox", "serve")
    first_line(process)

    assert first_line(process) == """export DATABRICKS_TOKEN='it'"'"'s mine'"""
    process.terminate()
    assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.0.1", "example.com", ""])
def test_the_sandbox_listens_on_the_loopback_interface_only(dbjobs: Dbjobs, address: str) -> None:
    result = dbjobs("sandbox", "serve", "--host", address)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "listens on the loopback interface only" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--root", "absent"], "not a folder: absent"),
        (["--time-scale", "0"], "time scale"),
        (["--port", "70000"], "--port: '70000' is not a whole number from 0 to 65535"),
    ],
    ids=["no root", "no time", "no port"],
)
def test_a_sandbox_that_cannot_be_is_a_usage_error(dbjobs: Dbjobs, options: list[str], message: str) -> None:
    result = dbjobs("sandbox", "serve", *options)

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_a_port_in_use_is_a_usage_error(dbjobs: Dbjobs, workspace: Sandbox) -> None:
    port = workspace.url.rpartition(":")[2]

    result = dbjobs("sandbox", "serve", "--port", port)
    assert result.exit_code == 2
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in result.stderr
