"""What the history of a job costs, and how far its changes can be trusted.

    .venv/bin/python -m benchmarks.history

Prints the processor time for 25 runs of 100 tasks beside the request: reading JSON, the analysis, and
each form of output. Then, for jobs of several sizes whose durations have a spread of 10 %, the share of jobs
without a change that are said to have one, and the share of regressions by 20 % that are found within 8
runs: read after each run, and once after the eighth. Beside it, the share that no test exceeds.
"""

import json
import math
import random
import statistics
import time
from collections.abc import Callable, Sequence

from dbjobs.api.models import Run
from dbjobs.http.response import Payload
from dbjobs.output.job_history import history_document
from dbjobs.output.reports.job_history import render_history as render_page
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.job_history import render_history as render_table
from dbjobs.runs.history import JobHistory, analyze_runs

RUNS, TASKS, ROUNDS = 25, 100, 20
SPREAD, REGRESSION, WITHIN = 0.1, 1.2, 8
HISTORIES = 1000
FIRST_START, DAY = 1_767_225_600_000, 86_400_000


def main() -> None:
    measure_cost()
    for run_count in (RUNS, 2 * RUNS):
        for task_count in (1, 4, 7):
            measure_trust(run_count, task_count)


def measure_cost() -> None:
    generator = random.Random(1)
    listed = json.dumps({"runs": runs_of([durations(generator, TASKS) for _ in range(RUNS)])})
    history = analyze_runs(read(listed))
    steps: dict[str, Callable[[], object]] = {
        "reading JSON": lambda: read(listed),
        "analysis": lambda: analyze_runs(read(listed)),
        "table": lambda: list(render_table(history, 1, Canvas(now=0.0, width=160))),
        "JSON": lambda: json.dumps(history_document(history, 1)),
        "page": lambda: render_page(history, 0.0),
    }
    for name, step in steps.items():
        print(f"{name:14} {min(processor_seconds(step) for _ in range(ROUNDS)) * 1000:6.1f} ms of processor")


def processor_seconds(step: Callable[[], object]) -> float:
    began = time.process_time()
    step()
    return time.process_time() - began


def measure_trust(run_count: int, task_count: int) -> None:
    generator = random.Random(task_count)
    alarms = found = found_at_last = 0
    for _ in range(HISTORIES):
        days = [durations(generator, task_count) for _ in range(run_count + WITHIN)]
        alarms += has_change(analyze_runs(map(Run, runs_of(days[:run_count]))))
        slower = [*days[:run_count], *([first * REGRESSION, *others] for first, *others in days[run_count:])]
        looks = [
            bool(analyze_runs(map(Run, runs_of(slower[new : new + run_count]))).tasks[0].changes)
            for new in range(3, WITHIN + 1)
        ]
        found += any(looks)
        found_at_last += looks[-1]
    shares = [share / HISTORIES for share in (alarms, found, found_at_last)]
    print(
        "{} runs of {} tasks: {:.1%} false alarms, {:.1%} found within 8 runs, {:.1%} after the eighth, "
        "of {:.1%} at most".format(run_count, task_count, *shares, find_greatest_power(run_count, task_count))
    )


def find_greatest_power(run_count: int, task_count: int, alarms: float = 0.05) -> float:
    """How often any test with so many false alarms finds the regression after the eighth run, at most.

    By the lemma of Neyman and Pearson, no test does better than the likelihood ratio, which knows everything
    but the level of each task and which task it is: the spread, the size of the change and when it came.
    """
    generator = random.Random(1)
    distance = math.log(REGRESSION) / SPREAD * math.sqrt((run_count - WITHIN) * WITHIN / run_count)

    def ratios(shift: float) -> list[float]:
        """Of histories in which the difference of the first task is shifted by so many standard errors."""
        rounds = 20 * HISTORIES
        draws = ([generator.gauss(0, 1) for _ in range(task_count)] for _ in range(rounds))
        return sorted(
            sum(math.exp(distance * value) for value in (first + shift, *others)) for first, *others in draws
        )

    without = ratios(0.0)
    critical = without[math.ceil((1 - alarms) * len(without))]
    return statistics.mean(ratio > critical for ratio in ratios(distance))


def has_change(history: JobHistory) -> bool:
    return bool(history.changes or any(task.changes for task in history.tasks))


def durations(generator: random.Random, count: int) -> list[float]:
    return [600 * generator.lognormvariate(0, SPREAD) for _ in range(count)]


def runs_of(days: Sequence[Sequence[float]]) -> list[Payload]:
    """A run a day of tasks in chains of ten, each task with its seconds of that day."""
    return [run_of(day, seconds) for day, seconds in enumerate(days)]


def run_of(day: int, durations: Sequence[float]) -> Payload:
    start = FIRST_START + day * DAY
    tasks: list[Payload] = []
    for number, seconds in enumerate(durations):
        is_first = number % 10 == 0
        ready = start if is_first else tasks[-1]["end_time"]
        tasks.append(
            {
                "run_id": day * 1000 + number + 1,
                "task_key": f"task_{number:03}",
                "depends_on": [] if is_first else [{"task_key": f"task_{number - 1:03}"}],
                "attempt_number": 0,
                "notebook_task": {"notebook_path": f"/Workspace/task_{number:03}"},
                "new_cluster": {"num_workers": 4, "spark_version": "16.4.x-scala2.12"},
                "start_time": ready,
                "end_time": ready + int(seconds * 1000),
                "setup_duration": 20_000,
                "execution_duration": int(seconds * 1000) - 20_000,
                "state": {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS", "state_message": ""},
            }
        )
    ended = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS", "state_message": ""}
    end = max(task["end_time"] for task in tasks)
    about = {"job_id": 1, "run_name": "nightly", "state": ended, "trigger": "PERIODIC"}
    return {"run_id": day + 1, **about, "start_time": start, "end_time": end, "tasks": tasks}


def read(listed: str) -> list[Run]:
    return [Run(payload) for payload in json.loads(listed)["runs"]]


if __name__ == "__main__":
    main()
