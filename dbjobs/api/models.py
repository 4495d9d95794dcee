"""Read-only views of the payloads of the Jobs API.

A view reads one dict as the API sent it and keeps it: 2.0's single-task shape, 2.1's
`state` and 2.2's `status` have the same properties here. Times are epoch
milliseconds as the server sends them; where it sends 0 or nothing for "not yet", they are None.
Durations are seconds.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from dbjobs.api.states import Outcome, Phase, outcome_of, phase_of
from dbjobs.errors import DbjobsError
from dbjobs.http.response import Payload


@dataclass(frozen=True)
class _RunFields:
    """The fields that runs and task runs have in common."""

    payload: Payload

    @property
    def _state(self) -> Payload:
        return self.payload.get("state") or {}

    @property
    def _status(self) -> Payload:
        return self.payload.get("status") or {}

    @property
    def _termination(self) -> Payload:
        return self._status.get("termination_details") or {}

    @property
    def life_cycle_state(self) -> str | None:
        return self._state.get("life_cycle_state") or self._status.get("state")

    @property
    def result_state(self) -> str | None:
        return self._state.get("result_state")

    @property
    def termination_code(self) -> str | None:
        return self._termination.get("code")

    @property
    def termination_type(self) -> str | None:
        return self._termination.get("type")

    @property
    def shown_state(self) -> str:
        """The result_state if there is one, else the termination code or the life_cycle_state."""
        return self.result_state or (self.is_ended and self.termination_code) or self.life_cycle_state or "-"

    @property
    def message(self) -> str:
        """The reason for its state: that of the queue while it waits, else the message of the server."""
        queued = self._status.get("queue_details") or {}
        return (
            (self.phase is Phase.WAITING and (queued.get("message") or self._state.get("queue_reason")))
            or self._state.get("state_message")
            or self._termination.get("message")
            or ""
        )

    @property
    def queue_code(self) -> str:
        """Why the run is in the queue, such as MAX_CONCURRENT_RUNS_REACHED; empty if it is not."""
        details = self._status.get("queue_details") or {}
        return str(details.get("code") or "") if self.phase is Phase.WAITING else ""

    @cached_property
    def phase(self) -> Phase:
        return phase_of(self.life_cycle_state)

    @property
    def is_ended(self) -> bool:
        return self.phase is Phase.ENDED

    @cached_property
    def outcome(self) -> Outcome | None:
        """None while the run is active."""
        return outcome_of(self.life_cycle_state, self.result_state, self.termination_code)

    @property
    def attempt_number(self) -> int:
        """0 for the first attempt."""
        return int(self.payload.get("attempt_number") or 0)

    @property
    def start_time(self) -> int | None:
        return self.payload.get("start_time") or None

    @property
    def end_time(self) -> int | None:
        return self.payload.get("end_time") or None

    @property
    def run_page_url(self) -> str | None:
        return self.payload.get("run_page_url")

    def seconds_in(self, part: str) -> float | None:
        """Seconds spent in a part (queue, setup, execution, cleanup, run); None if not known."""
        milliseconds = self.payload.get(f"{part}_duration")
        return milliseconds / 1000 if milliseconds else None

    def seconds_at(self, now_ms: float) -> float | None:
        """Seconds from start to end, or to `now_ms` (epoch milliseconds) while it is active."""
        if not self.start_time:
            return None
        return max(0.0, ((self.end_time or now_ms) - self.start_time) / 1000)


@dataclass(frozen=True)
class TaskRun(_RunFields):
    """One attempt at one task of a run."""

    @property
    def run_id(self) -> int | None:
        """None for a task to which the server gave no run of its own."""
        return self.payload.get("run_id")

    @property
    def task_key(self) -> str:
        return str(self.payload.get("task_key") or "")

    @property
    def is_run_job(self) -> bool:
        """True if the task starts a run of another job."""
        return self.payload.get("run_job_task") is not None

    @property
    def depends_on(self) -> tuple[str, ...]:
        return tuple(dependency["task_key"] for dependency in self.payload.get("depends_on") or ())


@dataclass(frozen=True)
class Run(_RunFields):
    """A run of a job, or a submitted one, with the attempts at its tasks."""

    page_error: DbjobsError | None = None
    """why some of its tasks could not be read: these are as seen before, or missing"""

    @property
    def run_id(self) -> int:
        return int(self.payload["run_id"])

    @property
    def job_id(self) -> int | None:
        return self.payload.get("job_id")

    @property
    def run_name(self) -> str:
        return str(self.payload.get("run_name") or f"run {self.run_id}")

    @cached_property
    def attempts(self) -> tuple[TaskRun, ...]:
        """Every attempt at every task, as the server lists them."""
        return tuple(TaskRun(task) for task in self.payload.get("tasks") or ())

    @cached_property
    def tasks(self) -> tuple[TaskRun, ...]:
        """The newest attempt at each task, dependencies before dependents."""
        newest: dict[str, TaskRun] = {}
        for task in self.attempts:
            known = newest.get(task.task_key)
            if known is None or _age(task) >= _age(known):
                newest[task.task_key] = task
        return tuple(in_dependency_order(newest.values()))

    @cached_property
    def failed_tasks(self) -> tuple[TaskRun, ...]:
        """Tasks that failed themselves, without those that did not run because of them."""
        return tuple(task for task in self.tasks if task.outcome in OWN_FAILURES)

    @property
    def job_parameters(self) -> Payload:
        """The values of the job's parameters, by name: the default where the run was given none."""
        declared = self.payload.get("job_parameters") or ()
        return {item["name"]: item.get("value", item.get("default")) for item in declared}

    @property
    def is_one_time(self) -> bool:
        """True if it was submitted, and so has no job that could be started."""
        return self.payload.get("run_type") == "SUBMIT_RUN" or not self.payload.get("job_id")

    @property
    def output_runs(self) -> tuple[TaskRun, ...]:
        """The task runs that hold this run's output; a run of API 2.0 is its own only one.

        None if the run was skipped, or canceled in the queue, before it had any.
        """
        has_left_queue = any(
            self.payload.get(field)
            for field in (
                "setup_duration", "execution_duration", "run_duration",
                "task", "cluster_spec", "cluster_instance",
            )
        )  # fmt: skip
        was_canceled_in_queue = self.outcome is Outcome.CANCELED and not has_left_queue
        if not self.tasks and (self.outcome is Outcome.NEVER_RAN or was_canceled_in_queue):
            return ()
        return self.tasks or (TaskRun({"task_key": self.run_name, **self.payload}),)


OWN_FAILURES = (Outcome.FAILED, Outcome.TIMEDOUT, Outcome.INTERNAL_ERROR, Outcome.UNKNOWN_RESULT)


def _age(task: TaskRun) -> tuple[int, float]:
    """Sorts attempts at a task, newest last; one that has not started yet is the newest of its number."""
    return (task.attempt_number, task.start_time or math.inf)


def in_dependency_order(tasks: Iterable[TaskRun]) -> list[TaskRun]:
    """Dependencies first, else as listed; cycles and unknown dependencies are ignored."""
    by_key = {task.task_key: task for task in tasks}
    ordered: dict[str, TaskRun] = {}
    visiting: set[str] = set()
    stack = [(key, False) for key in reversed(by_key)]
    while stack:
        key, dependencies_are_done = stack.pop()
        if key in ordered or key not in by_key:
            continue
        if dependencies_are_done:
            ordered[key] = by_key[key]
        elif key not in visiting:
            visiting.add(key)
            stack.append((key, True))
            stack.extend((dependency, False) for dependency in reversed(by_key[key].depends_on))
    return list(ordered.values())
