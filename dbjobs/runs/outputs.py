"""The outputs of a run, task by task.

The API gives outputs of task runs only, so a run is resolved to the newest attempt at each
task; a for-each task has a run for each of its inputs, and those have outputs of their own.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from dbjobs.api.client import JobsApi
from dbjobs.api.models import Run, TaskRun
from dbjobs.api.states import Phase
from dbjobs.common.clock import Clock
from dbjobs.errors import DbjobsError, NotFoundError, RefusedError
from dbjobs.http.response import Payload
from dbjobs.runs.log_delivery import find_logs
from dbjobs.runs.reader import RunReader
from dbjobs.runs.schedule import Schedule
from dbjobs.runs.snapshots import Ending
from dbjobs.runs.watching import watch_runs

logger = logging.getLogger(__name__)

MAX_OUTPUT_PAUSE = 15.0
"""Seconds between two polls at most, while somebody waits for output."""

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
        raise _no_such_task(run, task_key)
    for task in tasks:
        yield from _read_task(api, task)


def _no_such_task(run: Run, task_key: str | None) -> NotFoundError:
    keys = ", ".join(task.task_key for task in run.output_runs)
    return NotFoundError(f"run {run.run_id} has no task {task_key!r}", hint=f"its tasks: {keys}")


def _read_task(api: JobsApi, task: TaskRun) -> Iterator[TaskOutput]:
    """The output of a task, with the run that it started, and those of its iterations."""
    output = _read_output(api, task)
    child_id = ((output.answer or {}).get("run_job_output") or {}).get("run_id")
    child = None
    if child_id:
        with suppress(DbjobsError):  # its id, at least, is in the answer
            child = Run(api.get_run(child_id))
    yield replace(output, child=child)
    if task.payload.get("for_each_task") is None or task.run_id is None:
        return
    iterations = api.get_run(task.run_id).get("iterations") or []
    for index, iteration in enumerate(iterations[:MAX_ITERATIONS]):
        yield _read_output(api, TaskRun({**iteration, "task_key": f"{task.task_key}[{index}]"}))
    if len(iterations) > MAX_ITERATIONS:
        rest = TaskRun({"task_key": f"{task.task_key}[{MAX_ITERATIONS}..{len(iterations) - 1}]"})
        yield TaskOutput(rest, problem="not read, because each takes a request of its own: give its run id")


def follow_outputs(
    api: JobsApi, run_id: int, clock: Clock, task_key: str | None = None
) -> Iterator[TaskOutput]:
    """Each output as soon as its task has ended, up to the end of the run; every attempt has one.

    Where the logs of a task can be read while it runs is logged, once.
    """
    seen: set[int | None] = set()
    announced: set[int | None] = set()
    for snapshot in watch_runs([run_id], RunReader(api), clock, Schedule(maximum=MAX_OUTPUT_PAUSE)):
        watched = snapshot.runs[0]
        if watched.error and (watched.is_lost or snapshot.ending is Ending.CONTACT_LOST):
            raise watched.error
        run = watched.run
        if run is None:
            continue
        tasks = [*run.attempts] if run.tasks else [*run.output_runs]
        parent = re.sub(r"\[\d+\]$", "", task_key or "")
        wanted = [task for task in tasks if task_key in (None, task.task_key) or task.task_key == parent]
        if tasks and not wanted:
            raise _no_such_task(run, task_key)
        for task in wanted:
            if task.is_ended and task.run_id not in seen:
                seen.add(task.run_id)
                is_iteration = task_key not in (None, task.task_key)
                yield from read_outputs(api, run, task_key) if is_iteration else _read_task(api, task)
            elif task.phase is Phase.ACTIVE and task.run_id not in announced:
                announced.add(task.run_id)
                where = find_logs(run, task)
                logger.info(
                    "%s is running, and its output comes when it has ended%s",
                    task.task_key,
                    f"; {where}" if where else "",
                )


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
