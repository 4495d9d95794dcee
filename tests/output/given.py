"""Runs, tasks and moments of a watch, as the API would tell them: seconds count from the start of the run."""

from collections.abc import Iterable
from typing import Any

from dbjobs.api.models import Run, TaskRun
from dbjobs.errors import DbjobsError, UnreachableError
from dbjobs.http.response import Payload
from dbjobs.output.progress import ProgressMode, open_view, resolve_mode
from dbjobs.output.streams import Streams
from dbjobs.runs.snapshots import Ending, Snapshot, WatchedRun
from tests.support.fakes import FakeClock

STARTED = 1_767_225_600
"""2026-01-01 00:00:00 UTC"""

RUN_ID = 841275930018846
HOST = "https://adb-1234567890123456.7.azuredatabricks.net"


def task(
    key: str,
    state: str,
    after: tuple[str, ...] = (),
    *,
    start: float | None = None,
    end: float | None = None,
    attempt: int = 0,
    message: str = "",
    **more: Any,
) -> Payload:
    """A task run; `state` may hold both words: `TERMINATED SUCCESS`."""
    return {
        "task_key": key,
        "run_id": 1000 + sum(map(ord, key)) * 10 + attempt,
        "depends_on": [{"task_key": parent} for parent in after],
        "attempt_number": attempt,
        **_times(start, end),
        "state": _state(state, message),
        **more,
    }


def payload(
    state: str = "RUNNING",
    *tasks: Payload,
    run_id: int = RUN_ID,
    name: str = "nightly load",
    start: float | None = 0,
    end: float | None = None,
    message: str = "",
    **more: Any,
) -> Payload:
    return {
        "run_id": run_id,
        "job_id": 77310284417,
        "run_name": name,
        "run_page_url": f"{HOST}/?o=1234567890123456#job/77310284417/run/{run_id}",
        **_times(start, end),
        "state": _state(state, message),
        "tasks": list(tasks),
        **more,
    }


def run(state: str = "RUNNING", *tasks: Payload, **more: Any) -> Run:
    return Run(payload(state, *tasks, **more))


def task_run(key: str, state: str, **more: Any) -> TaskRun:
    return TaskRun(task(key, state, **more))


def moment(
    *runs: Run,
    elapsed: float = 125,
    silent_for: float = 0,
    next_poll_in: float = 4,
    trouble: DbjobsError | None = None,
    ending: Ending | None = None,
) -> Snapshot:
    """A snapshot in which all these runs are watched; with `trouble`, contact to all of them is lost."""
    return Snapshot(
        runs=tuple(WatchedRun(run.run_id, run, error=trouble) for run in runs),
        elapsed=elapsed,
        last_contact=elapsed - silent_for,
        next_poll=None if ending else elapsed + next_poll_in,
        ending=ending,
    )


def no_answer() -> UnreachableError:
    return UnreachableError("connection refused by adb-1234567890123456.7.azuredatabricks.net:443")


def nightly_tasks() -> tuple[Payload, ...]:
    """Nine tasks midway: done, retried, waiting for two others, failed, held back, queued."""
    http_error = (
        "Task weather failed with message: HTTPError: 503 Service Unavailable for https://weather.example"
    )
    return (
        task("ingest", "TERMINATED SUCCESS", start=0, end=12),
        task("clean_orders", "TERMINATED SUCCESS", ("ingest",), start=12, end=48),
        task("clean_customers", "RUNNING", ("ingest",), start=60, attempt=1, message="In run"),
        task("dedupe_customers", "BLOCKED", ("clean_customers",)),
        task("join", "BLOCKED", ("clean_orders", "dedupe_customers")),
        task("weather", "TERMINATED FAILED", ("ingest",), start=12, end=20, attempt=2, message=http_error),
        task("forecast", "TERMINATED UPSTREAM_FAILED", ("weather",), start=20, end=20),
        task("report", "BLOCKED", ("join",)),
        task("publish", "QUEUED", ("report",), message="The job is at its limit of concurrent runs"),
    )


def wide_tasks(number: int) -> tuple[Payload, ...]:
    """As many tasks as a very large job has: three fifths done, six running, the last one failed."""
    done = number * 3 // 5
    return (
        *(task(f"load_{n:04}", "TERMINATED SUCCESS", start=n, end=n + 3) for n in range(done)),
        *(task(f"load_{n:04}", "RUNNING", start=60) for n in range(done, done + 6)),
        *(task(f"load_{n:04}", "BLOCKED", (f"load_{n // 2:04}",)) for n in range(done + 6, number - 1)),
        task(f"load_{number - 1:04}", "TERMINATED FAILED", start=60, end=70, message="disk full"),
    )


def _state(words: str, message: str) -> Payload:
    life_cycle_state, _, result_state = words.partition(" ")
    state = {"life_cycle_state": life_cycle_state, "state_message": message}
    return {**state, "result_state": result_state} if result_state else state


def _times(start: float | None, end: float | None) -> Payload:
    moments = {"start_time": start, "end_time": end}
    return {name: 0 if at is None else int((STARTED + at) * 1000) for name, at in moments.items()}


def follow(snapshots: Iterable[Snapshot], streams: Streams, progress: str, clock: FakeClock) -> Snapshot:
    """Show each snapshot in the view that `progress` asks for, and return the last one."""
    with open_view(resolve_mode(ProgressMode(progress), streams), streams, clock) as view:
        for snapshot in snapshots:
            view.show(snapshot)
    return snapshot
