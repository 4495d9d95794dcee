"""Waits planned from the history of the job: by dbjobs's own watch, a simulated workspace and a fake clock.

`make bench` simulates more runs of more kinds; here a few hundred show that the bars are met.
"""

import math
import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from benchmarks.clients.planned import (
    CASES,
    RUN_ID,
    Task,
    Workspace,
    compare,
    draw_ends,
    draw_runs,
    find_bound,
    find_coverage,
    find_optimum,
    is_single,
    watch_failures,
    watch_slow_runs,
)
from benchmarks.clients.simulate import Workspace as ManyRuns
from dbjobs.cli.wait_options import WaitOptions
from dbjobs.cli.waiting import make_schedule
from dbjobs.errors import Answer, DbjobsError, RefusedError, UnreachableError
from dbjobs.runs.planning import MOST_TRIES, ServerClock
from dbjobs.runs.schedule import Schedule
from dbjobs.runs.snapshots import Ending

PLANNED = Schedule(is_planned=True)
TRIES = 20
HOUR = [Task("main", 3600.0)]
AN_HOUR_EACH = [[Task("main", 3240.0 + 30 * (7 * n % 24))] for n in range(24)]


@pytest.fixture(autouse=True)
def same_jitter() -> None:
    """Pauses vary at random, and here in the same way each time."""
    random.seed(1)


KNOWN = [case for case in CASES if "exponential" not in case]


@pytest.mark.parametrize("case", KNOWN)
def test_delay_times_requests_is_near_the_bound_and_far_below_that_of_other_clients(case: str) -> None:
    generator = random.Random(4)
    bound = find_bound(draw_ends(CASES[case], generator, 4000))
    tries = 12 if is_single(CASES[case](generator, 0)) else TRIES
    figures = compare(draw_runs(CASES[case], tries, generator), CASES[case], generator)

    product = figures["planned"].product
    assert product <= 2 * bound * 1.2, "a fifth more than in a large simulation, for there are few runs"
    assert product <= 0.6 * min(figures["databricks-sdk"].product, figures["legacy CLI"].product)
    if case == "1 h, spread 15 %":
        assert figures["planned"].cost <= 0.3 * figures["databricks-sdk"].cost


def test_durations_that_nothing_can_be_learned_from_cost_no_more_than_without_a_plan() -> None:
    generator = random.Random(4)
    draw = CASES["exponential, mean 1 h"]
    figures = compare(draw_runs(draw, TRIES, generator), draw, generator)

    assert figures["planned"].product <= 1.02 * figures["5 → 60 s"].product, "a little more by chance"


@pytest.mark.parametrize("case", ["1 h, spread 5 %", "5 or 60 min", "4 tasks in parallel, then 1"])
def test_a_failure_at_a_random_moment_is_noticed_within_a_minute_on_average(case: str) -> None:
    generator = random.Random(4)

    assert watch_failures(draw_runs(CASES[case], TRIES, generator), generator).delay <= 60


@pytest.mark.parametrize("case", ["1 h, spread 15 %", "1 h, spread 5 %, 2 % longer each time"])
def test_a_run_that_takes_twice_as_long_as_ever_costs_little_more_than_without_a_plan(case: str) -> None:
    generator = random.Random(4)

    planned, growing = watch_slow_runs(draw_runs(CASES[case], 12, generator), generator)
    assert planned.product <= 1.3 * growing.product


@pytest.mark.parametrize("case", CASES)
def test_the_range_that_is_told_holds_about_80_percent_of_the_ends(case: str) -> None:
    found = find_coverage(draw_runs(CASES[case], 400, random.Random(4)))

    assert 0.75 <= found <= 0.85


def test_the_optimum_is_no_better_than_the_bound_and_near_it() -> None:
    ends = draw_ends(CASES["1 h, spread 5 %"], random.Random(1), 4000)

    product = math.prod(find_optimum(ends, 0.3, steps=150))
    assert find_bound(ends) <= product <= 1.3 * find_bound(ends)


# What is asked, and when


def pauses_of(workspace: Workspace) -> list[float]:
    """The seconds between two polls."""
    polls = [shot.elapsed for shot in workspace.snapshots]
    return [later - sooner for sooner, later in pairwise(dict.fromkeys(polls))]


def test_the_history_is_asked_for_once_in_one_request() -> None:
    workspace = Workspace(AN_HOUR_EACH, HOUR)

    requests, _ = workspace.watch(PLANNED)
    assert workspace.lists == 1
    assert requests == 1 + len({shot.elapsed for shot in workspace.snapshots})


@pytest.mark.parametrize("past", [[], AN_HOUR_EACH[:1], AN_HOUR_EACH[:2]], ids=["none", "one", "two"])
def test_too_few_past_runs_leave_pauses_of_5_seconds_growing_to_60(past: Sequence[Any]) -> None:
    workspace = Workspace(past, HOUR)

    workspace.watch(Schedule(is_planned=True, jitter=0))
    assert pauses_of(workspace)[:8] == [5, 7.5, 11.25, 16.875, 25.3125, 37.96875, 56.953125, 60]


REFUSED = RefusedError("no", answer=Answer(403, "PERMISSION_DENIED", "no"))
BROKEN = UnreachableError("the connection broke")


@pytest.mark.parametrize(("error", "lists"), [(REFUSED, 1), (BROKEN, MOST_TRIES)], ids=["refused", "broken"])
def test_a_history_that_cannot_be_read_is_no_trouble_of_the_wait(error: DbjobsError, lists: int) -> None:
    workspace = Workspace(AN_HOUR_EACH, HOUR, list_error=error)

    workspace.watch(PLANNED)
    assert workspace.lists == lists
    assert workspace.snapshots[-1].ending is Ending.ALL_ENDED
    assert not any(shot.error for shot in workspace.snapshots)


def test_the_history_of_a_submitted_run_is_not_asked_for() -> None:
    workspace = Workspace(AN_HOUR_EACH, HOUR, run_type="SUBMIT_RUN")

    workspace.watch(PLANNED)
    assert workspace.lists == 0


def test_a_run_that_has_ended_already_needs_no_history() -> None:
    workspace = Workspace(AN_HOUR_EACH, HOUR, began=4000)

    workspace.watch(PLANNED)
    assert workspace.lists == 0


@pytest.mark.parametrize(
    ("options", "longest"),
    [
        (WaitOptions(poll_interval=1), 1),
        (WaitOptions(poll_interval=1, poll_max=20), 20),
        (WaitOptions(poll_max=20), 20),
    ],
    ids=["an interval alone", "both", "a maximum alone"],
)
def test_pauses_are_as_the_user_wants_them(options: WaitOptions, longest: float) -> None:
    workspace = Workspace(AN_HOUR_EACH, HOUR)

    workspace.watch(make_schedule(options))
    assert longest * 0.85 <= max(pauses_of(workspace)) <= longest * 1.11


def test_an_interval_of_the_user_takes_nothing_from_what_is_expected() -> None:
    workspace = Workspace(AN_HOUR_EACH, HOUR)

    workspace.watch(make_schedule(WaitOptions(poll_interval=30)))
    assert workspace.lists == 1
    assert all(RUN_ID in shot.forecasts for shot in workspace.snapshots[1:-1])


@pytest.mark.parametrize(
    ("options", "longest"), [(WaitOptions(), 15), (WaitOptions(poll_max=100), 100)], ids=["planned", "set"]
)
def test_on_a_terminal_no_pause_is_longer_than_15_seconds_unless_the_user_says_so(
    options: WaitOptions, longest: float
) -> None:
    workspace = Workspace(AN_HOUR_EACH, HOUR)

    workspace.watch(make_schedule(options).capped(15))
    assert longest * 0.9 <= max(pauses_of(workspace)) <= longest * 1.05


@pytest.mark.parametrize("skew", [-86_400, -300, 300, 86_400])
def test_a_clock_that_is_wrong_makes_no_difference_to_a_run_that_was_just_started(skew: float) -> None:
    skewed = Workspace(AN_HOUR_EACH, HOUR, skew=skew, is_new=True)
    right = Workspace(AN_HOUR_EACH, HOUR)

    requests, delay = skewed.watch(PLANNED)
    assert delay <= 30
    assert requests <= 1.3 * right.watch(PLANNED)[0] + 5


def test_the_server_s_time_follows_from_what_was_seen_and_what_was_not() -> None:
    server = ServerClock(local=5000.0)

    server.has_passed(1000, elapsed=10)
    assert server.began == 5000
    server.has_not_passed(2000, elapsed=500)
    assert 1500 <= server.began <= 1505
    server.has_passed(2600, elapsed=600)
    assert server.began == 2000


# What is done when things do not go as before


def test_the_end_of_a_run_with_a_failed_task_is_not_foretold() -> None:
    workspace = Workspace(AN_HOUR_EACH, HOUR, fails_at=1800, lingers=300)

    workspace.watch(PLANNED)
    last = [shot for shot in workspace.snapshots if shot.elapsed > 1800]
    assert not any(shot.forecasts for shot in last)
    assert max(pauses_of(workspace)[-3:]) <= 66


# Many runs in one wait


@pytest.mark.parametrize("number", [5, 50])
def test_the_ends_of_many_runs_are_noticed_sooner_for_no_more_requests(number: int) -> None:
    generator = random.Random(3)
    requests, delays = [0, 0], [0.0, 0.0]  # planned, and without a plan
    for _ in range(100 // number):
        ends, past = ([generator.gauss(3600, 600) for _ in range(count)] for count in (number, 25))
        for index, workspace in enumerate((ManyRuns(ends, history=past), ManyRuns(ends))):
            workspace.watch(Schedule(is_planned=index == 0))
            requests[index] += len(workspace.asked)
            delays[index] += workspace.delay

    assert requests[0] <= 1.05 * requests[1]
    assert requests[0] * delays[0] <= 0.85 * requests[1] * delays[1]


def test_a_thousand_active_runs_take_64_requests_a_minute_at_most() -> None:
    many = ManyRuns([7200.0] * 1000, history=[7200.0 + n for n in range(-200, 200, 17)])

    many.watch(Schedule(is_planned=True, timeout=5400))
    assert many.per_minute(3600, 5400) <= 65
