"""The endpoints of the Jobs API: each reads the parameters, calls the workspace, and shows the result."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dbjobs.sandbox import export, fields, paging, views
from dbjobs.sandbox.model import JobRun, TaskAttempt
from dbjobs.sandbox.refusal import invalid
from dbjobs.sandbox.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbjobs.sandbox.call import Call
    from dbjobs.sandbox.model import Job, Json

JOBS_LIMIT = {"default": 20, "max": 100}
RUNS_LIMIT = {"2.0": 1000, "2.1": 25, "2.2": 25}
"""The largest page of runs/list; a limit of 0 asks for it."""

MAX_OFFSET = 10_000


# Jobs


def create_job(call: Call) -> Json:
    settings = read_settings(call.params)
    if call.version == "2.2":
        settings.setdefault("queue", {"enabled": True})
    return {"job_id": call.workspace.create_job(settings).job_id}


def get_job(call: Call) -> Json:
    with call.workspace.lock:
        shown = views.show_job(call.workspace.job(call.job_id), call.version)
    settings, token = _cut(call, f"jobs/get {call.job_id}", shown["settings"])
    return shown | {"settings": settings} | token


def list_jobs(call: Call) -> Json:
    name = fields.text(call.params, "name").lower()
    jobs = [job for job in call.workspace.jobs() if name in {"", job.name.lower()}]
    if call.version == "2.0":
        return {"jobs": [views.show_job(job, call.version) for job in jobs]} if jobs else {}
    limit = fields.integer(call.params, "limit", JOBS_LIMIT["default"])
    if not 1 <= limit <= JOBS_LIMIT["max"]:
        raise invalid(f"limit has to be from 1 to {JOBS_LIMIT['max']}, not {limit}.")
    page, links = _page(call, f"jobs/list {name}", jobs, limit)
    return {"jobs": [_list_job(job, call) for job in page], **links} if page else links


def _list_job(job: Job, call: Call) -> Json:
    shown = views.show_job(job, call.version)
    settings, more = _expand(call, shown["settings"])
    return shown | {"settings": settings} | more


def _expand(call: Call, item: Json) -> tuple[Json, Json]:
    """An item of a list without its tasks unless asked for, and whether its arrays were cut."""
    if not fields.boolean(call.params, "expand_tasks"):
        return {name: value for name, value in item.items() if name not in {"tasks", "job_clusters"}}, {}
    item, more = paging.cut_arrays(item)
    return item, {"has_more": True} if more and call.version == "2.2" else {}


def reset_job(call: Call) -> Json:
    if "new_settings" not in call.params:
        raise invalid("Missing required field: new_settings")
    call.workspace.reset_job(call.job_id, read_settings(fields.mapping(call.params, "new_settings")))
    return {}


def update_job(call: Call) -> Json:
    changes, to_remove = (
        fields.mapping(call.params, "new_settings"),
        fields.texts(call.params, "fields_to_remove"),
    )
    call.workspace.update_job(call.job_id, changes, to_remove)
    return {}


def delete_job(call: Call) -> Json:
    call.workspace.delete_job(call.job_id)
    return {}


# Runs


def run_now(call: Call) -> Json:
    run = call.workspace.run_now(call.job_id, call.params)
    return {"run_id": run.run_id, "number_in_job": run.run_id}


def submit_run(call: Call) -> Json:
    return {"run_id": call.workspace.submit(call.params).run_id}


def get_run(call: Call) -> Json:
    with call.workspace.lock:
        run = call.workspace.run(call.run_id)
        shown = views.show_run(run, call.version, call.url)
        if (
            fields.boolean(call.params, "include_resolved_values")
            and isinstance(run, JobRun)
            and "tasks" in shown
        ):
            for task, attempt in zip(shown["tasks"], run.attempts.all, strict=True):
                task.update(views.resolved_values(attempt))
        if fields.boolean(call.params, "include_history") and isinstance(run, JobRun):
            shown["repair_history"] = views.show_history(run, call.version)
    shown, token = _cut(call, f"runs/get {call.run_id}", shown)
    return shown | token


def list_runs(call: Call) -> Json:
    params, largest = call.params, RUNS_LIMIT[call.version]
    limit = fields.integer(params, "limit", 20)
    if not 0 <= limit <= largest:
        raise invalid(f"limit has to be from 0 to {largest}, not {limit}.")
    matches = _filter(params)
    runs = [run for run in call.workspace.runs() if matches(run)]
    filters = json.dumps([params.get(name) for name in _FILTERS])
    page, links = _page(call, f"runs/list {filters}", runs, limit or largest)
    with call.workspace.lock:
        shown = [_list_run(run, call) for run in page]
    return {"runs": shown, **links} if shown else links


_FILTERS = ("job_id", "active_only", "completed_only", "run_type", "start_time_from", "start_time_to")


def _filter(params: Json) -> Callable[[JobRun], bool]:
    """Whether a run is among those that the parameters of runs/list ask for."""
    active, completed = fields.boolean(params, "active_only"), fields.boolean(params, "completed_only")
    if active and completed:
        raise invalid("active_only and completed_only cannot be combined.")
    job_id, run_type = fields.integer(params, "job_id", 0), fields.text(params, "run_type")
    since, until = fields.integer(params, "start_time_from", 0), fields.integer(params, "start_time_to", 0)

    def is_wanted(run: JobRun) -> bool:
        return (
            job_id in {0, run.job_id}
            and not (run.is_terminal if active else completed and not run.is_terminal)
            and run_type in {"", run.run_type}
            and since <= run.start_time
            and (not until or run.start_time <= until)
        )

    return is_wanted


def _list_run(run: JobRun, call: Call) -> Json:
    shown, more = _expand(call, views.show_run(run, call.version, call.url))
    return shown | more


def get_output(call: Call) -> Json:
    with call.workspace.lock:
        run = call.workspace.run(call.run_id)
        attempt = _task_run(run, call.version)
        if attempt is None:
            raise invalid(
                "Retrieving the output of runs with multiple tasks is not supported."
                " Please retrieve the output of each individual task run instead."
            )
        return views.show_output(attempt, views.show_run(run, call.version, call.url))


def export_run(call: Call) -> Json:
    views = fields.text(call.params, "views_to_export") or "CODE"
    if views not in {"CODE", "DASHBOARDS", "ALL"}:
        raise invalid(f"views_to_export has to be CODE, DASHBOARDS or ALL, not {views}.")
    with call.workspace.lock:
        attempt = _task_run(call.workspace.run(call.run_id), call.version)
        if attempt is None or attempt.type != "notebook_task":
            raise invalid("Only the runs of notebook tasks can be exported; give the run of such a task.")
        return export.show_views(attempt, views)


def _task_run(run: JobRun | TaskAttempt, version: str) -> TaskAttempt | None:
    """The task's run that a call is about; in 2.0, which has no tasks, that of a job's only one."""
    if isinstance(run, TaskAttempt):
        return run
    return run.attempts.all[-1] if version == "2.0" and run.is_single_task and run.attempts.all else None


def repair_run(call: Call) -> Json:
    return {"repair_id": call.workspace.repair_run(call.run_id, call.params)}


def cancel_run(call: Call) -> Json:
    call.workspace.cancel_run(call.run_id)
    return {}


def cancel_all_runs(call: Call) -> Json:
    all_queued = fields.boolean(call.params, "all_queued_runs")
    call.workspace.cancel_all_runs(None if all_queued and "job_id" not in call.params else call.job_id)
    return {}


def delete_run(call: Call) -> Json:
    call.workspace.delete_run(call.run_id)
    return {}


# Pages


def _cut(call: Call, listing: str, item: Json) -> tuple[Json, Json]:
    """The page of an item's arrays that the call asks for, and the token of the next one."""
    if call.version != "2.2":
        return paging.cut_arrays(item)[0], {}
    token = fields.text(call.params, "page_token")
    start = call.tokens.read(listing, token) if token else 0
    item, more = paging.cut_arrays(item, start)
    return item, {"next_page_token": call.tokens.make(listing, start + paging.ARRAY_LIMIT)} if more else {}


def _page(
    call: Call, listing: str, items: list[paging.Listed], limit: int
) -> tuple[list[paging.Listed], Json]:
    """The page of a list that the call asks for, and its `has_more` and tokens."""
    offset = fields.integer(call.params, "offset", 0)
    if not 0 <= offset <= MAX_OFFSET:
        raise invalid(f"offset has to be from 0 to {MAX_OFFSET}; follow next_page_token instead.")
    token = "" if call.version == "2.0" else fields.text(call.params, "page_token")
    position = call.tokens.read(listing, token) if token else None
    page, following, previous = paging.take_page(items, limit, offset=offset, position=position)
    links: Json = {"has_more": following is not None}
    if following and call.version != "2.0":
        links["next_page_token"] = call.tokens.make(listing, following)
    if previous and call.version != "2.0":
        links["prev_page_token"] = call.tokens.make(listing, previous)
    return page, links
