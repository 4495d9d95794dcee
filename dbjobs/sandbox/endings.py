"""How runs and attempts end, as the API states it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dbjobs.sandbox import dag
from dbjobs.sandbox.model import SUCCEEDED, Termination, depends_on
from dbjobs.sandbox.scenario import TaskOutcome

if TYPE_CHECKING:
    from dbjobs.sandbox.model import JobRun, TaskAttempt
    from dbjobs.sandbox.scenario import PlannedOutcome

WORKLOAD_FAILED = "Workload failed, see run output for details"

FAILED_ATTEMPT = Termination(dag.FAILED, "RUN_EXECUTION_ERROR", message=WORKLOAD_FAILED)
CANCELED_ATTEMPT = Termination(dag.CANCELED, "USER_CANCELED", message="Run cancelled.")
TIMED_OUT_ATTEMPT = Termination(dag.TIMEDOUT, "CANCELED", message="Run timed out.")
DISABLED_ATTEMPT = Termination(dag.DISABLED, "DISABLED", "SUCCESS", "The task is disabled.", "SKIPPED")

_NOT_RUN = {
    dag.UPSTREAM_FAILED: "An upstream task failed.",
    dag.UPSTREAM_CANCELED: "An upstream task was canceled.",
    dag.EXCLUDED: "The task's run conditions were not met.",
}


def not_run(result_state: str) -> Termination:
    """Of a task whose dependencies keep it from running.

    Its life_cycle_state is SKIPPED, as in the example of a run in the API's reference ("An upstream task
    failed."); the sources do not say it for the newer result states.
    """
    kind = "SUCCESS" if result_state == dag.EXCLUDED else "CLIENT_ERROR"
    return Termination(result_state, "SKIPPED", kind, _NOT_RUN[result_state], "SKIPPED")


def cannot_run(task_type: str) -> Termination:
    message = (
        f"The sandbox cannot run a {task_type}. It runs spark_python_task, notebook_task, python_wheel_task,"
        " condition_task, for_each_task and run_job_task; any other needs a scenario."
    )
    return Termination(None, "FEATURE_DISABLED", message=message, life_cycle_state="INTERNAL_ERROR")


def no_file(message: str) -> Termination:
    return Termination(dag.FAILED, "RESOURCE_NOT_FOUND", message=message, life_cycle_state="INTERNAL_ERROR")


def no_library(message: str) -> Termination:
    return Termination(
        dag.FAILED, "LIBRARY_INSTALLATION_ERROR", message=message, life_cycle_state="INTERNAL_ERROR"
    )


def wrongly_configured(message: str) -> Termination:
    return Termination(
        dag.FAILED, "INVALID_RUN_CONFIGURATION", message=message, life_cycle_state="INTERNAL_ERROR"
    )


def of_iterations(attempt: TaskAttempt) -> Termination:
    """The end of a for-each task whose iterations have all ended."""
    iterations = attempt.iterations.latest.values()
    failed = sum(iteration.result != dag.SUCCESS for iteration in iterations)
    message = f"{failed} of {len(iterations)} iterations did not succeed."
    return replace(FAILED_ATTEMPT, message=message) if failed else SUCCEEDED


def of_child(run: JobRun) -> Termination:
    """The end of a run-job task, by the run that it started."""
    ending = run.ending
    if ending and ending.result_state in {dag.SUCCESS, dag.SUCCESS_WITH_FAILURES}:
        return SUCCEEDED
    result = ending.result_state or ending.life_cycle_state if ending else ""
    return replace(FAILED_ATTEMPT, message=f"The run {run.run_id} of the job {run.job_id} ended as {result}.")


_CODES = {
    dag.SUCCESS: "SUCCESS",
    dag.FAILED: "RUN_EXECUTION_ERROR",
    dag.TIMEDOUT: "CANCELED",
    dag.CANCELED: "USER_CANCELED",
    dag.EXCLUDED: "SKIPPED",
    dag.UPSTREAM_FAILED: "SKIPPED",
    dag.UPSTREAM_CANCELED: "SKIPPED",
    "MAXIMUM_CONCURRENT_RUNS_REACHED": "MAX_CONCURRENT_RUNS_EXCEEDED",
}
_GOOD = {dag.SUCCESS, dag.SUCCESS_WITH_FAILURES, dag.EXCLUDED, dag.DISABLED}
_SKIPPED = {"SKIPPED", "DISABLED", "MAX_CONCURRENT_RUNS_EXCEEDED"}


def code_of(result_state: str | None) -> str:
    """The termination code that goes with a result."""
    return _CODES.get(result_state, result_state) if result_state else ""


def kind_of(result_state: str | None) -> str:
    """The type of termination that goes with a result."""
    return "SUCCESS" if result_state in _GOOD else "CLIENT_ERROR" if result_state else "INTERNAL_ERROR"


def forced(outcome: PlannedOutcome) -> Termination:
    """What a scenario says."""
    result: str | None = outcome.result_state
    if isinstance(outcome, TaskOutcome) and not outcome.life_cycle_state:
        result = result or (dag.FAILED if outcome.error else dag.SUCCESS)
    code = code_of(result) or outcome.life_cycle_state
    kind = kind_of(result)
    message = outcome.state_message or (WORKLOAD_FAILED if result == dag.FAILED else "")
    state = outcome.life_cycle_state or ("SKIPPED" if code in _SKIPPED else "TERMINATED")
    return Termination(result or None, code, kind, message, state)


def too_many_runs(run: JobRun) -> Termination:
    limit = run.job.max_concurrent_runs if run.job else 0
    return Termination(
        "MAXIMUM_CONCURRENT_RUNS_REACHED",
        "MAX_CONCURRENT_RUNS_EXCEEDED",
        message=f"Run skipped: the job has reached its maximum of {limit} concurrent runs.",
        life_cycle_state="SKIPPED",
    )


def of_run(run: JobRun) -> Termination:
    """The end of a run whose tasks have all ended."""
    if run.stopping and any(attempt.ending == run.stopping for attempt in run.attempts.latest.values()):
        return run.stopping
    results = {key: attempt.result or "" for key, attempt in run.attempts.latest.items()}
    result = dag.run_result(results, depends_on(run.tasks))
    if result == dag.SUCCESS:
        return SUCCEEDED
    if result == dag.SUCCESS_WITH_FAILURES:
        return Termination(result, result, "SUCCESS", _message(run, results))
    return _failed(run, result, results)


def _failed(run: JobRun, result: str, results: dict[str, str]) -> Termination:
    cause = next(attempt.ending for attempt in run.attempts.latest.values() if attempt.result == result)
    assert cause is not None  # noqa: S101 - an attempt with a result has an ending
    is_internal = result == dag.INTERNAL_ERROR or (
        result == dag.FAILED and run.job is None and len(run.tasks) == 1
    )
    return Termination(
        cause.result_state,
        cause.code,
        cause.type,
        _message(run, results),
        "INTERNAL_ERROR" if is_internal else "TERMINATED",
    )


def _message(run: JobRun, results: dict[str, str]) -> str:
    key = dag.first_failure(results)
    ending = run.attempts.latest[key].ending if key else None
    if ending is None:
        return CANCELED_ATTEMPT.message
    skipped = (
        " This caused all downstream tasks to get skipped." if dag.UPSTREAM_FAILED in results.values() else ""
    )
    return f"Task {key} failed with message: {ending.message.rstrip('.')}.{skipped}"
