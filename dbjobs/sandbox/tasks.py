"""What an attempt does once it is set up, by the type of its task.

Each `Task` reports to the engine that it `began`, and, once, that it `ended`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbjobs.sandbox import endings
from dbjobs.sandbox.conditions import evaluate
from dbjobs.sandbox.execution import Execution
from dbjobs.sandbox.model import SUCCEEDED
from dbjobs.sandbox.notebooks import source_from_jupyter, split_cells
from dbjobs.sandbox.refusal import RefusalError
from dbjobs.sandbox.runner import PathRefusedError, Work
from dbjobs.sandbox.scenario import TaskOutcome

if TYPE_CHECKING:
    from pathlib import Path

    from dbjobs.sandbox.engine import Engine
    from dbjobs.sandbox.execution import AttemptOutput
    from dbjobs.sandbox.model import TaskAttempt
    from dbjobs.sandbox.runner import Process


def execution_of(attempt: TaskAttempt, engine: Engine) -> Execution:
    if isinstance(attempt.forced, TaskOutcome) and attempt.forced.is_ending:
        return Forced(attempt, engine, attempt.forced)
    return _KINDS.get(attempt.type, Unsupported)(attempt, engine)


class Task(Execution):
    """An execution that reports to the engine."""

    def __init__(self, attempt: TaskAttempt, engine: Engine) -> None:
        self.attempt = attempt
        self.engine = engine


class Unsupported(Task):
    """A task that the sandbox cannot run."""

    def start(self) -> None:
        self.engine.end(self.attempt, endings.cannot_run(self.attempt.type))


class Forced(Task):
    """What a scenario says, in place of the work."""

    def __init__(self, attempt: TaskAttempt, engine: Engine, outcome: TaskOutcome) -> None:
        super().__init__(attempt, engine)
        self.outcome = outcome

    def start(self) -> None:
        self.engine.began(self.attempt)
        self.engine.after(self.outcome.lasts, self.stop)

    def stop(self) -> None:
        output = self.engine.runner.make_output(
            self.attempt.job_run.run_id, self.attempt.run_id, self.outcome
        )
        self.engine.ended(self.attempt, endings.forced(self.outcome), output)


class Condition(Task):
    """Compares two values."""

    def start(self) -> None:
        ending, self.attempt.outcome = evaluate(self.attempt.resolved)
        self.engine.end(self.attempt, ending)


class PythonFile(Task):
    """A file, a notebook or a wheel's entry point, in a process of its own."""

    process: Process | None = None

    def start(self) -> None:
        try:
            work = self._work()
        except WheelMissingError as error:
            self.engine.end(self.attempt, endings.no_library(str(error)))
            return
        except PathRefusedError as error:
            self.engine.end(self.attempt, endings.no_file(str(error)))
            return
        self.process = self.engine.runner.launch(work, self._began, self._ended)

    def _work(self) -> Work:
        attempt, run, settings = self.attempt, self.attempt.job_run, self.attempt.resolved
        named = settings.get("named_parameters", {})
        work = Work(
            run_id=run.run_id,
            task_run_id=attempt.run_id,
            arguments=[*settings.get("parameters", []), *(f"--{name}={named[name]}" for name in named)],
            widgets=settings.get("base_parameters", {}),
            values={key: other.output.values for key, other in run.attempts.latest.items() if other.output},
            wheels=[self._find_wheel(path) for path in _wheels_of(attempt)],
        )
        if attempt.type == "python_wheel_task":
            return replace(work, entry_point=(settings["package_name"], settings["entry_point"]))
        if attempt.type == "spark_python_task":
            return replace(work, file=self.engine.runner.find(str(settings["python_file"])))
        file = self.engine.runner.find(str(settings["notebook_path"]))
        self.cells = split_cells(_read_notebook(file))
        return replace(work, file=file, cells=[(cell.line, cell.code) for cell in self.cells])

    def _find_wheel(self, path: str) -> Path:
        try:
            return self.engine.runner.find(path)
        except PathRefusedError as error:
            raise WheelMissingError(str(error)) from None

    def _began(self) -> None:
        with self.engine.lock:
            self.engine.began(self.attempt)

    def _ended(self, output: AttemptOutput) -> None:
        with self.engine.lock:
            self.engine.ended(self.attempt, endings.FAILED_ATTEMPT if output.error else SUCCEEDED, output)

    def stop(self) -> None:
        if self.process:
            self.process.stop()

    def kill(self) -> None:
        if self.process:
            self.process.kill()


class WheelMissingError(Exception):
    """A task's wheel does not exist."""


def _wheels_of(attempt: TaskAttempt) -> list[str]:
    """The wheels that a task names: among its libraries, or in its environment."""
    task, environments = attempt.task, attempt.job_run.settings.get("environments", [])
    named = [library.get("whl", "") for library in task.get("libraries", [])]
    for environment in environments:
        if environment.get("environment_key") == task.get("environment_key"):
            named += environment.get("spec", {}).get("dependencies", [])
    return [path for path in named if str(path).endswith(".whl")]


def _read_notebook(file: Path) -> str:
    """A notebook's source; raises PathRefusedError if it cannot be one."""
    text = file.read_text("utf-8", "replace")
    if file.suffix != ".ipynb":
        return text
    try:
        return source_from_jupyter(text)
    except (ValueError, KeyError, TypeError):
        raise PathRefusedError(f"{file.name} is not a Jupyter notebook.") from None


class ForEach(Task):
    """The nested task, once for each input and `concurrency` of them at a time.

    All iterations run, whether or not some fail; one that failed makes the task fail.
    """

    def start(self) -> None:
        try:
            inputs = _read_inputs(self.attempt.resolved["inputs"])
        except ValueError as error:
            self.engine.end(self.attempt, endings.wrongly_configured(str(error)))
            return
        for number, value in enumerate(inputs):
            nested = self.attempt.task["for_each_task"]["task"]
            iteration = self.engine.add_attempt(
                self.attempt.job_run, nested, parent=self.attempt, key=str(number)
            )
            iteration.input = value
        self.engine.began(self.attempt)
        self.advance()

    def advance(self) -> None:
        unfinished = self.attempt.iterations.unfinished()
        if not unfinished:
            self.engine.ended(self.attempt, endings.of_iterations(self.attempt))
            return
        blocked = [iteration for iteration in unfinished if iteration.life_cycle_state == "BLOCKED"]
        room = self.attempt.task["for_each_task"].get("concurrency", 1) - (len(unfinished) - len(blocked))
        for iteration in blocked[: max(0, room)]:
            self.engine.prepare(iteration)

    def stop(self) -> None:
        for iteration in self.attempt.iterations.unfinished():
            self.engine.stop(iteration, self.attempt.ending or endings.CANCELED_ATTEMPT)
        self.advance()


class RunJob(Task):
    """A run of another job; it succeeds if that does."""

    def start(self) -> None:
        try:
            self.attempt.child = self.engine.start_job(self.attempt)
        except RefusalError as refusal:
            self.engine.end(self.attempt, endings.wrongly_configured(refusal.message))
            return
        self.engine.began(self.attempt)
        self.advance()

    def advance(self) -> None:
        child = self.attempt.child
        if child and child.is_terminal:
            self.engine.ended(self.attempt, endings.of_child(child))

    def stop(self) -> None:
        if self.attempt.child:
            self.engine.cancel(self.attempt.child)


def _read_inputs(text: Any) -> list[Any]:
    """The inputs of a for-each task: a list as JSON."""
    try:
        inputs = json.loads(text)
    except ValueError:
        inputs = None
    if not isinstance(inputs, list):
        raise ValueError("The inputs of the task are not a JSON array.")  # noqa: TRY004 - the text is what is wrong
    return inputs


_KINDS: dict[str, type[Task]] = {
    "condition_task": Condition,
    "spark_python_task": PythonFile,
    "notebook_task": PythonFile,
    "python_wheel_task": PythonFile,
    "for_each_task": ForEach,
    "run_job_task": RunJob,
}
