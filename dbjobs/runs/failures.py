"""Why tasks failed, down to the innermost parts: through for-each iterations and the runs of run-job tasks.

What reads it: `runs explain`, what a wait shows, reports and annotations of CI systems.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from dbjobs.api.client import JobsApi
from dbjobs.api.models import OWN_FAILURES, Run, TaskRun
from dbjobs.api.states import Outcome
from dbjobs.errors import DbjobsError, UnreachableError
from dbjobs.http.response import Payload
from dbjobs.http.retry import NO_RETRIES, RetryPolicy
from dbjobs.runs.causes import Cause, find_cause, group_causes

logger = logging.getLogger(__name__)

MAX_PARTS = 10
"""Of one task, the failing iterations, or tasks of the run that it started, that are looked into."""

MAX_PART_REQUESTS = 40
"""In one call, for the parts of tasks: each is a request or two."""

MAX_NESTED_PARTS = 5
"""A for-each of a run-job of a for-each …: jobs that start each other have no end."""

NOT_RUN = (Outcome.CANCELED, Outcome.UPSTREAM_FAILED, Outcome.EXCLUDED, Outcome.NEVER_RAN)
"""What a task ends with if it never started."""

STOPPED = (*OWN_FAILURES, Outcome.CANCELED)
"""The outcomes of a part that may have made the whole fail."""


@dataclass(frozen=True)
class FailedTask:
    """An attempt at a task that failed, and the parts of it that made it fail."""

    name: str
    """`clean`, `each[3]`, or `start > 990017 > check` for a task of the run that `start` started"""
    task: TaskRun | Run
    output: Payload | None = None
    """what get-output answers; None if it was not to be had"""
    parts: tuple["FailedTask", ...] = ()
    parts_left_out: int = 0
    """how many more parts failed than were looked into"""

    @cached_property
    def causes(self) -> tuple[Cause, ...]:
        """Each distinct cause once."""
        return group_causes(list(self.named_causes()))

    def named_causes(self) -> Iterator[tuple[str, Cause]]:
        """Of each innermost part."""
        if not self.parts:
            yield self.name, find_cause(self.task, self.output)
        for part in self.parts:
            yield from part.named_causes()

    @property
    def trace(self) -> Payload:
        """The output with the trace: of the task, or of its first part."""
        return self.parts[0].trace if self.parts else self.output or {}


@dataclass
class FailureReader:
    """Reads each output of a failed task once; without retries, for those who only want to tell more."""

    api: JobsApi
    is_quiet: bool = False
    """an output that cannot be read is not warned of: it is read again later, or `errors` is shown"""
    errors: dict[int, DbjobsError] = field(default_factory=dict)
    """by the run_id of a task, why its output could not be read"""
    part_requests_left: int = MAX_PART_REQUESTS
    retry: RetryPolicy = NO_RETRIES
    _outputs: dict[int, Payload | None] = field(default_factory=dict)
    _failures: dict[int, FailedTask] = field(default_factory=dict)
    _runs: dict[int, Payload | None] = field(default_factory=dict)
    """runs that were read for the parts of tasks, by run_id"""
    is_out_of_reach: bool = False
    """the workspace did not answer, so nothing more is asked for"""

    def fetch(self, task: TaskRun) -> Payload | None:
        """What get-output answers; None where there is nothing to be had, which is logged."""
        if task.run_id is None or self.is_out_of_reach:
            return None
        if task.outcome in NOT_RUN and not task.start_time:
            return None
        if task.run_id not in self._outputs:
            output = None
            try:
                output = self.api.get_run_output(task.run_id, self.retry)
            except DbjobsError as error:
                self.errors[task.run_id] = error
                log = logger.debug if self.is_quiet else logger.warning
                log("the output of %s could not be fetched: %s", task.task_key, error.message)
                if isinstance(error, UnreachableError) and error.answer is None:
                    self.is_out_of_reach = True
                    return None
            self._outputs[task.run_id] = output
        return self._outputs[task.run_id]

    def forget_outage(self) -> None:
        """Ask once more for what could not be had: just after a task has ended, or while contact was lost."""
        self.is_out_of_reach = self.is_quiet = False
        self._runs.clear()
        self._outputs = {run_id: output for run_id, output in self._outputs.items() if output is not None}
        self._failures = {
            run_id: failed
            for run_id, failed in self._failures.items()
            if all(part.task.payload.get("run_id") in self._outputs for part in (failed, *failed.parts))
        }

    def read(self, task: TaskRun, name: str = "", depth: int = 0) -> FailedTask:
        """A failed task with its output and its failed parts; each is read once."""
        if task.run_id in self._failures:
            return self._failures[task.run_id]
        name = name or task.task_key
        output = self.fetch(task)
        parts = self._find_parts(task, name, output or {}) if depth < MAX_NESTED_PARTS else []
        read = tuple(self._read_part(part_name, part, depth) for part_name, part in parts[:MAX_PARTS])
        failed = FailedTask(name, task, output, read, max(0, len(parts) - MAX_PARTS))
        if task.run_id is not None and not self.is_out_of_reach:
            self._failures[task.run_id] = failed
        return failed

    def _find_parts(self, task: TaskRun, name: str, output: Payload) -> list[tuple[str, TaskRun | Run]]:
        """The failed iterations of a for-each task; the failed tasks of a run-job task's run."""
        if task.payload.get("for_each_task") is not None and task.run_id:
            iterations = self._read_iterations(task.run_id, name)
            return [(name, part) for name, part in iterations if part.outcome in STOPPED]
        child_id = (output.get("run_job_output") or {}).get("run_id")
        payload = self._read_run(child_id) if child_id else None
        if payload is None:
            return []
        run = Run(payload)
        failed = failed_attempts(run)
        if not failed and run.outcome and not run.outcome.is_good:  # it was canceled, or never ran
            return [(f"{name} > {run.run_id}", run)]
        return [(f"{name} > {run.run_id} > {task.task_key}", task) for task in failed]

    def read_parts(self, task: TaskRun) -> list[tuple[str, TaskRun | Run]]:
        """All iterations of a for-each task, or the run that a run-job task started; none of any other."""
        if task.payload.get("for_each_task") is not None and task.run_id:
            return self._read_iterations(task.run_id, task.task_key)
        output = self.fetch(task) if task.is_run_job else None
        child_id = ((output or {}).get("run_job_output") or {}).get("run_id")
        payload = self._read_run(child_id) if child_id else None
        return [(f"{task.task_key} > {child_id}", Run(payload))] if payload else []

    def _read_iterations(self, run_id: int, name: str) -> list[tuple[str, TaskRun | Run]]:
        iterations = (self._read_run(run_id) or {}).get("iterations") or []
        return [(f"{name}[{index}]", TaskRun(iteration)) for index, iteration in enumerate(iterations)]

    def with_repairs(self, run: Run) -> Run:
        """The run with its `repair_history`, if it may have any, which only a request of its own tells."""
        if "repair_history" in run.payload or not any(task.attempt_number for task in run.attempts):
            return run
        history = (self._read_run(run.run_id, include_history=True) or {}).get("repair_history") or ()
        return Run({**run.payload, "repair_history": history}, run.page_error)

    def _read_run(self, run_id: int, *, include_history: bool = False) -> Payload | None:
        if run_id in self._runs:
            return self._runs[run_id]
        if self.is_out_of_reach or self.part_requests_left <= 0:
            return None
        self.part_requests_left -= 1
        try:
            self._runs[run_id] = self.api.get_run(run_id, self.retry, include_history=include_history)
        except DbjobsError:  # who may see a run may not be allowed to see those that it started
            self._runs[run_id] = None
        return self._runs[run_id]

    def _read_part(self, name: str, part: TaskRun | Run, depth: int) -> FailedTask:
        if isinstance(part, Run) or self.part_requests_left <= 0:
            return FailedTask(name, part)
        self.part_requests_left -= 1
        return self.read(part, name, depth + 1)

    def read_all(self, run: Run, most: int) -> dict[int, FailedTask]:
        """A run's failed attempts, by their run_id: the newest attempts first, `most` at most."""
        attempts = [*run.failed_tasks, *run.attempts] if run.tasks else run.output_runs
        failed = {attempt.run_id: attempt for attempt in attempts if attempt.outcome in OWN_FAILURES}
        return {run_id: self.read(task) for run_id, task in list(failed.items())[:most] if run_id}


def failed_attempts(run: Run) -> list[TaskRun]:
    """The tasks that failed in the end; a run of API 2.0 is its own only task."""
    tasks = run.failed_tasks if run.tasks else run.output_runs
    return [task for task in tasks if task.outcome in OWN_FAILURES]
