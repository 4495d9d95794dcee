"""Runs sequences, one process each, and makes those that fail smaller."""

import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from dbjobs.runs.backfill import make_token
from tests.fuzz.faults import Step
from tests.fuzz.histories import JOB_ID
from tests.fuzz.process import Script, Shared, Start, load_dbjobs, start
from tests.fuzz.sequences import BEGINS_AT, Sequence
from tests.fuzz.server import Certificates, Exchange, Server, kill
from tests.fuzz.workspace import Workspace, make_run
from tests.support.secrets import secret

TOKEN = secret("dapi")
LONG_AGO = 50_000.0
"""Seconds: what was started so long before has ended."""
PATIENCE = 30.0
"""Real seconds without a sign of life after which a process is taken to hang: pauses cost none."""


@dataclass
class Observation:
    """What came of a sequence."""

    exit_code: int
    """as a shell has it: 128 and the signal, if one ended the process"""
    stdout: str
    """as far as anybody could read it"""
    stderr: str
    began: float
    ended: float
    """by the clock of the sequence"""
    exchanges: list[Exchange]
    workspace: Workspace
    signaled_at: float | None
    """None if no signal was sent"""
    reads: int
    changes: int
    """how many steps of the script were met"""
    hung_at: str | None = None
    """where it was when it hung, in real time"""
    files: dict[str, bytes] = field(default_factory=dict)
    """what was written to the home of the process"""

    @property
    def told(self) -> str:
        """All that a user could read."""
        return self.stdout + "\n" + self.stderr


class Runner:
    """Ready to run one sequence after the other."""

    def __init__(self) -> None:
        load_dbjobs()
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=base))
        self.certificates = Certificates(str(self.folder / "ca.pem"))
        self.shared = Shared()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.unheard = socket.socket()
        self.unheard.bind(("127.0.0.1", 0))

    def close(self) -> None:
        self.listener.close()
        self.unheard.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, sequence: Sequence) -> Observation:
        """Let it happen."""
        self.shared.reset()
        self.shared.set("now", BEGINS_AT)
        began = time.monotonic()

        def now() -> float:
            passed = time.monotonic() - began if sequence.is_real_time else 0.0
            return self.shared.get("now") + passed

        if sequence.signal and sequence.signal.at is not None:
            self.shared.set("signal_at", sequence.signal.at)
            self.shared.set("signal", sequence.signal.number)
        workspace = self._workspace(sequence, now)
        script = Script(self.shared, sequence.reads, sequence.changes)
        home = self.folder / "home"
        home.mkdir()
        with ExitStack() as cleanup:
            cleanup.callback(shutil.rmtree, home, ignore_errors=True)
            pipes = _Pipes(sequence)
            cleanup.callback(pipes.close)
            options = Start(
                sequence.arguments,
                self._environ(sequence, home),
                str(home),
                pipes.inner,
                pipes.life_inner,
                sequence.seed,
                sequence.is_real_time,
            )
            pid = start(options, self.shared, script, self.unheard.getsockname()[1])
            pipes.close_inner()
            server = Server(
                self.listener, self.certificates, self.shared, workspace, script, now, pid,
                sequence.signal, sequence.is_tls, sequence.is_real_time, leaving=pipes.leaving,
            )  # fmt: skip
            hung_at = None
            if not server.serve(pipes.read, pipes.life, PATIENCE):
                kill(pid, signal.SIGUSR1)
                time.sleep(0.2)
                server.drain(stack := {pipes.life: bytearray()})
                hung_at = stack[pipes.life].decode(errors="replace")
                kill(pid, signal.SIGKILL)
            exit_code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            files = dict(_read_files(home))
        signaled_at = server.signaled_at
        if sequence.signal and sequence.signal.at is not None and not self.shared.get("signal_at"):
            signaled_at = sequence.signal.at
        return Observation(
            exit_code if exit_code >= 0 else 128 - exit_code,
            pipes.text(1), pipes.text(2), BEGINS_AT, now(),
            server.exchanges, workspace, signaled_at,
            int(self.shared.get("reads")), int(self.shared.get("changes")), hung_at, files,
        )  # fmt: skip

    def _workspace(self, sequence: Sequence, now: Callable[[], float]) -> Workspace:
        workspace = Workspace(now, sequence.seed, invisible_for=sequence.invisible_for)
        for given in sequence.runs:
            run = make_run(given.run_id, BEGINS_AT - given.age, given.seed)
            if given.age < 2:
                run.invisible_for = sequence.invisible_for
            workspace.add(run)
        for number in range(sequence.earlier):
            body = {"job_parameters": {"day": f"2026-01-{number + 1:02}"}}
            token = make_token(JOB_ID, body, "")
            workspace.start_earlier(token, body["job_parameters"]["day"], BEGINS_AT - LONG_AGO + number)
        return workspace

    def _environ(self, sequence: Sequence, home: Path) -> dict[str, str]:
        scheme = "https" if sequence.is_tls else "http"
        return {
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "TZ": "UTC",
            "NO_PROXY": "127.0.0.1",
            "DATABRICKS_HOST": f"{scheme}://127.0.0.1:{self.listener.getsockname()[1]}",
            "DATABRICKS_TOKEN": TOKEN,
            "REQUESTS_CA_BUNDLE": str(self.folder / "ca.pem"),
        }


class _Pipes:
    """The descriptors of a process, and what can be read of them."""

    def __init__(self, sequence: Sequence) -> None:
        self.read: dict[int, bytearray] = {}
        self._by_number: dict[int, bytearray] = {}
        self._opened: list[int] = []
        leaving = []
        inner: list[int | None] = [
            None if sequence.stdin == "closed" else self._open(os.devnull, os.O_RDONLY)
        ]
        for number, kind in ((1, sequence.stdout), (2, sequence.stderr)):
            if kind == "closed":
                inner.append(None)
            elif kind == "full":
                inner.append(self._open("/dev/full", os.O_WRONLY))
            else:
                outer, end = os.pipe()
                inner.append(end)
                self._opened.append(end)
                if kind == "broken":
                    os.close(outer)
                else:
                    self.read[outer] = self._by_number[number] = bytearray()
                    leaving += [outer] if kind == "left" else []
        self.life, self.life_inner = os.pipe()
        self._opened.append(self.life_inner)
        self.leaving = frozenset(leaving)
        self.inner = (inner[0], inner[1], inner[2])

    def _open(self, path: str, flags: int) -> int:
        self._opened.append(os.open(path, flags))
        return self._opened[-1]

    def close_inner(self) -> None:
        for descriptor in self._opened:
            os.close(descriptor)
        self._opened.clear()

    def close(self) -> None:
        self.close_inner()
        for descriptor in (*self.read, self.life):
            with suppress(OSError):
                os.close(descriptor)

    def text(self, number: int) -> str:
        return self._by_number.get(number, bytearray()).decode(errors="replace")


def _read_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            yield str(path.relative_to(folder)), path.read_bytes()


def smaller(sequence: Sequence) -> Iterator[Sequence]:
    """The same with one thing less, the greatest things first."""
    for name in ("reads", "changes"):
        steps: tuple[Step, ...] = getattr(sequence, name)
        for size in (len(steps), len(steps) // 2, len(steps) // 4, 1):
            for first in range(0, len(steps), size) if size else ():
                rest = (*steps[:first], *steps[first + size :])
                yield replace(sequence, **{name: rest})  # type: ignore[arg-type]  # both are steps
                none = (
                    *steps[:first],
                    *(Step() for _ in steps[first : first + size]),
                    *steps[first + size :],
                )
                if none != steps and any(step.fault for step in none):
                    yield replace(sequence, **{name: none})  # type: ignore[arg-type]  # both are steps
    for change in (
        {"signal": None}, {"is_tls": False}, {"invisible_for": 0.0},
        {"stdin": "pipe"}, {"stdout": "pipe"}, {"stderr": "pipe"},
    ):  # fmt: skip
        changed = replace(sequence, **change)
        if changed != sequence:
            yield changed
    for name in ("reads", "changes"):
        calm = tuple(replace(step, latency=0.0) for step in getattr(sequence, name))
        if calm != getattr(sequence, name):
            yield replace(sequence, **{name: calm})  # type: ignore[arg-type]  # both are steps
