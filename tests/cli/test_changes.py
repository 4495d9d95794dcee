"""Changing jobs and runs safely: what changes is shown, somebody is asked, and nothing is sent twice."""

import itertools
import json
import re
import shlex
import sys
from typing import Any

import pytest

from tests.conftest import Dbjobs, Result, Serve
from tests.support.fakes import FakeClock, Received, Reply, ScriptedServer, by_endpoint
from tests.support.payloads import BEYOND_FLOAT, run
from tests.support.terminal import Terminal

NOTEBOOK = {"notebook_task": {"notebook_path": "/n"}}
SETTINGS: dict[str, Any] = {
    "name": "nightly",
    "max_concurrent_runs": 1,
    "email_notifications": {},
    "format": "MULTI_TASK",
    "schedule": {
        "quartz_cron_expression": "0 0 2 * * ?",
        "timezone_id": "UTC",
        "pause_status": "UNPAUSED",
    },
    "tasks": [
        {"task_key": "load", "max_retries": 1, **NOTEBOOK},
        {"task_key": "clean", "run_if": "ALL_SUCCESS", **NOTEBOOK},
    ],
}
JOB = {"job_id": 42, "settings": SETTINGS}
WEEKLY = json.dumps({"name": "weekly", "tasks": [{"task_key": "load", "max_retries": 2, **NOTEBOOK}]})
NAMELESS = json.dumps({"tasks": [{"task_key": "load", **NOTEBOOK}]})
ANSWERS: dict[str, Any] = {
    "get": JOB,
    "list": {"jobs": [JOB]},
    "reset": {},
    "update": {},
    "delete": {},
    "runs/get": run(run_id=43),
    "runs/cancel-all": {},
    "runs/delete": {},
    "runs/cancel": {},
}
RESET_DIFFERENCE = [
    '~ name: "nightly" → "weekly"',
    '- schedule.quartz_cron_expression: "0 0 2 * * ?"',
    '- schedule.timezone_id: "UTC"',
    '- schedule.pause_status: "UNPAUSED"',
    "~ tasks[load].max_retries: 1 → 2",
    '- tasks[clean].task_key: "clean"',
    '- tasks[clean].notebook_task.notebook_path: "/n"',
]

CHANGES = {
    "reset": (["jobs", "reset", "42", "--json", WEEKLY], "replace all settings of job 42 (nightly)?"),
    "delete": (["jobs", "delete", "42"], "delete job 42 (nightly)?"),
    "cancel-all": (["runs", "cancel-all", "42"], "cancel all active runs of job 42 (nightly)?"),
    "all queued": (["runs", "cancel-all", "--all-queued"], "cancel all queued runs?"),
    "delete runs": (["runs", "delete", "43", "44"], "delete 2 runs: 43, 44?"),
}


@pytest.fixture
def server(serve: Serve) -> ScriptedServer:
    return serve(by_endpoint(ANSWERS))


# Asking


@pytest.mark.parametrize(("command", "question"), CHANGES.values(), ids=CHANGES)
def test_off_a_terminal_yes_is_required(
    dbjobs: Dbjobs, server: ScriptedServer, command: list[str], question: str
) -> None:
    done = dbjobs(*command, stdin="y\n")
    assert (done.exit_code, server.changes) == (2, [])
    assert "error: this needs --yes, because there is no terminal to ask on" in done.stderr

    assert dbjobs(*command, "--yes").exit_code == 0
    assert server.changes


@pytest.mark.parametrize(("command", "question"), CHANGES.values(), ids=CHANGES)
def test_on_a_terminal_the_question_names_what_is_at_stake(
    server: ScriptedServer, command: list[str], question: str
) -> None:
    terminal = Terminal([sys.executable, "-m", "dbjobs", *command], columns=120)
    terminal.read_until(f"{question} [y/N]")
    assert server.changes == [], "nothing is sent before the answer"
    terminal.type("y\n")
    assert terminal.wait().exit_code == 0
    assert server.changes


@pytest.mark.parametrize("answer", ["n\n", "\n", "yeah\n", "\x04"], ids=["no", "enter", "neither", "Ctrl-D"])
def test_anything_but_yes_changes_nothing(server: ScriptedServer, answer: str) -> None:
    terminal = Terminal([sys.executable, "-m", "dbjobs", "jobs", "delete", "42"])
    terminal.read_until("[y/N]")
    terminal.type(answer)
    screen = terminal.wait()
    assert (screen.exit_code, server.changes) == (130, [])
    assert "nothing was changed" in screen.text


def test_an_update_asks_nobody(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    assert dbjobs("jobs", "update", 42, "--set", "max_concurrent_runs=2").exit_code == 0


# The difference


def test_a_reset_shows_what_changes(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    done = dbjobs("jobs", "reset", 42, "--json", WEEKLY, "--yes")
    assert done == Result(0, "", "\n".join([*RESET_DIFFERENCE, "job 42 reset", ""]))


def test_a_dry_run_prints_the_difference_and_the_request_and_sends_nothing(
    dbjobs: Dbjobs, server: ScriptedServer
) -> None:
    done = dbjobs("jobs", "reset", "nightly", "--json", WEEKLY, "--dry-run")
    difference, request = done.stdout.split("POST ")
    url, _, body = request.partition("\n")
    assert difference.splitlines() == RESET_DIFFERENCE
    assert url == f"{server.url}/api/2.2/jobs/reset"
    assert json.loads(body) == {"job_id": 42, "new_settings": json.loads(WEEKLY)}
    assert (done.exit_code, done.stderr, server.changes) == (0, "", [])

    document = dbjobs("jobs", "reset", "nightly", "--json", WEEKLY, "--dry-run", "-o", "json")
    request = json.loads(document.stdout)
    assert (request["url"], request["body"]["job_id"]) == (url, 42)
    assert document.stderr.splitlines() == RESET_DIFFERENCE
    two = dbjobs("jobs", "delete", "42", "43", "--dry-run", "-o", "json")
    assert [one["body"] for one in json.loads(two.stdout)] == [{"job_id": 42}, {"job_id": 43}]


@pytest.mark.parametrize(
    "command",
    [
        *[command for command, _ in CHANGES.values()],
        ["jobs", "update", "42", "--set", "name=x"],
        ["jobs", "create", "--json", WEEKLY],
        ["runs", "now", "42"],
        ["runs", "submit", "--json", NAMELESS],
        ["runs", "cancel", "43", "--wait"],
        ["runs", "repair", "43"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_every_command_that_changes_something_can_be_rehearsed(
    dbjobs: Dbjobs, server: ScriptedServer, command: list[str]
) -> None:
    done = dbjobs(*command, "--dry-run")
    assert (done.exit_code, server.changes) == (0, []), done.stderr
    assert f"POST {server.url}/api/2.2/jobs/" in done.stdout


def test_settings_of_a_job_show_no_change_against_themselves(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    printed = dbjobs("jobs", "get", 42, "-o", "yaml").stdout
    done = dbjobs("jobs", "reset", 42, "-f", "-", "--yes", stdin=printed)
    assert done.stderr == "no setting changes\njob 42 reset\n"
    assert server.changes[0].body == {"job_id": 42, "new_settings": SETTINGS}


def test_nothing_in_a_difference_takes_effect(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    done = dbjobs("jobs", "update", 42, "--json", '{"name": "\\u001b[2J[red]", "description": "a\\u001b[1m"}')
    assert '~ name: "nightly" → "\\u001b[2J[red]"' in done.stderr
    assert "\x1b" not in done.stderr


# Updates


def test_an_update_needs_something_to_update(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    done = dbjobs("jobs", "update", 42)
    assert (done.exit_code, server.received) == (2, [])
    assert "give what to change: -f FILE, --set PATH=VALUE or --remove FIELD" in done.stderr


def test_after_an_update_the_job_is_read_again(dbjobs: Dbjobs, serve: Serve) -> None:
    kept = {"job_id": 42, "settings": {**SETTINGS, "max_concurrent_runs": 100}}
    serve(by_endpoint({**ANSWERS, "get": [JOB, kept]}))
    done = dbjobs("jobs", "update", 42, "--set", "max_concurrent_runs=500")
    assert done.exit_code == 0
    assert done.stderr.splitlines() == [
        "~ max_concurrent_runs: 1 → 500",
        "job 42 updated",
        "warning: the server did not keep what it was sent:",
        "~ max_concurrent_runs: 500 → 100",
    ]


def test_an_update_that_cannot_be_checked_was_sent_all_the_same(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(by_endpoint({**ANSWERS, "get": [JOB, Reply(403, {"message": "no more"})]}))
    done = dbjobs("jobs", "update", 42, "--set", "name=x")
    assert done.exit_code == 0
    assert "warning: the job could not be read again, to see what the server kept: no more" in done.stderr


def test_a_kept_update_is_told_in_few_words(dbjobs: Dbjobs, serve: Serve) -> None:
    kept = {"job_id": 42, "settings": {**SETTINGS, "name": "x"}}
    serve(by_endpoint({**ANSWERS, "get": [JOB, kept]}))
    done = dbjobs("jobs", "update", 42, "--set", "name=x")
    assert done.stderr.splitlines() == ['~ name: "nightly" → "x"', "job 42 updated"]


# Forms


@pytest.mark.parametrize(
    ("command", "ids"),
    [
        (["jobs", "reset", "42", "--json", WEEKLY, "--yes"], "42"),
        (["jobs", "update", "42", "--set", "name=x"], "42"),
        (["jobs", "delete", "42", "--yes"], "42"),
        (["jobs", "delete", "42", str(BEYOND_FLOAT), "nightly", "--yes"], f"42 {BEYOND_FLOAT}"),
        (["runs", "delete", "43", "44", "--yes"], "43 44"),
        (["runs", "cancel", "43", "44"], "43 44"),
        (["runs", "cancel-all", "42", "--yes"], "42"),
    ],
)
def test_the_result_is_the_answer_of_the_api_or_the_ids(
    dbjobs: Dbjobs, server: ScriptedServer, command: list[str], ids: str
) -> None:
    number = len(ids.split())
    assert dbjobs(*command).stdout == ""
    assert json.loads(dbjobs(*command, "-o", "json").stdout) == ({} if number == 1 else [{}] * number)
    assert dbjobs(*command, "-o", "jsonl").lines == ["{}"] * number
    assert dbjobs(*command, "-o", "id").lines == ids.split()


def test_canceling_the_queue_of_the_workspace_names_no_job(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    assert dbjobs("runs", "cancel-all", "--all-queued", "--yes", "-o", "id").stdout == ""
    assert dbjobs("runs", "cancel-all", "--all-queued", "--yes", "-o", "json").stdout == "{}\n"


def test_a_failure_keeps_none_of_the_others_from_it(dbjobs: Dbjobs, serve: Serve) -> None:
    missing = Reply(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Run 43 does not exist."})
    server = serve(by_endpoint({"runs/delete": [missing, {}]}))
    done = dbjobs("runs", "delete", 43, 44, "--yes", "-o", "id")
    assert (done.exit_code, done.lines, len(server.changes)) == (4, ["44"], 2)
    assert "error: Run 43 does not exist." in done.stderr


def test_cancel_all_wants_a_job_or_the_queue(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    for command in (["runs", "cancel-all"], ["runs", "cancel-all", "42", "--all-queued"]):
        assert dbjobs(*command, "--yes").exit_code == 2
    assert server.changes == []


# An outcome that is not known


@pytest.mark.parametrize(
    ("command", "endpoint", "effect", "way_to_look"),
    [
        (
            ["jobs", "create", "--json", WEEKLY],
            "create",
            "the job may have been created",
            "dbjobs jobs list --name weekly",
        ),
        (
            ["jobs", "create", "--json", NAMELESS],
            "create",
            "the job may have been created",
            "dbjobs jobs list --limit 5",
        ),
        (
            ["jobs", "reset", "42", "--json", WEEKLY, "--yes"],
            "reset",
            "job 42 may have been reset",
            "dbjobs jobs get 42",
        ),
        (
            ["jobs", "update", "42", "--set", "name=x"],
            "update",
            "job 42 may have been updated",
            "dbjobs jobs get 42",
        ),
        (["runs", "repair", "43"], "runs/repair", "run 43 may have been repaired", "dbjobs runs get 43"),
    ],
)
@pytest.mark.parametrize("fault", [Reply(reset=True), Reply(502, "")], ids=["reset", "502"])
def test_what_may_have_taken_effect_is_not_sent_again(
    dbjobs: Dbjobs,
    serve: Serve,
    clock: FakeClock,
    command: list[str],
    endpoint: str,
    effect: str,
    way_to_look: str,
    fault: Reply,
) -> None:
    server = serve(by_endpoint({**ANSWERS, endpoint: fault}))
    done = dbjobs(*command)
    assert (done.exit_code, done.stdout, len(server.changes)) == (6, "", 1)
    assert f"; {effect}" in done.stderr
    assert done.stderr.endswith(f"hint: check before you send it again: {way_to_look}\n")


@pytest.mark.parametrize(
    ("command", "endpoint"),
    [
        (["jobs", "delete", "42", "--yes"], "delete"),
        (["runs", "delete", "43", "--yes"], "runs/delete"),
        (["runs", "cancel-all", "42", "--yes"], "runs/cancel-all"),
    ],
)
def test_what_does_no_harm_twice_is_sent_again(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, command: list[str], endpoint: str
) -> None:
    server = serve(by_endpoint({**ANSWERS, endpoint: [Reply(reset=True), {}]}))
    assert dbjobs(*command).exit_code == 0
    assert len(server.changes) == 2


EMPTY = Reply(body=b"")
ABSENT = Reply(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Run 43 does not exist."})


@pytest.mark.parametrize(
    ("command", "endpoint"),
    [
        (["jobs", "delete", "42", "--yes"], "delete"),
        (["jobs", "reset", "42", "--json", WEEKLY, "--yes"], "reset"),
        (["jobs", "update", "42", "--set", "max_concurrent_runs=2"], "update"),
        (["runs", "cancel", "43"], "runs/cancel"),
        (["runs", "cancel-all", "42", "--yes"], "runs/cancel-all"),
        (["runs", "delete", "43", "--yes"], "runs/delete"),
    ],
)
@pytest.mark.parametrize("reply", [EMPTY, Reply(204, b"")], ids=["200", "204"])
def test_an_empty_answer_is_complete_where_nothing_is_to_be_said(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, command: list[str], endpoint: str, reply: Reply
) -> None:
    server = serve(by_endpoint({**ANSWERS, endpoint: reply}))
    done = dbjobs(*command)
    assert (done.exit_code, len(server.changes), clock.slept) == (0, 1, [])
    assert "error" not in done.stderr


@pytest.mark.parametrize("first", [Reply(reset=True), Reply(502, "")], ids=["reset", "502"])
@pytest.mark.parametrize(("noun", "endpoint"), [("jobs", "delete"), ("runs", "runs/delete")])
def test_what_a_second_delete_does_not_find_was_deleted_by_the_first(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, noun: str, endpoint: str, first: Reply
) -> None:
    serve(by_endpoint({**ANSWERS, endpoint: [first, ABSENT]}))
    done = dbjobs(noun, "delete", 43, "--yes")
    assert (done.exit_code, "43 deleted" in done.stderr) == (0, True)


@pytest.mark.parametrize("later", [Reply(404, ""), Reply(404, "Not here.")], ids=["empty", "a text"])
@pytest.mark.parametrize(("noun", "endpoint"), [("jobs", "delete"), ("runs", "runs/delete")])
def test_a_404_that_is_not_the_api_s_does_not_say_that_anything_was_deleted(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, noun: str, endpoint: str, later: Reply
) -> None:
    serve(by_endpoint({**ANSWERS, endpoint: [Reply(502, ""), later]}))
    done = dbjobs(noun, "delete", 43, "--yes")
    assert done.exit_code == 4
    assert f"{noun[:-1]} 43 may have been deleted" in done.stderr


def test_what_a_first_delete_does_not_find_was_not_there(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(by_endpoint({**ANSWERS, "runs/delete": ABSENT}))
    assert dbjobs("runs", "delete", 43, "--yes").exit_code == 4


LATER = {
    "401": (Reply(401, {"message": "Invalid access token."}), 3),
    "403": (Reply(403, {"error_code": "PERMISSION_DENIED", "message": "No."}), 5),
    "400": (Reply(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "No."}), 5),
    "404": (Reply(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No."}), 4),
    "302": (Reply(302, "", {"Location": "https://login.example"}), 3),
    "a page": (Reply(200, "<html>", {"Content-Type": "text/html"}), 3),
    "no id": (Reply(body={}), 3),
    "a wrong shape": (Reply(body={"run_id": "12\n34"}), 6),
    "a reset": (Reply(reset=True), 6),
}


@pytest.mark.parametrize("first", [Reply(reset=True), Reply(500, "")], ids=["reset", "500"])
@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("token", ["given", None])
def test_a_run_that_may_have_been_started_is_told_with_the_command_that_continues(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, first: Reply, later: str, token: str | None
) -> None:
    reply, exit_code = LATER[later]
    job = {**JOB, "settings": {**SETTINGS, "parameters": [{"name": "day", "default": ""}]}}
    server = serve(by_endpoint({"get": job, "run-now": [first, reply]}))
    call = ["--quiet", "runs", "now", "42", "-P", "day=1 '$2"]
    done = dbjobs(*call, *(["--idempotency-token", token] if token else []))
    assert (done.exit_code, done.stdout) == (exit_code, "")
    [sent] = {request.body["idempotency_token"] for request in server.changes}
    assert "; the run may have been started" in done.stderr
    assert "to look for it: dbjobs runs list --job 42 --limit 5" in done.stderr

    [again] = re.findall(r"without starting a second run: dbjobs (.*)", done.stderr)
    assert shlex.split(again) == [*call, "--idempotency-token", sent]
    server.script = by_endpoint({"get": job, "run-now": {"run_id": 1}})
    assert dbjobs(*shlex.split(again)).stdout == "1\n"
    assert {request.body["idempotency_token"] for request in server.changes} == {sent}


@pytest.mark.parametrize("later", ["a page", "no id", "a wrong shape"])
def test_a_run_that_may_have_been_started_is_told_after_one_useless_answer(
    dbjobs: Dbjobs, serve: Serve, later: str
) -> None:
    reply, exit_code = LATER[later]
    server = serve(by_endpoint({"run-now": reply}))
    done = dbjobs("runs", "now", 42)
    assert (done.exit_code, len(server.changes)) == (exit_code, 1)
    assert "; the run may have been started" in done.stderr


@pytest.mark.parametrize("later", ["401", "403", "400", "404", "302"])
def test_a_run_that_was_refused_at_once_was_not_started(dbjobs: Dbjobs, serve: Serve, later: str) -> None:
    reply, exit_code = LATER[later]
    serve(by_endpoint({"run-now": reply}))
    done = dbjobs("runs", "now", 42)
    assert (done.exit_code, "may have" in done.stderr) == (exit_code, False)


def test_looking_for_a_job_by_name_has_an_end(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    numbers = itertools.count(1)

    def reply(request: Received) -> Reply:
        clock.sleep(50)
        jobs = [{"job_id": next(numbers), "settings": {"name": "nightly"}}]
        return Reply(body={"jobs": jobs, "has_more": True, "next_page_token": str(next(numbers))})

    server = serve(reply)
    done = dbjobs("runs", "now", "nightly")
    assert (done.exit_code, done.stdout) == (6, "")
    assert "the time limit passed" in done.stderr
    assert len(server.received) <= 900 / 50
