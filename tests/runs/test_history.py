"""The history of a job, for any runs that a server may list."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dbjobs.api.models import Run
from dbjobs.output.job_history import history_document
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.job_history import render_history
from dbjobs.runs.history import SuccessRate, analyze_runs, quantile
from tests.support.past_runs import daily_runs
from tests.support.payloads import run, task

STATES = ("TERMINATED", "RUNNING", "INTERNAL_ERROR", "SKIPPED", "QUEUED", "NEW_STATE")
RESULTS = (
    None,
    "SUCCESS",
    "FAILED",
    "CANCELED",
    "UPSTREAM_FAILED",
    "EXCLUDED",
    "SUCCESS_WITH_FAILURES",
    "NEW",
)
MILLISECONDS = st.one_of(st.none(), st.integers(0, 2**45))


@st.composite
def tasks(draw: st.DrawFn) -> dict[str, Any]:
    return task(
        draw(st.sampled_from(("a", "b", "c"))),
        draw(st.sampled_from(STATES)),
        draw(st.sampled_from(RESULTS)),
        after=tuple(draw(st.sets(st.sampled_from(("a", "b", "c", "gone"))))),
        attempt_number=draw(st.integers(0, 2)),
        start_time=draw(MILLISECONDS),
        end_time=draw(MILLISECONDS),
        setup_duration=draw(MILLISECONDS),
    )


@st.composite
def any_runs(draw: st.DrawFn) -> list[Run]:
    return [
        Run(
            run(
                draw(st.sampled_from(STATES)),
                draw(st.sampled_from(RESULTS)),
                *draw(st.lists(tasks(), max_size=4)),
                run_id=run_id,
                start_time=draw(MILLISECONDS),
                end_time=draw(MILLISECONDS),
                queue_duration=draw(MILLISECONDS),
            )
        )
        for run_id in range(draw(st.integers(0, 12)))
    ]


@given(any_runs(), st.sampled_from([None, 30, 80, 200]))
def test_whatever_the_runs_are_there_is_a_history(runs: list[Run], width: int | None) -> None:
    history = analyze_runs(runs)
    assert {one.run_id for one in history.runs} == {one.run_id for one in runs}
    counted = history.success.counted + sum(history.not_counted.values())
    assert counted == len(runs)
    assert {one.task_key for one in history.tasks} == {task.task_key for one in runs for task in one.tasks}
    assert all(one.slack is None or one.slack >= 0 for one in history.tasks)
    assert history_document(history, 1)["critical_path"] == list(history.critical_path)
    if runs:
        assert list(render_history(history, 1, Canvas(now=0.0, width=width)))


def test_fewer_than_5_percent_of_the_jobs_without_a_change_are_said_to_have_one() -> None:
    """However many tasks they have: of the run and of all its tasks together."""
    generator = random.Random(17)
    alarms = 0
    for _ in range(300):
        durations = {key: [600 * generator.lognormvariate(0, 0.1) for _ in range(25)] for key in "abcd"}
        history = analyze_runs(map(Run, daily_runs(durations)))
        alarms += bool(history.changes or any(one.changes for one in history.tasks))
    assert alarms < 0.05 * 300


def test_the_interval_of_a_rate_is_wilsons() -> None:
    """Figures of R's binom.confint(9, 10, methods="wilson")."""
    low, high = SuccessRate(9, 1).interval
    assert (round(low, 4), round(high, 4)) == (0.5958, 0.9821)
    assert SuccessRate(0, 0).interval == (0.0, 1.0)
    assert SuccessRate(5, 0).interval[1] == 1.0


def test_a_quantile_lies_between_its_neighbors() -> None:
    values = [4.0, 1.0, 3.0, 2.0]
    assert [round(quantile(values, share), 3) for share in (0.0, 0.5, 0.95, 1.0)] == [1.0, 2.5, 3.85, 4.0]
