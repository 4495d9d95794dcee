"""What is different between two runs of a job: the settings that each ran with, parameters, commit."""

from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from dbjobs.api.client import JobsApi
from dbjobs.api.models import Run, TaskRun
from dbjobs.api.paging import RunFilter
from dbjobs.errors import NotFoundError, UsageError
from dbjobs.http.response import Payload
from dbjobs.jobfiles.differences import Difference, differences

MAX_SEARCHED_RUNS = 1_000
"""Runs of a job that are looked at for the last one that succeeded."""

STATE_FIELDS = (
    "attempt_number", "cluster_instance", "effective_performance_target", "effective_serverless_compute_id",
    "effective_usage_policy_id", "end_time", "git_source", "logical_date", "original_attempt_run_id",
    "resolved_values", "run_id", "run_page_url", "start_time", "state", "status",
    *(f"{part}_duration" for part in ("queue", "setup", "execution", "cleanup", "run")),
)  # fmt: skip
"""Fields of a task run that say how it went; all others are settings."""

OUTCOME_FIELDS = {"condition_task": ("outcome",), "for_each_task": ("stats",)}
"""Fields of that kind within the settings of a task."""


def settings_of(run: Run) -> Payload:
    """What a run ran with, as far as the run itself tells: a job may have changed since."""
    payload = run.payload
    tasks = [settings_of_task(task.payload) for task in run.tasks] or [
        {**(payload.get("task") or {}), **(payload.get("cluster_spec") or {})}
    ]
    found = {
        **shared_settings_of(run),
        "tasks": tasks,
        "trigger": payload.get("trigger"),
        "creator_user_name": payload.get("creator_user_name"),
    }
    return {name: value for name, value in found.items() if value}


def shared_settings_of(run: Run) -> Payload:
    """What all tasks of a run had in common."""
    by_kind = run.payload.get("overriding_parameters") or {}
    git_source = dict(run.payload.get("git_source") or {})
    snapshot = git_source.pop("git_snapshot", None) or {}
    return {
        "parameters": run.job_parameters | {kind: values for kind, values in by_kind.items() if values},
        "git_source": {**git_source, "commit": snapshot.get("used_commit")},
        "job_clusters": run.payload.get("job_clusters"),
    }


def settings_of_task(task: Payload) -> Payload:
    """The settings of a task that its run shows."""
    settings = {name: value for name, value in task.items() if name not in STATE_FIELDS}
    for name, fields in OUTCOME_FIELDS.items():
        if isinstance(settings.get(name), dict):
            settings[name] = {key: value for key, value in settings[name].items() if key not in fields}
    return settings


def compare_runs(old: Run, new: Run) -> list[Difference]:
    """What the newer run ran with that the older one did not. How they went is not compared."""
    return list(differences(settings_of(old), settings_of(new)))


@dataclass(frozen=True)
class TaskPair:
    """A task in both runs; None where a run does not have it."""

    task_key: str
    old: TaskRun | None
    new: TaskRun | None


@dataclass(frozen=True)
class RunComparison:
    """Two runs, and what is different between them."""

    old: Run
    new: Run

    @cached_property
    def changes(self) -> list[Difference]:
        """What they ran with."""
        return compare_runs(self.old, self.new)

    @cached_property
    def tasks(self) -> list[TaskPair]:
        """The newest attempt at each task, those of the newer run first."""
        old, new = ({task.task_key: task for task in run.tasks} for run in (self.old, self.new))
        return [TaskPair(key, old.get(key), new.get(key)) for key in {**new, **old}]

    def as_document(self) -> Payload:
        """For programs. A change lacks `old` or `new` where that run has no such value."""
        return {
            "run_id": self.new.run_id,
            "old": _as_document(self.old),
            "new": _as_document(self.new),
            "changes": [change.as_document() for change in self.changes],
            "tasks": [
                {
                    "task_key": one.task_key,
                    "old": one.old and _as_document(one.old),
                    "new": one.new and _as_document(one.new),
                }
                for one in self.tasks
            ],
        }


def _as_document(run: Run | TaskRun) -> Payload:
    return {
        "run_id": run.run_id,
        "life_cycle_state": run.life_cycle_state,
        "result_state": run.result_state,
        "start_time": run.start_time,
        "end_time": run.end_time,
        "seconds": run.seconds_at(run.end_time) if run.end_time else None,
        "attempt_number": run.attempt_number,
    }


def find_last_good_run(api: JobsApi, run: Run) -> Run:
    """The newest run of the same job that succeeded and started before this one, with its tasks."""
    if run.is_one_time:
        raise UsageError(
            f"run {run.run_id} is a one-time run, so there is no earlier one of its job",
            hint="give the run to compare it with, the older one first: dbjobs runs diff RUN RUN",
        )
    earlier = RunFilter(job_id=run.job_id, completed_only=True, start_time_to=run.start_time)
    for payload in chain.from_iterable(api.list_runs(earlier, limit=MAX_SEARCHED_RUNS)):
        found = Run(payload)
        if found.run_id != run.run_id and found.outcome and found.outcome.is_good:
            return Run(api.get_run(found.run_id))
    raise NotFoundError(
        f"no run of job {run.job_id} succeeded before run {run.run_id}, among {MAX_SEARCHED_RUNS:,} at most",
        hint="give the run to compare it with, the older one first: dbjobs runs diff RUN RUN",
    )
