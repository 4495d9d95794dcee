"""Requests over real sockets: what is sent, sent again, never sent twice, and never sent elsewhere."""

import json
import re
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from dbjobs import __version__
from dbjobs.http import session as wire
from tests.conftest import TOKEN, Dbjobs, Serve
from tests.support.fakes import FakeClock, Reply, by_endpoint, scripted_server
from tests.support.payloads import BEYOND_FLOAT, TASKS, run

RUN = Reply(body=run(run_id=42))
GET = ("runs", "get", 42, "-o", "id")
NOW = ("runs", "now", 7)
SUBMIT = ("runs", "submit", "--json", json.dumps({"run_name": "once", "tasks": TASKS}))
CREATE = ("jobs", "create", "--json", json.dumps({"name": "nightly", "tasks": TASKS}))

BUSY = Reply(503, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "Busy."})
BROKEN = Reply(500, {"error_code": "INTERNAL_ERROR", "message": "Broken."})
LIMITED = Reply(429, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Slow down."})
RESET = Reply(reset=True)
CUT = Reply(body={"run_id": 42, "job_id": 42}, cut=True)

pytestmark = pytest.mark.usefixtures("clock")
"""Pauses take no time here."""


@pytest.mark.parametrize(
    ("trouble", "word"),
    [
        pytest.param(BUSY, "the server is not ready: Busy.", id="503"),
        pytest.param(BROKEN, "the server is not ready: Broken.", id="500"),
        pytest.param(LIMITED, "the server is not ready: Slow down.", id="429"),
        pytest.param(Reply(502, "<html>"), "the server is not ready: Bad Gateway", id="a proxy's page"),
        pytest.param(RESET, "Connection reset by peer", id="a reset"),
        pytest.param(CUT, "the connection was lost", id="an answer cut short"),
        pytest.param(Reply(body=b""), "the server's answer was empty or cut short", id="an empty answer"),
    ],
)
def test_a_read_is_tried_again_after_a_passing_trouble(
    dbjobs: Dbjobs, serve: Serve, trouble: Reply, word: str
) -> None:
    server = serve(trouble, RUN)

    result = dbjobs(*GET)
    assert (result.exit_code, result.stdout) == (0, "42\n")
    assert len(server.received) == 2
    assert word in result.stderr
    assert re.search(r"; trying again in \d+ s\n$", result.stderr)


def _in_seconds(seconds: float) -> str:
    return format_datetime(datetime.now(timezone.utc) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("status", [429, 503, 500])
@pytest.mark.parametrize(("form", "least"), [("seconds", 90), ("date", 88)])
def test_retry_after_is_respected(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, status: int, form: str, least: float
) -> None:
    header = "90" if form == "seconds" else _in_seconds(90)
    serve(Reply(status, headers={"Retry-After": header}), RUN)

    assert dbjobs(*GET).exit_code == 0
    [pause] = clock.slept
    assert least <= pause <= 90.5


@pytest.mark.parametrize("reply", [BROKEN, BUSY], ids=["500", "503"])
def test_a_server_error_is_tried_again_every_30_seconds_for_10_minutes(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, reply: Reply
) -> None:
    server = serve(reply)

    result = dbjobs(*GET)
    assert result.exit_code == 6
    assert f"HTTP {reply.status})" in result.stderr.splitlines()[-1]
    assert clock.slept == [30.0] * 20
    assert len(server.received) == 21


def test_a_rate_limit_is_tried_ever_less_often_for_10_minutes(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    serve(LIMITED)

    assert dbjobs(*GET).exit_code == 6
    for attempt, pause in enumerate(clock.slept):
        assert 0.9 * min(2**attempt, 30) <= pause <= min(1.3 * 2**attempt, 30)
    assert 540 <= sum(clock.slept) <= 600


@pytest.mark.parametrize("seconds", ["172000", "9" * 30, "9" * 400])
def test_a_long_retry_after_is_heeded_for_five_minutes_and_told(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, seconds: str
) -> None:
    server = serve(Reply(429, headers={"Retry-After": seconds}), RUN)

    result = dbjobs(*GET)
    assert (result.exit_code, clock.slept, len(server.received)) == (0, [300], 2)
    assert "trying again in 300 s, though it asks for 1" in result.stderr


@pytest.mark.parametrize("command", [GET, NOW, CREATE], ids=["read", "repeatable", "not repeatable"])
def test_a_connection_refused_is_tried_again_for_a_short_while(
    dbjobs: Dbjobs, clock: FakeClock, closed_port: int, command: tuple[Any, ...]
) -> None:
    url = f"http://127.0.0.1:{closed_port}"

    result = dbjobs(*command, DATABRICKS_HOST=url, DATABRICKS_TOKEN=TOKEN)
    assert (result.exit_code, result.stdout) == (6, "")
    assert result.stderr.splitlines()[-2:] == [
        f"error: cannot reach {url}: Connection refused",
        "hint: check the host, the network and the proxy settings",
    ]
    assert 5 <= clock.time <= 15


def test_a_server_that_does_not_answer_is_given_up(
    dbjobs: Dbjobs, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "REQUEST_TIMEOUT", 0.1)
    server = serve(Reply(hang=True), RUN)

    result = dbjobs(*GET)
    assert (result.exit_code, result.stdout) == (0, "42\n")
    assert f"no complete answer from {server.url} within 0 s; trying again" in result.stderr


def test_a_proxy_that_lets_nobody_through_is_named_as_the_cause(
    dbjobs: Dbjobs, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(RUN)
    monkeypatch.setenv("https_proxy", proxy.url)

    result = dbjobs(*CREATE, DATABRICKS_HOST="https://adb.example")
    assert result.exit_code == 6
    error = result.stderr.splitlines()[-2]
    assert error.startswith("error: cannot reach https://adb.example")
    assert error.endswith("Tunnel connection failed: 501 Unsupported method ('CONNECT')")


def test_what_does_not_speak_tls_is_no_trusted_host(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(RUN)
    url = server.url.replace("http:", "https:")

    result = dbjobs(*GET, "--host", url, "--config", "/dev/null", DATABRICKS_HOST=url)
    assert result.exit_code == 6
    error, hint = result.stderr.splitlines()[-2:]
    assert error.startswith(f"error: no trusted connection to {url}: ")
    assert "REQUESTS_CA_BUNDLE" in hint
    assert server.received == []


@pytest.mark.parametrize(
    "trouble",
    [RESET, BUSY, BROKEN, CUT, Reply(body="")],
    ids=["a reset", "503", "500", "an answer cut short", "an empty answer"],
)
def test_a_create_that_may_have_taken_effect_is_not_sent_again(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, trouble: Reply
) -> None:
    server = serve(trouble, Reply(body={"job_id": 2}))

    result = dbjobs(*CREATE)
    assert (result.exit_code, result.stdout) == (6, "")
    assert len(server.received) == 1
    assert clock.slept == []
    assert "; the job may have been created" in result.stderr
    assert "hint: check before you send it again: dbjobs jobs list --name nightly" in result.stderr


def test_a_create_without_an_answer_is_not_sent_again(
    dbjobs: Dbjobs, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "REQUEST_TIMEOUT", 0.1)
    server = serve(Reply(hang=True))

    result = dbjobs(*CREATE)
    assert result.exit_code == 6
    assert len(server.received) == 1
    assert "; the job may have been created" in result.stderr


def test_a_create_that_was_turned_away_is_sent_again(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(LIMITED, Reply(body={"job_id": 2}))

    result = dbjobs(*CREATE)
    assert (result.exit_code, result.stdout) == (0, "2\n")
    assert len(server.received) == 2


@pytest.mark.parametrize("command", [NOW, SUBMIT], ids=["run-now", "submit"])
def test_a_run_is_asked_for_with_the_same_token_until_it_is_there(
    dbjobs: Dbjobs, serve: Serve, command: tuple[Any, ...]
) -> None:
    server = serve(RESET, BUSY, BROKEN, CUT, LIMITED, Reply(body={"run_id": 42}))

    result = dbjobs(*command)
    assert (result.exit_code, result.stdout) == (0, "42\n")
    tokens = [request.body["idempotency_token"] for request in server.changes]
    assert len(tokens) == 6
    assert len(set(tokens)) == 1
    assert 0 < len(tokens[0]) <= 64


def test_every_call_has_a_token_of_its_own(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(Reply(body={"run_id": 42}))

    for _ in range(3):
        dbjobs(*NOW)
    assert len({request.body["idempotency_token"] for request in server.changes}) == 3


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([RESET], id="resets"),
        pytest.param([BROKEN], id="500s"),
        pytest.param([BUSY], id="503s"),
        pytest.param([Reply(reset=True, last=True)], id="a reset, then nobody there"),
        pytest.param([Reply(503, last=True, headers={"Connection": "close"})], id="a 503, then nobody there"),
    ],
)
def test_when_it_is_not_known_whether_a_run_was_started_the_way_to_find_out_is_told(
    dbjobs: Dbjobs, serve: Serve, script: list[Reply]
) -> None:
    server = serve(*script)

    result = dbjobs(*NOW)
    assert (result.exit_code, result.stdout) == (6, "")
    token = server.received[0].body["idempotency_token"]
    assert "; the run may have been started" in result.stderr
    assert (
        "hint: to get its id, without starting a second run: "
        f"dbjobs {' '.join(map(str, NOW))} --idempotency-token {token}\n"
        "to look for it: dbjobs runs list --job 7 --limit 5\n"
    ) in result.stderr


def test_a_run_that_was_certainly_not_started_is_not_said_to_go_on(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(LIMITED)

    result = dbjobs(*NOW)
    assert result.exit_code == 6
    assert "may have been started" not in result.stderr


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("command", [GET, NOW, CREATE], ids=["runs get", "runs now", "jobs create"])
def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(
    dbjobs: Dbjobs, serve: Serve, status: int, command: tuple[Any, ...]
) -> None:
    with scripted_server([RUN]) as elsewhere:
        server = serve(Reply(status, headers={"Location": f"{elsewhere.url}/login?state=hush"}))
        result = dbjobs(*command)

    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith(f"error: the host answered with a redirect to {elsewhere.url}/login (")
    assert "hush" not in result.stderr
    assert len(server.received) == 1
    assert elsewhere.received == []


@pytest.mark.parametrize("by", ["~/.netrc", "NETRC"])
def test_an_entry_of_netrc_does_not_replace_the_token(
    dbjobs: Dbjobs, serve: Serve, home: Path, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home / (".netrc" if by == "~/.netrc" else "elsewhere")
    path.write_text("machine 127.0.0.1 login somebody password else\n", "utf-8")
    path.chmod(0o600)
    if by == "NETRC":
        monkeypatch.setenv("NETRC", str(path))
    server = serve(RUN)

    assert dbjobs(*GET).exit_code == 0
    assert server.received[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_the_user_agent_names_dbjobs_and_its_version(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(RUN)

    dbjobs(*GET)
    agent = server.received[0].headers["user-agent"]
    assert re.fullmatch(rf"dbjobs/{re.escape(__version__)} python/3\.[\d.]+\S* os/[a-z]+", agent)


@pytest.mark.parametrize(
    "filling",
    [
        pytest.param("x" * 10 * 1024 * 1024, id="as it is"),
        pytest.param("é" * 2 * 1024 * 1024, id="once it is encoded"),
    ],
)
def test_a_body_that_the_api_would_not_take_is_not_sent(
    dbjobs: Dbjobs, serve: Serve, tmp_path: Path, filling: str
) -> None:
    server = serve(Reply(body={"job_id": 1}))
    file = tmp_path / "job.json"
    cluster: dict[str, Any] = {"spark_version": "15.4.x", "node_type_id": "n", "num_workers": 1}
    cluster["spark_env_vars"] = {"A": filling}
    settings = {"name": "nightly", "tasks": [{**TASKS[0], "new_cluster": cluster}]}
    file.write_text(json.dumps(settings, ensure_ascii=False), "utf-8")

    result = dbjobs("jobs", "create", "-f", file)
    assert (result.exit_code, result.stdout) == (5, "")
    assert f"{file} is larger than the 10,485,760 bytes that the Jobs API takes" in result.stderr
    assert server.received == []


def test_ids_beyond_what_a_float_holds_go_and_come_exact(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(
        by_endpoint(
            {
                "run-now": {"run_id": BEYOND_FLOAT},
                "runs/get": run(run_id=BEYOND_FLOAT, job_id=BEYOND_FLOAT),
            }
        )
    )

    started = dbjobs("runs", "now", BEYOND_FLOAT)
    shown = dbjobs("runs", "get", BEYOND_FLOAT, "-o", "json")
    assert started.stdout == "9223372036854775807\n"
    assert shown.stdout.count("9223372036854775807") == 2
    assert server.received[0].body["job_id"] == 9223372036854775807
    assert server.received[1].query == {"run_id": "9223372036854775807"}


@pytest.mark.parametrize(
    "command",
    [NOW, SUBMIT, CREATE, GET, ("jobs", "get", 7)],
    ids=["run-now", "submit", "create", "runs/get", "jobs/get"],
)
@pytest.mark.parametrize("body", [{}, {"status": "ok"}], ids=["{}", "another object"])
def test_json_that_is_not_the_api_s_is_no_success(
    dbjobs: Dbjobs, serve: Serve, command: tuple[Any, ...], body: dict[str, str]
) -> None:
    serve(Reply(body=body))

    result = dbjobs(*command)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("error: the host's answer is not that of the Jobs API")


def test_verbose_tells_of_every_request_and_how_it_went(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(BUSY, RUN)

    result = dbjobs(*GET, "--verbose")
    told = [line for line in result.stderr.splitlines() if line.startswith("GET ")]
    assert [re.sub(r"\d\.\d\d s", "T s", line) for line in told] == [
        "GET /api/2.2/jobs/runs/get?run_id=42 → 503 in T s",
        "GET /api/2.2/jobs/runs/get?run_id=42 → 200 in T s",
    ]
