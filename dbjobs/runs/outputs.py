"""The outputs of a run, task by task.

The API gives outputs of task runs only, so a run is resolved to the newest attempt at each
task; a for-each task has a run for each of its inputs, and those have outputs of their own.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from dbjobs.api.client import JobsApi
from dbjobs.api.models import OWN_FAILURES, Run, TaskRun
from dbjobs.api.states import Outcome
from dbjobs.errors import DbjobsError, NotFoundError, RefusedError, UnreachableError
from dbjobs.http.response import Payload
from dbjobs.http.retry import NO_RETRIES

logger = logging.getLogger(__name__)

MAX_CAUSES = 3
"""Failed iterations of one task, or failed tasks of the run that it started, that are shown."""

MAX_CAUSE_REQUESTS = 40
"""Requests that one call spends on causes."""

MAX_CAUSE_DEPTH = 5
"""A for-each of a run-job of a for-each …: jobs may start each other without end."""

NOT_RUN = (Outcome.CANCELED, Outcome.UPSTREAM_FAILED, Outcome.EXCLUDED, Outcome.NEVER_RAN)
"""The outcomes of tasks that never started."""

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


@dataclass
class OutputCache:
    """Outputs of task runs, each requested once and without retries: they only complete what is shown."""

    api: JobsApi
    _known: dict[int, Payload | None] = field(default_factory=dict)
    _is_out_of_reach: bool = False
    _with_causes: dict[int, Payload | None] = field(default_factory=dict)
    _cause_requests_left: int = MAX_CAUSE_REQUESTS

    def fetch(self, task: TaskRun) -> Payload | None:
        """The response of get-output; None if there is none, which is logged."""
        if task.run_id is None or self._is_out_of_reach:
            return None
        if task.outcome in NOT_RUN and not task.start_time:
            return None
        if task.run_id not in self._known:
            self._known[task.run_id] = None
            try:
                self._known[task.run_id] = self.api.get_run_output(task.run_id, NO_RETRIES)
            except DbjobsError as error:
                self._is_out_of_reach = isinstance(error, UnreachableError) and error.answer is None
                logger.warning("the output of %s could not be fetched: %s", task.task_key, error.message)
        return self._known[task.run_id]

    def fetch_failure(self, task: TaskRun, depth: int = 0) -> Payload | None:
        """The response of get-output for a failed task, its `error` completed by the causes.

        A for-each task fails because of its iterations, a run-job task because of the run that it
        started; neither says why itself.
        """
        if task.run_id is None or task.run_id not in self._with_causes:
            output = self.fetch(task)
            parts = self._failed_parts(task, output or {}) if depth < MAX_CAUSE_DEPTH else []
            causes = [self._describe_cause(name, part, depth) for name, part in parts[:MAX_CAUSES]]
            if len(parts) > MAX_CAUSES:
                causes.append(f"… and {len(parts) - MAX_CAUSES} more failed")
            if causes:
                own_error = (output or {}).get("error") or task.message
                output = {**(output or {}), "error": "\n".join(filter(None, [own_error, *causes]))}
            if task.run_id is None:
                return output
            self._with_causes[task.run_id] = output
        return self._with_causes[task.run_id]

    def _failed_parts(self, task: TaskRun, output: Payload) -> list[tuple[str, TaskRun]]:
        """The failed iterations of a for-each task; the failed tasks of a run-job task's run."""
        if task.payload.get("for_each_task") is not None and task.run_id:
            iterations = (self._read_run(task.run_id) or {}).get("iterations") or []
            named = [
                (f"{task.task_key}[{index}]", TaskRun(iteration))
                for index, iteration in enumerate(iterations)
            ]
            return [(name, part) for name, part in named if part.outcome in OWN_FAILURES]
        child_id = (output.get("run_job_output") or {}).get("run_id")
        payload = self._read_run(child_id) if child_id else None
        if payload is None:
            return []
        child = Run(payload)
        failed = child.failed_tasks or (() if child.tasks else child.output_runs)
        return [
            (f"run {child_id}, task {part.task_key}", part) for part in failed if part.outcome in OWN_FAILURES
        ]

    def _read_run(self, run_id: int) -> Payload | None:
        if self._is_out_of_reach or self._cause_requests_left <= 0:
            return None
        self._cause_requests_left -= 1
        try:
            return self.api.get_run(run_id, NO_RETRIES)
        except DbjobsError:  # who may see a run may not be allowed to see those that it started
            return None

    def _describe_cause(self, name: str, part: TaskRun, depth: int) -> str:
        output = None
        if self._cause_requests_left > 0:
            self._cause_requests_left -= 1
            output = self.fetch_failure(part, depth + 1)
        error = (output or {}).get("error") or part.message or part.shown_state
        return f"{name}: {error}".replace("\n", "\n  ")

    def fetch_failed(self, run: Run, most: int) -> dict[int, Payload]:
        """Of a run's failed attempts, by their run_id: the newest attempts first, `most` at most."""
        attempts = [*run.failed_tasks, *run.attempts] if run.tasks else run.output_runs
        failed = [attempt for attempt in attempts if attempt.outcome in OWN_FAILURES and attempt.run_id]
        by_id = {attempt.run_id: attempt for attempt in failed if attempt.run_id is not None}
        outputs = {run_id: self.fetch_failure(attempt) for run_id, attempt in list(by_id.items())[:most]}
        return {run_id: output for run_id, output in outputs.items() if output is not None}
