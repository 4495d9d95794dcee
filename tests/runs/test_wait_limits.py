"""The limits of a wait hold whatever a server does with its requests: by the system's own clock.

Without its limit each of these would take a minute or more, so the bounds leave room for a slow machine.
"""

import time
from collections.abc import Callable

import pytest

from dbjobs.http.response import Payload
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import Received, Reply
from tests.support.payloads import JOB_ID, run, task

SLOW = 1.0
"""Seconds that a slow answer takes."""


def run_of(request: Received) -> int:
    return int(request.query["run_id"])


def hang(endpoint: str, otherwise: Callable[[Received], Payload]) -> Callable[[Received], Reply]:
    """An endpoint that never answers, among others that do."""

    def reply(request: Received) -> Reply:
        return Reply(hang=True) if request.endpoint == endpoint else Reply(body=otherwise(request))

    return reply


def slowly(request: Received) -> Reply:
    time.sleep(SLOW)
    return Reply(body=run("RUNNING", run_id=run_of(request)))


def failed(request: Received) -> Payload:
    return run("TERMINATED", "FAILED", task("main", "TERMINATED", "FAILED"), run_id=run_of(request))


def with_children(request: Received) -> Payload:
    tasks = [task(f"call_{n}", "RUNNING", run_job_task={"job_id": 7}) for n in range(20)]
    return run("RUNNING", None, *tasks, run_id=run_of(request))


@pytest.mark.parametrize(
    ("script", "run_ids"),
    [
        pytest.param(hang("runs/get", failed), [1], id="a poll that hangs"),
        pytest.param(slowly, range(1, 61), id="sixty slow runs in a round"),
        pytest.param(hang("runs/get-output", with_children), [1], id="children that hang"),
    ],
)
def test_a_time_limit_ends_the_wait(
    dbjobs: Dbjobs, serve: Serve, script: Callable[[Received], Reply], run_ids: list[int]
) -> None:
    serve(script)
    began = time.monotonic()

    done = dbjobs("runs", "wait", *run_ids, "--timeout", "1s", "--progress", "none")
    assert done.exit_code == 124
    assert len(done.lines) == len(run_ids), "each run is told of"
    assert time.monotonic() - began < 20


def test_outputs_are_read_within_the_time_limit(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(hang("runs/get-output", failed))
    began = time.monotonic()

    done = dbjobs("runs", "wait", *range(1, 30), "--timeout", "1s", "--progress", "none")
    assert done.exit_code == 10
    assert "could not be fetched" in done.stderr
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("command", ["wait", "backfill"])
def test_an_outage_of_requests_that_hang_ends_in_time(dbjobs: Dbjobs, serve: Serve, command: str) -> None:
    def reply(request: Received) -> Reply:
        if request.endpoint == "get":
            return Reply(
                body={
                    "job_id": JOB_ID,
                    "settings": {"name": "x", "parameters": [{"name": "day", "default": ""}]},
                }
            )
        return Reply(body={"runs": []}) if request.endpoint == "runs/list" else Reply(hang=True)

    serve(reply)
    days = ("runs", "backfill", JOB_ID, "--days", "2026-01-01..2026-01-09", "--as", "day")
    arguments = ("runs", "wait", 1) if command == "wait" else days
    began = time.monotonic()

    done = dbjobs(*arguments, "--max-outage", "2s", "--progress", "none")
    assert done.exit_code == 6
    assert "no contact for" in done.stderr
    assert time.monotonic() - began < 25


def test_fail_fast_leaves_in_the_middle_of_a_round(dbjobs: Dbjobs, serve: Serve) -> None:
    def reply(request: Received) -> Reply:
        return Reply(body=failed(request)) if run_of(request) == 1 else slowly(request)

    server = serve(reply)
    done = dbjobs("runs", "wait", *range(1, 61), "--fail-fast", "--progress", "none", "--show-output", "none")

    assert done.exit_code == 10
    assert len(server.received) == 1
    assert "may still be running, and nothing was canceled" in done.stderr, "the others were never seen"
