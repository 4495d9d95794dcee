"""What the tests share: a home of their own, a workspace on real sockets, and the command itself."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dbjobs.cli import app
from dbjobs.sandbox.server import Sandbox

TOKEN = "dapi-secret-of-the-tests"


@dataclass(frozen=True)
class Result:
    """What a user sees of a finished command."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[str]:
        return self.stdout.splitlines()


Dbjobs = Callable[..., Result]


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads the developer's configuration, environment or time zone."""
    home = tmp_path_factory.mktemp("home")
    foreign = ("DATABRICKS_", "DBJOBS_", "ARM_", "XDG_")
    terminal = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
    for name in [name for name in os.environ if name.startswith(foreign) or name in terminal]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return home


@pytest.fixture
def dbjobs(monkeypatch: pytest.MonkeyPatch) -> Dbjobs:
    """Call dbjobs as from a shell: `dbjobs("runs", "get", "42", stdin="", NAME="value")`."""

    def call(*args: object, stdin: str | bytes = "", **environment: str) -> Result:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        done = CliRunner().invoke(app, [str(arg) for arg in args], input=stdin, prog_name="dbjobs")
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Result(done.exit_code, done.stdout, done.stderr)

    return call


@pytest.fixture(scope="session")
def task_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder whose Python files the sandbox runs as tasks."""
    return tmp_path_factory.mktemp("tasks")


@pytest.fixture(scope="session")
def sandbox(task_files: Path) -> Iterator[Sandbox]:
    """A workspace in which set-up and clean-up take no time to speak of."""
    with Sandbox(root=task_files, token=TOKEN, time_scale=100) as sandbox:
        yield sandbox


@pytest.fixture
def workspace(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox, with the environment pointing to it."""
    monkeypatch.setenv("DATABRICKS_HOST", sandbox.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", sandbox.token)
    return sandbox
