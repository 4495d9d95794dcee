"""The critical path of a run: the tasks that it waits for, and how much longer the others may take.

Durations are in seconds.
"""

import statistics
from collections.abc import Mapping, Sequence

from dbjobs.api.models import Run, TaskRun
from dbjobs.runs.forecasts import PastRun


def plan_critical_path(
    tasks: Sequence[TaskRun], past_runs: Sequence[PastRun]
) -> tuple[dict[str, float], tuple[str, ...]]:
    """The slack of each task, and the path without any, if all take their median time."""
    if not tasks or not past_runs:
        return {}, ()
    spans = {
        task.task_key: statistics.median(
            [past.tasks[task.task_key].span for past in past_runs if task.task_key in past.tasks] or [0.0]
        )
        for task in tasks
    }
    ends: dict[str, float] = {}
    for task in tasks:
        ends[task.task_key] = spans[task.task_key] + max(
            (ends[key] for key in task.depends_on if key in ends), default=0.0
        )
    run_end = max(ends.values())
    latest_ends = dict.fromkeys(ends, run_end)
    for task in reversed(tasks):
        latest_start = latest_ends[task.task_key] - spans[task.task_key]
        for key in task.depends_on:
            if key in latest_ends:
                latest_ends[key] = min(latest_ends[key], latest_start)
    slack = {key: max(0.0, latest_ends[key] - ends[key]) for key in ends}
    return slack, _walk_back(tasks, ends)


def _walk_back(tasks: Sequence[TaskRun], ends: Mapping[str, float]) -> tuple[str, ...]:
    """From the task that ends last to the dependency that it waited for, and so on; the first one first."""
    depends_on = {task.task_key: [key for key in task.depends_on if key in ends] for task in tasks}
    path = [max(ends, key=lambda key: ends[key])] if ends else []
    while path and (earlier := [key for key in depends_on[path[-1]] if key not in path]):
        path.append(max(earlier, key=lambda key: ends[key]))
    return tuple(reversed(path))


def measure_parts(run: Run) -> dict[str, float]:
    """Where the time of a run went: in the queue, and in setup and execution along its critical path."""
    ends = {task.task_key: float(task.end_time) for task in run.tasks if task.end_time}
    path = set(_walk_back([task for task in run.tasks if task.end_time], ends))
    on_path: Sequence[Run | TaskRun] = [task for task in run.tasks if task.task_key in path] or [run]
    return {
        "queue": run.seconds_in("queue") or 0.0,
        "setup": sum(one.seconds_in("setup") or 0.0 for one in on_path),
        "execution": sum(one.seconds_in("execution") or 0.0 for one in on_path),
    }
