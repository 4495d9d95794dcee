"""Every terminal: poor encodings, no colour, few columns. Nothing dies of an umlaut or an emoji."""

import os
import re
import subprocess
import sys

import pytest

from tests.conftest import Serve
from tests.support.fakes import by_endpoint
from tests.support.payloads import run, task
from tests.support.terminal import run_in_terminal

NAME = "Nächtlich 🚀 日本"
JOB = {
    "job_id": 42,
    "settings": {"name": NAME, "tasks": [{"task_key": "a"}]},
    "creator_user_name": "ü@example.com",
}
FAILED = run(
    "TERMINATED", "FAILED", task("größe", "TERMINATED", "FAILED", run_id=5),
    run_id=42, run_name=NAME, start_time=1, end_time=100_000,
)  # fmt: skip
SCRIPT = {
    "list": {"jobs": [JOB]},
    "run-now": {"run_id": 42},
    "runs/get": FAILED,
    "runs/get-output": {"error": "Größe 🚀", "error_trace": "Tracé"},
}
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
WAIT = ["runs", "now", NAME, "--wait"]


@pytest.mark.parametrize(
    ("environ", "encoding"),
    [
        (C_LOCALE, "ascii"),
        ({"PYTHONIOENCODING": "latin-1"}, "latin-1"),
        ({"PYTHONIOENCODING": "cp437", "COLUMNS": "40"}, "cp437"),
        ({"PYTHONIOENCODING": "utf-8"}, "utf-8"),
    ],
    ids=["C", "latin-1", "cp437", "utf-8"],
)
def test_no_encoding_is_too_poor(serve: Serve, environ: dict[str, str], encoding: str) -> None:
    server = serve(by_endpoint(SCRIPT))

    for args, code in ((["jobs", "list"], 0), (WAIT, 10), (["jobs", "list", "-o", "json"], 0)):
        done = subprocess.run(
            [sys.executable, "-m", "dbjobs", *args],
            env={**os.environ, **environ},
            capture_output=True,
            timeout=60,
            check=False,
        )
        told = done.stderr.decode(encoding) + done.stdout.decode(encoding)
        assert (done.returncode, "fault" in told) == (code, False), told
    assert server.received[1].query["name"] == NAME, "the name came through whole"


def test_a_word_that_is_no_text_is_told_of(serve: Serve) -> None:
    server = serve(by_endpoint(SCRIPT))
    done = subprocess.run(
        [sys.executable, "-m", "dbjobs", "runs", "now", b"n\xe4cht"],
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr == b"error: 'n\\udce4cht' is not text in UTF-8\n"
    assert server.received == []


@pytest.mark.parametrize(
    ("environ", "options", "has_color", "is_live"),
    [
        ({}, [], True, True),
        ({"NO_COLOR": "1"}, [], False, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, [], False, True),
        ({}, ["--no-color"], False, True),
        ({"TERM": "dumb"}, [], False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, [], True, False),
        ({}, ["--progress", "lines"], True, False),
    ],
    ids=["usual", "NO_COLOR", "NO_COLOR rules", "--no-color", "dumb", "FORCE_COLOR", "for a screen reader"],
)
def test_a_terminal_gets_what_it_can_show(
    serve: Serve, environ: dict[str, str], options: list[str], has_color: bool, is_live: bool
) -> None:
    serve(by_endpoint(SCRIPT))

    screen = run_in_terminal([sys.executable, "-m", "dbjobs", *WAIT, *options], columns=40, env=environ)
    assert screen.exit_code == 10
    assert bool(re.search(r"\x1b\[[\d;]+m", screen.raw.replace("\x1b[0m", ""))) == has_color
    assert ("\x1b[?25l" in screen.raw) == is_live, "only the live view hides the cursor"
    assert "FAILED" in screen.text, "a state is told in words"
    assert "Tracé" in screen.text
    assert screen.is_clean


def test_nothing_is_imported_at_the_top_that_windows_does_not_have() -> None:
    """A stand-in for Windows, which has none of these modules."""
    code = """
import sys
for name in ("fcntl", "termios", "pty", "tty", "pwd", "grp", "resource"):
    sys.modules[name] = None
import dbjobs.cli.app, typer, signal
root = typer.main.get_command(dbjobs.cli.app.app)
def load(group):
    for verb in group.list_commands(None):
        command = group.get_command(None, verb)
        if hasattr(command, "list_commands"):
            load(command)
load(root)
import dbjobs.api.transport, dbjobs.sandbox.server, dbjobs.cli.completion.answer
import dbjobs.output.progress, dbjobs.common.files
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
