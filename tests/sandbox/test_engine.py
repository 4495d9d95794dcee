"""When things happen: the engine under a clock that stands still until it is moved."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from dbjobs.sandbox.agenda import Agenda
from dbjobs.sandbox.engine import Engine
from dbjobs.sandbox.execution import AttemptOutput
from dbjobs.sandbox.files import Files
from dbjobs.sandbox.runner import Process, Runner
from dbjobs.sandbox.tasks import PythonFile, execution_of
from dbjobs.sandbox.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbjobs.sandbox.model import JobRun, TaskAttempt
    from dbjobs.sandbox.runner import Work


class FakeProcess(Process):
    """A process that begins and ends when it is told to."""

    def __init__(
        self, work: Work, folder: Path, began: Callable[[], None], ended: Callable[[AttemptOutput], None]
    ) -> None:
        super().__init__(work, folder, began, ended)
        self.begin, self._report, self._logs = began, ended, folder
        self.signals: list[str] = []

    def end(self, error: str | None = None) -> None:
        self._report(AttemptOutput(self._logs, error))

    def stop(self) -> None:
        self.signals.append("stop")

    def kill(self) -> None:
        self.signals.append("kill")


class FakeRunner(Runner):
    def find(self, path: str) -> Path:
        return self.root / path

    def launch(
        self, work: Work, began: Callable[[], None], ended: Callable[[AttemptOutput], None]
    ) -> Process:
        return FakeProcess(work, self.root, began, ended)


class World:
    """A workspace, its clock, and one run of one task."""

    def __init__(self, runner: Runner, time_scale: float, *, run_timeout: int = 0, **task: object) -> None:
        self.seconds = 1_000_000.0
        agenda = Agenda(lambda: self.seconds)
        self._run_due = agenda.run_due
        self.workspace = Workspace(Engine(agenda, runner, execution_of, time_scale), runner.files)
        python = {"task_key": "main", "spark_python_task": {"python_file": "main.py"}}
        self.run: JobRun = self.workspace.submit({"tasks": [python | task], "timeout_seconds": run_timeout})

    def after(self, seconds: float) -> str:
        """The task's state once that much time has passed."""
        self.seconds += seconds
        self._run_due()
        return self.task.life_cycle_state

    @property
    def task(self) -> TaskAttempt:
        return self.run.attempts.latest["main"]

    @property
    def execution(self) -> FakeProcess:
        assert isinstance(self.task.execution, PythonFile)
        assert isinstance(self.task.execution.process, FakeProcess)
        return self.task.execution.process


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    runner = FakeRunner(tmp_path, Files(tmp_path / "files"))
    yield runner
    runner.close()


@pytest.mark.parametrize(("time_scale", "setup", "cleanup"), [(1, 1.0, 0.3), (10, 0.1, 0.03)])
def test_set_up_and_clean_up_take_their_time(
    runner: Runner, time_scale: float, setup: float, cleanup: float
) -> None:
    world = World(runner, time_scale)
    assert world.after(setup - 0.01) == "PENDING"
    assert world.task.execution is None
    world.after(0.02)
    world.execution.begin()
    assert (world.run.life_cycle_state, world.task.life_cycle_state) == ("RUNNING", "RUNNING")
    assert world.after(3600) == "RUNNING"
    world.execution.end()
    assert (world.run.life_cycle_state, world.task.life_cycle_state) == ("TERMINATING", "TERMINATING")
    assert world.after(cleanup - 0.01) == "TERMINATING"
    assert world.after(0.02) == "TERMINATED"
    assert world.run.life_cycle_state == "TERMINATED"


def test_a_task_is_pending_until_its_process_has_begun(runner: Runner) -> None:
    world = World(runner, 1, timeout_seconds=5)
    assert world.after(100) == "PENDING"
    world.execution.begin()
    assert world.after(4.9) == "RUNNING"
    assert world.after(0.2) == "TERMINATING"


@pytest.mark.parametrize(("interval", "waits"), [(0, 0), (1000, 0), (10_000, 10 - 1.0 - 2.0 - 0.3)])
def test_a_retry_waits_from_the_start_of_the_attempt_before(
    runner: Runner, interval: int, waits: float
) -> None:
    world = World(runner, 1, max_retries=1, min_retry_interval_millis=interval)
    world.after(1)
    world.execution.begin()
    world.after(2)
    world.execution.end("ValueError: bad rows")
    world.after(0.3)
    assert world.task.attempt_number == 1
    if waits:
        assert world.after(waits - 0.1) == "WAITING_FOR_RETRY"
    assert world.after(0.2) == "PENDING"


def test_a_process_that_does_not_stop_is_killed_after_a_grace(runner: Runner) -> None:
    world = World(runner, 100)
    world.after(1)
    world.execution.begin()
    world.workspace.cancel_run(world.run.run_id)
    assert world.after(1.9) == "TERMINATING"
    assert world.execution.signals == ["stop"]
    world.after(0.2)
    assert world.execution.signals == ["stop", "kill"]
    world.execution.end("killed")
    world.after(1)
    assert world.task.result == world.run.ending.result_state == "CANCELED"  # type: ignore[union-attr]


def test_what_is_stopped_before_it_began_ends_at_once(runner: Runner) -> None:
    world = World(runner, 1)
    world.after(2)
    world.workspace.cancel_run(world.run.run_id)
    assert (world.task.result, world.run.life_cycle_state) == ("CANCELED", "TERMINATED")
    world.execution.begin()
    world.execution.end()
    assert world.task.result == "CANCELED"


def test_a_result_stays_once_it_is_there(runner: Runner) -> None:
    world = World(runner, 1, timeout_seconds=5)
    world.after(1)
    world.execution.begin()
    world.execution.end()
    world.workspace.cancel_run(world.run.run_id)
    world.after(10)
    assert (world.task.result, world.run.life_cycle_state) == ("SUCCESS", "TERMINATED")
    world.workspace.cancel_run(world.run.run_id)
    assert world.run.ending is not None
    assert world.run.ending.result_state == "SUCCESS"


def test_the_time_limit_of_the_first_pass_does_not_end_the_repair(runner: Runner) -> None:
    world = World(runner, 1, run_timeout=8)
    world.after(1)
    world.execution.begin()
    world.after(4)
    world.execution.end("ValueError: bad rows")
    assert world.after(0.3) == "TERMINATED"

    world.workspace.repair_run(world.run.run_id, {"rerun_all_failed_tasks": True})
    world.after(1)
    world.execution.begin()
    assert world.after(5) == "RUNNING", "more than eight seconds after the run began"
    assert world.after(3) == "TERMINATING", "more than eight seconds after the repair began"


def test_a_time_out_of_centuries_is_waited_for(tmp_path: Path) -> None:
    agenda = Agenda()
    agenda.after(2.0**62, lambda: None)
    agenda.start()
    assert agenda.run_due()
    agenda.close()


def test_the_agenda_keeps_the_order_and_outlives_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    agenda, calls, is_done = Agenda(), list[str](), threading.Event()

    def fail() -> None:
        raise RuntimeError("a fault of the sandbox")

    agenda.after(0.03, is_done.set)
    agenda.after(0.02, lambda: calls.append("later"))
    agenda.after(0.0, fail)
    agenda.after(0.0, lambda: calls.append("now"))
    agenda.start()
    assert is_done.wait(120)
    agenda.close()
    agenda.after(0, lambda: calls.append("never"))
    assert calls == ["now", "later"]
    assert "a fault of the sandbox" in caplog.text
