"""What is said, and with which exit code, when a command ends before all is known."""

import json

import pytest

from tests.conftest import Dbjobs, Serve
from tests.support.fakes import FakeClock, Received, Reply, by_endpoint
from tests.support.payloads import JOB_ID, run

BUSY = Reply(503, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "Busy."})
PAGE = Reply(200, "<html>Welcome", {"Content-Type": "text/html"})
CANCELED = run("TERMINATED", "CANCELED", run_id=8)


def test_a_cancel_that_fails_keeps_no_other_run_from_being_waited_for(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    def reply(request: Received) -> Reply:
        if request.endpoint == "runs/cancel":
            return PAGE if request.body["run_id"] == 7 else Reply()
        return Reply(body=CANCELED)

    serve(reply)
    done = dbjobs("runs", "cancel", 7, 8, "--wait")

    assert done.exit_code == 3
    assert done.stdout == "8\tTERMINATED\tCANCELED\n"
    assert "run 7 may have been canceled" in done.stderr
    assert "dbjobs runs get 7" in done.stderr


def test_a_wait_that_is_left_after_a_cancel_says_that_it_was_accepted(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    serve(by_endpoint({"runs/cancel": {}, "runs/get": BUSY}))
    done = dbjobs("runs", "cancel", 7, "--wait")

    assert done.exit_code == 6
    assert "run 7 may still be running; the cancel of run 7 was accepted" in done.stderr
    assert "nothing was canceled" not in done.stderr


PROXY = Reply(403, "<html>Sign in", {"Content-Type": "text/html"})
REFUSED = Reply(403, {"error_code": "PERMISSION_DENIED", "message": "You may not cancel it."})


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([Reply(reset=True), PROXY, {}], "canceled run 7, waiting for the end"),
        ([Reply(404, ""), {}], "canceled run 7, waiting for the end"),
        ([Reply(reset=True), REFUSED], "cancel it.; an earlier one had no answer, and may cancel it\n"),
        ([Reply(429), REFUSED], "the cancel of run 7 was refused: You may not cancel it.\n"),
    ],
    ids=["a page", "an empty 404", "refused later", "refused"],
)
def test_the_cancel_of_a_wait_that_is_left_is_refused_by_the_api_alone(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, answers: list[object], words: str
) -> None:
    serve(by_endpoint({"runs/cancel": answers, "runs/get": run("RUNNING", run_id=7)}))
    done = dbjobs("runs", "wait", 7, "--timeout", "10s", "--on-timeout", "cancel")

    assert done.exit_code == 124
    assert words in done.stderr


def test_how_to_find_a_run_whose_cancel_had_no_answer_is_told_with_quiet_too(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    serve(by_endpoint({"runs/cancel": Reply(reset=True), "runs/get": run("RUNNING", run_id=7)}))
    done = dbjobs("runs", "wait", 7, "--timeout", "10s", "--on-timeout", "cancel", "-q")

    assert "it is not known whether run 7 will be canceled" in done.stderr
    assert "dbjobs runs wait 7" in done.stderr


def test_a_result_that_comes_late_is_waited_for_however_fast_the_polls_are(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    serve(lambda request: Reply(body=run("TERMINATED", "FAILED" if clock.time > 8 else None, run_id=7)))

    assert dbjobs("runs", "wait", 7, "--poll-interval", "1s", "--show-output", "none").exit_code == 10


def test_a_run_whose_result_is_still_to_come_decides_nothing_for_fail_fast(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    def reply(request: Received) -> Reply:
        run_id = int(request.query["run_id"])
        return Reply(body=run("SKIPPED" if run_id == 7 else "TERMINATED", run_id=run_id))

    serve(reply)
    done = dbjobs("runs", "wait", 8, 7, "--fail-fast", "--show-output", "none")

    assert done.exit_code == 13
    assert "run 8 has ended, but the result was not seen" in done.stderr


def test_a_result_that_dbjobs_does_not_know_counts_though_a_page_cannot_be_read(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    first_page = run("TERMINATED", "A_NEW_ONE", run_id=7, next_page_token="2")
    serve(lambda request: BUSY if "page_token" in request.query else Reply(body=first_page))

    assert dbjobs("runs", "wait", 7, "--timeout", "5s", "--show-output", "none").exit_code == 19


@pytest.mark.parametrize(
    "command",
    [
        ("runs", "repair", 7, "--wait"),
        ("runs", "backfill", JOB_ID, "--days", "2026-01-01..2026-01-02", "--as", "day"),
        ("runs", "backfill", "nightly", "--days", "2026-01-01..2026-01-02", "--as", "day"),
        ("runs", "now", "nightly", "--wait"),
        ("runs", "now", JOB_ID, "--wait", "-P", "day=2026-01-01"),
        ("runs", "now", JOB_ID, "--wait", "--only", "task_0"),
        ("runs", "rerun", 7, "--wait"),
        ("runs", "rerun", "nightly@failed", "--wait"),
        ("runs", "repair", "nightly@failed", "--wait"),
        ("runs", "wait", "nightly@latest"),
    ],
    ids=lambda command: " ".join(map(str, command)),
)
def test_the_time_limit_bounds_what_is_read_before_anything_is_started(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, command: tuple[object, ...]
) -> None:
    server = serve(BUSY)
    done = dbjobs(*command, "--timeout", "50s")

    assert done.exit_code == 6
    assert clock.time <= 55
    assert server.changes == []


def test_a_set_that_may_have_been_started_is_told_with_quiet_too(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    job = {"job_id": JOB_ID, "settings": {"name": "nightly", "parameters": [{"name": "day", "default": ""}]}}
    serve(by_endpoint({"get": job, "runs/list": {}, "run-now": Reply(reset=True)}))
    done = dbjobs("runs", "backfill", JOB_ID, "--days", "2026-01-01..2026-01-01", "--as", "day", "-q")

    assert done.exit_code == 6
    assert "day=2026-01-01 may have been started" in done.stderr


def test_an_error_with_a_good_status_is_no_success(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    serve(Reply(200, {"error_code": "INTERNAL_ERROR", "message": "oops"}))
    done = dbjobs("runs", "cancel", 7)

    assert done.exit_code == 6
    assert "INTERNAL_ERROR: oops; run 7 may have been canceled" in done.stderr


def test_a_run_that_was_never_seen_is_in_the_result_all_the_same(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    serve(by_endpoint({"run-now": {"run_id": 7}, "runs/get": BUSY}))
    done = dbjobs("runs", "now", JOB_ID, "--wait", "--timeout", "5s", "-o", "json", "-q")

    assert done.exit_code in (6, 124)
    assert json.loads(done.stdout) == {"run_id": 7}
