"""No line of output ever holds the token: not of an error, not of --verbose, not of a fault of our own."""

import json
from pathlib import Path
from typing import Any

import pytest

from dbjobs.cli.context import App
from tests.conftest import TOKEN, Dbjobs, Result, Serve
from tests.support.fakes import Received, Reply, by_endpoint
from tests.support.payloads import TASKS, run, task

COMMANDS: dict[str, tuple[Any, ...]] = {
    "jobs create": ("jobs", "create", "--json", json.dumps({"name": "nightly", "tasks": TASKS})),
    "jobs get": ("jobs", "get", "nightly"),
    "runs now": ("runs", "now", 7),
    "runs now, waiting": ("runs", "now", 7, "--wait"),
    "runs submit": ("runs", "submit", "--json", json.dumps({"tasks": TASKS}), "--wait"),
    "runs get": ("runs", "get", 42),
    "runs output": ("runs", "output", 42),
    "runs wait": ("runs", "wait", 42, "--max-outage", "1m"),
    "runs cancel": ("runs", "cancel", 42, "--wait"),
    "a dry run": ("runs", "cancel", 42, "--dry-run"),
    "wrong usage": ("runs", "get", 42, "--no-such-option"),
    "no run": ("runs", "get", "nightly"),
}


def has_secret(result: Result) -> bool:
    return "secret-of" in result.stdout + result.stderr


def echoing(status: int) -> Any:
    """A server that tells everybody what it was sent, the credentials included."""

    def reply(request: Received) -> Reply:
        sent = request.headers.get("authorization", "")
        headers = {"x-request-id": sent, "Location": f"https://login.example/{sent}"}
        return Reply(status, {"error_code": f"SENT {sent}", "message": f"You sent {sent}."}, headers)

    return reply


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 302, 500, 429])
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_server_that_echoes_the_token_cannot_make_dbjobs_print_it(
    dbjobs: Dbjobs, serve: Serve, command: tuple[Any, ...], status: int
) -> None:
    serve(echoing(status))

    result = dbjobs(*command, "--verbose")
    assert not has_secret(result)
    assert result.stderr or command == COMMANDS["a dry run"]


LOUD = {"state_message": f"Message {TOKEN}"}
GOING = {**run("RUNNING", run_id=42), "run_page_url": f"https://x/{TOKEN}"}
GOING["state"] |= LOUD
ENDED = {**run("TERMINATED", "FAILED", task("main", "TERMINATED", "FAILED", state_message=TOKEN)), **GOING}
ENDED["state"] = {"life_cycle_state": "TERMINATED", "result_state": "FAILED", **LOUD}
OUTPUT = {"error": f"Bad {TOKEN}", "error_trace": f"line 1\n{TOKEN}", "logs": TOKEN}


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("progress", ["lines", "events", "none"])
def test_what_a_wait_tells_on_stderr_holds_no_token(dbjobs: Dbjobs, serve: Serve, progress: str) -> None:
    serve(by_endpoint({"runs/get": [GOING, ENDED], "runs/get-output": OUTPUT}))

    result = dbjobs("runs", "wait", 42, "--progress", progress, "--show-output", "all", "--verbose")
    assert result.exit_code == 10
    assert "<hidden>" in result.stderr
    assert not has_secret(result)


def test_verbose_tells_where_the_token_came_from_and_not_what_it_is(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(Reply(body=run(run_id=42)))

    result = dbjobs("runs", "get", 42, "--verbose")
    assert "DATABRICKS_TOKEN" in result.stderr
    assert not has_secret(result)


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_fault_of_dbjobs_shows_no_token_even_in_its_traceback(
    dbjobs: Dbjobs, serve: Serve, monkeypatch: pytest.MonkeyPatch, debug: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"after sending {TOKEN}")

    monkeypatch.setattr("dbjobs.cli.runs.get.show_run", fail)
    serve(Reply(body=run(run_id=42)))

    result = dbjobs("runs", "get", 42, DBJOBS_DEBUG=debug)
    assert result.exit_code == 1
    assert "RuntimeError: after sending <hidden>" in result.stderr
    assert ("Traceback" in result.stderr) == bool(debug)
    assert not has_secret(result)


@pytest.mark.parametrize(
    "content",
    [
        f"profiles: {{p: {{host: h.example, token: {TOKEN}: x}}}}",
        f"profiles: {{p: {{host: 'http://{TOKEN}@h.example', token: t}}}}",
        f"profiles: {{p: {{host: 'https://h.example bad', token: {TOKEN}}}}}",
        f"profiles: {{p: {{host: h.example, token: '{TOKEN} with blanks'}}}}",
        f"profiles: {{p: {{host: h.example, token: [{TOKEN}]}}}}",
        f"profiles: {{p: {{token: {TOKEN}}}}}",
        f"profiles: {{p: {TOKEN}}}",
        f"token: {TOKEN}",
        TOKEN,
    ],
)
def test_a_broken_configuration_shows_no_token(dbjobs: Dbjobs, tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(content, "utf-8")

    result = dbjobs("runs", "get", 42, "--config", path, "-p", "p", "--verbose")
    assert result.exit_code == 3
    assert not has_secret(result)


def test_what_holds_the_token_does_not_show_it() -> None:
    environ = {"DATABRICKS_HOST": "h.example", "DATABRICKS_TOKEN": TOKEN}
    call = App(environ=environ)
    grant = call.credentials.current()
    assert grant.headers["Authorization"] == f"Bearer {TOKEN}"

    for holder in (call, call.streams, call.profile, call.credentials, grant, call.transport, call.api):
        assert "secret-of" not in f"{holder!r} {holder}"
        assert "secret-of" not in repr([holder])


def test_there_is_no_option_for_a_token(dbjobs: Dbjobs) -> None:
    for command in (("--token", TOKEN, "runs", "get", 42), ("runs", "get", 42, "--token", TOKEN)):
        result = dbjobs(*command)
        assert result.exit_code == 2
        assert not has_secret(result)
