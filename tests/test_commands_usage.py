"""Calling dbjobs wrongly, and rightly in unusual ways: options anywhere, pipes that close."""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from dbjobs import __version__
from tests.conftest import TOKEN, Dbjobs, Serve
from tests.fakes import Reply
from tests.payloads import run


@pytest.mark.parametrize(
    ("args", "error", "hint"),
    [
        pytest.param(
            ["run", "now", "7"], "there is no command 'run'; did you mean 'runs'?", "dbjobs --help",
            id="a noun",
        ),
        pytest.param(
            ["runs", "nwo", "7"], "there is no command 'nwo'; did you mean 'now'?", "dbjobs runs --help",
            id="a verb",
        ),
        pytest.param(["xyz"], "there is no command 'xyz'", "dbjobs --help", id="nothing near"),
        pytest.param(
            ["runs", "now", "7", "--wiat"], "no such option: --wiat", "dbjobs runs now --help", id="an option"
        ),
        pytest.param(["runs", "now"], "missing argument 'JOB'.", "dbjobs runs now --help", id="no argument"),
        pytest.param(["runs", "wait"], "missing argument 'RUN...'.", "dbjobs runs wait --help", id="no runs"),
        pytest.param(
            ["runs", "wait", "1", "--timeout", "soon"],
            "invalid value for '--timeout': 'soon' is not a duration such as 90s, 10m, 2h or 1h30m",
            "dbjobs runs wait --help", id="a duration",
        ),
        pytest.param(
            ["runs", "get", "1", "-o", "xml"], "invalid value for '--output' / '-o': 'xml' is not one of",
            "dbjobs runs get --help", id="a form of output",
        ),
        pytest.param(
            ["--api-version", "3", "runs", "get", "1"],
            "invalid value for '--api-version': '3' is not one of", "dbjobs --help", id="a version",
        ),
        pytest.param(["runs", "get", "1", "2"], "got unexpected extra argument", "dbjobs runs get --help",
                     id="too much"),
        pytest.param(["runs", "get", "1", "--profile"], "option '--profile' requires an argument",
                     "dbjobs --help", id="an option without its value"),
        pytest.param(["runs", "get", "nightly"], "'nightly' is not a run",
                     "give a run id, or the URL of a run's page", id="no run"),
    ],
)  # fmt: skip
def test_a_wrong_call_is_told_in_one_line_with_a_hint(
    dbjobs: Dbjobs, serve: Serve, args: list[str], error: str, hint: str
) -> None:
    server = serve(Reply())

    result = dbjobs(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    first, second = result.stderr.lower().splitlines()
    assert first.startswith(f"error: {error.lower()}")
    assert second == f"hint: {hint.lower()}"
    assert server.received == []


@pytest.mark.parametrize(
    "args",
    [
        ["-o", "id", "--api-version", "2.1", "-q", "runs", "get", "42"],
        ["runs", "-o", "id", "--api-version", "2.1", "-q", "get", "42"],
        ["runs", "get", "-o", "id", "--api-version", "2.1", "-q", "42"],
        ["runs", "get", "42", "-o", "id", "--api-version", "2.1", "-q"],
        ["--api-version", "2.1", "runs", "--quiet", "get", "42", "--output=id"],
        ["-o", "json", "--api-version", "2.0", "runs", "get", "42", "-qo", "id", "--api-version", "2.1"],
    ],
    ids=["first", "after the noun", "after the verb", "last", "scattered", "the rightmost wins"],
)
def test_options_of_every_command_stand_anywhere(dbjobs: Dbjobs, serve: Serve, args: list[str]) -> None:
    server = serve(Reply(body=run(run_id=42)))

    result = dbjobs(*args)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "42\n", "")
    assert server.received[0].path == "/api/2.1/jobs/runs/get"


@pytest.mark.parametrize("args", [[], ["runs"], ["jobs"], ["sandbox"]], ids=" ".join)
def test_a_noun_alone_shows_what_it_can_do(dbjobs: Dbjobs, args: list[str]) -> None:
    alone = dbjobs(*args)
    asked = dbjobs(*args, "--help")

    assert alone == asked
    assert (alone.exit_code, alone.stderr) == (0, "")
    assert alone.stdout.startswith(f"Usage: dbjobs {' '.join([*args, '[OPTIONS] COMMAND'])}")


def test_the_version_is_told_in_a_line(dbjobs: Dbjobs) -> None:
    assert dbjobs("--version").stdout == f"dbjobs {__version__}\n"


def test_a_fault_of_dbjobs_itself_is_no_traceback(
    dbjobs: Dbjobs, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(Reply(body=run(run_id=42)))
    monkeypatch.setattr("dbjobs.api.JobsApi.get_run", lambda *_: 1 / 0)

    short = dbjobs("runs", "get", 42)
    long = dbjobs("runs", "get", 42, DBJOBS_DEBUG="1")
    assert (short.exit_code, short.stdout) == (1, "")
    error, hint = short.stderr.splitlines()
    assert error == f"error: this is a fault of dbjobs {__version__}: ZeroDivisionError: division by zero"
    assert hint.startswith("hint: DBJOBS_DEBUG=1 shows where")
    assert "Traceback (most recent call last)" in long.stderr


def _with_closed_stdout(args: Sequence[Any], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """As `dbjobs … | head -0`: the reader has left before the first line."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run(
            [sys.executable, "-m", "dbjobs", *map(str, args)],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environ},
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)


@pytest.mark.parametrize(
    "args",
    [["runs", "get", 42], ["runs", "get", 42, "-o", "json"], ["runs", "--help"], ["--version"], []],
    ids=["text", "json", "help", "version", "nothing"],
)
def test_a_closed_pipe_is_no_traceback(serve: Serve, args: list[Any]) -> None:
    server = serve(Reply(body=run(run_id=42)))

    done = _with_closed_stdout(args, {"DATABRICKS_HOST": server.url, "DATABRICKS_TOKEN": TOKEN})
    assert done.stderr == ""
    assert done.returncode == 141
