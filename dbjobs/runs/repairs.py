"""The request of a repair, and reading a run that is being repaired.

Source: https://docs.databricks.com/api/workspace/jobs/repairrun
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dbjobs.api.models import Run
from dbjobs.errors import Answer, NotFoundError
from dbjobs.http.response import Payload
from dbjobs.jobfiles.parameters import merge_parameters
from dbjobs.runs.reader import RunReader


def plan_repair(
    run: Payload, task_keys: Sequence[str], new_parameters: Payload, *, with_dependent: bool
) -> Payload:
    """The request without the run's id; it runs all failed tasks again unless some are named."""
    keys = [task.task_key for task in Run(run).tasks]
    for key in task_keys:
        if key not in keys:
            raise NotFoundError(
                f"run {run['run_id']} has no task {key!r}", hint=f"its tasks: {', '.join(keys)}"
            )
    body: Payload = {"rerun_all_failed_tasks": True}
    if task_keys:
        body = {"rerun_tasks": list(dict.fromkeys(task_keys))}
    if with_dependent:
        body["rerun_dependent_tasks"] = True
    body |= merge_parameters(parameters_of(run), new_parameters)
    # the original run is in the history, too, without an id
    repairs = [entry for entry in run.get("repair_history") or () if entry.get("id")]
    if repairs:
        newest = max(repairs, key=lambda entry: entry.get("start_time") or 0)
        body["latest_repair_id"] = int(newest["id"])
    return body


def parameters_of(run: Payload) -> Payload:
    """The parameters that the run was started with, by kind: a repair does not take them by itself."""
    overriding = {kind: values for kind, values in (run.get("overriding_parameters") or {}).items() if values}
    if overriding:
        return overriding
    values = {item["name"]: item["value"] for item in run.get("job_parameters") or () if "value" in item}
    return {"job_parameters": values} if values else {}


def as_job(run: Payload) -> Payload:
    """The run in the form of its job, to find out which kind of parameters it takes."""
    return {
        "settings": {
            "parameters": run.get("job_parameters"),
            "tasks": run.get("tasks") or [run.get("task") or {}],
        }
    }


@dataclass
class RepairReader(RunReader):
    """Reads runs that are being repaired, and never mistakes an old end for the new one."""

    before: dict[int, Run] = field(kw_only=True)
    """by run_id, the runs before their repairs; others may be added"""

    def expect_repair(self, before: Run) -> None:
        """From now on, read this run as one that is being repaired."""
        self.before[before.run_id] = before
        self.earlier_attempts.update(attempt.run_id for attempt in before.attempts)

    def __post_init__(self) -> None:
        super().__post_init__()
        for run in list(self.before.values()):
            self.expect_repair(run)

    def fetch(self, run_id: int) -> Run:
        """The run; a NotFoundError while the server still shows the old end."""
        run = super().fetch(run_id)
        if run_id in self.before and not has_begun(self.before[run_id], run):
            unseen = Answer(404, "REPAIR_NOT_VISIBLE")
            raise NotFoundError(f"the repair of run {run_id} is not visible yet", answer=unseen)
        return run


def has_begun(before: Run, now: Run) -> bool:
    """Whether a run shows its repair: it is active, it ended again, or it has new attempts."""
    old_attempts = {task.run_id for task in before.attempts}
    return (
        not now.is_ended
        or now.end_time != before.end_time
        or any(task.run_id not in old_attempts for task in now.attempts)
    )
