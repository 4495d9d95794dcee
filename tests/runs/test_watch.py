"""Watching runs: when they are asked for, what a moment tells, and how a watch ends. All by a fake clock."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.api.models import Run
from dbjobs.errors import (
    Answer,
    DbjobsError,
    NotFoundError,
    NotTheApiError,
    RefusedError,
    SignInError,
    UnreachableError,
)
from dbjobs.http.response import Payload
from dbjobs.runs.schedule import Schedule
from dbjobs.runs.snapshots import Ending, Snapshot, WatchedRun, exit_code_of
from dbjobs.runs.watching import watch_runs
from tests.support.fakes import FakeClock, FetchOnly
from tests.support.payloads import run, status, task

RUNNING = run("RUNNING")
PENDING = run("PENDING")
SUCCESS = run("TERMINATED", "SUCCESS")
FAILED = run("INTERNAL_ERROR", "FAILED")
UNSETTLED = run("TERMINATED")

STEADY = Schedule(interval=10, maximum=10, jitter=0)
"""Polls every 10 s."""


def no_network() -> UnreachableError:
    return UnreachableError("the connection broke")


def http(status_code: int, retry_after: float | None = None) -> UnreachableError:
    return UnreachableError("not ready", answer=Answer(status_code), retry_after=retry_after)


def not_there(status_code: int = 404) -> DbjobsError:
    kind = NotFoundError if status_code == 404 else RefusedError
    return kind("does not exist", answer=Answer(status_code, "RESOURCE_DOES_NOT_EXIST"))


def not_of_the_api(status_code: int) -> DbjobsError:
    """A status without the API's own words, as from a proxy."""
    return RefusedError("no reason given", answer=Answer(status_code))


Moment = Payload | DbjobsError


@dataclass
class Workspace:
    """Runs whose answers change at given seconds; remembers who asked when."""

    runs: Mapping[int, Sequence[tuple[float, Moment]]]
    clock: FakeClock = field(default_factory=FakeClock)
    polls: list[tuple[float, int]] = field(default_factory=list)

    def fetch(self, run_id: int) -> Run:
        self.polls.append((self.clock.time, run_id))
        answer = [answer for since, answer in self.runs[run_id] if since <= self.clock.time][-1]
        if isinstance(answer, DbjobsError):
            raise answer
        return Run({**answer, "run_id": run_id})

    def watch(self, schedule: Schedule, *, just_started: bool = False) -> list[Snapshot]:
        known = {run_id: WatchedRun(run_id, is_known=just_started) for run_id in self.runs}
        snapshots = list(
            watch_runs(list(self.runs), FetchOnly(self.fetch), self.clock, schedule, known=known)
        )
        assert [snapshot.ending is None for snapshot in snapshots] == [
            *[True] * (len(snapshots) - 1),
            False,
        ], "the last snapshot, and no other, has an ending"
        assert snapshots[-1].next_poll is None
        return snapshots

    def times(self, run_id: int = 1) -> list[float]:
        return [time for time, asked in self.polls if asked == run_id]


def changed_runs(snapshots: Sequence[Snapshot]) -> list[set[int]]:
    """For each snapshot, the runs that differ from the one before."""
    before: dict[int, object] = {}
    changed = []
    for snapshot in snapshots:
        now = {watched.run_id: watched.fingerprint for watched in snapshot.runs}
        changed.append({run_id for run_id in now if now[run_id] != before.get(run_id)})
        before = now
    return changed


def one(*moments: tuple[float, Moment]) -> Workspace:
    return Workspace({1: moments})


def ending_of(snapshots: list[Snapshot]) -> tuple[Ending | None, int]:
    return snapshots[-1].ending, exit_code_of(snapshots[-1])


# When to ask


def test_polls_come_every_5_seconds_at_first_then_ever_more_rarely_up_to_60() -> None:
    workspace = one((0, RUNNING), (600, SUCCESS))

    workspace.watch(Schedule(jitter=0))
    pauses = [round(later - sooner, 6) for sooner, later in pairwise(workspace.times())]
    assert pauses[:8] == [5, 7.5, 11.25, 16.875, 25.3125, 37.96875, 56.953125, 60]
    assert set(pauses[8:]) == {60}


def test_a_change_brings_back_the_short_pause() -> None:
    workspace = one((0, PENDING), (100, RUNNING), (300, SUCCESS))

    snapshots = workspace.watch(Schedule(jitter=0))
    changes = zip(snapshots, changed_runs(snapshots), strict=True)
    [seen] = [snapshot.elapsed for snapshot, changed in changes if changed and 0 < snapshot.elapsed < 300]
    following = [time - seen for time in workspace.times() if time > seen]
    assert following[:2] == [5, 12.5]


def test_pauses_vary_a_little_so_that_many_waits_do_not_poll_in_step() -> None:
    pauses = {Schedule().pause_after(quiet_polls=20) for _ in range(50)}

    assert len(pauses) > 1
    assert all(54 <= pause <= 66 for pause in pauses)


def test_an_interval_beyond_the_maximum_is_kept() -> None:
    assert Schedule(interval=300, maximum=60, jitter=0).pause_after(quiet_polls=5) == 300


def test_no_schedule_polls_without_a_pause() -> None:
    workspace = one((0, RUNNING), (1, SUCCESS))

    workspace.watch(Schedule(interval=0, maximum=0, jitter=0))
    assert len(workspace.polls) <= 12


def test_ticks_tell_of_passing_time_without_asking() -> None:
    workspace = one((0, RUNNING), (10, SUCCESS))

    snapshots = workspace.watch(replace(STEADY, tick=4))
    assert [snapshot.elapsed for snapshot in snapshots] == [0, 4, 8, 10]
    assert changed_runs(snapshots) == [{1}, set(), set(), {1}]
    assert [snapshot.next_poll for snapshot in snapshots] == [10, 10, 10, None]
    assert workspace.times() == [0, 10]


# What a moment tells


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(run("TERMINATING"), id="its state"),
        pytest.param(run("RUNNING", "FAILED"), id="its result"),
        pytest.param(run("RUNNING", state={"life_cycle_state": "RUNNING", "state_message": "Cleaning"}),
                     id="its message"),
        pytest.param(run("RUNNING", None, task("a", "RUNNING")), id="a task's state"),
        pytest.param(run("RUNNING", None, task("a", "PENDING"), task("a", "PENDING", run_id=5)),
                     id="a new attempt"),
        pytest.param({**run("RUNNING", None, task("a", "PENDING")), "state": None,
                      "status": status("RUNNING") | {"state": "BLOCKED"}}, id="its status"),
    ],
)  # fmt: skip
def test_a_change_is_whatever_a_reader_would_want_to_know(after: Payload) -> None:
    before = run("RUNNING", None, task("a", "PENDING"))
    workspace = Workspace({1: [(0, before), (10, after), (20, SUCCESS)], 2: [(0, before), (20, SUCCESS)]})

    snapshots = workspace.watch(STEADY)
    assert changed_runs(snapshots) == [{1, 2}, {1}, {1, 2}]


def test_times_that_pass_are_no_change() -> None:
    workspace = one((0, RUNNING), (10, {**RUNNING, "execution_duration": 10_000}), (20, SUCCESS))

    assert changed_runs(workspace.watch(STEADY)) == [{1}, set(), {1}]


# How a watch ends


@pytest.mark.parametrize("timeout", [0, 7, 10, 23.5])
def test_the_deadline_itself_is_polled_and_not_a_moment_later(timeout: float) -> None:
    workspace = one((0, RUNNING))

    assert ending_of(workspace.watch(replace(STEADY, timeout=timeout))) == (Ending.TIMEOUT, 124)
    assert workspace.times()[-1] == timeout


def test_a_run_that_ends_at_the_deadline_has_ended_in_time() -> None:
    workspace = one((0, RUNNING), (23.5, FAILED))

    assert ending_of(workspace.watch(replace(STEADY, timeout=23.5))) == (Ending.ALL_ENDED, 10)


@pytest.mark.parametrize("trouble", [no_network(), http(500), http(429), NotTheApiError("a login page")])
def test_an_outage_is_lived_through(trouble: DbjobsError) -> None:
    workspace = one((0, RUNNING), (15, trouble), (400, RUNNING), (450, FAILED))

    snapshots = workspace.watch(STEADY)
    assert ending_of(snapshots) == (Ending.ALL_ENDED, 10)
    lost = [snapshot for snapshot in snapshots if snapshot.error]
    assert {snapshot.error for snapshot in lost} == {trouble}
    assert {snapshot.last_contact for snapshot in lost} == {10}
    assert all(snapshot.runs[0].run is not None for snapshot in lost), "what was seen last stays known"


@pytest.mark.parametrize("trouble", [no_network(), http(500), http(503, retry_after=10**9)])
def test_after_max_outage_without_contact_the_watch_gives_up(trouble: DbjobsError) -> None:
    workspace = one((0, RUNNING), (15, trouble))

    snapshots = workspace.watch(replace(STEADY, max_outage=100))
    assert ending_of(snapshots) == (Ending.CONTACT_LOST, 6)
    assert 110 <= snapshots[-1].elapsed < 121
    assert snapshots[-1].last_contact == 10


def test_one_run_out_of_reach_is_no_outage_while_others_answer() -> None:
    workspace = Workspace({1: [(0, http(500)), (900, SUCCESS)], 2: [(0, RUNNING), (900, SUCCESS)]})

    assert ending_of(workspace.watch(replace(STEADY, max_outage=100))) == (Ending.ALL_ENDED, 0)


def test_an_outage_begins_anew_after_each_contact() -> None:
    outages = [
        (since, no_network() if place % 2 else RUNNING) for place, since in enumerate(range(0, 960, 80))
    ]
    workspace = one(*outages, (960, SUCCESS))

    assert ending_of(workspace.watch(replace(STEADY, max_outage=100))) == (Ending.ALL_ENDED, 0)


@pytest.mark.parametrize(
    ("trouble", "least"),
    [
        pytest.param(http(500), 30, id="500"),
        pytest.param(http(503), 30, id="503"),
        pytest.param(http(503, retry_after=3), 5, id="503 that asks for less"),
        pytest.param(http(503, retry_after=90), 90, id="503 that asks for more"),
        pytest.param(http(429, retry_after=45), 45, id="429 with Retry-After"),
        pytest.param(http(429), 5, id="429"),
        pytest.param(no_network(), 5, id="no network"),
    ],
)
def test_a_server_in_trouble_is_left_alone_for_as_long_as_it_wants(
    trouble: DbjobsError, least: float
) -> None:
    workspace = one((0, RUNNING), (1, trouble), (6, SUCCESS))
    schedule = Schedule(interval=5, maximum=5, jitter=0)

    workspace.watch(schedule)
    assert workspace.times() == [0, 5, 5 + least]


@pytest.mark.parametrize("first", [None, RUNNING], ids=["never seen", "seen alive"])
@pytest.mark.parametrize("status_code", [404, 403, 400])
def test_a_refusal_counts_when_it_was_seen_three_times_over_30_seconds(
    status_code: int, first: Payload | None
) -> None:
    begin = 10 if first else 0
    moments: list[tuple[float, Moment]] = [(0, first)] if first else []
    for_good = one(*moments, (begin, not_there(status_code)))
    for_a_while = one(*moments, (begin, not_there(status_code)), (begin + 29, RUNNING), (begin + 60, SUCCESS))

    snapshots = for_good.watch(STEADY)
    assert ending_of(snapshots) == (Ending.ALL_ENDED, 4 if status_code == 404 else 5)
    assert snapshots[-1].runs[0].is_lost
    assert for_good.times()[-4:] == [begin, begin + 10, begin + 20, begin + 30]
    assert ending_of(for_a_while.watch(STEADY)) == (Ending.ALL_ENDED, 0)


@pytest.mark.parametrize(("interval", "looks"), [(1, 31), (20, 3), (300, 3)])
def test_a_refusal_is_looked_at_again_in_time_whatever_the_interval(interval: float, looks: int) -> None:
    workspace = one((0, not_there()))

    workspace.watch(Schedule(interval=interval, maximum=interval, jitter=0))
    assert workspace.times()[0] == 0
    assert workspace.times()[-1] == 30
    assert len(workspace.times()) == looks


@pytest.mark.parametrize("just_started", [True, False], ids=["just started", "seen alive"])
@pytest.mark.parametrize("status_code", [400, 403, 404, 405, 407, 421, 425, 451, 501])
def test_what_is_not_the_api_s_own_answer_is_an_outage(status_code: int, just_started: bool) -> None:
    seen: list[tuple[float, Moment]] = [] if just_started else [(0, RUNNING)]
    hidden: tuple[float, Moment] = (0 if just_started else 10, not_of_the_api(status_code))
    for_good = one(*seen, hidden)
    for_a_while = one(*seen, hidden, (500, RUNNING), (600, FAILED))

    assert ending_of(for_a_while.watch(STEADY, just_started=just_started)) == (Ending.ALL_ENDED, 10)
    snapshots = for_good.watch(STEADY, just_started=just_started)
    assert ending_of(snapshots) == (Ending.CONTACT_LOST, 6)
    assert 600 <= snapshots[-1].elapsed <= 620


@pytest.mark.parametrize(
    "error",
    [SignInError("expired", answer=Answer(401)), not_of_the_api(407), RefusedError("no certificates")],
)
def test_of_a_run_that_was_never_seen_such_an_answer_is_told_at_once(error: DbjobsError) -> None:
    workspace = one((0, error))

    assert ending_of(workspace.watch(STEADY)) == (Ending.ALL_ENDED, error.exit_code)
    assert workspace.times() == [0]


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        pytest.param(not_there(404), 4, id="deleted"),
        pytest.param(not_there(403), 5, id="forbidden"),
        pytest.param(SignInError("expired", answer=Answer(401)), 3, id="signed out"),
    ],
)
def test_a_refusal_ends_that_run_only(error: DbjobsError, exit_code: int) -> None:
    workspace = Workspace(
        {1: [(0, RUNNING), (10, error)], 2: [(0, RUNNING), (70, SUCCESS)], 3: [(0, RUNNING), (30, SUCCESS)]}
    )

    snapshots = workspace.watch(STEADY)
    assert ending_of(snapshots) == (Ending.ALL_ENDED, exit_code)
    assert workspace.times(1) == [0, 10, 20, 30, 40, 70], "and once more before the end"
    assert workspace.times(2) == [0, 10, 20, 30, 40, 50, 60, 70]
    assert workspace.times(3) == [0, 10, 20, 30]


def test_a_run_that_failed_and_was_repaired_meanwhile_is_told_as_it_ended_at_last() -> None:
    repaired = [(0, FAILED), (50, FAILED), (55, RUNNING), (95, SUCCESS)]
    workspace = Workspace({1: repaired, 2: [(0, RUNNING), (60, SUCCESS)]})

    snapshots = workspace.watch(STEADY)
    assert ending_of(snapshots) == (Ending.ALL_ENDED, 0)
    assert workspace.times(1) == [0, 60, 70, 80, 90, 100]
    assert not any(snapshot.ending for snapshot in snapshots[:-1])


def test_a_failure_that_cannot_be_confirmed_stays_a_failure() -> None:
    workspace = Workspace({1: [(0, FAILED), (50, no_network())], 2: [(0, RUNNING), (60, SUCCESS)]})

    assert ending_of(workspace.watch(STEADY)) == (Ending.ALL_ENDED, 10)
    assert workspace.times(1) == [0, 60]


def test_a_failure_is_graver_than_a_run_that_is_gone() -> None:
    workspace = Workspace({1: [(0, not_there())], 2: [(0, FAILED)]})

    assert ending_of(workspace.watch(STEADY)) == (Ending.ALL_ENDED, 10)


BARE_ERROR = run("INTERNAL_ERROR")


@pytest.mark.parametrize(("bare", "exit_code"), [(UNSETTLED, 19), (BARE_ERROR, 14)])
def test_a_run_that_ended_without_a_result_is_asked_for_it_a_few_times(bare: Payload, exit_code: int) -> None:
    came_late = one((0, RUNNING), (10, bare), (20, FAILED))
    never_came = one((0, RUNNING), (10, bare))
    went_on = one((0, bare), (10, RUNNING), (20, bare))

    assert ending_of(came_late.watch(STEADY)) == (Ending.ALL_ENDED, 10)
    assert ending_of(never_came.watch(STEADY)) == (Ending.ALL_ENDED, exit_code)
    assert never_came.times() == [0, 10, 20, 30]
    assert ending_of(went_on.watch(STEADY)) == (Ending.ALL_ENDED, exit_code)
    assert went_on.times() == [0, 10, 20, 30, 40]


@pytest.mark.parametrize(
    "schedule", [replace(STEADY, timeout=25), replace(STEADY, max_outage=60)], ids=["timeout", "outage"]
)
def test_an_end_that_was_seen_is_not_forgotten_when_the_next_look_fails(schedule: Schedule) -> None:
    workspace = one((0, RUNNING), (10, BARE_ERROR), (20, no_network()))

    assert ending_of(workspace.watch(schedule)) == (Ending.ALL_ENDED, 14)


def test_a_look_that_fails_is_none_at_a_result_that_may_come() -> None:
    workspace = one((0, RUNNING), (10, BARE_ERROR), (20, no_network()), (60, FAILED))

    assert ending_of(workspace.watch(STEADY)) == (Ending.ALL_ENDED, 10)


def test_an_outage_shorter_than_the_interval_is_noticed_and_lived_through() -> None:
    """The one poll that failed would else be the only one within the limit."""
    workspace = one((0, RUNNING), (100, no_network()), (105, RUNNING), (200, SUCCESS))

    schedule = Schedule(interval=60, maximum=60, jitter=0, max_outage=10)
    assert ending_of(workspace.watch(schedule)) == (Ending.ALL_ENDED, 0)


def test_one_broken_connection_ends_no_round() -> None:
    """At a failure of every other request, a round that stopped at the first would reach nobody."""
    runs = {n: [(0.0, no_network() if n % 2 else RUNNING), (20.0, SUCCESS)] for n in range(1, 21)}
    workspace = Workspace(runs)

    workspace.watch(STEADY)
    assert len({asked for time, asked in workspace.polls if time == 0}) == 20


def test_a_dead_network_ends_a_round_after_a_few_tries() -> None:
    workspace = Workspace({n: [(0.0, no_network()), (10.0, SUCCESS)] for n in range(1, 61)})

    workspace.watch(STEADY)
    assert len([time for time, _ in workspace.polls if time == 0]) == 3


def test_a_result_that_nobody_knows_is_not_asked_for_again() -> None:
    workspace = one((0, run("TERMINATED", "A_RESULT_OF_TOMORROW")))

    assert ending_of(workspace.watch(STEADY)) == (Ending.ALL_ENDED, 19)
    assert workspace.times() == [0]


@pytest.mark.parametrize("failure", [FAILED, not_there()], ids=["failed", "gone"])
def test_fail_fast_leaves_at_the_first_failure(failure: Moment) -> None:
    workspace = Workspace(
        {1: [(0, RUNNING)], 2: [(0, RUNNING), (10, SUCCESS)], 3: [(0, RUNNING), (20, failure)]}
    )

    snapshots = workspace.watch(replace(STEADY, fail_fast=True))
    assert ending_of(snapshots) == (Ending.FAILED_FAST, 10 if failure is FAILED else 4)
    assert snapshots[-1].elapsed == (20 if failure is FAILED else 50), "a refusal has to last"


def test_fail_fast_minds_no_success() -> None:
    workspace = Workspace(
        {1: [(0, RUNNING), (30, SUCCESS)], 2: [(0, run("TERMINATED", "SUCCESS_WITH_FAILURES"))]}
    )

    assert ending_of(workspace.watch(replace(STEADY, fail_fast=True))) == (Ending.ALL_ENDED, 0)


OUTCOMES = {
    14: {**run("INTERNAL_ERROR"), "status": status("TERMINATED", "CLUSTER_ERROR")},
    10: run("TERMINATED", "FAILED"),
    11: run("TERMINATED", "TIMEDOUT"),
    15: run("TERMINATED", "UPSTREAM_FAILED"),
    12: run("TERMINATED", "CANCELED"),
    19: run("TERMINATED", "A_RESULT_OF_TOMORROW"),
    13: run("SKIPPED"),
    16: run("TERMINATED", "EXCLUDED"),
    17: run("TERMINATED", "SUCCESS_WITH_FAILURES"),
    0: SUCCESS,
}


@given(st.lists(st.sampled_from(list(OUTCOMES)), min_size=1, max_size=6))
def test_of_several_runs_the_gravest_decides(codes: list[int]) -> None:
    workspace = Workspace({place: [(0, OUTCOMES[code])] for place, code in enumerate(codes, start=1)})

    [snapshot] = workspace.watch(STEADY)
    assert exit_code_of(snapshot, strict=True) == min(codes, key=list(OUTCOMES).index)
    assert [watched.run_id for watched in snapshot.runs] == list(workspace.runs)


# Whatever comes

ALIVE = [RUNNING, PENDING, run("QUEUED"), run("A_STATE_OF_TOMORROW"), run("RUNNING", "SUCCESS")]
FAULTS: list[Any] = [no_network(), http(500), http(503, retry_after=7), http(429), NotTheApiError("a page")]
LIVES = st.lists(st.tuples(st.floats(0.1, 500), st.sampled_from([*ALIVE, *FAULTS])), min_size=1, max_size=6)
ENDS = st.sampled_from(list(OUTCOMES))


@given(st.lists(st.tuples(LIVES, ENDS), min_size=1, max_size=4), st.booleans())
def test_no_sequence_of_states_and_faults_ends_a_watch_early_or_wrongly(
    lives: list[tuple[list[tuple[float, Moment]], int]], has_ticks: bool
) -> None:
    runs: dict[int, list[tuple[float, Moment]]] = {}
    ends = []
    for run_id, (life, code) in enumerate(lives, start=1):
        moments: list[tuple[float, Moment]] = []
        time = 0.0
        for lasts, answer in life:
            moments.append((time, answer))
            time += lasts
        runs[run_id] = [*moments, (time, OUTCOMES[code])]
        ends.append(time)
    workspace = Workspace(runs)

    snapshots = workspace.watch(Schedule(max_outage=math.inf, tick=5 if has_ticks else math.inf))

    ending, code = snapshots[-1].ending, exit_code_of(snapshots[-1], strict=True)
    assert ending is Ending.ALL_ENDED
    assert code == min((code for _, code in lives), key=list(OUTCOMES).index)
    assert max(ends) <= workspace.clock.time <= max(ends) + 66
    for run_id, end in zip(runs, ends, strict=True):
        asked = workspace.times(run_id)
        assert asked[-1] >= end, "asked until its end"
        looks = [time for time in asked if time >= end]
        assert set(looks[1:]) <= {workspace.clock.time}, "and not again, but once before the end"


@given(LIVES, st.floats(0, 3000), st.floats(1, 1000))
def test_a_watch_keeps_its_limits_whatever_comes(
    life: list[tuple[float, Moment]], timeout: float, max_outage: float
) -> None:
    moments, time = [], 0.0
    for lasts, answer in life:
        moments.append((time, answer))
        time += lasts
    workspace = one(*moments)

    last = workspace.watch(Schedule(timeout=timeout, max_outage=max_outage))[-1]
    assert last.elapsed <= timeout + 1e-3
    if last.ending is Ending.CONTACT_LOST:
        assert last.elapsed - last.last_contact >= max_outage - 1e-3, "not too early"
    else:
        assert last.ending is Ending.TIMEOUT
        assert last.elapsed == pytest.approx(timeout, abs=1e-3)
