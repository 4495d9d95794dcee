"""Tasks as subprocesses: what is run, in which environment, and how it is stopped.

Each attempt is a process in a session of its own, so that stopping it stops whatever it started. What it
prints goes to a file, never to memory. It gets the environment variables of `_PASSED_ON` and no other, so
no credentials of whoever started the sandbox; and `DBJOBS_SANDBOX_RUN_DIR`, a scratch folder that the tasks
of one run share and that is deleted with the sandbox. Its current folder is that of its file, as in a
workspace.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

from dbjobs.sandbox.execution import AttemptOutput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from dbjobs.sandbox.files import Files
    from dbjobs.sandbox.scenario import TaskOutcome

PROCESSES = 32
"""How many tasks run at once; the others are PENDING until one of them ends."""

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "TEMP",
    "TMP",
    "SYSTEMROOT",
    "VIRTUAL_ENV",
)


class PathRefusedError(Exception):
    """The task's file does not exist, or is not in the root folder."""


TASK_MARK = "DBJOBS_SANDBOX_TASK"
"""An environment variable by which the processes of a task are found: its value is the task's folder."""


@dataclass(frozen=True)
class Work:
    """What one attempt is to run."""

    run_id: int
    task_run_id: int
    file: Path | None = None
    entry_point: tuple[str, str] | None = None
    """In place of a file: the name of a wheel's package, and that of its entry point."""
    arguments: list[str] = field(default_factory=list)
    cells: list[tuple[int, str]] = field(default_factory=list)
    """Of a notebook: each one's first line, and its code."""
    widgets: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What upstream tasks set with `dbutils.jobs.taskValues`, by task_key."""
    wheels: list[Path] = field(default_factory=list)
    """Unpacked for it alone; what they depend on is not installed."""


class Process:
    """One subprocess, from the queue to its end. Both callbacks come from a thread of the runner's."""

    def __init__(
        self, work: Work, folder: Path, began: Callable[[], None], ended: Callable[[AttemptOutput], None]
    ) -> None:
        self._work = work
        self._folder = folder
        self._began = began
        self._ended = ended
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def run(self) -> None:
        """Run to the end; neither callback comes if it was stopped before it started."""
        try:
            with self._lock:
                if self._stopped:
                    return
                self._process = self._start()
        except (OSError, BadZipFile) as error:
            self._ended(
                AttemptOutput(
                    _logs_path(self._folder), error=f"The Python process could not be started: {error}"
                )
            )
            return
        self._began()
        self._ended(_read_output(self._folder, self._wait(self._process)))

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for the process, then end what it started and left running; returns its exit code."""
        if sys.platform == "linux":
            # Until the process is reaped its id, which is also its group's, cannot go to another one.
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        else:
            process.wait()
        self.kill()
        with self._lock:
            self._process = None
            return process.wait()

    def stop(self) -> None:
        """Ask the process and all it started to end; if it has not started yet, it never will."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End whatever is left of the process tree."""
        self._signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            self._stopped = True
            if self._process:
                _signal_tree(self._process.pid, number)
                for pid in _processes_marked(self._folder):
                    with suppress(ProcessLookupError):
                        os.kill(pid, number)

    def _start(self) -> subprocess.Popen[bytes]:
        self._folder.mkdir(parents=True)
        scratch = self._folder.parent / "work"
        scratch.mkdir(exist_ok=True)
        work = self._work
        for wheel in work.wheels:
            with ZipFile(wheel) as archive:
                archive.extractall(self._folder / "packages")
        spec = {
            "file": str(work.file or ""),
            "entry_point": work.entry_point,
            "packages": str(self._folder / "packages") if work.wheels else "",
            "arguments": work.arguments,
            "cells": work.cells,
            "widgets": work.widgets,
            "values": work.values,
        }
        (self._folder / "task.json").write_text(json.dumps(spec), "utf-8")
        with _logs_path(self._folder).open("wb") as logs:
            return subprocess.Popen(  # noqa: S603 - the file is confined to the root folder; no shell is involved
                [sys.executable, str(_BOOTSTRAP), str(self._folder)],
                stdin=subprocess.DEVNULL,
                stdout=logs,
                stderr=subprocess.STDOUT,
                cwd=work.file.parent if work.file else scratch,
                env={**_environment(scratch), TASK_MARK: str(self._folder)},
                start_new_session=True,
            )


class Runner:
    """Runs tasks, a few at a time; `close()` ends all it started.

    Their files are in the workspace, or in `root`, which paths may take for the workspace's root.
    """

    def __init__(self, root: Path, files: Files, processes: int = PROCESSES) -> None:
        self.root = root.resolve()
        self.files = files
        self._folder = Path(tempfile.mkdtemp(prefix="dbjobs-sandbox-"))
        self._pool = ThreadPoolExecutor(processes, thread_name_prefix="sandbox-task")
        self._processes: set[Process] = set()

    def find(self, path: str) -> Path:
        """The file for a task's path: in the workspace, in DBFS, or else in the root folder."""
        if (found := self.files.find(path)) and not found.is_folder:
            if found.language not in {"", "PYTHON"}:
                raise PathRefusedError(
                    f"{path} is a notebook in {found.language}; the sandbox runs Python only."
                )
            return found.file
        inner = path.lstrip("/")
        for candidate in (path, inner, f"{inner}.py", f"{inner}.ipynb"):
            with suppress(OSError, ValueError):  # too long a name, a null character
                file = (self.root / candidate).resolve()
                if file.is_relative_to(self.root) and file.is_file():
                    return file
        raise PathRefusedError(f"There is no file {path} in the workspace, nor in the sandbox's root folder.")

    def launch(
        self, work: Work, began: Callable[[], None], ended: Callable[[AttemptOutput], None]
    ) -> Process:
        folder = self._folder / str(work.run_id) / str(work.task_run_id)

        def finish(output: AttemptOutput) -> None:
            self._processes.discard(process)
            ended(output)

        process = Process(work, folder, began, finish)
        self._processes.add(process)
        self._pool.submit(process.run).add_done_callback(_report_fault)
        return process

    def make_output(self, run_id: int, task_run_id: int, outcome: TaskOutcome) -> AttemptOutput:
        """The output that a scenario gives to an attempt in place of running it."""
        folder = self._folder / str(run_id) / str(task_run_id)
        folder.mkdir(parents=True, exist_ok=True)
        missing = outcome.log_bytes - len(outcome.logs.encode())
        filler = f"{'.' * 79}\n" * (missing // 80 + 1)
        path = _logs_path(folder)
        path.write_text(filler[: max(0, missing)] + outcome.logs, "utf-8", newline="")
        error, trace = outcome.error or None, outcome.error_trace or None
        return AttemptOutput(path, error, trace, outcome.notebook_result, extra=outcome.output)

    def forget(self, run_id: int) -> None:
        """Remove the files of a run."""
        shutil.rmtree(self._folder / str(run_id), ignore_errors=True)

    def close(self) -> None:
        for process in list(self._processes):
            process.kill()
        self._pool.shutdown(cancel_futures=True)
        shutil.rmtree(self._folder, ignore_errors=True)


def _report_fault(future: Future[None]) -> None:
    if not future.cancelled() and (fault := future.exception()):
        logging.getLogger(__name__).error("the sandbox failed", exc_info=fault)


def _logs_path(folder: Path) -> Path:
    return folder / "logs.txt"


def _read_output(folder: Path, returncode: int) -> AttemptOutput:
    try:
        result = json.loads((folder / "result.json").read_text("utf-8"))
    except (OSError, ValueError):
        result = {}  # ended from outside, or by os._exit
    if returncode and "error" not in result:
        result["error"] = _describe_exit(returncode)
    return AttemptOutput(_logs_path(folder), **result)


def _describe_exit(returncode: int) -> str:
    if returncode < 0:
        return f"The Python process was ended by {signal.Signals(-returncode).name}."
    return f"The Python process exited unexpectedly with code {returncode}."


def _environment(scratch: Path) -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    own = {
        "DBJOBS_SANDBOX_RUN_DIR": str(scratch),
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        # Tasks live in the user's own folder: leave nothing behind in it.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return passed_on | own


def _processes_marked(folder: Path) -> Iterator[int]:
    """The processes of a task, those in sessions of their own included: they inherit its environment.

    Only Linux shows the environment of a process; elsewhere none are found.
    """
    mark = f"\0{TASK_MARK}={folder}\0".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in b"\0" + (process / "environ").read_bytes():
                yield int(process.name)


def _signal_tree(pid: int, number: signal.Signals) -> None:
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(pid)], check=False, capture_output=True)  # noqa: S603, S607
        return
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        pass  # all of it has ended
    except PermissionError:
        pass  # macOS says so of a group whose last process is a zombie
