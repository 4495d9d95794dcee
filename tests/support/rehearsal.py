"""A workspace whose one run lives by a fake clock, and whose answers go wrong as told.

It stands behind real sockets. The client under test shares its clock, so hours pass in
milliseconds, and the test knows at each moment what the truth is.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ssl import SSLContext
from typing import Any

import pytest

from dbjobs.common.clock import SystemClock
from dbjobs.http import session
from tests.support.fakes import FakeClock, Received, Reply, ScriptedServer, scripted_server

RUN_ID = 2**53 + 7
SECONDS_WITHOUT_ANSWER = 0.25
LOGIN_PAGE = Reply(200, "<!doctype html><title>Sign in</title>", {"Content-Type": "text/html"})

FAULTS: dict[str, Reply] = {
    "connection reset": Reply(reset=True),
    "no answer": Reply(hang=True),
    "429": Reply(429, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "slow down"}),
    "429, Retry-After in seconds": Reply(429, {}, {"Retry-After": "40"}),
    "429, Retry-After as a date": Reply(429, {}, {"Retry-After": "Wed, 01 Jan 2020 00:00:00 GMT"}),
    "500": Reply(500, {"error_code": "INTERNAL_ERROR", "message": "oops"}),
    "502, a proxy's page": Reply(502, "<html>Bad Gateway</html>", {"Content-Type": "text/html"}),
    "503": Reply(503, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "back soon"}),
    "503, Retry-After": Reply(503, {}, {"Retry-After": "3"}),
    "504": Reply(504, ""),
    "a login page": LOGIN_PAGE,
    "a redirect to a login page": Reply(302, "", {"Location": "https://login.example.com/?next=/"}),
    "truncated JSON": Reply(200, '{"run_id": 1, "state": {"life_cycle_st'),
    "an answer shorter than announced": Reply(200, '{"run_id"', cut=True),
    "an empty answer": Reply(200, ""),
    "JSON that is no object": Reply(200, "[]"),
}
"""What may pass, at any moment of a wait."""

NOT_VISIBLE_YET: dict[str, Reply] = {
    "400, does not exist": Reply(
        400, {"error_code": "INVALID_PARAMETER_VALUE", "message": f"Run {RUN_ID} does not exist."}
    ),
    "403": Reply(403, {"error_code": "PERMISSION_DENIED", "message": "no permission yet"}),
    "404": Reply(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such run"}),
}
"""What may pass in the first 30 seconds after the trigger."""


@dataclass
class Rehearsal:
    """The truth about the run, and what the server makes of it."""

    clock: FakeClock
    lasts: float
    """seconds from trigger to end"""
    ending: dict[str, str]
    """the run's last `state`"""
    faults: Sequence[str | None] = ()
    """what each request in turn meets, then nothing more"""
    fault_every: int = 0
    """besides: every nth request meets a 503"""
    effect_first: bool = True
    """a start takes effect, and only then meets its fault"""
    began: float | None = None
    tokens: list[str] = field(default_factory=list)
    runs: set[str] = field(default_factory=set)
    good_at: list[float] = field(default_factory=list)
    """when the client got a good answer about the run"""
    faults_after_end: int = 0

    def __post_init__(self) -> None:
        self._requests = 0

    def limit_next_request(self) -> None:
        """In real time: one that gets no answer ends soon; others may take long on a busy machine."""
        is_hanging = (self._fault_of(self._requests + 1) or Reply()).hang
        session.REQUEST_TIMEOUT = SECONDS_WITHOUT_ANSWER if is_hanging else 60.0

    @property
    def ends_at(self) -> float:
        return (self.began or 0.0) + self.lasts

    def reply(self, request: Received) -> Reply:
        """Each on a connection of its own, so that an outage between two requests is noticed."""
        reply = self._reply(request)
        self.limit_next_request()
        return replace(reply, headers={**reply.headers, "Connection": "close"})

    def _reply(self, request: Received) -> Reply:
        fault = self._next_fault(request.endpoint)
        if request.endpoint == "run-now":
            return self._start(request, fault)
        if fault and self.clock.time >= self.ends_at:
            self.faults_after_end += 1
        if fault:
            return fault
        if request.endpoint == "runs/get":
            self.good_at.append(self.clock.time)
            return Reply(body=self._run())
        return Reply(body={})

    def _next_fault(self, endpoint: str) -> Reply | None:
        self._requests += 1
        fault = self._fault_of(self._requests)
        if fault in NOT_VISIBLE_YET.values():
            is_young = self.began is not None and self.clock.time - self.began <= 25
            return fault if is_young and endpoint == "runs/get" else None
        return fault

    def _fault_of(self, number: int) -> Reply | None:
        """What the request of that number meets; the first is 1."""
        name = self.faults[number - 1] if number <= len(self.faults) else None
        if name is None and self.fault_every and number % self.fault_every == 0:
            name = "503"
        return {**FAULTS, **NOT_VISIBLE_YET}[name] if name else None

    def _start(self, request: Received, fault: Reply | None) -> Reply:
        self.tokens.append(request.body["idempotency_token"])
        if fault is None or self.effect_first:
            self.runs.add(self.tokens[-1])
            self.began = self.clock.time if self.began is None else self.began
        return fault or Reply(body={"run_id": RUN_ID, "number_in_job": 1})

    def _run(self) -> dict[str, Any]:
        is_over = self.clock.time >= self.ends_at
        state = self.ending if is_over else {"life_cycle_state": "RUNNING", "state_message": "In run"}
        return {"run_id": RUN_ID, "job_id": 1, "run_name": "rehearsal", "state": state, "start_time": 1}


@contextmanager
def rehearsing(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch, tls: SSLContext | None = None
) -> Iterator[ScriptedServer]:
    """Serve it, with the client's clock and environment set to it; a hanging server is left soon."""
    clock = rehearsal.clock
    monkeypatch.setattr(SystemClock, "monotonic", lambda _: clock.monotonic())
    monkeypatch.setattr(SystemClock, "now", lambda _: clock.now())
    monkeypatch.setattr(SystemClock, "sleep", lambda _, seconds: clock.sleep(seconds))
    monkeypatch.setattr(session, "REQUEST_TIMEOUT", session.REQUEST_TIMEOUT)  # to be restored
    rehearsal.limit_next_request()
    with scripted_server(rehearsal.reply, tls) as server:
        monkeypatch.setenv("DATABRICKS_HOST", server.url)
        monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-rehearsal")
        yield server
