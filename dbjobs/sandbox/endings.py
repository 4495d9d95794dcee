"""How runs and attempts end, in the API's words."""

from __future__ import annotations

from dbjobs.sandbox import dag
from dbjobs.sandbox.model import SUCCEEDED, Ending, JobRun, depends_on

WORKLOAD_FAILED = "Workload failed, see run output for details"

FAILED = Ending(dag.FAILED, "RUN_EXECUTION_ERROR", message=WORKLOAD_FAILED)
CANCELED = Ending(dag.CANCELED, "USER_CANCELED", message="Run cancelled.")
TIMED_OUT = Ending(dag.TIMEDOUT, "CANCELED", message="Run timed out.")
DISABLED = Ending(dag.DISABLED, "DISABLED", "SUCCESS", "The task is disabled.", "SKIPPED")

_NOT_RUN = {
    dag.UPSTREAM_FAILED: "An upstream task failed.",
    dag.UPSTREAM_CANCELED: "An upstream task was canceled.",
    dag.EXCLUDED: "The task's run conditions were not met.",
}


def not_run(result_state: str) -> Ending:
    """Of a task whose dependencies keep it from running.

    Its life_cycle_state is SKIPPED, as in the example of a run in the API's reference ("An upstream task
    failed."); the sources do not say it for the newer result states.
    """
    kind = "SUCCESS" if result_state == dag.EXCLUDED else "CLIENT_ERROR"
    return Ending(result_state, "SKIPPED", kind, _NOT_RUN[result_state], "SKIPPED")


def cannot_run(task_type: str) -> Ending:
    message = (
        f"The sandbox cannot run a {task_type}. It runs spark_python_task and notebook_task whose file is a"
        " local Python file, and condition_task."
    )
    return Ending(None, "FEATURE_DISABLED", message=message, life_cycle_state="INTERNAL_ERROR")


def no_file(message: str) -> Ending:
    return Ending(dag.FAILED, "RESOURCE_NOT_FOUND", message=message, life_cycle_state="INTERNAL_ERROR")


def too_many_runs(run: JobRun) -> Ending:
    limit = run.job.max_concurrent_runs if run.job else 0
    return Ending(
        "MAXIMUM_CONCURRENT_RUNS_REACHED",
        "MAX_CONCURRENT_RUNS_EXCEEDED",
        message=f"Run skipped: the job has reached its maximum of {limit} concurrent runs.",
        life_cycle_state="SKIPPED",
    )


def of_run(run: JobRun) -> Ending:
    """What a run came to whose tasks have all ended."""
    if run.stopping and any(attempt.ending == run.stopping for attempt in run.task_runs):
        return run.stopping
    results = {key: attempt.result or "" for key, attempt in run.latest.items()}
    result = dag.run_result(results, depends_on(run.tasks))
    if result == dag.SUCCESS:
        return SUCCEEDED
    if result == dag.SUCCESS_WITH_FAILURES:
        return Ending(result, result, "SUCCESS", _message(run, results))
    return _failed(run, result, results)


def _failed(run: JobRun, result: str, results: dict[str, str]) -> Ending:
    cause = next(attempt.ending for attempt in run.latest.values() if attempt.result == result)
    assert cause is not None  # noqa: S101 - an attempt with a result has an ending
    is_internal = result == dag.INTERNAL_ERROR or (
        result == dag.FAILED and run.job is None and len(run.tasks) == 1
    )
    return Ending(
        cause.result_state,
        cause.code,
        cause.type,
        _message(run, results),
        "INTERNAL_ERROR" if is_internal else "TERMINATED",
    )


def _message(run: JobRun, results: dict[str, str]) -> str:
    key = dag.first_failure(results)
    ending = run.latest[key].ending if key else None
    if ending is None:
        return CANCELED.message
    skipped = (
        " This caused all downstream tasks to get skipped." if dag.UPSTREAM_FAILED in results.values() else ""
    )
    return f"Task {key} failed with message: {ending.message.rstrip('.')}.{skipped}"
