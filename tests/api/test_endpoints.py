"""What goes over the wire: method, path, query and body of every endpoint, in every version of the API."""

import json
from typing import Any

import pytest

from tests.conftest import TOKEN, Dbjobs, Serve
from tests.support.fakes import Reply, ScriptedServer, by_endpoint
from tests.support.payloads import RUN_ID, TASKS, run, task

VERSIONS = ("2.0", "2.1", "2.2")
JOB = {"job_id": 42, "settings": {"name": "nightly", "parameters": [{"name": "day", "default": ""}]}}
ANSWERS = {
    "create": {"job_id": 42},
    "get": JOB,
    "list": {"jobs": [JOB]},
    "run-now": {"run_id": 43, "number_in_job": 43},
    "runs/submit": {"run_id": 43},
    "runs/get": run(run_id=43),
    "runs/get-output": {"logs": "done"},
    "runs/cancel": {},
}
ONCE = ("--idempotency-token", "once")
SETTINGS = json.dumps({"name": "nightly", "tasks": TASKS})
RUN = json.dumps({"run_name": "once", "tasks": TASKS, "idempotency_token": "of the file"})
WORK = {"tasks": TASKS}
"""What stands in a body as the fields of one task, where the version knows no other form."""

Requests = list[tuple[str, str, dict[str, str], Any]]
CALLS: dict[str, tuple[tuple[Any, ...], Requests]] = {
    "create": (
        ("jobs", "create", "--json", SETTINGS),
        [("POST", "create", {}, {"name": "nightly", **WORK})],
    ),
    "get": (("jobs", "get", 42, "-o", "json"), [("GET", "get", {"job_id": "42"}, None)]),
    "run-now": (
        ("runs", "now", 42, *ONCE),
        [("POST", "run-now", {}, {"job_id": 42, "idempotency_token": "once"})],
    ),
    "run-now with parameters": (
        ("runs", "now", 42, *ONCE, "-P", "day=2026-01-01", "--only", "a", "--only", "b"),
        [
            ("GET", "get", {"job_id": "42"}, None),
            (
                "POST",
                "run-now",
                {},
                {
                    "job_id": 42,
                    "job_parameters": {"day": "2026-01-01"},
                    "only": ["a", "b"],
                    "idempotency_token": "once",
                },
            ),
        ],
    ),
    "submit": (
        ("runs", "submit", "--json", RUN),
        [("POST", "runs/submit", {}, {"run_name": "once", "idempotency_token": "of the file", **WORK})],
    ),
    "submit with options": (
        ("runs", "submit", "--json", RUN, "--run-name", "twice", *ONCE),
        [("POST", "runs/submit", {}, {"run_name": "twice", "idempotency_token": "once", **WORK})],
    ),
    "runs/get": (("runs", "get", 43, "-o", "json"), [("GET", "runs/get", {"run_id": "43"}, None)]),
    "runs/get-output": (
        ("runs", "output", 43),
        [
            ("GET", "runs/get", {"run_id": "43"}, None),
            ("GET", "runs/get-output", {"run_id": "43"}, None),
        ],
    ),
    "runs/cancel": (("runs", "cancel", 43), [("POST", "runs/cancel", {}, {"run_id": 43})]),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("command", "requests"), CALLS.values(), ids=CALLS)
def test_a_command_sends_what_the_api_documents(
    dbjobs: Dbjobs, serve: Serve, version: str, command: tuple[Any, ...], requests: Requests
) -> None:
    server = serve(by_endpoint(ANSWERS))

    result = dbjobs(*command, "--api-version", version, "--quiet")
    assert result.exit_code == 0, result.stderr
    assert [(each.method, each.path, each.query, each.body) for each in server.received] == [
        (method, f"/api/{version}/jobs/{endpoint}", query, _of_version(version, body))
        for method, endpoint, query, body in requests
    ]
    for request in server.received:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        is_json = request.headers.get("content-type") == "application/json"
        assert is_json == (request.method == "POST")


@pytest.mark.parametrize("version", VERSIONS)
def test_people_get_more_of_a_job_by_two_requests_and_more_of_a_run_by_none(
    dbjobs: Dbjobs, serve: Serve, version: str
) -> None:
    server = serve(by_endpoint({**ANSWERS, "runs/list": {}, "42": {}}))

    assert dbjobs("jobs", "get", 42, "--api-version", version).exit_code == 0
    assert dbjobs("runs", "get", 43, "--api-version", version).exit_code == 0

    has_tasks = version != "2.0"
    tasks = {"expand_tasks": "true"} if has_tasks else {}
    history = {"include_history": "true"} if has_tasks else {}
    assert [(each.path.partition("/api/")[2], each.query) for each in server.received] == [
        (f"{version}/jobs/get", {"job_id": "42"}),
        (f"{version}/jobs/runs/list", {"job_id": "42", "limit": "10", **tasks}),
        ("2.0/permissions/jobs/42", {}),
        (f"{version}/jobs/runs/get", {"run_id": "43", **history}),
    ]


def _of_version(version: str, body: Any) -> Any:
    """2.0 knows one task, whose fields are at the top."""
    if version != "2.0" or body is None or "tasks" not in body:
        return body
    [task] = TASKS
    others = {name: value for name, value in body.items() if name != "tasks"}
    return {**others, "notebook_task": task["notebook_task"]}


def test_the_version_is_2_2_unless_told_otherwise(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(by_endpoint(ANSWERS))

    dbjobs("runs", "get", 43)
    assert server.received[0].path == "/api/2.2/jobs/runs/get"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_job_is_found_by_its_name_in_every_version(dbjobs: Dbjobs, serve: Serve, version: str) -> None:
    others = [{"job_id": 1, "settings": {"name": "nightly 2"}}, {"job_id": 2}, {"job_id": 3, "settings": {}}]
    server = serve(by_endpoint({**ANSWERS, "list": {"jobs": [*others, JOB]}}))

    result = dbjobs("runs", "now", "nightly", "--api-version", version)
    assert (result.exit_code, result.stdout) == (0, "43\n")
    asked, started = server.received
    assert asked.path == f"/api/{version}/jobs/list"
    assert asked.query.get("name") == (None if version == "2.0" else "nightly")
    assert started.body["job_id"] == 42


@pytest.mark.parametrize("version", VERSIONS)
def test_the_output_of_a_run_of_tasks_is_that_of_its_task_runs(
    dbjobs: Dbjobs, serve: Serve, version: str
) -> None:
    tasks = [task("b", run_id=8, after=("a",)), task("a", run_id=7)]
    server = serve(by_endpoint({**ANSWERS, "runs/get": run("TERMINATED", "SUCCESS", *tasks, run_id=43)}))

    assert dbjobs("runs", "output", 43, "--api-version", version).exit_code == 0
    assert [request.query["run_id"] for request in server.received] == ["43", "7", "8"]


# Pages


def _pages(token_of: dict[int, str | None]) -> list[dict[str, Any]]:
    """A run's pages, of one task each."""
    return [
        {
            **run("RUNNING", None, task(f"t{number}", "RUNNING")),
            **({} if token is None else {"next_page_token": token}),
        }
        for number, token in token_of.items()
    ]


def _keys_and_tokens(
    dbjobs: Dbjobs, server: ScriptedServer, command: tuple[Any, ...]
) -> tuple[list[str], list[str | None]]:
    result = dbjobs(*command, "-o", "json")
    assert result.exit_code == 0, result.stderr
    assert "page_token" not in result.stdout
    keys = [line.split('"')[3] for line in result.stdout.splitlines() if '"task_key"' in line]
    return keys, [request.query.get("page_token") for request in server.received]


@pytest.mark.parametrize(
    ("tokens", "keys", "asked"),
    [
        pytest.param({1: None}, ["t1"], [None], id="one page"),
        pytest.param({1: "A", 2: "B", 3: None}, ["t1", "t2", "t3"], [None, "A", "B"], id="to the end"),
        pytest.param({1: "A", 2: ""}, ["t1", "t2"], [None, "A"], id="an empty token"),
        pytest.param({1: "A", 2: "A", 3: None}, ["t1", "t2"], [None, "A"], id="a token that repeats"),
        pytest.param({1: "A", 2: "B", 3: "A", 4: None}, ["t1", "t2", "t3"], [None, "A", "B"], id="a circle"),
    ],
)
def test_a_run_is_read_page_by_page_and_never_in_circles(
    dbjobs: Dbjobs, serve: Serve, tokens: dict[int, str | None], keys: list[str], asked: list[str | None]
) -> None:
    server = serve(by_endpoint({"runs/get": _pages(tokens)}))

    assert _keys_and_tokens(dbjobs, server, ("runs", "get", RUN_ID)) == (keys, asked)


def test_a_job_is_read_page_by_page(dbjobs: Dbjobs, serve: Serve) -> None:
    pages = [
        {"job_id": 42, "settings": {"name": "n", "tasks": [{"task_key": "a"}]}, "next_page_token": "A"},
        {"job_id": 42, "settings": {"name": "n", "tasks": [], "job_clusters": []}, "next_page_token": "B"},
        {"job_id": 42, "settings": {"name": "n", "tasks": [{"task_key": "b"}]}, "next_page_token": ""},
    ]
    server = serve(by_endpoint({"get": pages}))

    assert _keys_and_tokens(dbjobs, server, ("jobs", "get", 42)) == (["a", "b"], [None, "A", "B"])


def test_a_name_is_looked_for_on_every_page(dbjobs: Dbjobs, serve: Serve) -> None:
    pages = [
        {"jobs": [{"job_id": 1, "settings": {"name": "nightly"}}], "next_page_token": "A", "has_more": True},
        {"next_page_token": "B", "has_more": True},
        {"jobs": [{"job_id": 2, "settings": {"name": "nightly"}}], "next_page_token": ""},
    ]
    server = serve(by_endpoint({"list": pages}))

    result = dbjobs("jobs", "get", "nightly")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "error: 2 jobs are named 'nightly': 1, 2",
        "hint: choose one by its id",
    ]
    assert len(server.received) == 3


def test_a_workspace_without_version_2_2_is_told_from_a_missing_run(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(Reply(404, {"error_code": "ENDPOINT_NOT_FOUND", "message": "No API found for 'GET /jobs'"}))

    result = dbjobs("runs", "get", 43)
    assert result.exit_code == 5
    assert result.stderr.splitlines()[-1] == "hint: an older workspace may need --api-version 2.1"
