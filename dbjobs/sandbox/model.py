"""Jobs, runs and attempts: the data that the engine moves and the views show.

Times are epoch milliseconds, as in the API, and 0 until they happen.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbjobs.sandbox import dag

if TYPE_CHECKING:
    from collections.abc import Container

    from dbjobs.sandbox.execution import AttemptOutput, Execution
    from dbjobs.sandbox.scenario import PlannedOutcome

Json = dict[str, Any]

USER_NAME = "user@sandbox.local"

WORKSPACE_ID = "0"

TASK_TYPES = (
    "notebook_task",
    "spark_python_task",
    "spark_jar_task",
    "spark_submit_task",
    "python_wheel_task",
    "pipeline_task",
    "sql_task",
    "dbt_task",
    "dbt_cloud_task",
    "dbt_platform_task",
    "run_job_task",
    "condition_task",
    "for_each_task",
    "clean_rooms_notebook_task",
    "dashboard_task",
    "power_bi_task",
    "alert_task",
    "ai_runtime_task",
    "gen_ai_compute_task",
    "python_operator_task",
)

NO_CLUSTER = frozenset({"condition_task", "for_each_task", "run_job_task"})
"""Tasks that need no set-up."""

TERMINAL = frozenset({"TERMINATED", "SKIPPED", "INTERNAL_ERROR"})


def new_id(*taken: Container[int]) -> int:
    """A free id of 15 digits: like most real ones, and exact where numbers are floats, as in jq 1.6."""
    while True:
        number = 10**14 + secrets.randbelow(9 * 10**14)
        if not any(number in ids for ids in taken):
            return number


def task_type(task: Json) -> str:
    """The one field that says what the task does."""
    return next((name for name in TASK_TYPES if name in task), "")


def depends_on(tasks: list[Json]) -> dict[str, list[str]]:
    """Each task's dependencies, by task_key."""
    return {task["task_key"]: [item["task_key"] for item in task.get("depends_on", ())] for task in tasks}


@dataclass(frozen=True)
class Termination:
    """Why and how something ended: what `state` and `status.termination_details` tell of it."""

    result_state: str | None
    code: str
    type: str = "CLIENT_ERROR"
    message: str = ""
    life_cycle_state: str = "TERMINATED"


SUCCEEDED = Termination(dag.SUCCESS, "SUCCESS", "SUCCESS")


@dataclass(eq=False)
class Job:
    """A saved job; `settings` always hold `tasks`, whatever version created it."""

    job_id: int
    number: int
    """Rises with each job and run."""
    settings: Json
    created_time: int
    runs: list[JobRun] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.settings.get("name", "Untitled"))

    @property
    def max_concurrent_runs(self) -> int:
        return int(self.settings.get("max_concurrent_runs", 1))

    def has_capacity(self) -> bool:
        """Whether one more run may be active."""
        return sum(run.is_active for run in self.runs) < self.max_concurrent_runs

    @property
    def parameters(self) -> dict[str, str]:
        return {item["name"]: item.get("default", "") for item in self.settings.get("parameters", ())}


@dataclass(eq=False, kw_only=True)
class Progress:
    """What has states: a run, a repair of it, an attempt at a task."""

    life_cycle_state: str = "QUEUED"
    ending: Termination | None = None
    start_time: int = 0
    end_time: int = 0
    forced: PlannedOutcome | None = None
    """How the scenario says that it ends."""

    @property
    def is_terminal(self) -> bool:
        return self.life_cycle_state in TERMINAL

    def close(self, ending: Termination, now: int) -> None:
        self.ending = ending
        self.life_cycle_state = ending.life_cycle_state
        self.end_time = now


@dataclass(eq=False)
class Attempts:
    """Attempts at the tasks of a run, or at the iterations of a for-each task."""

    all: list[TaskAttempt] = field(default_factory=list)
    latest: dict[str, TaskAttempt] = field(default_factory=dict)
    """By key, the newest of each."""

    def add(self, attempt: TaskAttempt) -> None:
        self.all.append(attempt)
        self.latest[attempt.key] = attempt

    def unfinished(self) -> list[TaskAttempt]:
        return [attempt for attempt in self.latest.values() if not attempt.is_terminal]


@dataclass(eq=False)
class TaskAttempt(Progress):
    """One attempt: at a task, or at one iteration of a for-each task."""

    run_id: int
    job_run: JobRun
    task: Json
    key: str
    """Its task_key; of an iteration, its number."""
    parent: TaskAttempt | None = None
    """The for-each task whose iteration it is."""
    input: Any = None
    """The element of the for-each task's inputs that the iteration is for."""
    attempt_number: int = 0
    retries: int = 0
    """How often it was retried; a repair starts at 0 again."""
    original_attempt_run_id: int = field(init=False)
    execution_start: int = 0
    execution_end: int = 0
    execution: Execution | None = None
    output: AttemptOutput | None = None
    iterations: Attempts = field(default_factory=Attempts)
    resolved: Json = field(default_factory=dict)
    """The task's own `*_task` field as it ran, references replaced."""
    outcome: str | None = None
    """What a condition task found: "true" or "false"."""
    child: JobRun | None = None
    """The run that a run-job task started."""

    def __post_init__(self) -> None:
        self.life_cycle_state = "BLOCKED"
        self.original_attempt_run_id = self.run_id

    @property
    def task_key(self) -> str:
        return str(self.task["task_key"])

    @property
    def type(self) -> str:
        return task_type(self.task)

    @property
    def result(self) -> str | None:
        """The result as `dag` names it; None until the attempt ended."""
        if not self.is_terminal or self.ending is None:
            return None
        return self.ending.result_state or dag.INTERNAL_ERROR

    def follow(self, earlier: TaskAttempt, *, is_retry: bool) -> None:
        """Become the next attempt at the same task."""
        self.input = earlier.input
        self.attempt_number = earlier.attempt_number + 1
        self.retries = earlier.retries + 1 if is_retry else 0
        self.original_attempt_run_id = earlier.original_attempt_run_id


@dataclass(eq=False)
class Pass(Progress):
    """One pass through a run: the first, or a repair."""

    repair_id: int = 0
    task_run_ids: list[int] = field(default_factory=list)


@dataclass(eq=False)
class JobRun(Progress):
    """A run of a job, or a one-time run (`job` is None)."""

    run_id: int
    job_id: int
    number: int
    settings: Json
    """The job's settings as they were at the start, or the submit request."""
    run_name: str
    job: Job | None = None
    parent: TaskAttempt | None = None
    """The run-job task that started it."""
    trigger: str = "ONE_TIME"
    overriding: Json = field(default_factory=dict)
    """The parameters given to run-now, by kind."""
    job_parameters: dict[str, str] = field(default_factory=dict)
    only: list[str] = field(default_factory=list)
    stopping: Termination | None = None
    """Set once the run is cancelled or out of time: no further task begins."""
    visible_from: int = 0
    is_held: bool = False
    """In the queue because the scenario says so."""
    queued_time: int = 0
    begin_time: int = 0
    """When it left the queue."""
    attempts: Attempts = field(default_factory=Attempts)
    passes: list[Pass] = field(default_factory=list)
    deleted: bool = False

    def __post_init__(self) -> None:
        self.passes.append(Pass(start_time=self.start_time))

    @property
    def tasks(self) -> list[Json]:
        tasks: list[Json] = self.settings["tasks"]
        return tasks

    @property
    def may_begin(self) -> bool:
        return self.job is None or self.job.has_capacity()

    @property
    def run_type(self) -> str:
        return "JOB_RUN" if self.job else "SUBMIT_RUN"

    @property
    def is_active(self) -> bool:
        """Counts towards its job's max_concurrent_runs."""
        return not self.is_terminal and self.life_cycle_state != "QUEUED"

    @property
    def is_single_task(self) -> bool:
        """In the format of 2.0: one task, whose fields are at the top."""
        return bool(self.settings.get("format") == "SINGLE_TASK")
