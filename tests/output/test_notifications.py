"""Notifications: one POST when a wait ends, which never changes how it ends."""

from typing import Any

import pytest

from dbjobs.api.models import Run
from dbjobs.output.notifications import MAX_RUNS, make_body
from dbjobs.runs.snapshots import Snapshot, WatchedRun
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import FakeClock, Reply, scripted_server
from tests.support.payloads import JOB_ID, run, task

URL = "https://chat.example/hooks/5f3a9c1e7b2d4f60"
FAILED = run("TERMINATED", "FAILED", task("load", "TERMINATED", "FAILED"), run_id=7)


@pytest.fixture
def failed_run(serve: Serve) -> None:
    serve(lambda request: Reply(body=FAILED))


def test_a_webhook_is_told_once_how_the_wait_ended(
    dbjobs: Dbjobs, failed_run: None, clock: FakeClock
) -> None:
    with scripted_server([Reply(body="ok")]) as webhook:
        done = dbjobs("runs", "wait", 7, "--notify", f"{webhook.url}/hooks/5f3a9c1e7b2d4f60", "-v")

    assert done.exit_code == 10
    (received,) = webhook.received
    assert (received.method, received.path) == ("POST", "/hooks/5f3a9c1e7b2d4f60")
    assert received.body["summary"] == "TERMINATED FAILED  nightly (run 7)"
    (told,) = received.body["runs"]
    assert (told["run_id"], told["job_id"], told["result_state"]) == (7, JOB_ID, "FAILED")
    assert told["failed_tasks"] == ["load"]
    assert "Authorization" not in received.headers, "the workspace's credentials are for the workspace"
    assert "5f3a9c1e7b2d4f60" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("replies", "tries", "is_delivered"),
    [
        ([Reply(503), Reply(429), Reply(204)], 3, True),
        ([Reply(reset=True), Reply(200)], 2, True),
        ([Reply(500)], 3, False),
        ([Reply(404, "5f3a9c1e7b2d4f60 is gone")], 1, False),
        ([Reply(302, "", {"Location": "http://127.0.0.1:9/"})], 1, False),
    ],
    ids=["busy", "reset", "broken", "gone", "redirect"],
)
def test_it_is_tried_a_few_times_and_never_changes_the_exit_code(
    dbjobs: Dbjobs, failed_run: None, clock: FakeClock, replies: list[Reply], tries: int, is_delivered: bool
) -> None:
    with scripted_server(replies) as webhook:
        done = dbjobs("runs", "wait", 7, "--notify", f"{webhook.url}/hooks/5f3a9c1e7b2d4f60")

    assert done.exit_code == 10
    assert len(webhook.received) == tries
    assert ("warning: the notification was not delivered: " in done.stderr) is not is_delivered
    assert "5f3a9c1e7b2d4f60" not in done.stderr


def test_a_webhook_that_is_not_there_is_a_warning(dbjobs: Dbjobs, failed_run: None, clock: FakeClock) -> None:
    with scripted_server([Reply()]) as webhook:
        url = webhook.url
    done = dbjobs("runs", "wait", 7, "--notify", f"{url}/hooks/5f3a9c1e7b2d4f60")

    assert done.exit_code == 10
    assert "warning: the notification was not delivered: cannot reach http://127.0.0.1" in done.stderr


def test_a_wait_that_is_left_says_why(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    serve(lambda request: Reply(body=run("RUNNING", None, task("load", "RUNNING"), run_id=7)))
    with scripted_server([Reply()]) as webhook:
        done = dbjobs("runs", "wait", 7, "--timeout", "1m", "--notify", f"{webhook.url}/hooks/abc")

    assert done.exit_code == 124
    assert webhook.received[0].body["note"] == "the time limit has passed: run 7 had not ended"


@pytest.mark.parametrize(
    "text", ["hooks/5f3a9c1e7b2d4f60", "ftp://h/5f3a9c1e7b2d4f60", "https://", "http://[5f3a9"]
)
def test_what_is_no_url_is_refused_without_being_quoted(dbjobs: Dbjobs, text: str) -> None:
    done = dbjobs("runs", "wait", 7, "--notify", text)

    assert done.exit_code == 2
    assert (
        done.stderr.splitlines()[0] == "error: --notify: it takes a URL that begins with https:// or http://"
    )
    assert "5f3a9" not in done.stderr


def snapshot(*runs: dict[str, Any]) -> Snapshot:
    return Snapshot(tuple(WatchedRun(one["run_id"], Run(one), label="") for one in runs), 0.0, 0.0)


def test_slack_gets_text_in_which_names_are_no_markup() -> None:
    told = run("TERMINATED", "FAILED", run_id=7, run_name="<!channel> & co", run_page_url="https://w/run/7")
    body = make_body("https://hooks.slack.com/services/T/B/x", snapshot(told), "", {})

    assert body == {"text": "TERMINATED FAILED  &lt;!channel&gt; &amp; co (run 7)\nhttps://w/run/7"}


def test_of_a_backfill_the_sets_without_a_run_have_not_succeeded() -> None:
    good = [run("TERMINATED", "SUCCESS", run_id=number) for number in (8, 9)]
    missing = {"day=3": "not started", "day=4": "refused: the day is closed"}

    assert make_body(URL, snapshot(*good), "", missing)["summary"] == "2 of 4 sets succeeded"
    assert make_body(URL, snapshot(), "", missing)["summary"] == "0 of 2 sets succeeded"
    assert make_body(URL, snapshot(*good), "", {})["summary"] == "2 of 2 runs succeeded"


def test_teams_gets_a_card_of_plain_text() -> None:
    body = make_body(
        "https://acme.webhook.office.com/x", snapshot(FAILED), "interrupted", {"day=1": "not started"}
    )

    assert body["type"] == "message"
    (attachment,) = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    texts = [block["inlines"][0]["text"] for block in attachment["content"]["body"]]
    assert texts == ["TERMINATED FAILED  nightly (run 7)", "interrupted", "1 parameter set without a run"]


def test_a_message_about_many_runs_has_the_failed_ones_and_a_bounded_length() -> None:
    good = [run("TERMINATED", "SUCCESS", run_id=number) for number in range(100, 1100)]
    body = make_body("https://hooks.slack.com/services/T/B/x", snapshot(*good, FAILED), "", {})

    lines = body["text"].splitlines()
    assert lines[:2] == ["1000 of 1001 runs succeeded", "TERMINATED FAILED  nightly (run 7)"]
    assert len(lines) == 1 + MAX_RUNS + 1
    assert lines[-1] == "and 981 other runs"
    assert len(make_body(URL, snapshot(*good), "", {})["runs"]) == 1000


def test_the_body_is_json_whatever_a_run_is_named(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    odd = run("TERMINATED", "SUCCESS", run_id=7, run_name='"\ud83d\n\x1b[31m')
    serve(lambda request: Reply(body=odd))
    with scripted_server([Reply()]) as webhook:
        assert dbjobs("runs", "wait", 7, "--notify", f"{webhook.url}/hooks/abc").exit_code == 0

    assert webhook.received[0].body["runs"][0]["run_name"] == '"?\n\x1b[31m'
