"""What the tests share: a home of their own, a workspace on real sockets, and the command itself."""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from typer.testing import CliRunner

from dbjobs.cli.app import app
from dbjobs.common.clock import SystemClock
from dbjobs.common.hidden import forget_all
from dbjobs.common.signals import SIGNALS
from dbjobs.sandbox.server import Sandbox
from tests.support import leaks
from tests.support.fakes import FakeClock, Reply, Script, ScriptedServer, scripted_server
from tests.support.secrets import secret

pytest_runtest_makereport, watch_processes = leaks.pytest_runtest_makereport, leaks.watch_processes

settings.register_profile("dbjobs", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("dbjobs")

for signum in SIGNALS:
    # A signal that was ignored when the tests started (`make test &` in a script, nohup) would be ignored by
    # every process that they start. A handler that does nothing ignores it here, and is not inherited.
    if signal.getsignal(signum) is signal.SIG_IGN:
        signal.signal(signum, lambda signum, frame: None)

TOKEN = secret("dapi")


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
Serve = Callable[..., ScriptedServer]


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads the developer's configuration, environment or time zone."""
    home = tmp_path_factory.mktemp("home")
    foreign = ("DATABRICKS_", "DBJOBS_", "ARM_", "AZURE_", "ACTIONS_", "XDG_")
    terminal = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
    network = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC")
    for name in list(os.environ):
        is_proxy = name.lower().endswith("_proxy")
        if name.startswith(foreign) or name in (*terminal, *network) or is_proxy:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    forget_all()
    return home


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test looks up a name beyond this machine; the files that it writes are its own."""

    def look_up(host: object, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name in (None, "", "localhost", "127.0.0.1", "::1"):
            return getaddrinfo(host, *args, **kwargs)  # type: ignore[arg-type]  # as it came
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    getaddrinfo = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    umask = os.umask(0o077)
    yield
    os.umask(umask)


@pytest.fixture
def dbjobs(monkeypatch: pytest.MonkeyPatch) -> Dbjobs:
    """Call dbjobs as from a shell: `dbjobs("runs", "get", "42", stdin="", NAME="value")`."""

    def call(*args: object, stdin: str | bytes = "", **environment: str) -> Result:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        done = CliRunner().invoke(app, [str(arg) for arg in args], input=stdin, prog_name="dbjobs")
        logging.getLogger("dbjobs").handlers.clear()  # they write to streams that are closed by now
        if args[:2] != ("sandbox", "serve"):  # which says its token, so that clients can be pointed to it
            leaks.note("stdout", done.stdout)
        leaks.note("stderr", done.stderr)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Result(done.exit_code, done.stdout, done.stderr)

    return call


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """dbjobs's pauses take no time; what a scripted server takes is not counted, either."""
    clock = FakeClock()
    for name in ("monotonic", "now", "sleep"):
        monkeypatch.setattr(SystemClock, name, staticmethod(getattr(clock, name)))
    return clock


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start a server that follows a script, with the environment pointing to it."""
    with ExitStack() as servers:

        def start(*script: Reply | Script) -> ScriptedServer:
            server = servers.enter_context(scripted_server(_as_script(script)))
            monkeypatch.setenv("DATABRICKS_HOST", server.url)
            monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)
            return server

        yield start


def _as_script(parts: tuple[Reply | Script, ...]) -> Script:
    replies = [part for part in parts if isinstance(part, Reply)]
    others = [part for part in parts if not isinstance(part, Reply)]
    return others[0] if others else replies


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


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections, and that nobody else takes meanwhile."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        yield unheard.getsockname()[1]


@pytest.fixture
def keyring_entries(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """What the system's keyring holds, by service and name."""
    import keyring
    from keyring.backend import KeyringBackend

    entries: dict[tuple[str, str], str] = {}

    class Memory(KeyringBackend):
        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            return entries.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            entries[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del entries[service, username]

    memory = Memory()  # type: ignore[no-untyped-call]  # of keyring
    monkeypatch.setattr(keyring.core, "_keyring_backend", memory)
    return entries
