"""What the tasks of a run left behind, task by task.

The API gives outputs of task runs only, so a run is resolved to the newest attempt at each
task; a for-each task holds a run for each of its inputs, and those have outputs of their own.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from dbjobs.answers import Payload
from dbjobs.api import JobsApi
from dbjobs.errors import DbjobsError, NotFoundError, RefusedError, UnreachableError
from dbjobs.models import OWN_FAILURES, Run, TaskRun
from dbjobs.retrying import NO_RETRIES

MAX_ITERATIONS = 100
"""Of a for-each task; each is a request of its own."""


@dataclass(frozen=True)
class TaskOutput:
    """The output of a task, or why there is none."""

    task: TaskRun
    answer: Payload | None = None
    """of get-output"""
    problem: str = ""
    child: Run | None = None
    """the run that a run_job task started"""


def read_outputs(api: JobsApi, run: Run, task_key: str | None = None) -> Iterator[TaskOutput]:
    """The outputs of all tasks, or of one; those of iterations follow under `key[0]`, `key[1]`, …

    `task_key` may also name one iteration.
    """
    tasks = [task for task in run.output_runs if task_key in (None, task.task_key)]
    if not tasks and (iteration := _find_iteration(api, run, task_key or "")):
        yield _read_output(api, iteration)
        return
    if not tasks:
        keys = ", ".join(task.task_key for task in run.output_runs)
        raise NotFoundError(f"run {run.run_id} has no task {task_key!r}", hint=f"its tasks: {keys}")
    for task in tasks:
        output = _read_output(api, task)
        yield replace(output, child=_read_child(api, output.answer or {}))
        if task.payload.get("for_each_task") is not None:
            yield from _read_iterations(api, task)


def _find_iteration(api: JobsApi, run: Run, key: str) -> TaskRun | None:
    """The task run that `each[3]` names."""
    named = re.fullmatch(r"(.+)\[(\d+)\]", key)
    parents = [task for task in run.output_runs if named and task.task_key == named[1] and task.run_id]
    if not named or not parents:
        return None
    iterations = api.get_run(parents[0].run_id or 0).get("iterations") or []
    chosen = iterations[int(named[2]) : int(named[2]) + 1]
    return TaskRun({**chosen[0], "task_key": key}) if chosen else None


def _read_output(api: JobsApi, task: TaskRun) -> TaskOutput:
    if task.run_id is None:
        return TaskOutput(task, problem="the task never ran")
    try:
        return TaskOutput(task, api.get_run_output(task.run_id))
    except (NotFoundError, RefusedError) as error:
        return TaskOutput(task, problem=error.message)


def _read_child(api: JobsApi, answer: Payload) -> Run | None:
    """An extra: whatever keeps it from being read, its id is in the answer."""
    run_id = (answer.get("run_job_output") or {}).get("run_id")
    try:
        return Run(api.get_run(run_id)) if run_id else None
    except DbjobsError:
        return None


def _read_iterations(api: JobsApi, task: TaskRun) -> Iterator[TaskOutput]:
    if task.run_id is None:
        return
    iterations = api.get_run(task.run_id).get("iterations") or []
    for place, iteration in enumerate(iterations[:MAX_ITERATIONS]):
        yield _read_output(api, TaskRun({**iteration, "task_key": f"{task.task_key}[{place}]"}))
    if len(iterations) > MAX_ITERATIONS:
        rest = TaskRun({"task_key": f"{task.task_key}[{MAX_ITERATIONS}..{len(iterations) - 1}]"})
        yield TaskOutput(rest, problem="not read, for each takes a request of its own: give its run id")


@dataclass
class OutputCache:
    """Outputs of task runs, each asked for once and without patience: for who only wants to tell more."""

    api: JobsApi
    warn: Callable[[str], None]
    _known: dict[int, Payload | None] = field(default_factory=dict)
    _is_out_of_reach: bool = False

    def fetch(self, task: TaskRun) -> Payload | None:
        """What get-output answers; None where there is nothing to be had, of which `warn` hears."""
        if task.run_id is None or self._is_out_of_reach:
            return None
        if task.run_id not in self._known:
            self._known[task.run_id] = self._ask(task, task.run_id)
        return self._known[task.run_id]

    def _ask(self, task: TaskRun, run_id: int) -> Payload | None:
        try:
            return self.api.get_run_output(run_id, NO_RETRIES)
        except DbjobsError as error:
            self._is_out_of_reach = isinstance(error, UnreachableError) and error.answer is None
            self.warn(f"the output of {task.task_key} could not be fetched: {error.message}")
            return None

    def fetch_failed(self, run: Run, most: int) -> dict[int, Payload]:
        """Of a run's failed attempts, by their run_id: the newest attempts first, `most` at most."""
        attempts = [*run.failed_tasks, *run.attempts] if run.tasks else run.output_runs
        failed = [attempt for attempt in attempts if attempt.outcome in OWN_FAILURES and attempt.run_id]
        by_id = {attempt.run_id: attempt for attempt in failed if attempt.run_id is not None}
        outputs = {run_id: self.fetch(attempt) for run_id, attempt in list(by_id.items())[:most]}
        return {run_id: output for run_id, output in outputs.items() if output is not None}
