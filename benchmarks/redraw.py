"""How long a frame of the live view takes, for runs that are larger than any screen.

    .venv/bin/python benchmarks/redraw.py

Prints the median and the slowest of 50 frames in milliseconds: a frame is laid out anew from a
snapshot, and drawn by rich into memory, as the live view does it at each tick.
"""

import io
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace

from rich.console import Console

from dbjobs.api.models import Run
from dbjobs.http.response import Payload
from dbjobs.output.terminal.run_view import render_snapshot
from dbjobs.runs.snapshots import PlannedSets, Snapshot, WatchedRun

FRAMES = 50
SIZES = ((80, 24), (200, 60))
STATES = ("SUCCESS", "SUCCESS", "RUNNING", "FAILED", "BLOCKED")


def main() -> None:
    """A line a case: what is watched, the terminal's size, median and slowest frame."""
    cases = {
        "1,500 tasks": snapshot_of(run_of_tasks(1500)),
        "for-each of 5,000": snapshot_of(run_of_iterations(5000)),
        "backfill of 5,000": backfill_of(5000),
    }
    for name, snapshot in cases.items():
        for width, height in SIZES:
            frames = sorted(milliseconds_per_frame(snapshot, width, height))
            median = statistics.median(frames)
            print(f"{name:18} {width}x{height:<3} median {median:5.1f} ms  slowest {frames[-1]:5.1f} ms")


def milliseconds_per_frame(snapshot: Snapshot, width: int, height: int) -> Iterator[float]:
    """A frame a second: times move on, and each poll brings new payloads."""
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True)
    for second in range(FRAMES):
        runs = tuple(
            replace(watched, run=Run(dict(watched.run.payload))) for watched in snapshot.runs if watched.run
        )
        at = replace(
            snapshot, runs=runs, elapsed=float(second), last_contact=float(second), next_poll=second + 5.0
        )
        began = time.perf_counter()
        console.print(render_snapshot(at, width=width, height=height - 1, now=1_767_225_600.0 + second))
        yield (time.perf_counter() - began) * 1000


def snapshot_of(run: Payload) -> Snapshot:
    return Snapshot((WatchedRun(run["run_id"], Run(run)),), 0.0, 0.0)


def backfill_of(count: int) -> Snapshot:
    """Of 5 sets, 3 have succeeded, one has failed, and one is still to come; 100 are running."""
    labels = [f"set={number:05}" for number in range(count)]
    words = ["SUCCESS"] * (count * 3 // 5) + ["FAILED"] * (count // 5) + ["RUNNING"] * 100
    runs = tuple(
        WatchedRun(
            number + 1, Run({"run_id": number + 1, "state": state_of(word), "start_time": 1}), label=label
        )
        for number, (word, label) in enumerate(zip(words, labels, strict=False), 1)
    )
    sets = PlannedSets(labels, max_parallel=100)
    return Snapshot(runs, 0.0, 0.0, unstarted=count - len(runs), sets=sets)


def run_of_tasks(count: int) -> Payload:
    """Each task depends on the one ten places before it."""
    first = [task(number) for number in range(10)]
    others = [task(number, depends_on=[{"task_key": key(number - 10)}]) for number in range(10, count)]
    return run_with(first + others)


def run_of_iterations(count: int) -> Payload:
    """One for-each task that counts its iterations, as the API tells of them."""
    stats = {"completed_iterations": count // 2, "failed_iterations": 7, "total_iterations": count}
    return run_with([{**task(0), "for_each_task": {"inputs": "[]", "stats": {"task_run_stats": stats}}}])


def run_with(tasks: list[Payload]) -> Payload:
    state = {"life_cycle_state": "RUNNING", "state_message": "In run"}
    return {"run_id": 2**53 + 1, "run_name": "large", "state": state, "start_time": 1, "tasks": tasks}


def task(number: int, **more: object) -> Payload:
    state = state_of(STATES[number % len(STATES)])
    return {"run_id": number + 1, "task_key": key(number), "state": state, "start_time": 1, **more}


def state_of(word: str) -> Payload:
    if word in ("SUCCESS", "FAILED"):
        return {"life_cycle_state": "TERMINATED", "result_state": word}
    return {"life_cycle_state": word}


def key(number: int) -> str:
    return f"task_{number:04}"


if __name__ == "__main__":
    main()
