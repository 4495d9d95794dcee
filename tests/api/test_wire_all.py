"""What goes over the wire for lists, changes and repairs, version by version, as the API documents it."""

from typing import Any

import pytest

from tests.conftest import Dbjobs, Serve
from tests.support.fakes import by_endpoint
from tests.support.payloads import run, task

Request = tuple[str, str, dict[str, str], Any]
"""Method, endpoint, query, body."""

NOTEBOOK = {"notebook_task": {"notebook_path": "/n"}}
SETTINGS = {"name": "nightly", "schedule": {"pause_status": "UNPAUSED"}, "tags": {"team": "data"}}
JOB = {"job_id": 42, "settings": SETTINGS}
FAILED = run(
    "TERMINATED",
    "FAILED",
    task("load", "TERMINATED", "SUCCESS"),
    task("clean", "TERMINATED", "FAILED", spark_python_task={"python_file": "/clean.py"}),
    run_id=43,
    overriding_parameters={"python_params": ["--day", "1"]},
)
REPAIRED = {
    **FAILED,
    "overriding_parameters": {},
    "job_parameters": [{"name": "day", "default": "0", "value": "1"}, {"name": "city", "value": "Bonn"}],
    "repair_history": [
        {"type": "ORIGINAL", "start_time": 1},
        {"type": "REPAIR", "id": 2**62 + 1, "start_time": 3},
        {"type": "REPAIR", "id": 2**62, "start_time": 2},
    ],
}
ANSWERS: dict[str, Any] = {
    "list": {"jobs": [JOB]},
    "get": JOB,
    "reset": {},
    "update": {},
    "delete": {},
    "runs/list": {"runs": [run("RUNNING", run_id=43)]},
    "runs/get": FAILED,
    "runs/cancel-all": {},
    "runs/delete": {},
    "runs/repair": {"repair_id": 2**63 - 1},
}
LOOK: Request = ("GET", "get", {"job_id": "42"}, None)
LOOK_AT_RUN: Request = ("GET", "runs/get", {"run_id": "43", "include_history": "true"}, None)
ALL, TOKENS = ("2.0", "2.1", "2.2"), ("2.1", "2.2")


def get(endpoint: str, **query: object) -> list[Request]:
    return [("GET", endpoint, {name: str(value) for name, value in query.items()}, None)]


def post(endpoint: str, **body: object) -> list[Request]:
    return [("POST", endpoint, {}, body)]


CALLS: list[tuple[str, tuple[str, ...], list[Request]]] = [
    # command, versions, requests
    ("jobs list -o json", ("2.0",), get("list")),
    ("jobs list --name nightly --limit 7 --expand-tasks", ("2.0",), get("list")),
    ("jobs list -o json", TOKENS, get("list", limit=100)),
    ("jobs list", TOKENS, get("list", limit=100, expand_tasks="true")),
    ("jobs list --limit 7 -o id", TOKENS, get("list", limit=7)),
    ("jobs list --limit 0 -o id", TOKENS, get("list", limit=100)),
    ("jobs list --limit 101 -o id", TOKENS, get("list", limit=100)),
    ("jobs list --name nightly -o id", TOKENS, get("list", name="nightly", limit=100)),
    ("jobs list --expand-tasks -o jsonl", TOKENS, get("list", limit=100, expand_tasks="true")),
    (
        "jobs reset 42 --yes --json {notebook_task:\\ {notebook_path:\\ /n}}",
        ("2.0",),
        [LOOK, *post("reset", job_id=42, new_settings=NOTEBOOK)],
    ),
    (
        "jobs reset 42 --yes --json {tasks:\\ [{task_key:\\ a,\\ notebook_task:\\ {notebook_path:\\ /n}}]}",
        TOKENS,
        [LOOK, *post("reset", job_id=42, new_settings={"tasks": [{"task_key": "a", **NOTEBOOK}]})],
    ),
    (
        "jobs update 42 --json {name:\\ weekly}",
        ALL,
        [LOOK, *post("update", job_id=42, new_settings={"name": "weekly"}), LOOK],
    ),
    (
        "jobs update 42 --set schedule.pause_status=PAUSED --set tags.cost=7",
        ALL,
        [
            LOOK,
            *post(
                "update",
                job_id=42,
                new_settings={"schedule": {"pause_status": "PAUSED"}, "tags": {"team": "data", "cost": 7}},
            ),
            LOOK,
        ],
    ),
    (
        "jobs update 42 --remove schedule --remove tags",
        ALL,
        [LOOK, *post("update", job_id=42, fields_to_remove=["schedule", "tags"]), LOOK],
    ),
    ("jobs delete 42 44 --yes", ALL, [*post("delete", job_id=42), *post("delete", job_id=44)]),
    ("runs list", ("2.0",), get("runs/list", limit=20)),
    ("runs list", TOKENS, get("runs/list", limit=20, expand_tasks="true")),
    ("runs list --limit 7", ("2.0",), get("runs/list", limit=7)),
    ("runs list --limit 7", TOKENS, get("runs/list", limit=7, expand_tasks="true")),
    ("runs list --limit 0", ("2.0",), get("runs/list", limit=0)),
    ("runs list --limit 0", TOKENS, get("runs/list", limit=25)),
    ("runs list --limit 26", ("2.0",), get("runs/list", limit=0)),
    ("runs list --limit 26", TOKENS, get("runs/list", limit=25)),
    ("runs list --job 42 --active", ("2.0",), get("runs/list", job_id=42, active_only="true", limit=20)),
    (
        "runs list --job 42 --active",
        TOKENS,
        get("runs/list", job_id=42, active_only="true", limit=20, expand_tasks="true"),
    ),
    ("runs list --completed", ("2.0",), get("runs/list", completed_only="true", limit=20)),
    ("runs list --completed", TOKENS, get("runs/list", completed_only="true", limit=20, expand_tasks="true")),
    ("runs list --run-type submit_run", ("2.0",), get("runs/list", run_type="SUBMIT_RUN", limit=20)),
    (
        "runs list --run-type submit_run",
        TOKENS,
        get("runs/list", run_type="SUBMIT_RUN", limit=20, expand_tasks="true"),
    ),
    ("runs list --since 1767225600000", ("2.0",), get("runs/list", limit=0)),
    (
        "runs list --since 2026-01-01T00:00Z --until 1767225600001 --expand-tasks",
        TOKENS,
        get(
            "runs/list",
            start_time_from=1_767_225_600_000,
            start_time_to=1_767_225_600_001,
            limit=20,
            expand_tasks="true",
        ),
    ),
    (
        "runs list --job nightly",
        TOKENS,
        [
            *get("list", name="nightly", limit=100),
            *get("runs/list", job_id=42, limit=20, expand_tasks="true"),
        ],
    ),
    ("runs cancel-all 42 --yes", ALL, post("runs/cancel-all", job_id=42)),
    ("runs cancel-all --all-queued --yes", ALL, post("runs/cancel-all", all_queued_runs=True)),
    ("runs delete 43 44 --yes", ALL, [*post("runs/delete", run_id=43), *post("runs/delete", run_id=44)]),
    (
        "runs repair 43",
        TOKENS,
        [
            LOOK_AT_RUN,
            *post("runs/repair", run_id=43, rerun_all_failed_tasks=True, python_params=["--day", "1"]),
        ],
    ),
    (
        "runs repair 43 --rerun clean --rerun load --rerun clean --rerun-dependent --python-param x",
        TOKENS,
        [
            LOOK_AT_RUN,
            *post(
                "runs/repair",
                run_id=43,
                rerun_tasks=["clean", "load"],
                rerun_dependent_tasks=True,
                python_params=["x"],
            ),
        ],
    ),
]


@pytest.mark.parametrize(
    ("command", "version", "requests"),
    [
        pytest.param(command, version, requests, id=f"{command} {version}")
        for command, versions, requests in CALLS
        for version in versions
    ],
)
def test_a_command_sends_what_the_api_documents(
    dbjobs: Dbjobs, serve: Serve, command: str, version: str, requests: list[Request]
) -> None:
    server = serve(by_endpoint(ANSWERS))
    words = [word.replace("\0", " ") for word in command.replace("\\ ", "\0").split()]

    done = dbjobs(*words, "--api-version", version)
    assert done.exit_code == 0, done.stderr
    assert [(each.method, each.path, each.query, each.body) for each in server.received] == [
        (method, f"/api/{version}/jobs/{endpoint}", query, body) for method, endpoint, query, body in requests
    ]


@pytest.mark.parametrize("version", TOKENS)
def test_a_second_repair_names_the_latest_and_sends_the_parameters_again(
    dbjobs: Dbjobs, serve: Serve, version: str
) -> None:
    server = serve(by_endpoint({**ANSWERS, "runs/get": REPAIRED}))

    done = dbjobs("runs", "repair", 43, "--rerun-failed", "-P", "day=2", "--api-version", version)
    assert (done.exit_code, done.stdout) == (0, f"{2**63 - 1}\n")
    assert server.changes[0].body == {
        "run_id": 43,
        "rerun_all_failed_tasks": True,
        "latest_repair_id": 2**62 + 1,
        "job_parameters": {"day": "2", "city": "Bonn"},
    }


def test_version_2_0_has_no_repair(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(by_endpoint(ANSWERS))

    done = dbjobs("runs", "repair", 43, "--api-version", "2.0")
    assert (done.exit_code, server.changes) == (2, [])
    assert done.stderr.splitlines() == [
        "error: Jobs API 2.0 has no runs/repair",
        "hint: use --api-version 2.1 or 2.2",
    ]


@pytest.mark.parametrize(("version", "is_told"), [("2.0", False), ("2.1", True), ("2.2", False)])
@pytest.mark.parametrize("command", ["jobs get 42", "runs get 43"])
def test_an_answer_that_2_1_may_have_cut_is_told(
    dbjobs: Dbjobs, serve: Serve, command: str, version: str, is_told: bool
) -> None:
    tasks = [task(str(number)) for number in range(100)]
    answers = {"get": {"job_id": 42, "settings": {"tasks": tasks}}, "runs/get": {**FAILED, "tasks": tasks}}
    serve(by_endpoint(answers))
    done = dbjobs(*command.split(), "--api-version", version)
    assert ("warning: Jobs API 2.1 shows 100 tasks at most" in done.stderr) is is_told
