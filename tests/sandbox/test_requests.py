"""Requests: who may send them, what is refused and how."""

from __future__ import annotations

import json
import socket
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbjobs.errors import UsageError
from dbjobs.sandbox.endpoints import ENDPOINTS
from dbjobs.sandbox.server import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from .client import Client

VERSIONS = ("2.0", "2.1", "2.2")
TASK = {"task_key": "a", "spark_python_task": {"python_file": "a.py"}}


class TestSignIn:
    @pytest.mark.parametrize(
        "authorization", [None, "", "Bearer", "Bearer wrong", "Bearer ü", "Basic dG9rZW46eA=="]
    )
    def test_is_required(self, client: Client, authorization: str | None) -> None:
        headers = {} if authorization is None else {"Authorization": authorization.encode()}
        for path in ("/api/2.2/jobs/list", "/api/2.2/no/such", "/"):
            response = client.session.get(client.url + path, headers=headers)
            assert response.status_code == 401
            assert response.json()["error_code"] == "UNAUTHENTICATED"

    def test_takes_the_token_as_a_password_too(self, client: Client) -> None:
        response = client.session.get(client.url + "/api/2.2/jobs/list", auth=("token", client.token))
        assert response.status_code == 200

    def test_tells_who_it_was(self, client: Client) -> None:
        assert client.get("preview/scim/v2/Me", version="2.0")["userName"] == "user@sandbox.local"


@pytest.mark.parametrize(("method", "path"), [*ENDPOINTS])
def test_every_answer_bears_a_request_id(client: Client, method: str, path: str) -> None:
    ids = {client.send(method, path, version=version).headers["x-request-id"] for version in VERSIONS}
    assert len(ids) == len(VERSIONS)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "jobs/nothing"), ("GET", "jobs/create"), ("POST", "jobs/get"), ("GET", "clusters/get")],
)
@pytest.mark.parametrize("version", [*VERSIONS, "3.0"])
def test_what_is_not_there_is_no_endpoint(client: Client, method: str, path: str, version: str) -> None:
    assert client.refusal(method, path, version=version)[:2] == (404, "ENDPOINT_NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "params", "message"),
    [
        ("GET", "jobs/get", {"job_id": 7}, "Job 7 does not exist."),
        ("POST", "jobs/run-now", {"job_id": 7}, "Job 7 does not exist."),
        ("POST", "jobs/delete", {"job_id": 7}, "Job 7 does not exist."),
        ("POST", "jobs/update", {"job_id": 7}, "Job 7 does not exist."),
        ("GET", "jobs/runs/get", {"run_id": 7}, "Run 7 does not exist."),
        ("GET", "jobs/runs/get-output", {"run_id": 7}, "Run 7 does not exist."),
        ("POST", "jobs/runs/cancel", {"run_id": 7}, "Run 7 does not exist."),
        ("POST", "jobs/runs/delete", {"run_id": 7}, "Run 7 does not exist."),
        ("GET", "jobs/get", {}, "Missing required field: job_id"),
        ("GET", "jobs/runs/get", {}, "Missing required field: run_id"),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_unknown_ids(
    client: Client, method: str, path: str, params: dict[str, Any], message: str, version: str
) -> None:
    refusal = client.refusal(method, path, version=version, **params)
    assert refusal == (400, "INVALID_PARAMETER_VALUE", message)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "has to be given"),
        ({"tasks": []}, "has to be given"),
        ({"tasks": [TASK, TASK]}, "same task_key"),
        ({"tasks": [TASK | {"task_key": "a b"}]}, "task_key"),
        ({"tasks": [{"task_key": "a"}]}, "has to have one type"),
        ({"tasks": [TASK | {"notebook_task": {"notebook_path": "/a"}}]}, "has to have one type"),
        ({"tasks": [{"task_key": "a", "spark_python_task": {}}]}, "lacks python_file"),
        ({"tasks": [TASK | {"run_if": "SOMETIMES"}]}, "run_if of task a"),
        ({"tasks": [TASK | {"depends_on": [{"task_key": "b"}]}]}, "depends on b, which does not exist"),
        ({"tasks": [TASK | {"depends_on": [{"task_key": "a"}]}]}, "cycle: a"),
        ({"tasks": [TASK | {"existing_cluster_id": "c", "new_cluster": {}}]}, "has to name one of"),
        ({"tasks": [TASK | {"task_key": f"t{n}"} for n in range(1001)]}, "1000 tasks at most"),
        ({"tasks": [TASK], "notebook_task": {"notebook_path": "/a"}}, "not both"),
        ({"tasks": [TASK], "max_concurrent_runs": 1001}, "from 0 to 1000"),
        ({"tasks": [TASK], "timeout_seconds": -1}, "0 or more"),
    ],
)
@pytest.mark.parametrize("path", ["jobs/create", "jobs/runs/submit"])
def test_settings_that_cannot_be(client: Client, path: str, body: dict[str, Any], complaint: str) -> None:
    status, error_code, message = client.refusal("POST", path, **body)
    assert (status, error_code) == (400, "INVALID_PARAMETER_VALUE")
    assert complaint in message


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"idempotency_token": "x" * 65}, "64 characters"),
        ({"notebook_params": {"a": "1"}, "python_params": ["1"]}, "one kind of parameters"),
        ({"python_params": ["ü"]}, "ASCII"),
        ({"notebook_params": {"a": "x" * 10_000}}, "10000 bytes"),
        ({"only": ["b"]}, "Task b does not exist"),
    ],
)
def test_run_now_that_cannot_be(client: Client, params: dict[str, Any], complaint: str) -> None:
    job_id = client.create(TASK)
    status, error_code, message = client.refusal("POST", "jobs/run-now", job_id=job_id, **params)
    assert (status, error_code) == (400, "INVALID_PARAMETER_VALUE")
    assert complaint in message


def test_run_name_has_a_limit(client: Client) -> None:
    refusal = client.refusal("POST", "jobs/runs/submit", tasks=[TASK], run_name="ü" * 2049)
    assert refusal[:2] == (400, "INVALID_PARAMETER_VALUE")


def test_numbers_may_be_texts_and_texts_numbers(client: Client) -> None:
    job_id = client.create(TASK, max_concurrent_runs="3")
    assert client.get("jobs/get", job_id=str(job_id))["settings"]["max_concurrent_runs"] == 3
    assert client.run_now(job_id, job_parameters={"a": 1, "b": True})


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"7",
        b"\xff",
        b'{"job_id": 1.5}',
        b'{"job_id": "x"}',
        b'{"job_id": {}}',
        b'{"job_id": 9223372036854775808}',
    ],
)
def test_a_body_that_cannot_be_read(client: Client, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {client.token}"}
    response = client.session.post(client.url + "/api/2.2/jobs/run-now", data=body, headers=headers)
    assert (response.status_code, response.json()["error_code"]) == (400, "MALFORMED_REQUEST")


def test_a_body_beyond_10_mb_is_refused_and_the_next_request_is_served(client: Client) -> None:
    assert client.refusal("POST", "jobs/create", name="x" * 11_000_000)[0] == 413
    assert client.get("jobs/list") == {"has_more": False}


@pytest.mark.parametrize("length", ["-1", "x", "1e3"])
def test_a_body_of_no_known_length_is_refused(client: Client, length: str) -> None:
    lines = (
        "POST /api/2.2/jobs/create HTTP/1.1",
        f"Authorization: Bearer {client.token}",
        f"Content-Length: {length}",
    )
    with socket.create_connection(("127.0.0.1", int(client.url.rpartition(":")[2]))) as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1000).startswith(b"HTTP/1.1 413")


def test_a_body_in_chunks_is_read(client: Client) -> None:
    pieces = iter([b'{"tasks": ', json.dumps([TASK]).encode(), b"}"])
    headers = {"Authorization": f"Bearer {client.token}"}
    response = client.session.post(client.url + "/api/2.2/jobs/create", data=pieces, headers=headers)
    assert response.json()["job_id"]


def test_a_connection_serves_many_requests(client: Client) -> None:
    connection = HTTPConnection(client.url.removeprefix("http://"))
    connection.connect()
    first = connection.sock
    for token in (client.token, "wrong", client.token):
        headers = {"Authorization": f"Bearer {token}"}
        connection.request("POST", "/api/2.2/jobs/run-now", b'{"job_id": 7}', headers)
        assert connection.getresponse().read()
        assert connection.sock is first
    connection.close()


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["a", "", "true", "-1"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["task_key", "name", "a"]), inner, max_size=2)
    ),
    max_leaves=5,
)
fields = st.sampled_from(
    [
        *(
            "tasks",
            "spark_python_task",
            "notebook_task",
            "condition_task",
            "parameters",
            "queue",
            "job_id",
            "run_id",
        ),
        *(
            "job_parameters",
            "python_params",
            "only",
            "idempotency_token",
            "limit",
            "offset",
            "page_token",
            "name",
        ),
        *(
            "new_settings",
            "fields_to_remove",
            "max_concurrent_runs",
            "timeout_seconds",
            "run_name",
            "active_only",
        ),
        *("job_clusters", "expand_tasks", "depends_on", "run_if", "for_each_task", "run_job_task"),
        *("rerun_tasks", "rerun_all_failed_tasks", "latest_repair_id", "views_to_export", "include_history"),
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([*ENDPOINTS]),
    st.sampled_from(VERSIONS),
    st.dictionaries(fields, values, max_size=3),
    st.booleans(),
)
def test_no_request_makes_it_fail(
    client: Client, endpoint: tuple[str, str], version: str, body: dict[str, Any], in_task: bool
) -> None:
    job_id = client.create(TASK)
    body = {
        "job_id": job_id,
        **({"tasks": [TASK | body], "new_settings": {"tasks": [TASK | body]}} if in_task else body),
    }
    headers = {"Authorization": f"Bearer {client.token}"}
    url = f"{client.url}/api/{version}/{endpoint[1]}"
    response = client.session.request(endpoint[0], url, json=body, headers=headers)
    assert response.status_code in {200, 400, 404}, response.text


class TestSandbox:
    @pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", "::", ""])
    def test_listens_on_the_loopback_interface_only(self, tmp_path: Path, host: str) -> None:
        with pytest.raises(UsageError, match="loopback interface only"):
            Sandbox(tmp_path, host=host)

    def test_says_when_the_port_is_taken(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}"):
                Sandbox(tmp_path, port=port)

    def test_wants_a_root_folder_and_a_time_scale(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="not a folder"):
            Sandbox(tmp_path / "missing")
        with pytest.raises(UsageError, match="time scale"):
            Sandbox(tmp_path, time_scale=0)

    def test_makes_up_a_token(self, tmp_path: Path) -> None:
        with Sandbox(tmp_path) as one, Sandbox(tmp_path) as other:
            assert one.token != other.token
            assert len(one.token) >= 32

    def test_ends_what_it_started(self, tmp_path: Path) -> None:
        (tmp_path / "main.py").write_text(
            "open('begun', 'w').close(); import time; time.sleep(60); open('ended', 'w')"
        )
        with Sandbox(tmp_path, token="t", time_scale=100) as sandbox:
            task = {"task_key": "a", "spark_python_task": {"python_file": "main.py"}}
            url = sandbox.url + "/api/2.2/jobs/runs/submit"
            requests.post(url, json={"tasks": [task]}, headers={"Authorization": "Bearer t"}, timeout=5)
            while not (tmp_path / "begun").exists():
                pass
        with pytest.raises(requests.ConnectionError):
            requests.get(sandbox.url, timeout=5)
        sandbox.close()  # once more does no harm
