"""Limits that limit: whatever a server does, a request ends in time, and says what it may have done."""

import json
import os
import re
import ssl
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from dbjobs.common.clock import SystemClock
from dbjobs.common.deadline import seconds_left, time_limit
from dbjobs.errors import UnreachableError, UnsentError
from dbjobs.http import session as wire
from tests.conftest import TOKEN, Dbjobs, Serve
from tests.support.broken_servers import (
    Fault,
    bad_record,
    broken_server,
    close,
    drip_body,
    drip_headers,
    endless_body,
    garbage,
    hang,
    plain_alert,
)
from tests.support.fakes import FakeClock, Reply
from tests.support.payloads import TASKS, run

SLOW = {"a hang": hang, "dripping headers": drip_headers, "a dripping body": drip_body}
CHANGES: dict[str, tuple[list[Any], str, str]] = {
    "create": (
        ["jobs", "create", "--json", json.dumps({"name": "nightly", "tasks": TASKS})],
        "the job may have been created",
        "jobs list --name nightly",
    ),
    "delete": (["jobs", "delete", "42", "--yes"], "job 42 may have been deleted", "jobs get 42"),
    "cancel": (["runs", "cancel", "43"], "run 43 may have been canceled", "runs get 43"),
    "cancel-all": (
        ["runs", "cancel-all", "42", "--yes"],
        "the runs of job 42 may have been canceled",
        "runs list --job 42 --active",
    ),
    "run-now": (["runs", "now", "42"], "the run may have been started", "runs list --job 42 --limit 5"),
    "submit": (
        ["runs", "submit", "--json", json.dumps({"tasks": TASKS})],
        "the run may have been started",
        "runs list --run-type SUBMIT_RUN --limit 5",
    ),
}


@pytest.mark.parametrize("fault", SLOW.values(), ids=SLOW)
def test_a_time_limit_ends_a_request_wherever_it_is(fault: Fault) -> None:
    clock = SystemClock()
    with broken_server(fault) as server, time_limit(clock, 0.5):
        began = clock.monotonic()
        with pytest.raises(UnreachableError, match=r"no complete answer from .* within 0 s") as caught:
            wire.HttpSession().send("GET", server.url)
        assert 0.4 <= clock.monotonic() - began < 30
    assert not isinstance(caught.value, UnsentError)


@pytest.mark.parametrize("fault", SLOW.values(), ids=SLOW)
def test_without_a_time_limit_a_request_has_one_of_its_own(
    fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "REQUEST_TIMEOUT", 0.3)
    with broken_server(fault) as server, pytest.raises(UnreachableError, match="no complete answer"):
        wire.HttpSession().send("POST", server.url, data=b"{}")


def test_an_answer_without_end_is_cut_off_and_said_to_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_RESPONSE_BYTES", 3 * 1024**2)
    with broken_server(endless_body) as server, pytest.raises(UnreachableError, match="is larger than 3 MB"):
        wire.HttpSession().send("GET", server.url)


def test_limits_nest_and_the_earliest_counts() -> None:
    clock = FakeClock()
    with time_limit(clock, 10), time_limit(clock, 20):
        clock.sleep(4)
        assert seconds_left() == 6
        with time_limit(clock, 1):
            clock.sleep(3)
            assert seconds_left() == 0
        assert seconds_left() == 3
    assert seconds_left() == float("inf")


def test_a_limit_that_has_passed_sends_nothing(serve: Serve) -> None:
    server = serve(Reply(body=run()))
    with time_limit(SystemClock(), 0), pytest.raises(UnsentError):
        wire.HttpSession().send("GET", server.url)
    assert server.received == []


@pytest.mark.parametrize("fault", SLOW.values(), ids=SLOW)
def test_the_timeout_of_a_wait_bounds_its_start(dbjobs: Dbjobs, fault: Fault) -> None:
    with broken_server(fault) as server:
        began = time.monotonic()
        result = dbjobs(
            "runs", "now", 42, "--wait", "--timeout", "2s", DATABRICKS_HOST=server.url, DATABRICKS_TOKEN=TOKEN
        )
        assert time.monotonic() - began < 30
    assert (result.exit_code, result.stdout) == (124, "")
    assert "the run may have been started, and --timeout 2s has passed" in result.stderr
    assert "--idempotency-token" in result.stderr


def test_the_timeout_of_a_wait_bounds_the_retries_of_its_start(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    """A pause is cut short for a last try before the limit; what was not started is out of reach."""
    server = serve(Reply(429))
    result = dbjobs("runs", "now", 42, "--wait", "--timeout", "20s")
    assert result.exit_code == 6
    assert "may have" not in result.stderr
    assert clock.time == 18
    assert len(server.received) > 3


def test_what_the_start_took_is_not_given_to_the_wait(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    busy = Reply(429, headers={"Retry-After": "50"})
    serve(busy, Reply(body={"run_id": 42}), Reply(body=run("RUNNING")))
    assert dbjobs("runs", "now", 7, "--wait", "--timeout", "90s").exit_code == 124
    assert clock.time == pytest.approx(90, abs=1)


SLEEPER = [sys.executable, "-c", "import time; time.sleep(120)"]
SIGN_INS = {"a command": {"token": {"command": SLEEPER}}, "a lock": {"auth_type": "external-browser"}}


@pytest.mark.skipif(sys.platform == "win32", reason="locks a folder as POSIX does")
@pytest.mark.parametrize(("command", "code"), [("wait", 124), ("now", 6)])
@pytest.mark.parametrize("sign_in", SIGN_INS.values(), ids=SIGN_INS)
def test_the_timeout_of_a_wait_bounds_what_a_secret_is_waited_for(
    dbjobs: Dbjobs, serve: Serve, home: Path, sign_in: dict[str, Any], command: str, code: int
) -> None:
    """A password manager that asks somebody, and another dbjobs that was stopped while it renewed a token."""
    import fcntl

    folder = home / ".config" / "dbjobs"
    folder.mkdir(parents=True)
    profile = {"host": serve(Reply(body=run())).url, **sign_in}
    text = yaml.safe_dump({"default_profile": "prod", "profiles": {"prod": profile}})
    (folder / "config.yaml").write_text(text, "utf-8")
    held = os.open(folder, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    began = time.monotonic()
    try:
        options = ("--wait",) if command == "now" else ()
        result = dbjobs("runs", command, 42, *options, "--timeout", "2s", "--profile", "prod")
    finally:
        os.close(held)
    assert result.exit_code == code, result.stderr
    assert time.monotonic() - began < 30


TLS_FAULTS = {"a bad record": bad_record, "garbage": garbage, "an alert": plain_alert, "an end": close}


@pytest.mark.parametrize("fault", TLS_FAULTS.values(), ids=TLS_FAULTS)
@pytest.mark.parametrize("name", CHANGES)
def test_what_breaks_after_the_request_was_sent_may_have_taken_effect(
    dbjobs: Dbjobs, clock: FakeClock, tmp_path: Path, authority: trustme.CA, fault: Fault, name: str
) -> None:
    """Whatever the TLS library calls it. What carries a token, or does no harm twice, is tried again."""
    command, effect, way = CHANGES[name]
    with broken_server(fault, _context(authority)) as server:
        profile = {"host": server.url, "token": TOKEN, "ca_bundle": str(tmp_path / "ca.pem")}
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump({"profiles": {"p": profile}}))
        result = dbjobs(*command, "--config", path, "-p", "p")
    assert (result.exit_code, result.stdout) == (6, ""), result.stderr
    assert f"; {effect}" in result.stderr
    assert re.search(rf"dbjobs {way.replace(' ', ' (.* )?', 2)}", result.stderr)
    assert (len(server.received) == 1) is (name == "create")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context
