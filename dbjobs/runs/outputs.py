"""The outputs of a run, task by task.

The API gives outputs of task runs only, so a run is resolved to the newest attempt at each
task; a for-each task has a run for each of its inputs, and those have outputs of their own.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from dbjobs.api.client import JobsApi
from dbjobs.api.models import Run, TaskRun
from dbjobs.errors import DbjobsError, NotFoundError, RefusedError
from dbjobs.http.response import Payload

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
    if not run.output_runs:
        return
    if not tasks and (iteration := _find_iteration(api, run, task_key or "")):
        yield _read_output(api, iteration)
        return
    if not tasks:
        keys = ", ".join(task.task_key for task in run.output_runs)
        raise NotFoundError(f"run {run.run_id} has no task {task_key!r}", hint=f"its tasks: {keys}")
    for task in tasks:
        output = _read_output(api, task)
        child_id = ((output.answer or {}).get("run_job_output") or {}).get("run_id")
        child = None
        if child_id:
            with suppress(DbjobsError):  # its id, at least, is in the answer
                child = Run(api.get_run(child_id))
        yield replace(output, child=child)
        if task.payload.get("for_each_task") is None or task.run_id is None:
            continue
        iterations = api.get_run(task.run_id).get("iterations") or []
        for index, iteration in enumerate(iterations[:MAX_ITERATIONS]):
            yield _read_output(api, TaskRun({**iteration, "task_key": f"{task.task_key}[{index}]"}))
        if len(iterations) > MAX_ITERATIONS:
            rest = TaskRun({"task_key": f"{task.task_key}[{MAX_ITERATIONS}..{len(iterations) - 1}]"})
            yield TaskOutput(rest, problem="not read, for each takes a request of its own: give its run id")


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
