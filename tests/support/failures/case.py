"""What a labelled failure consists of, and the payloads that they are written with."""

from dataclasses import dataclass, field
from typing import Any

from dbjobs.http.response import Payload

RUN_ID = 841275930018846
JOB_ID = 77310284417
TASK_RUN_ID = 5001
START = 1_767_225_600_000
NO_OUTPUT: Payload = {}


@dataclass(frozen=True)
class FailureCase:
    """A run, all that the API answers about it, and what is the matter with it."""

    name: str
    categories: tuple[str, ...]
    """those that are right for the first cause; several where even a person could not tell them apart"""
    cause: str
    """words of the innermost cause"""
    runs: dict[int, Payload]
    """what runs/get answers, by run_id"""
    outputs: dict[int, Payload | None] = field(default_factory=dict)
    """what get-output answers, by run_id; None: it is refused. Of other runs it answers nothing of use"""
    frame: str = ""
    """the deepest line of the user's own code"""
    others: tuple[tuple[str, str], ...] = ()
    """further causes: category, and words of each"""
    tasks: tuple[str, ...] = ()
    """the tasks that the first cause hit"""


def state(life_cycle_state: str, result_state: str | None, message: str) -> Payload:
    told = {"life_cycle_state": life_cycle_state, "state_message": message}
    return told | ({"result_state": result_state} if result_state else {})


def ended(
    code: str | None,
    kind: str = "CLIENT_ERROR",
    message: str = "",
    *,
    result: str | None = "FAILED",
    life: str = "TERMINATED",
) -> Payload:
    """How a run or a task ended, in API 2.2; without a code as in 2.1."""
    old = {"state": state(life, result, message)}
    if code is None:
        return old
    details = {"code": code, "type": kind, "message": message}
    return {**old, "status": {"state": "TERMINATED", "termination_details": details}}


def job_run(ending: Payload, *tasks: Payload, run_id: int = RUN_ID, **more: Any) -> Payload:
    return {
        "run_id": run_id,
        "job_id": JOB_ID,
        "run_name": "nightly",
        "creator_user_name": "ann@example.com",
        "run_page_url": f"https://example.cloud.databricks.com/?o=1#job/{JOB_ID}/run/{run_id}",
        "start_time": START,
        "end_time": START + 600_000,
        "tasks": list(tasks),
        **ending,
        **more,
    }


def task_run(
    key: str, ending: Payload, run_id: int = TASK_RUN_ID, after: tuple[str, ...] = (), **more: Any
) -> Payload:
    kind = {"notebook_task": {"notebook_path": f"/Repos/etl/{key}", "source": "WORKSPACE"}}
    has_kind = any(name.endswith("_task") for name in more)
    return {
        "run_id": run_id,
        "task_key": key,
        "depends_on": [{"task_key": parent} for parent in after],
        "attempt_number": 0,
        "start_time": START + 60_000,
        "end_time": START + 590_000,
        "setup_duration": 60_000,
        "execution_duration": 400_000,
        **({} if has_kind else kind),
        **ending,
        **more,
    }


def held_back(key: str, after: tuple[str, ...], run_id: int, result: str = "UPSTREAM_FAILED") -> Payload:
    """A task that never ran, because one before it did not succeed."""
    ending = ended("SKIPPED", "CLIENT_ERROR", "An upstream task failed.", result=result, life="SKIPPED")
    times = {"start_time": 0, "setup_duration": 0, "execution_duration": 0}
    return {**task_run(key, ending, run_id, after), **times}


def one_task(
    name: str, category: str, cause: str, ending: Payload, output: Payload | None = NO_OUTPUT, **more: Any
) -> FailureCase:
    """A run whose only task `main` ended so; the run says the same in the API's words for it."""
    message = ending["state"]["state_message"]
    of_run = {
        **ending,
        "state": {**ending["state"], "state_message": f"Task main failed with message: {message}"},
    }
    task = task_run("main", ending, **more.pop("task", {}))
    return FailureCase(
        name,
        tuple(category.split("|")),
        cause,
        {RUN_ID: job_run(of_run, task, **more.pop("run", {}))},
        {TASK_RUN_ID: output},
        tasks=("main",),
        **more,
    )
