"""The file that keeps ended runs for the next sandbox: a JSON line a run, in the form of the API.

It may also have runs of a real workspace: `dbjobs runs list --job JOB --expand-tasks -o jsonl`.
"""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any

from dbjobs.errors import UsageError
from dbjobs.sandbox import endings
from dbjobs.sandbox.model import TERMINAL, JobRun, Pass, TaskAttempt, Termination, task_type
from dbjobs.sandbox.settings import LEGACY_TASK_KEY
from dbjobs.sandbox.state import JsonLines
from dbjobs.sandbox.views import show_history, show_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dbjobs.sandbox.model import Json, Progress

_OF_THE_RUN = frozenset(
    {
        "attempt_number",
        "cleanup_duration",
        "cluster_instance",
        "effective_performance_target",
        "end_time",
        "execution_duration",
        "queue_duration",
        "resolved_values",
        "run_duration",
        "run_id",
        "run_page_url",
        "setup_duration",
        "start_time",
        "state",
        "status",
    }
)
"""The fields of a task of a run that its job's settings do not have."""

_SETTINGS = ("job_clusters", "git_source", "environments", "timeout_seconds")


class History:
    """Ended runs, in a file; `runs` are those that it held, the oldest first, as the API shows them."""

    def __init__(self, path: Path) -> None:
        runs = {run["run_id"]: run for run in (_read_runs(path) if path.exists() else ())}
        ended = [run for run in runs.values() if _life_cycle_state(run) in TERMINAL and run.get("start_time")]
        self.runs = sorted(ended, key=lambda run: int(run["start_time"]))
        self._file = JsonLines(path, "history")

    def add(self, run: JobRun) -> None:
        """Keep a run that has ended, in place of what was kept of it before."""
        self._write(show_run(run, "2.2", "") | {"repair_history": show_history(run, "2.2")})

    def remove(self, run_id: int) -> None:
        """Leave out a run from now on."""
        self._write({"run_id": run_id})

    def _write(self, value: Json) -> None:
        try:
            self._file.write(value)
        except OSError:  # a full disk must not end the active run
            logging.getLogger(__name__).exception("the history cannot be written")

    def close(self) -> None:
        self._file.close()


def _read_runs(path: Path) -> Iterator[Json]:
    """From a line a run, from arrays, or from answers of runs/list."""
    try:
        values = list(_read_values(path.read_text("utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is neither JSON nor JSON lines"
        raise UsageError(f"the history {path} cannot be read: {reason}") from None
    for number, run in enumerate(values, 1):
        if not isinstance(run, dict) or not isinstance(run.get("run_id"), int):
            hint = "dbjobs runs list --job JOB --expand-tasks -o jsonl prints such a file"
            raise UsageError(
                f"the history {path}: item {number} is not a run, because it has no run_id", hint=hint
            )
        yield run


def _read_values(text: str) -> Iterator[Any]:
    decoder, position = json.JSONDecoder(), 0
    while following := re.compile(r"\S").search(text, position):
        value, position = decoder.raw_decode(text, following.start())
        if isinstance(value, dict) and isinstance(value.get("runs"), list):
            value = value["runs"]
        yield from value if isinstance(value, list) else [value]


def settings_of(run: Json) -> Json:
    """The settings of the job that had this run, as far as the run shows them."""
    tasks: dict[str, Json] = {}
    for task in _tasks_of(run):
        own = {name: value for name, value in task.items() if name not in _OF_THE_RUN}
        for name, result in (("for_each_task", "stats"), ("condition_task", "outcome")):
            if name in own:
                own[name] = {key: value for key, value in own[name].items() if key != result}
        tasks.setdefault(task["task_key"], own)
    parameters = [
        {"name": item["name"], "default": item.get("default", item.get("value", ""))}
        for item in run.get("job_parameters") or ()
    ]
    return {
        "name": str(run.get("run_name") or "Untitled"),
        "tasks": list(tasks.values()),
        "format": run.get("format") or "MULTI_TASK",
        **({"parameters": parameters} if parameters else {}),
        **{name: run[name] for name in _SETTINGS if name in run},
    }


def run_of(shown: Json) -> JobRun:
    """A run that has ended, from what the API shows of it."""
    settings = settings_of(shown)
    run = JobRun(shown["run_id"], shown.get("job_id") or 0, 0, settings, settings["name"])
    _end(run, shown)
    run.trigger = str(shown.get("trigger") or "ONE_TIME")
    run.overriding = shown.get("overriding_parameters") or {}
    run.job_parameters = {
        item["name"]: item.get("value", item.get("default", "")) for item in shown.get("job_parameters") or ()
    }
    if queued := shown.get("queue_duration"):
        run.queued_time, run.begin_time = run.start_time, run.start_time + queued
    for task in sorted(_tasks_of(shown), key=lambda task: task.get("attempt_number") or 0):
        run.attempts.add(_attempt_of(task, run))
    run.passes = [_pass_of(one) for one in shown.get("repair_history") or ()] or [_pass_of(shown)]
    return run


def _tasks_of(run: Json) -> Iterable[Json]:
    """The attempts at its tasks; a run that is shown without them is its own only one."""
    if tasks := run.get("tasks"):
        return [task for task in tasks if isinstance(task, dict) and task.get("task_key")]
    of_task = {name: run[name] for name in run if name in _OF_THE_RUN}
    return [
        {"task_key": LEGACY_TASK_KEY, **of_task, **(run.get("task") or {}), **(run.get("cluster_spec") or {})}
    ]


def _attempt_of(task: Json, run: JobRun) -> TaskAttempt:
    settings = {name: value for name, value in task.items() if name not in _OF_THE_RUN}
    attempt = TaskAttempt(task.get("run_id") or run.run_id, run, settings, task["task_key"])
    attempt.attempt_number = task.get("attempt_number") or 0
    _end(attempt, task)
    attempt.resolved = settings.get(task_type(settings)) or {}
    attempt.outcome = (settings.get("condition_task") or {}).get("outcome")
    if execution := task.get("execution_duration"):
        attempt.execution_start = attempt.start_time + (task.get("setup_duration") or 0)
        attempt.execution_end = attempt.execution_start + execution
    return attempt


def _pass_of(shown: Json) -> Pass:
    """The run, or a repair of it, from an item of `repair_history`."""
    one = Pass(repair_id=shown.get("id") or 0)
    one.task_run_ids = list(shown.get("task_run_ids") or ())
    _end(one, shown)
    return one


def _end(progress: Progress, shown: Json) -> None:
    """Set its times, and how it ended."""
    progress.start_time, progress.end_time = shown.get("start_time") or 0, shown.get("end_time") or 0
    state, details = shown.get("state") or {}, (shown.get("status") or {}).get("termination_details") or {}
    result = state.get("result_state")
    message = details.get("message") or state.get("state_message") or ""
    code = details.get("code") or endings.code_of(result)
    kind = details.get("type") or endings.kind_of(result)
    progress.life_cycle_state = _life_cycle_state(shown)
    progress.ending = Termination(result, code, kind, message, progress.life_cycle_state)


def _life_cycle_state(shown: Json) -> str:
    state = (shown.get("state") or {}).get("life_cycle_state")
    return str(state or (shown.get("status") or {}).get("state") or "")
