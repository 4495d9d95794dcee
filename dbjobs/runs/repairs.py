"""The request of a repair, and reading a run that is being repaired.

Source: https://docs.databricks.com/api/workspace/jobs/repairrun
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dbjobs.api.models import Run
from dbjobs.errors import Answer, DbjobsError, NotFoundError, OutcomeUnknownError, RefusedError
from dbjobs.http.response import Payload
from dbjobs.http.retry import RetryPolicy
from dbjobs.jobfiles.parameters import merge_parameters
from dbjobs.runs.outages import is_refusal
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
    if repairs := repairs_of(run):
        newest = max(repairs, key=lambda entry: entry.get("start_time") or 0)
        body["latest_repair_id"] = int(newest["id"])
    return body


def repairs_of(run: Payload) -> list[Payload]:
    """The repairs of a run that was read with its history, in which the original run has no id."""
    return [entry for entry in run.get("repair_history") or () if entry.get("id")]


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


@dataclass
class RepairSender:
    """Starts repairs, each once, whatever becomes of the responses: the API has no token for them."""

    reader: RepairReader
    retry: RetryPolicy | None = None
    unanswered: dict[int, Run] = field(default_factory=dict)
    """by run_id, the runs as they were before a request that was sent, and may have taken effect"""

    def send(self, run_id: int) -> RefusedError | NotFoundError | None:
        """Run the failed tasks of an ended run again; returns why the workspace refuses to.

        Any other error is raised: called again, this goes on from there. A repair that shows by now, by
        a request without a response or by somebody else, is not sent once more.
        """
        api = self.reader.api
        payload = api.get_run(run_id, self.retry, include_history=True)
        was_sent = run_id in self.unanswered
        before = self.unanswered.get(run_id, Run(payload))
        if has_begun(before, Run(payload)):
            self._expect(before)
            return None
        self.unanswered[run_id] = before  # whatever interrupts the request
        body = plan_repair(payload, (), {}, with_dependent=False)
        try:
            api.repair_run(run_id, body, self.retry)
        except OutcomeUnknownError:
            raise
        except (RefusedError, NotFoundError) as error:
            # a second repair is refused, too, so it may be that the first one shows only now
            if has_begun(before, Run(api.get_run(run_id, self.retry, include_history=True))):
                self._expect(before)
                return None
            if was_sent or not is_refusal(error):
                raise
            del self.unanswered[run_id]
            return error
        except DbjobsError:
            if not was_sent:
                del self.unanswered[run_id]
            raise
        self._expect(before)
        return None

    def shows(self, run: Run) -> bool:
        """Whether a run shows the repair whose request has no response; if so, it has started."""
        before = self.unanswered[run.run_id]
        if has_begun(before, run):
            self._expect(before)
        return run.run_id not in self.unanswered

    def _expect(self, before: Run) -> None:
        self.unanswered.pop(before.run_id, None)
        if before.is_ended:
            self.reader.expect_repair(before)


def has_begun(before: Run, now: Run) -> bool:
    """Whether a run shows its repair: it is active, it ended again, or it has new attempts or repairs."""
    old_attempts = {task.run_id for task in before.attempts}
    has_histories = "repair_history" in before.payload and "repair_history" in now.payload
    return (
        not now.is_ended
        or now.end_time != before.end_time
        or any(task.run_id not in old_attempts for task in now.attempts)
        or (has_histories and len(repairs_of(now.payload)) > len(repairs_of(before.payload)))
    )
