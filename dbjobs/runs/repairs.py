"""What a repair of a run sends, and whether it has begun.

Source: https://docs.databricks.com/api/workspace/jobs/repairrun
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dbjobs.api.models import Run
from dbjobs.errors import Answer, NotFoundError, UsageError
from dbjobs.http.response import Payload
from dbjobs.jobfiles.parameters import merge_parameters
from dbjobs.runs.reader import RunReader


@dataclass(frozen=True)
class Rerun:
    """Which tasks to run again; all that failed, unless some are named."""

    tasks: Sequence[str] = ()
    failed: bool = False
    dependent: bool = False

    def body(self, run: Run) -> Payload:
        """As the request has it; refuses what the API would."""
        if self.tasks and self.failed:
            raise UsageError("--rerun and --rerun-failed exclude each other")
        keys = [task.task_key for task in run.tasks]
        for key in self.tasks:
            if key not in keys:
                raise NotFoundError(
                    f"run {run.run_id} has no task {key!r}", hint=f"its tasks: {', '.join(keys)}"
                )
        body: Payload = {"rerun_all_failed_tasks": True}
        if self.tasks:
            body = {"rerun_tasks": list(dict.fromkeys(self.tasks))}
        if self.dependent:
            body["rerun_dependent_tasks"] = True
        return body


def plan_repair(
    run: Payload, rerun: Rerun, read_parameters: Callable[[Callable[[], Payload]], Payload]
) -> Payload:
    """The request, but for the run's id; `read_parameters` is handed what tells the kind that they are of."""
    parameters = merge_parameters(parameters_of(run), read_parameters(lambda: as_job(run)))
    body = {**rerun.body(Run(run)), **parameters, "latest_repair_id": latest_repair_id(run)}
    return {name: value for name, value in body.items() if value is not None}


def latest_repair_id(run: Payload) -> int | None:
    """The newest repair in a run's `repair_history`, where the original run stands, too, without an id."""
    repairs = [entry for entry in run.get("repair_history") or () if entry.get("id")]
    newest = max(repairs, key=lambda entry: entry.get("start_time") or 0, default=None)
    return int(newest["id"]) if newest else None


def parameters_of(run: Payload) -> Payload:
    """What the run was started with, by kind: a repair starts from the job's own settings again."""
    overriding = {kind: values for kind, values in (run.get("overriding_parameters") or {}).items() if values}
    if overriding:
        return overriding
    values = {item["name"]: item["value"] for item in run.get("job_parameters") or () if "value" in item}
    return {"job_parameters": values} if values else {}


def as_job(run: Payload) -> Payload:
    """The run as if it were its job, to tell which kind of parameters it takes."""
    return {"settings": {"parameters": run.get("job_parameters"), "tasks": run.get("tasks")}}


@dataclass
class RepairReader(RunReader):
    """Reads a run that is being repaired, and never takes its old end for the new one."""

    before: Run = field(kw_only=True)
    """the run before the repair"""

    def fetch(self, run_id: int) -> Run:
        """The run; a refusal while the server still tells of the old end."""
        run = super().fetch(run_id)
        if not has_begun(self.before, run):
            unseen = Answer(404, "REPAIR_NOT_VISIBLE")
            raise NotFoundError(f"the repair of run {run_id} does not show yet", answer=unseen)
        return run


def has_begun(before: Run, now: Run) -> bool:
    """Whether a run shows its repair: it goes on, it ended anew, or it has attempts that it had not."""
    old_attempts = {task.run_id for task in before.attempts}
    return (
        not now.is_ended
        or now.end_time != before.end_time
        or any(task.run_id not in old_attempts for task in now.attempts)
    )
