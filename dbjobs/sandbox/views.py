"""Jobs and runs in the shapes of each API version.

2.0 shows one task, its fields at the top; 2.1 shows `tasks` and `state`; 2.2 also shows `status`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dbjobs.sandbox.execution import OUTPUT_LIMIT
from dbjobs.sandbox.model import USER_NAME, JobRun, TaskAttempt
from dbjobs.sandbox.settings import lower_task

if TYPE_CHECKING:
    from dbjobs.sandbox.model import Job, Json, Progress, Termination

_STATUS = {"WAITING_FOR_RETRY": "WAITING", "SKIPPED": "TERMINATED", "INTERNAL_ERROR": "TERMINATED"}
_MESSAGES = {
    "PENDING": "Waiting for cluster",
    "RUNNING": "In run",
    "WAITING_FOR_RETRY": "Waiting for the next attempt",
}
_QUEUED = "Queued: the job has reached its maximum of concurrent runs."
_CLUSTER = ("existing_cluster_id", "new_cluster", "libraries")


def show_job(job: Job, version: str) -> Json:
    shown = {
        "job_id": job.job_id,
        "creator_user_name": USER_NAME,
        "run_as_user_name": USER_NAME,
        "created_time": job.created_time,
    }
    return shown | {"settings": show_settings(job, version)}


def show_settings(job: Job, version: str) -> Json:
    defaults = {"max_concurrent_runs": 1, "timeout_seconds": 0, "email_notifications": {}}
    settings = {"name": job.name, **defaults, **job.settings}
    if version == "2.0":
        return lower_task(settings)
    return settings | {"format": "MULTI_TASK" if version == "2.2" else settings["format"]}


def show_run(run: JobRun | TaskAttempt, version: str, url: str) -> Json:
    """A run as runs/get gives it; with 2.1 and 2.2 its tasks are all there, to be paged."""
    if isinstance(run, TaskAttempt):
        return _show_task_run(run, version, url)
    shown = _show_job_run(run, url) | _show_state(run, version)
    if version == "2.0":
        return shown | _show_single_task(run)
    shown |= {
        "tasks": [_show_task(attempt, version, url) for attempt in run.attempts.all],
        "format": _format(run),
    }
    for name in ("job_clusters", "git_source", "environments"):
        if name in run.settings:
            shown[name] = run.settings[name]
    if run.job_parameters:
        defaults = run.job.parameters if run.job else {}
        shown["job_parameters"] = [
            {"name": name, "value": value} | ({"default": defaults[name]} if name in defaults else {})
            for name, value in run.job_parameters.items()
        ]
    return shown


def show_output(attempt: TaskAttempt, metadata: Json) -> Json:
    """The output of one attempt; while it runs, `metadata` alone.

    A notebook's standard output is not among its logs, as with the real service.
    """
    shown: Json = {"metadata": metadata}
    if attempt.child:
        shown["run_job_output"] = {"run_id": attempt.child.run_id}
    output = attempt.output
    if output is None:
        return shown | (
            {"error": attempt.ending.message} if attempt.ending and attempt.ending.message else {}
        )
    if attempt.type == "notebook_task":
        shown["notebook_output"] = _show_notebook_result(output.notebook_result)
    else:
        shown["logs"], shown["logs_truncated"] = output.logs()
    shown |= output.extra
    if output.error:
        shown["error"] = output.error
    if output.error_trace:
        shown["error_trace"] = output.error_trace
    return shown


def _show_notebook_result(result: str | None) -> Json:
    """The first 5 MB of what `dbutils.notebook.exit` got; empty if it was not called."""
    if result is None:
        return {}
    data = result.encode()
    return {"result": data[:OUTPUT_LIMIT].decode("utf-8", "ignore"), "truncated": len(data) > OUTPUT_LIMIT}


def resolved_values(attempt: TaskAttempt) -> Json:
    """What `include_resolved_values` adds to a task: its parameters with every reference replaced."""
    names = ("parameters", "base_parameters", "left", "right")
    values = {name: attempt.resolved[name] for name in names if name in attempt.resolved}
    return {"resolved_values": {attempt.type: values}} if values else {}


def _format(run: JobRun) -> str:
    return "SINGLE_TASK" if run.is_single_task else "MULTI_TASK"


def _show_job_run(run: JobRun, url: str) -> Json:
    single = run.attempts.all[-1] if len(run.attempts.latest) == 1 else None
    shown = {
        "job_id": run.job_id,
        "run_id": run.run_id,
        "number_in_job": run.run_id,
        "creator_user_name": USER_NAME,
        "original_attempt_run_id": run.run_id,
        "attempt_number": single.attempt_number if single and run.is_single_task else 0,
        "run_name": run.run_name,
        "run_page_url": _page_url(url, run.job_id, run.run_id),
        "run_type": run.run_type,
        "trigger": "RUN_JOB_TASK" if run.parent else run.trigger,
        "start_time": run.start_time,
        "end_time": run.end_time,
        **_durations(single),
    }
    if run.is_terminal:
        shown["run_duration"] = sum(one.end_time - one.start_time for one in run.passes)
    if run.parent:
        shown["trigger_info"] = {"run_id": run.parent.job_run.run_id}
    if run.queued_time:
        shown["queue_duration"] = max(0, run.begin_time - run.queued_time)
    return shown | ({"overriding_parameters": run.overriding} if run.overriding else {})


def _show_single_task(run: JobRun) -> Json:
    if not run.is_single_task:
        return {}
    task = run.tasks[0]
    shown = {
        "task": {name: task[name] for name in task if name.endswith("_task")},
        "cluster_spec": {name: task[name] for name in _CLUSTER if name in task},
    }
    return shown | (_cluster_instance(run.attempts.all[-1]) if run.attempts.all else {})


def _show_task(attempt: TaskAttempt, version: str, url: str) -> Json:
    shown = {
        "run_if": "ALL_SUCCESS",
        **attempt.task,
        "run_id": attempt.run_id,
        "run_page_url": _page_url(url, attempt.job_run.job_id, attempt.run_id),
        "attempt_number": attempt.attempt_number,
        "start_time": attempt.start_time,
        "end_time": attempt.end_time,
        **_durations(attempt),
        **_cluster_instance(attempt),
        **_show_state(attempt, version),
    }
    if attempt.end_time and attempt.start_time:
        shown["run_duration"] = attempt.end_time - attempt.start_time
    if attempt.outcome:
        shown["condition_task"] = shown["condition_task"] | {"outcome": attempt.outcome}
    if attempt.type == "for_each_task" and (attempt.iterations.all or "stats" not in shown["for_each_task"]):
        shown["for_each_task"] = shown["for_each_task"] | {"stats": _iteration_stats(attempt)}
    return shown


def _iteration_stats(attempt: TaskAttempt) -> Json:
    """The progress of a for-each task, and its common errors; an iteration counts by its last attempt."""
    iterations = attempt.iterations.latest.values()
    ended = [iteration for iteration in iterations if iteration.is_terminal]
    succeeded = sum(iteration.result == "SUCCESS" for iteration in ended)
    scheduled = sum(iteration.life_cycle_state != "BLOCKED" for iteration in iterations)
    errors = Counter(one.ending.message for one in ended if one.ending and one.ending.message)
    return {
        "task_run_stats": {
            "total_iterations": len(iterations),
            "scheduled_iterations": scheduled,
            "active_iterations": scheduled - len(ended),
            "completed_iterations": len(ended),
            "succeeded_iterations": succeeded,
            "failed_iterations": len(ended) - succeeded,
        },
        "error_message_stats": [
            {"error_message": message, "count": count} for message, count in errors.most_common(3)
        ],
    }


def show_history(run: JobRun, version: str) -> list[Json]:
    """The run and its repairs, as `include_history` gives them."""
    return [
        {
            "type": "REPAIR" if one.repair_id else "ORIGINAL",
            **({"id": one.repair_id} if one.repair_id else {}),
            "start_time": one.start_time,
            "end_time": one.end_time,
            **_show_state(one if one.is_terminal else run, version),
            "task_run_ids": one.task_run_ids,
        }
        for one in run.passes
    ]


def _show_task_run(attempt: TaskAttempt, version: str, url: str) -> Json:
    """One attempt in the shape of a run: what runs/get gives for a task's run_id."""
    run = attempt.job_run
    shown = _show_job_run(run, url) | _show_task(attempt, version, url)
    shown |= {
        "job_run_id": run.run_id,
        "number_in_job": attempt.run_id,
        "original_attempt_run_id": attempt.original_attempt_run_id,
        "run_name": attempt.task_key if not run.is_single_task else run.run_name,
    }
    if attempt.type == "for_each_task" and version != "2.0":
        shown["tasks"] = [_show_task(attempt, version, url)]
        shown["iterations"] = [_show_task(one, version, url) for one in attempt.iterations.all]
    if version != "2.0":
        return shown
    return shown | {"task": {name: shown.pop(name) for name in list(shown) if name.endswith("_task")}}


def _show_state(run: Progress, version: str) -> Json:
    state: Json = {
        "life_cycle_state": _life_cycle_state(run),
        "state_message": _MESSAGES.get(run.life_cycle_state, ""),
    }
    if run.life_cycle_state == "QUEUED":
        state |= {"queue_reason": _QUEUED, "state_message": _QUEUED}
    if run.is_terminal and run.ending:
        state["state_message"] = run.ending.message
        if run.ending.result_state:
            state["result_state"] = run.ending.result_state
    state["user_cancelled_or_timedout"] = state.get("result_state") in {"CANCELED", "TIMEDOUT"}
    shown = {"state": state}
    return shown | {"status": _show_status(run)} if version == "2.2" else shown


def _life_cycle_state(run: Progress) -> str:
    """Its state; a scenario may have another word for RUNNING."""
    other = run.forced.running_as if run.forced and run.life_cycle_state == "RUNNING" else ""
    return other or run.life_cycle_state


def _show_status(run: Progress) -> Json:
    status: Json = {"state": _STATUS.get(run.life_cycle_state) or _life_cycle_state(run)}
    if run.life_cycle_state == "QUEUED":
        status["queue_details"] = {"code": "MAX_CONCURRENT_RUNS_REACHED", "message": _QUEUED}
    if run.ending:
        status["termination_details"] = _show_ending(run.ending)
    return status


def _show_ending(ending: Termination) -> Json:
    return {"code": ending.code, "type": ending.type, "message": ending.message}


def _durations(attempt: TaskAttempt | None) -> Json:
    """Milliseconds; all 0 for a run of several tasks, whose total is its run_duration."""
    if attempt is None or not attempt.start_time:
        return {"setup_duration": 0, "execution_duration": 0, "cleanup_duration": 0}
    began = attempt.execution_start or attempt.end_time
    ended = attempt.execution_end or attempt.end_time
    return {
        "setup_duration": max(0, began - attempt.start_time),
        "execution_duration": max(0, ended - began),
        "cleanup_duration": max(0, attempt.end_time - ended),
    }


def _cluster_instance(attempt: TaskAttempt) -> Json:
    """A cluster exists once the attempt runs; the sandbox has none, so it invents one per run."""
    if not attempt.execution_start:
        return {}
    cluster_id = attempt.task.get("existing_cluster_id", f"sandbox-{attempt.job_run.run_id}")
    return {"cluster_instance": {"cluster_id": cluster_id, "spark_context_id": str(attempt.run_id)}}


def _page_url(url: str, job_id: int, run_id: int) -> str:
    return f"{url}#job/{job_id}/run/{run_id}"
