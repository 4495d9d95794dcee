"""A wait that never lies and never dies: every fault that a network and a service can think of.

The real command, over real sockets, by a fast clock. `tests/fuzz` tries random sequences.
"""

import json
import re
import socket
import ssl
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from unittest.mock import Mock

import pytest
import trustme

from tests.conftest import Dbjobs, Result
from tests.support.fakes import FakeClock, Received, Reply, ScriptedServer
from tests.support.rehearsal import FAULTS, NOT_VISIBLE_YET, RUN_ID, Rehearsal, rehearsing

ENDINGS = {
    0: {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"},
    10: {"life_cycle_state": "INTERNAL_ERROR", "result_state": "FAILED"},
    11: {"life_cycle_state": "TERMINATED", "result_state": "TIMEDOUT"},
    12: {"life_cycle_state": "TERMINATED", "result_state": "CANCELED"},
    13: {"life_cycle_state": "SKIPPED"},
    14: {"life_cycle_state": "INTERNAL_ERROR"},
    19: {"life_cycle_state": "TERMINATED", "result_state": "A_NEW_ONE"},
}
LONGEST_PAUSE = 66.0
WORDS = ("--show-output", "none")


def start_and_wait(dbjobs: Dbjobs, *options: str) -> Result:
    return dbjobs("runs", "now", "1", "--wait", *WORDS, *options)


@pytest.mark.parametrize("exit_code", [0, 10])
@pytest.mark.parametrize("fault", [*FAULTS, *NOT_VISIBLE_YET])
def test_each_fault_alone_is_lived_through(
    dbjobs: Dbjobs, monkeypatch: pytest.MonkeyPatch, fault: str, exit_code: int
) -> None:
    rehearsal = Rehearsal(FakeClock(), 90.0, ENDINGS[exit_code], [None, None, fault, fault])

    with rehearsing(rehearsal, monkeypatch):
        done = start_and_wait(dbjobs)

    assert done.exit_code == exit_code
    assert done.stdout.splitlines()[0] == str(RUN_ID)
    if fault in FAULTS:
        assert len(re.findall(r"no (contact|usable answer) .*: ", done.stderr)) == 1, "the cause is told once"
        assert done.stderr.count("contact is restored") == 1


ANSWERS_OF_OTHERS = ("a login page", "a redirect to a login page", "JSON that is no object")
"""What a start is not tried again after: something else than the Jobs API seems to answer."""


@pytest.mark.parametrize("effect_first", [True, False], ids=["started unseen", "not started"])
@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in ANSWERS_OF_OTHERS])
def test_a_start_that_meets_a_fault_starts_one_run(
    dbjobs: Dbjobs, monkeypatch: pytest.MonkeyPatch, fault: str, effect_first: bool
) -> None:
    rehearsal = Rehearsal(FakeClock(), 10.0, ENDINGS[0], [fault], effect_first=effect_first)

    with rehearsing(rehearsal, monkeypatch):
        done = start_and_wait(dbjobs)

    assert done.exit_code == 0
    assert len(rehearsal.tokens) == 2, "it was asked for once more"
    assert len(rehearsal.runs) == 1, "with the same token"


@contextmanager
def nobody_listening(server: ScriptedServer) -> Iterator[None]:
    """Connections are refused."""
    server.stop_listening()
    try:
        yield
    finally:
        server.listen()


@contextmanager
def no_name_found(server: ScriptedServer) -> Iterator[None]:
    """Names lead nowhere, as when a laptop changes networks."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        monkeypatch.setattr(socket, "getaddrinfo", Mock(side_effect=unknown))
        yield


def test_a_certificate_that_is_not_trusted_for_minutes_is_waited_out(
    dbjobs: Dbjobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As behind a hotel's gateway, which shows its own certificate until somebody signs in."""
    trusted, stranger, ca_file = trustme.CA(), trustme.CA(), tmp_path / "ca.pem"
    trusted.cert_pem.write_to_path(str(ca_file))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trusted.issue_cert("127.0.0.1").configure_cert(tls)
    rehearsal = Rehearsal(FakeClock(), 400.0, ENDINGS[10])
    rehearsal.clock.at = {
        30.0: lambda: stranger.issue_cert("127.0.0.1").configure_cert(tls),
        300.0: lambda: trusted.issue_cert("127.0.0.1").configure_cert(tls),
    }

    with rehearsing(rehearsal, monkeypatch, tls):
        done = start_and_wait(dbjobs)

    assert done.exit_code == 10
    assert len(re.findall("no contact .*: no trusted connection", done.stderr)) == 1
    assert max(b - a for a, b in pairwise(rehearsal.good_at)) > 250, "the outage was real"


@pytest.mark.parametrize(
    ("outage", "cause"),
    [(nobody_listening, "Connection refused"), (no_name_found, "Name or service not known")],
)
def test_a_host_that_cannot_be_reached_for_minutes_is_waited_for(
    dbjobs: Dbjobs,
    monkeypatch: pytest.MonkeyPatch,
    outage: Callable[[ScriptedServer], AbstractContextManager[None]],
    cause: str,
) -> None:
    rehearsal = Rehearsal(FakeClock(), 400.0, ENDINGS[10])
    with rehearsing(rehearsal, monkeypatch) as server, ExitStack() as outages:
        begin, end = (lambda: outages.enter_context(outage(server))), outages.close
        rehearsal.clock.at = {30.0: begin, 300.0: end}
        done = start_and_wait(dbjobs)

    assert done.exit_code == 10
    assert len(re.findall(f"no contact .*: .*{cause}", done.stderr)) == 1
    assert max(b - a for a, b in pairwise(rehearsal.good_at)) > 250, "the outage was real"


def test_contact_lost_for_too_long_ends_with_the_last_known_run(
    dbjobs: Dbjobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearsal = Rehearsal(FakeClock(), 9000.0, ENDINGS[0], [None, None, *["500"] * 999])

    with rehearsing(rehearsal, monkeypatch):
        done = start_and_wait(dbjobs, "--max-outage", "5m", "-o", "json")

    assert done.exit_code == 6
    assert json.loads(done.stdout)["state"]["life_cycle_state"] == "RUNNING"
    assert "no usable answer for 5m00s, so the outcome is not known" in done.stderr
    assert f"reattach:  dbjobs runs wait {RUN_ID}" in done.stderr


def test_a_day_with_a_fault_in_every_tenth_poll_ends_rightly_in_flat_memory(
    dbjobs: Dbjobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = 24 * 3600.0
    rehearsal = Rehearsal(FakeClock(), day, ENDINGS[0], fault_every=10)
    sizes: list[tuple[float, int]] = []

    def weigh(seconds: float) -> None:
        rehearsal.clock.time += seconds
        if rehearsal.clock.time < day - 8 * 3600:  # a traced hour takes three times as long
            return
        if not tracemalloc.is_tracing():
            tracemalloc.start()
        if not sizes or rehearsal.clock.time - sizes[-1][0] > 3600:
            sizes.append((rehearsal.clock.time, tracemalloc.get_traced_memory()[0]))

    rehearsal.clock.sleep = weigh  # type: ignore[method-assign]  # the fake remembers each pause, which takes memory
    with rehearsing(rehearsal, monkeypatch) as server:
        done = start_and_wait(dbjobs, "--progress", "none")
        polls = len(server.received)
        server.received.clear()
    tracemalloc.stop()

    assert done.exit_code == 0
    assert day <= rehearsal.clock.time <= day + 2 * LONGEST_PAUSE
    assert polls >= day / LONGEST_PAUSE
    first_hours, last_hours = sizes[2][1], sizes[-1][1]
    server_remembers = polls * 1000  # 3,000 bytes a poll, in a third of the day
    assert last_hours - first_hours < server_remembers + 200_000


@pytest.mark.parametrize(
    ("status", "error_code", "exit_code"),
    [
        (400, "INVALID_PARAMETER_VALUE", 5),
        (401, "UNAUTHENTICATED", 3),
        (403, "PERMISSION_DENIED", 5),
        (404, "RESOURCE_DOES_NOT_EXIST", 4),
    ],
)
def test_a_refusal_ends_the_wait_for_a_run_seen_alive_only_if_it_lasts(
    dbjobs: Dbjobs, monkeypatch: pytest.MonkeyPatch, status: int, error_code: str, exit_code: int
) -> None:
    def refuse(until: float) -> tuple[Result, FakeClock]:
        rehearsal = Rehearsal(FakeClock(), 600.0, ENDINGS[10])
        refusal = Reply(status, {"error_code": error_code, "message": "because I say so"})

        def reply(request: Received) -> Reply:
            return refusal if 40 < rehearsal.clock.time < until else rehearsal.reply(request)

        with rehearsing(rehearsal, monkeypatch) as server:
            server.script = reply
            return start_and_wait(dbjobs, "--poll-max", "5s"), rehearsal.clock

    done, clock = refuse(until=9e9)
    assert done.exit_code == exit_code
    assert done.stderr.count("because I say so") == 1, "the reason is told once"
    assert f"run {RUN_ID} may still be running, and nothing was canceled" in done.stderr
    assert f"reattach:  dbjobs runs wait {RUN_ID}" in done.stderr
    assert 70 <= clock.time < 90

    briefly_refused, _ = refuse(until=60)
    assert briefly_refused.exit_code == 10, "it went on to the run's end"


@pytest.mark.parametrize("status", [404, 407, 421, 425, 451, 501])
@pytest.mark.parametrize("body", ["", "<html>of a proxy</html>", "no"], ids=["empty", "page", "text"])
def test_whatever_is_not_the_api_s_own_answer_is_lived_through(
    dbjobs: Dbjobs, monkeypatch: pytest.MonkeyPatch, status: int, body: str
) -> None:
    rehearsal = Rehearsal(FakeClock(), 900.0, ENDINGS[10])

    def reply(request: Received) -> Reply:
        is_in_between = request.endpoint == "runs/get" and rehearsal.clock.time < 400
        return (
            Reply(status, body, {"Content-Type": "text/html"}) if is_in_between else rehearsal.reply(request)
        )

    with rehearsing(rehearsal, monkeypatch) as server:
        server.script = reply
        done = start_and_wait(dbjobs)
        assert done.exit_code == 10
        assert "no usable answer" in done.stderr

        rehearsal.clock.time = 0
        gave_up = start_and_wait(dbjobs, "--max-outage", "2m")
    assert gave_up.exit_code == 6
    assert f"run {RUN_ID} may still be running" in gave_up.stderr
