"""Past runs of a job, as runs/list gives them."""

from collections.abc import Mapping, Sequence
from typing import Any

from dbjobs.http.response import Payload
from tests.support.payloads import run, state, task

FIRST_START = 1_764_547_200_000
"""2025-12-01T00:00Z."""

DAY = 86_400_000


def past_task(
    task_key: str,
    seconds: float = 60,
    result_state: str = "SUCCESS",
    *,
    after: tuple[str, ...] = (),
    setup: float = 10,
    starts: float = 0,
    message: str = "",
    **more: Any,
) -> Payload:
    """One attempt; `starts` seconds after the run's start, set-up included in `seconds`."""
    return task(
        task_key,
        "TERMINATED",
        result_state,
        after=after,
        **{
            "start_time": FIRST_START + int(starts * 1000),
            "end_time": FIRST_START + int((starts + seconds) * 1000),
            "setup_duration": int(setup * 1000),
            "execution_duration": int((seconds - setup) * 1000),
            "state": state("TERMINATED", result_state, message),
            **more,
        },
    )


def past_run(day: int, *tasks: Payload, result_state: str = "SUCCESS", **more: Any) -> Payload:
    """A run that started so many days after the first; it ends with its last task."""
    shifted = [_shift(one, day * DAY) for one in tasks]
    start = FIRST_START + day * DAY
    ends = [one["end_time"] for one in shifted]
    times = {"start_time": start, "end_time": max(ends, default=start + 60_000)}
    return run("TERMINATED", result_state, *shifted, run_id=1000 + day, **{**times, **more})


def _shift(payload: Payload, milliseconds: int) -> Payload:
    return payload | {name: payload[name] + milliseconds for name in ("start_time", "end_time")}


def daily_runs(durations: Mapping[str, Sequence[float]], **more: Any) -> list[Payload]:
    """A run a day of tasks in sequence, each with its duration of that day; the newest first."""
    runs = []
    for day, seconds_of_day in enumerate(zip(*durations.values(), strict=True)):
        tasks: list[Payload] = []
        starts = 0.0
        for task_key, seconds in zip(durations, seconds_of_day, strict=True):
            after = (tasks[-1]["task_key"],) if tasks else ()
            tasks.append(past_task(task_key, seconds, after=after, starts=starts))
            starts += seconds
        runs.append(past_run(day, *tasks, **more))
    return runs[::-1]
