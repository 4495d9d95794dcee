"""Calling dbjobs wrongly, and rightly in unusual ways: options anywhere, pipes that close."""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from itertools import chain
from typing import Any

import pytest
from typer.main import get_command

from dbjobs import __version__
from dbjobs.cli.app import app
from dbjobs.cli.suggestions import COMMANDS, OPTIONS
from tests.cli.wrong_calls import WRONG_CALLS
from tests.conftest import TOKEN, Dbjobs, Serve
from tests.support.calls import parse
from tests.support.fakes import Reply
from tests.support.payloads import run


@pytest.mark.parametrize(("line", "error", "hint"), WRONG_CALLS)
def test_a_wrong_call_is_told_what_works_instead(
    dbjobs: Dbjobs, serve: Serve, line: str, error: str, hint: str | None
) -> None:
    server = serve(Reply())
    words = shlex.split(line)

    result = dbjobs(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    shown_error, *shown_hint = result.stderr.splitlines()
    assert_says(shown_error, f"error: {error}")
    if hint is None:
        hint = f"dbjobs {' '.join(words[:2])} --help"
    assert shown_hint == ([f"hint: {hint}"] if hint else [])
    assert server.received == []


def assert_says(shown: str, expected: str) -> None:
    """An … at the end of what is expected stands for more."""
    assert shown.startswith(expected[:-1]) if expected.endswith("…") else shown == expected


def test_at_least_150_wrong_calls_are_answered_each_once() -> None:
    lines = [line for line, _, _ in WRONG_CALLS]
    assert len(set(lines)) == len(lines) >= 150


PLACES = {
    "JOB": "42",
    "RUN": "7",
    "FILE": "f.yaml",
    "NAME": "n",
    "DURATION": "5m",
    "PATH=VALUE": "a=1",
    "KEY=VALUE": "a=1",
}


@pytest.mark.parametrize(
    "suggestion",
    sorted({line for line in [*COMMANDS.values(), *chain(*OPTIONS.values())] if line.startswith("dbjobs")}),
)
def test_a_suggested_command_exists(suggestion: str) -> None:
    line = suggestion.partition("  (")[0]
    words = [PLACES.get(word, word) for word in shlex.split(line)]
    if words[-1] not in ("--help", "--version"):
        parse(shlex.join(words))


def test_nothing_that_works_is_listed_as_a_mistake() -> None:
    root: Any = get_command(app)
    for path in COMMANDS:
        command = root
        for word in path.split():
            command = command.get_command(None, word) if command else None
        assert command is None, path


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
    monkeypatch.setattr("dbjobs.api.client.JobsApi.get_run", lambda *_, **__: 1 / 0)

    short = dbjobs("runs", "get", 42)
    long = dbjobs("runs", "get", 42, DBJOBS_DEBUG="1")
    assert (short.exit_code, short.stdout) == (1, "")
    error, hint = short.stderr.splitlines()
    assert error == f"error: this is a bug in dbjobs {__version__}: ZeroDivisionError: division by zero"
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
