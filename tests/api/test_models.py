"""Runs as they come from API 2.0, 2.1 and 2.2: the same questions get the same answers."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.api.models import Run, TaskRun, in_dependency_order
from dbjobs.api.states import Outcome
from dbjobs.http.response import Payload
from tests.support.payloads import BEYOND_FLOAT, RUN_ID, run, state, status, task

MESSAGE = "Workload failed, see run output for details"


def _failed_run(**shape: Any) -> Payload:
    return {
        "run_id": RUN_ID,
        "run_name": "nightly",
        "start_time": 1_767_225_600_000,
        "end_time": 1_767_225_690_500,
        **shape,
    }


SHAPES = {
    "2.0, one task at the top": _failed_run(
        state=state("TERMINATED", "FAILED", MESSAGE),
        task={"spark_python_task": {"python_file": "main.py"}},
        cluster_spec={"existing_cluster_id": "1"},
    ),
    "2.1, state and tasks": _failed_run(
        state=state("TERMINATED", "FAILED", MESSAGE), tasks=[task("main", "TERMINATED", "FAILED")]
    ),
    "2.2, state beside status": _failed_run(
        state=state("TERMINATED", "FAILED", MESSAGE),
        status=status("TERMINATED", "RUN_EXECUTION_ERROR", MESSAGE),
        tasks=[task("main", "TERMINATED", "FAILED")],
    ),
    "2.2, status without state": _failed_run(
        status=status("TERMINATED", "RUN_EXECUTION_ERROR", MESSAGE),
        tasks=[{"run_id": 2, "task_key": "main", "status": status("TERMINATED", "RUN_EXECUTION_ERROR")}],
    ),
}


@pytest.mark.parametrize("payload", SHAPES.values(), ids=SHAPES)
def test_a_failed_run_reads_the_same_in_every_version(payload: Payload) -> None:
    failed = Run(payload)

    assert failed.is_ended
    assert failed.life_cycle_state == "TERMINATED"
    assert failed.outcome is Outcome.FAILED
    assert failed.message == MESSAGE
    assert failed.run_name == "nightly"
    assert failed.seconds_at(now_ms=0) == 90.5
    assert [output.outcome for output in failed.output_runs] == [Outcome.FAILED]


@pytest.mark.parametrize(
    ("payload", "life_cycle_state", "message"),
    [
        pytest.param({"state": state("RUNNING", message="In run")}, "RUNNING", "In run", id="state"),
        pytest.param({"status": {"state": "RUNNING"}}, "RUNNING", "", id="status"),
        pytest.param({"state": {}, "status": {"state": "PENDING"}}, "PENDING", "", id="an empty state"),
        pytest.param({"state": None, "status": None, "tasks": None}, None, "", id="nulls"),
        pytest.param({}, None, "", id="nothing yet"),
        pytest.param(
            {
                "status": {
                    "state": "QUEUED",
                    "queue_details": {"code": "MAX_CONCURRENT_RUNS_REACHED", "message": "Queued due to …"},
                }
            },
            "QUEUED",
            "Queued due to …",
            id="queued, 2.2",
        ),
        pytest.param(
            {"state": {**state("QUEUED"), "queue_reason": "Queued due to …"}},
            "QUEUED",
            "Queued due to …",
            id="queued, 2.1",
        ),
    ],
)
def test_a_run_on_its_way_tells_where_it_is(
    payload: Payload, life_cycle_state: str | None, message: str
) -> None:
    going = Run({"run_id": RUN_ID, **payload})

    assert (going.life_cycle_state, going.message) == (life_cycle_state, message)
    assert going.outcome is None
    assert going.end_time is None
    assert going.run_name == f"run {RUN_ID}"


def test_a_task_is_shown_by_its_newest_attempt_wherever_that_stands() -> None:
    retried = [
        task("load", "RUNNING", run_id=13, attempt_number=2),
        task("load", "TERMINATED", "FAILED", run_id=11, attempt_number=0),
        task("load", "TERMINATED", "FAILED", run_id=12, attempt_number=1),
    ]
    repaired = [
        task("clean", "TERMINATED", "FAILED", run_id=21, start_time=100),
        task("clean", "BLOCKED", run_id=22, start_time=0),
    ]
    both = Run(run("RUNNING", None, *retried, *repaired))

    assert {item.task_key: item.run_id for item in both.tasks} == {"load": 13, "clean": 22}
    assert len(both.attempts) == 5
    assert both.failed_tasks == ()


def test_failed_tasks_are_those_that_went_wrong_themselves() -> None:
    tasks = [
        task("a", "TERMINATED", "SUCCESS"),
        task("b", "INTERNAL_ERROR", "FAILED"),
        task("c", "TERMINATED", "TIMEDOUT"),
        task("d", "INTERNAL_ERROR"),
        task("e", "SKIPPED", "UPSTREAM_FAILED"),
        task("f", "TERMINATED", "CANCELED"),
        task("g", "SKIPPED", "EXCLUDED"),
        task("h", "RUNNING"),
    ]

    failed = Run(run("TERMINATED", "FAILED", *tasks)).failed_tasks
    assert [item.task_key for item in failed] == ["b", "c", "d"]


def test_ids_beyond_what_a_float_holds_are_exact() -> None:
    large = Run(run(run_id=BEYOND_FLOAT, job_id=BEYOND_FLOAT - 1))

    assert large.run_id == 9223372036854775807
    assert large.job_id == 9223372036854775806


KEYS = "abcdefgh"


@st.composite
def _tasks_in_dependency_order(draw: st.DrawFn) -> list[TaskRun]:
    """A DAG: each task may need any of those before it."""
    return [
        TaskRun(task(key, after=tuple(draw(st.sets(st.sampled_from(KEYS[:place]))) if place else ())))
        for place, key in enumerate(KEYS)
    ]


@given(_tasks_in_dependency_order().flatmap(st.permutations))
def test_tasks_stand_after_what_they_depend_on(tasks: list[TaskRun]) -> None:
    ordered = in_dependency_order(tasks)

    places = {item.task_key: place for place, item in enumerate(ordered)}
    assert sorted(places) == sorted(KEYS)
    for item in ordered:
        assert all(places[key] < places[item.task_key] for key in item.depends_on)


@given(st.permutations(KEYS))
def test_tasks_without_dependencies_stay_as_listed(keys: list[str]) -> None:
    ordered = in_dependency_order(TaskRun(task(key)) for key in keys)

    assert [item.task_key for item in ordered] == keys


@given(
    st.dictionaries(
        st.sampled_from(KEYS), st.lists(st.sampled_from(KEYS + "?"), max_size=5).map(tuple), min_size=1
    )
)
def test_circles_and_unknown_dependencies_lose_no_task(dependencies: dict[str, tuple[str, ...]]) -> None:
    tasks = [TaskRun(task(key, after=after)) for key, after in dependencies.items()]

    ordered = in_dependency_order(tasks)
    assert sorted(item.task_key for item in ordered) == sorted(dependencies)


def test_a_chain_of_a_thousand_tasks_is_no_trouble() -> None:
    chain = [f"t{number}" for number in range(1000)]
    tasks = [TaskRun(task(new, after=(old,))) for old, new in pairwise(chain)]

    ordered = in_dependency_order(reversed([TaskRun(task("t0")), *tasks]))
    assert [item.task_key for item in ordered] == chain
