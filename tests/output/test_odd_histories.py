"""Whatever the server says of past runs, a wait goes on, and what it tells can be written."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dbjobs.api.models import Run
from dbjobs.output.expectations import (
    delays_of,
    expected_end,
    format_active_tasks,
    format_delay,
    format_expected_end,
)
from dbjobs.runs.estimates import LONGEST_PAUSE
from dbjobs.runs.planning import Planner, ServerClock
from dbjobs.runs.schedule import Schedule
from dbjobs.runs.snapshots import Snapshot, WatchedRun

NOW = 1_767_225_600
LATEST = 253_402_300_799_999
"""The latest time that the API's shape allows, in epoch milliseconds."""

times = st.one_of(
    st.none(), st.integers(0, LATEST), st.integers(NOW - 9999, NOW + 9999).map(lambda s: s * 1000)
)
durations = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(0, 9_999_999))
states = st.sampled_from(
    [
        ("TERMINATED", "SUCCESS"), ("TERMINATED", "FAILED"), ("RUNNING", None), ("PENDING", None),
        ("QUEUED", None), ("BLOCKED", None), ("INTERNAL_ERROR", None), ("NEW", "NEW"), (None, None),
    ]
)  # fmt: skip
keys = st.sampled_from(["a", "b", "c", "d"])


@st.composite
def parts(draw: st.DrawFn, more: dict[str, Any]) -> dict[str, Any]:
    state, result = draw(states)
    return {
        "state": {"life_cycle_state": state, "result_state": result},
        **{name: draw(times) for name in ("start_time", "end_time")},
        **{f"{name}_duration": draw(durations) for name in ("queue", "setup", "run")},
        **more,
    }


@st.composite
def tasks(draw: st.DrawFn) -> dict[str, Any]:
    after = draw(st.lists(keys, max_size=3))
    depends_on = [{"task_key": key} for key in after]
    return draw(parts({"task_key": draw(keys), "run_id": 5, "depends_on": depends_on}))


def a_run(run_id: int) -> st.SearchStrategy[Run]:
    return st.lists(tasks(), max_size=5).flatmap(
        lambda listed: parts({"run_id": run_id, "job_id": 3, "tasks": listed}).map(Run)
    )


def a_past_run(run_id: int) -> st.SearchStrategy[Run]:
    """One that counts: successful, and with its times."""
    good = {"state": {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}, "run_duration": None}
    ends = st.integers(1, LATEST).map(lambda time: {"start_time": 1, "end_time": time})
    return st.tuples(a_run(run_id), ends).map(lambda pair: Run({**pair[0].payload, **good, **pair[1]}))


@given(
    past=st.lists(st.one_of(a_run(1), a_past_run(2), a_past_run(4)), max_size=8),
    polls=st.lists(a_run(9), min_size=1, max_size=3),
    elapsed=st.floats(0, 1e7),
)
def test_nothing_that_a_server_may_say_of_past_runs_disturbs_a_wait(
    past: list[Run], polls: list[Run], elapsed: float
) -> None:
    class Lists:
        def fetch_past_runs(self, job_id: int) -> list[Run]:
            return past

        def fetch_active_runs(self, job_id: int) -> list[Run]:
            return past

    planner = Planner(Lists(), ServerClock(NOW))
    for number, run in enumerate(polls):
        at = elapsed * (number + 1)
        watched = WatchedRun(9, run)
        planner.observe(watched, at, is_new=not number)
        for _ in range(2):
            planner.read_history([watched], at)
        for runs in ([watched], [watched, WatchedRun(10, run), WatchedRun(11)]):
            assert 0 < planner.pause_after(runs, at, Schedule(is_planned=True), number) <= 1.1 * LONGEST_PAUSE
        shot = Snapshot(
            (watched,), at, at, at + 5,
            forecasts=planner.forecasts, server_began=planner.server.began, blockers=planner.blockers,
        )  # fmt: skip
        if expected := expected_end(shot, watched):
            low, high = expected.range or (expected.left, expected.left)
            assert low <= expected.left <= high
            assert 0 <= expected.share_done <= 1
            assert format_expected_end(expected, NOW + at)
        for delay in delays_of(shot, watched):
            assert format_delay(delay, shot, watched)
        format_active_tasks(run, NOW + at)
