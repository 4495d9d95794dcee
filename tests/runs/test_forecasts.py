"""What past runs of a job say about one that goes on."""

import random
import statistics
from typing import Any

import pytest

from dbjobs.api.models import Run
from dbjobs.http.response import Payload
from dbjobs.runs.forecasts import (
    Forecast,
    PastTask,
    choose_past_runs,
    forecast_end,
    measure_past_run,
    trend_factors,
)
from tests.support.payloads import run, task

BEGAN = 1_767_225_600
"""Epoch seconds at which every run here starts."""

ENDED = ("TERMINATED", "SUCCESS")


def ms(seconds: float) -> int:
    return round((BEGAN + seconds) * 1000)


def ended(seconds: float, *tasks: Payload, run_id: int = 1, **more: Any) -> Run:
    times = {"start_time": ms(0), "end_time": ms(seconds)}
    return Run(run(*ENDED, *tasks, run_id=run_id, **{**times, **more}))


def active(*tasks: Payload, state: str = "RUNNING", **more: Any) -> Run:
    return Run(run(state, None, *tasks, run_id=99, start_time=ms(0), **more))


def done(key: str, start: float, end: float, *, after: tuple[str, ...] = (), **more: Any) -> Payload:
    return task(key, *ENDED, after=after, start_time=ms(start), end_time=ms(end), **more)


def expected(going: Run, *past: Run) -> float:
    """The median of the run's end, in seconds since its start."""
    forecast = forecast_end(going, [measure_past_run(each) for each in past])
    assert isinstance(forecast, Forecast)
    return forecast.origin - BEGAN + statistics.median(forecast.remaining.durations)


# Which past runs count


def test_runs_that_failed_or_have_no_times_do_not_count() -> None:
    failed = Run(run("TERMINATED", "FAILED", run_id=2, start_time=ms(0), end_time=ms(60)))
    timeless = Run(run(*ENDED, run_id=3))
    good = ended(60, run_id=4)

    assert choose_past_runs([failed, timeless, good], active()) == [good]


def test_a_run_that_was_repaired_the_next_day_does_not_count() -> None:
    repaired = ended(86_400, run_id=2, run_duration=600_000)
    queued = ended(1000, run_id=3, run_duration=500_000, queue_duration=500_000)

    assert choose_past_runs([repaired, queued], active()) == [queued]


@pytest.mark.parametrize(("of_trigger", "chosen"), [(4, 9), (5, 5)])
def test_five_runs_with_the_same_trigger_are_preferred(of_trigger: int, chosen: int) -> None:
    past = [ended(60, run_id=n, trigger="PERIODIC") for n in range(of_trigger)]
    past += [ended(60, run_id=100 + n, trigger="ONE_TIME") for n in range(9 - of_trigger)]

    assert len(choose_past_runs(past, active(trigger="PERIODIC"))) == chosen


@pytest.mark.parametrize(("of_tasks", "chosen"), [(2, 9), (3, 3)])
def test_three_runs_with_the_same_tasks_are_preferred(of_tasks: int, chosen: int) -> None:
    past = [ended(60, done("a", 0, 60), run_id=n) for n in range(of_tasks)]
    past += [ended(60, done("b", 0, 60), run_id=100 + n) for n in range(9 - of_tasks)]

    assert len(choose_past_runs(past, active(task("a", "RUNNING")))) == chosen


def test_the_newest_come_first() -> None:
    past = [ended(60, run_id=n, start_time=ms(-n)) for n in (3, 1, 2)]

    assert [each.run_id for each in choose_past_runs(past, active())] == [1, 2, 3]


# What a past run says


def test_a_span_is_what_a_task_took_since_it_could_have_begun() -> None:
    retried = done("b", 250, 400, after=("a",), attempt_number=1, setup_duration=50_000)
    past = measure_past_run(ended(420, done("a", 30, 100), retried, queue_duration=20_000))

    assert past.total == 420
    assert past.queued == 20
    assert past.tasks == {"a": PastTask(80, 0, 70), "b": PastTask(300, 50, 100)}
    assert past.tail == 20


# The forecast


def test_one_past_run_says_what_to_expect_but_not_how_far_off_it_may_be() -> None:
    past = [measure_past_run(ended(600, run_id=n)) for n in (1, 2, 3)]

    assert forecast_end(active(), []) is None
    for known in (past[:1], past[:2], past):
        forecast = forecast_end(active(), known)
        assert forecast
        assert forecast.left_at(BEGAN + 200) == pytest.approx(400, rel=0.05)
        assert forecast.has_range == (len(known) == 3)


def test_a_run_without_tasks_takes_as_long_as_before() -> None:
    assert expected(active(), *(ended(600, run_id=n) for n in range(5))) == 600


def chain(first: float, second: float) -> Run:
    return ended(first + second, done("a", 0, first), done("b", first, first + second, after=("a",)))


def test_tasks_in_sequence_add_up() -> None:
    going = active(task("a", "RUNNING"), task("b", "BLOCKED", after=("a",)))

    assert expected(going, *[chain(100, 200)] * 3) == 300


def test_a_task_that_ended_late_moves_what_comes_after_it() -> None:
    going = active(done("a", 0, 160), task("b", "RUNNING", after=("a",)))

    assert expected(going, *[chain(100, 200)] * 3) == 360


def test_the_longest_of_parallel_tasks_decides() -> None:
    past = ended(500, done("a", 0, 100), done("b", 0, 400), done("c", 400, 500, after=("a", "b")))
    running = [task("a", "RUNNING"), task("b", "RUNNING"), task("c", "BLOCKED", after=("a", "b"))]

    assert expected(active(*running), past, past, past) == 500
    late = active(done("b", 0, 400), task("a", "RUNNING"), running[2])
    assert expected(late, past, past, past) == pytest.approx(540), (
        "a has taken longer than ever, and c follows"
    )


def test_a_task_that_takes_longer_than_in_some_runs_takes_what_it_took_in_longer_ones() -> None:
    pasts = [ended(max(length, 300), done("a", 0, length), done("b", 0, 300)) for length in (100, 200, 900)]
    going = active(done("b", 0, 300), task("a", "RUNNING"))

    forecast = forecast_end(going, [measure_past_run(past) for past in pasts])
    assert forecast
    assert [forecast.origin - BEGAN + left for left in forecast.remaining.durations] == [900, 900, 900]


def test_a_cluster_that_was_ready_late_moves_the_end() -> None:
    past = ended(400, done("a", 0, 400, setup_duration=100_000))
    starting = task("a", "PENDING", start_time=ms(0))
    working = task("a", "RUNNING", start_time=ms(0), setup_duration=250_000)

    assert expected(active(starting), past, past, past) == 400
    assert expected(active(working), past, past, past) == 550


def test_a_queue_is_left_when_it_is_left() -> None:
    past = ended(400, done("a", 100, 400), queue_duration=100_000)
    waiting = active(task("a", "BLOCKED"), state="QUEUED")
    going = active(task("a", "RUNNING"), queue_duration=700_000)

    assert expected(waiting, past, past, past) == 400
    assert expected(going, past, past, past) == 1000


def test_tasks_that_no_past_run_had_leave_the_total() -> None:
    going = active(task("new", "RUNNING"))

    assert expected(going, *[chain(100, 200)] * 3) == 300


def test_a_trend_is_continued() -> None:
    growing = [100 * 1.1**age for age in range(20, 0, -1)]  # newest first: 10 % longer each time

    assert [factor * past for factor, past in zip(trend_factors(growing), growing, strict=True)][
        :10
    ] == pytest.approx([100 * 1.1**21] * 10)


def test_chance_is_no_trend() -> None:
    generator = random.Random(5)
    found = [trend_factors([generator.gauss(100, 10) for _ in range(24)]) != [1.0] * 24 for _ in range(400)]

    assert statistics.mean(found) <= 0.07
