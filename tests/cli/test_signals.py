"""Signals, sent to the real process: on a terminal and off it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbjobs.sandbox.server import Sandbox
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import by_endpoint
from tests.support.payloads import RUN_ID, run
from tests.support.terminal import Terminal

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]
SLEEPER = '{"tasks": [{"task_key": "sleep", "spark_python_task": {"python_file": "sleep.py"}}]}'


@pytest.fixture
def run_id(dbjobs: Dbjobs, workspace: Sandbox, task_files: Path) -> Iterator[str]:
    """A run that would go on for ten minutes."""
    (task_files / "sleep.py").write_text("import time\ntime.sleep(600)\n")
    run_id = dbjobs("runs", "submit", "--json", SLEEPER).stdout.strip()
    yield run_id
    dbjobs("runs", "cancel", run_id)


def wait_command(run_id: str, on_interrupt: str) -> list[str]:
    options = ["--on-interrupt", on_interrupt, "--poll-interval", "0.2s"]
    return [sys.executable, "-m", "dbjobs", "runs", "wait", run_id, *options]


def state_of(dbjobs: Dbjobs, run_id: str) -> str:
    return dbjobs("runs", "get", run_id, "-o", "json").stdout


@pytest.mark.parametrize("signum", SIGNALS, ids=lambda signum: signum.name)
def test_on_a_terminal_a_signal_detaches_and_leaves_it_clean(
    dbjobs: Dbjobs, run_id: str, signum: signal.Signals
) -> None:
    terminal = Terminal(wait_command(run_id, "detach"), columns=100)
    terminal.read_until("next poll")

    terminal.interrupt(signum)
    screen = terminal.wait()

    assert screen.exit_code == 128 + signum
    assert f"dbjobs runs wait {run_id}" in screen.text, "how to come back"
    assert f"dbjobs runs cancel {run_id}" in screen.text
    assert "Traceback" not in screen.text
    assert screen.is_clean
    assert '"RUNNING"' in state_of(dbjobs, run_id), "the run goes on"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM], ids=lambda signum: signum.name)
def test_off_a_terminal_a_signal_cancels_if_asked_and_awaits_the_end(
    dbjobs: Dbjobs, run_id: str, signum: signal.Signals
) -> None:
    process = start(wait_command(run_id, "cancel"))

    process.send_signal(signum)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 128 + signum
    assert out == f"{run_id}\tTERMINATED\tCANCELED\n"
    assert f"canceled run {run_id}" in err


def test_on_a_terminal_a_cancel_shows_the_run_to_its_end(dbjobs: Dbjobs, run_id: str) -> None:
    terminal = Terminal(wait_command(run_id, "cancel"), columns=100)
    terminal.read_until("next poll")

    terminal.interrupt()
    screen = terminal.wait()

    assert screen.exit_code == 130
    assert "TERMINATED CANCELED" in screen.text
    assert screen.is_clean


def test_a_second_signal_leaves_at_once(serve: Serve) -> None:
    """The workspace accepts the cancel, and the run never ends."""
    serve(by_endpoint({"runs/get": run("RUNNING"), "runs/cancel": {}}))
    process = start(wait_command(str(RUN_ID), "cancel"))

    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    for line in process.stderr:
        if "canceled run" in line:
            break
    process.send_signal(signal.SIGTERM)

    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (143, f"{RUN_ID}\tRUNNING\t-\n")


def test_a_wait_under_nohup_outlives_its_terminal(dbjobs: Dbjobs, run_id: str) -> None:
    process = start(["nohup", *wait_command(run_id, "detach")])

    process.send_signal(signal.SIGHUP)
    dbjobs("runs", "cancel", run_id)
    process.communicate(timeout=60)

    assert process.returncode == 12, "it went on to the run's end"


def start(command: list[str]) -> "subprocess.Popen[str]":
    """The command with pipes, once it has seen the run."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "RUNNING" in line:
            break
    return process
