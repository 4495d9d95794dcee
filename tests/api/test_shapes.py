"""Answers of a wrong shape: said as such, never a fault of dbjobs, whichever field it is."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.api.shapes import ANSWERS, ShapeError, check_shape
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import FakeClock, Received, Reply, by_endpoint
from tests.support.payloads import JOB_ID, RUN_ID, TASKS, run, status, task

TIMES = {"start_time": 1_767_225_600_000, "end_time": 1_767_225_660_000, "run_duration": 60_000}
TASK = task(
    "main",
    "TERMINATED",
    "FAILED",
    after=("before",),
    status=status("TERMINATED", "RUN_EXECUTION_ERROR", "No."),
    notebook_task={"notebook_path": "/main"},
    condition_task={"left": "1", "op": "EQUAL_TO", "right": "1", "outcome": "true"},
    for_each_task={
        "inputs": "[1]",
        "task": {"task_key": "inner", "notebook_task": {"notebook_path": "/inner"}},
        "stats": {
            "error_message_stats": [{"count": 1, "error_message": "No."}],
            "task_run_stats": {"total": 1},
        },
    },
    run_page_url="https://adb.example/run",
    cluster_instance={"cluster_id": "c"},
    job_cluster_key="c",
    libraries=[{"pypi": {"package": "p"}}],
    setup_duration=1000,
    **TIMES,
)
RUN = run(
    "TERMINATED",
    "FAILED",
    TASK,
    status={**status("TERMINATED", "RUN_EXECUTION_ERROR"), "queue_details": {"code": "C", "message": "M"}},
    run_page_url="https://adb.example/run",
    run_type="JOB_RUN",
    trigger="PERIODIC",
    creator_user_name="ann@example.com",
    number_in_job=1,
    job_parameters=[{"name": "day", "value": "1", "default": "0"}],
    job_clusters=[{"job_cluster_key": "c", "new_cluster": {"num_workers": 1}}],
    overriding_parameters={"notebook_params": {"a": "1"}},
    git_source={"git_url": "u", "git_branch": "main", "git_snapshot": {"used_commit": "c"}},
    trigger_info={"run_id": 9},
    repair_history=[{"id": 5, "type": "REPAIR", "start_time": 1_767_225_600_000, "task_run_ids": [1]}],
    **TIMES,
)
JOB = {
    "job_id": JOB_ID,
    "creator_user_name": "ann@example.com",
    "created_time": 1_767_225_600_000,
    "settings": {
        "name": "nightly",
        "max_concurrent_runs": 1,
        "timeout_seconds": 60,
        "tags": {"team": "data"},
        "email_notifications": {"on_failure": ["ann@example.com"]},
        "webhook_notifications": {"on_failure": [{"id": "w"}]},
        "parameters": [{"name": "day", "default": "0"}],
        "schedule": {"quartz_cron_expression": "0 0 2 * * ?", "timezone_id": "UTC", "pause_status": "PAUSED"},
        "continuous": {"pause_status": "PAUSED"},
        "trigger": {"pause_status": "PAUSED", "file_arrival": {"url": "s3://a"}},
        "job_clusters": [{"job_cluster_key": "c", "new_cluster": {"num_workers": 1}}],
        "tasks": [
            {
                "task_key": "main",
                "depends_on": [{"task_key": "before"}],
                "notebook_task": {"notebook_path": "/main"},
                "new_cluster": {"num_workers": 1, "node_type_id": "n", "autoscale": {"min_workers": 1}},
                "libraries": [{"pypi": {"package": "p"}}],
                "sql_task": {"query": {"query_id": "q"}},
            }
        ],
    },
}
OUTPUT = {
    "notebook_output": {"result": "r", "truncated": False},
    "logs": "l",
    "logs_truncated": False,
    "error": "e",
    "error_trace": "t",
    "info": "i",
    "sql_output": {"query_output": {"output_link": "l"}},
    "run_job_output": {"run_id": 5},
    "metadata": RUN,
}
EXPORT = {"views": [{"content": "<html></html>", "name": "main", "type": "NOTEBOOK"}]}

PERMISSIONS = {
    "access_control_list": [
        {"user_name": "ann@example.com", "all_permissions": [{"permission_level": "IS_OWNER"}]},
        {"group_name": "admins", "all_permissions": [{"permission_level": "CAN_MANAGE"}]},
    ]
}
COMMANDS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "get": (["jobs", "get", JOB_ID], JOB),
    "list": (["jobs", "list", "--expand-tasks"], {"jobs": [JOB], "has_more": False, "next_page_token": ""}),
    str(JOB_ID): (["jobs", "get", JOB_ID], PERMISSIONS),
    "runs/get": (["runs", "get", RUN_ID], RUN),
    "runs/list": (
        ["runs", "list", "--expand-tasks"],
        {"runs": [RUN], "has_more": False, "next_page_token": ""},
    ),
    "runs/get-output": (["runs", "output", RUN_ID], OUTPUT),
    "run-now": (["runs", "now", JOB_ID], {"run_id": RUN_ID, "number_in_job": 1}),
    "create": (
        [
            "jobs",
            "create",
            "--json",
            json.dumps({"name": "n", "tasks": TASKS}),
        ],
        {"job_id": JOB_ID},
    ),
    "runs/repair": (["runs", "repair", RUN_ID, "--rerun-failed"], {"repair_id": 7}),
}
WRONG: tuple[Any, ...] = ("x", "12\n34", -1, 1.5, 10**400, True, [], {}, [None], [[]], {"a": None}, ["x"])


def mutations(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every field, of whatever depth."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from mutations(inner, (*path, key))


def mutate(answer: Any, path: tuple[Any, ...], wrong: Any) -> Any:
    answer = copy.deepcopy(answer)
    holder = answer
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = wrong
    return answer


@pytest.mark.parametrize("endpoint", COMMANDS)
def test_no_wrong_field_is_a_fault_of_dbjobs(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, endpoint: str
) -> None:
    """Either the command does not mind, or it says which field it is."""
    command, good = COMMANDS[endpoint]
    answers: dict[str, Any] = {"runs/get": RUN, "get": JOB, "runs/get-output": OUTPUT, "runs/list": {}}
    answers |= {str(JOB_ID): PERMISSIONS, endpoint: good}

    def reply(request: Received) -> Reply:
        answer = answers[request.endpoint]
        if request.endpoint == "runs/get" and answer is RUN:
            answer = {**RUN, "run_id": int(request.query["run_id"])}
        return Reply(body=answer)

    serve(reply)
    assert dbjobs(*command).exit_code == 0
    for number, path in enumerate(mutations(good)):
        for wrong in WRONG[number % 2 :: 2][number % 3 :: 3]:  # two each: all of them would take minutes
            answers[endpoint] = mutate(good, path, wrong)
            result = dbjobs(*command)
            assert result.exit_code in (0, 3, 4, 5, 6), (path, wrong, result.stderr)
            assert "fault of dbjobs" not in result.stderr, (path, wrong, result.stderr)
            assert "Traceback" not in result.stderr
            if result.exit_code == 6:
                assert "cannot be used: " in result.stderr or "is about " in result.stderr, (path, wrong)


@pytest.mark.parametrize(
    ("endpoint", "answer", "words"),
    [
        ("runs/get", {"run_id": 7, "state": "x"}, "state is text instead of an object"),
        ("runs/get", {"run_id": 7, "tasks": [None]}, "tasks[0] is null instead of an object"),
        ("runs/get", {"run_id": "12\n34"}, "run_id is text instead of an id"),
        ("runs/get", {"run_id": 7, "start_time": 10**18}, "start_time is another number instead of a time"),
        ("runs/get", {"run_id": 7, "tasks": [{"depends_on": [{}]}]}, "depends_on[0].task_key is missing"),
        ("get", {"job_id": 7, "settings": "x"}, "settings is text instead of an object"),
        ("list", {"jobs": {}}, "jobs is an object instead of an array"),
        ("runs/list", {"runs": [{}]}, "runs[0].run_id is missing"),
        ("runs/list", {"has_more": "no"}, "has_more is text instead of true or false"),
    ],
)  # fmt: skip
def test_the_field_is_named(endpoint: str, answer: dict[str, Any], words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        check_shape(answer, ANSWERS[endpoint])
    assert words in str(caught.value)


@pytest.mark.parametrize(("command", "asked"), [(("runs", "get", 7), "run 7"), (("jobs", "get", 7), "job 7")])
def test_an_answer_about_another_one_is_none(
    dbjobs: Dbjobs, serve: Serve, command: tuple[Any, ...], asked: str
) -> None:
    serve(by_endpoint({"runs/get": {"run_id": 8}, "get": {"job_id": 8}}))
    result = dbjobs(*command)
    assert (result.exit_code, result.stdout) == (6, "")
    assert f"the server's answer is about {asked[:-1]}8, not {asked}" in result.stderr


def test_a_wait_polls_again_after_an_answer_of_a_wrong_shape(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    good = run("TERMINATED", "SUCCESS", run_id=7)
    serve(Reply(body={"run_id": 7, "state": "x"}), Reply(body={**good, "run_id": 8}), Reply(body=good))
    result = dbjobs("runs", "wait", 7)
    assert (result.exit_code, result.stdout) == (0, "7\tTERMINATED\tSUCCESS\n")
    assert "state is text instead of an object" in result.stderr


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(["run_id", "tasks", "state", "status", "x"]), inner, max_size=3)
        ),
    ).filter(lambda value: isinstance(value, dict))
)
def test_what_fits_is_left_as_it_is_but_for_numbers_in_digits(answer: Any) -> None:
    before = copy.deepcopy(answer)
    try:
        check_shape(answer, ANSWERS["runs/get"])
    except ShapeError:
        return
    assert isinstance(answer["run_id"], int)
    assert {**answer, "run_id": 0} == {**before, "run_id": 0} or "tasks" in answer
