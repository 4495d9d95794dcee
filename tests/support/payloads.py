"""Runs as the API tells them, in the shapes of its versions."""

from typing import Any

from dbjobs.http.response import Payload

RUN_ID = 841275930018846
JOB_ID = 77310284417
BEYOND_FLOAT = 2**63 - 1
"""An id that no float holds."""

TASKS = [{"task_key": "main", "notebook_task": {"notebook_path": "/main"}}]
"""The least that a job or a submitted run is made of."""


def run(
    life_cycle_state: str = "TERMINATED",
    result_state: str | None = None,
    *tasks: Payload,
    run_id: int = RUN_ID,
    **more: Any,
) -> Payload:
    """A run of API 2.1."""
    return {
        "run_id": run_id,
        "job_id": JOB_ID,
        "run_name": "nightly",
        "state": state(life_cycle_state, result_state),
        **({"tasks": list(tasks)} if tasks else {}),
        **more,
    }


def task(
    task_key: str,
    life_cycle_state: str = "TERMINATED",
    result_state: str | None = None,
    *,
    after: tuple[str, ...] = (),
    **more: Any,
) -> Payload:
    """A task of a run of API 2.1."""
    return {
        "run_id": RUN_ID + 1 + sum(map(ord, task_key)),
        "task_key": task_key,
        "depends_on": [{"task_key": key} for key in after],
        "attempt_number": 0,
        "state": state(life_cycle_state, result_state),
        **more,
    }


def state(life_cycle_state: str, result_state: str | None = None, message: str = "") -> Payload:
    """`state`, as all versions have it."""
    told = {"life_cycle_state": life_cycle_state, "state_message": message}
    return told | ({"result_state": result_state} if result_state else {})


def status(state: str, code: str | None = None, message: str = "") -> Payload:
    """`status`, as API 2.2 has it beside or instead of `state`."""
    ended = {"termination_details": {"code": code, "type": "SUCCESS", "message": message}} if code else {}
    return {"state": state, **ended}
