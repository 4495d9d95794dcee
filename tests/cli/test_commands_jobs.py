"""Creating jobs from whatever form their settings come in, and reading them back."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbjobs.sandbox.server import Sandbox
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import Reply
from tests.support.payloads import TASKS

SETTINGS: dict[str, Any] = {
    "name": "nightly [prod] ünïcode",
    "schedule": {"quartz_cron_expression": "0 0 2 * * ?", "timezone_id": "UTC", "pause_status": "PAUSED"},
    "parameters": [{"name": "day", "default": "2026-01-01"}, {"name": "flag", "default": "no"}],
    "tasks": TASKS,
}
AS_JSON = json.dumps(SETTINGS)
AS_YAML = """\
# a job file
name: nightly [prod] ünïcode
schedule: {quartz_cron_expression: 0 0 2 * * ?, timezone_id: UTC, pause_status: PAUSED}
parameters:
  - {name: day, default: 2026-01-01}
  - {name: flag, default: no}
tasks:
  - task_key: main
    notebook_task:
      notebook_path: /main
"""


@pytest.mark.parametrize(
    ("options", "content"),
    [
        pytest.param(("-f", "FILE"), AS_JSON, id="JSON"),
        pytest.param(("-f", "FILE"), AS_YAML, id="YAML"),
        pytest.param(("--file", "FILE"), "\ufeff" + AS_JSON, id="with a byte order mark"),
        pytest.param(("-f", "-"), AS_YAML, id="stdin"),
        pytest.param(("--json", AS_JSON), "", id="--json"),
        pytest.param(("--json", "@FILE"), AS_JSON, id="--json @FILE"),
        pytest.param(("--json", "@-"), AS_JSON, id="--json @-"),
        pytest.param(("-f", "FILE"), json.dumps({"new_settings": SETTINGS}), id="in new_settings"),
        pytest.param(("-f", "FILE"), json.dumps({"job_id": 3, "settings": SETTINGS}), id="in settings"),
    ],
)
def test_a_job_is_created_from_whatever_its_settings_stand_in(
    dbjobs: Dbjobs, serve: Serve, tmp_path: Path, options: tuple[str, str], content: str
) -> None:
    server = serve(Reply(body={"job_id": 42}))
    file = tmp_path / "job"
    file.write_text(content, "utf-8")

    given = [option.replace("FILE", str(file)) for option in options]
    result = dbjobs("jobs", "create", *given, stdin=content)
    assert (result.exit_code, result.stdout) == (0, "42\n"), result.stderr
    [request] = server.changes
    assert request.body == SETTINGS


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_what_jobs_get_printed_makes_the_same_job_again(
    dbjobs: Dbjobs, workspace: Sandbox, output: str
) -> None:
    first = dbjobs("jobs", "create", "-f", "-", stdin=AS_YAML).stdout.strip()

    printed = dbjobs("jobs", "get", first, "-o", output).stdout
    second = dbjobs("jobs", "create", "-f", "-", stdin=printed).stdout.strip()
    assert second.isdigit()
    assert second != first
    again = json.loads(dbjobs("jobs", "get", second, "-o", "json").stdout)["settings"]
    assert again == yaml.safe_load(printed)["settings"]
    assert {name: again[name] for name in SETTINGS if name != "tasks"} == {
        name: value for name, value in SETTINGS.items() if name != "tasks"
    }


def test_a_job_is_shown_with_its_tasks(dbjobs: Dbjobs, workspace: Sandbox) -> None:
    job_id = dbjobs("jobs", "create", "--json", AS_JSON).stdout.strip()

    result = dbjobs("jobs", "get", job_id)
    assert result.exit_code == 0
    assert SETTINGS["name"] in result.stdout
    assert job_id in result.stdout
    assert re.search(r"0 0 2 \* \* \? UTC, PAUSED", result.stdout)
    assert re.search(r"main +notebook", result.stdout)


@pytest.mark.parametrize(
    ("options", "stdin", "exit_code", "message"),
    [
        pytest.param((), "", 2, "give either -f FILE or --json TEXT", id="neither"),
        pytest.param(("-f", "-", "--json", "{}"), "{}", 2, "give either -f FILE or --json TEXT", id="both"),
        pytest.param(("-f", "-"), " \n", 2, "stdin is empty", id="an empty file"),
        pytest.param(("-f", "absent.yaml"), "", 2, "cannot read absent.yaml: No such file", id="no file"),
        pytest.param(("-f", "/"), "", 2, "cannot read /: Is a directory", id="a folder"),
        pytest.param(("-f", "-"), "a: b: c", 5, "stdin is not valid JSON or YAML: line 1", id="no YAML"),
        pytest.param(("--json", "[1, 2]"), "", 5, "--json is not a mapping of settings", id="a list"),
        pytest.param(("--json", "word"), "", 5, "--json is not a mapping of settings", id="a word"),
        pytest.param(("--json", '{"a": 1e999}'), "", 5, "--json is not valid JSON or YAML", id="infinity"),
    ],
)
def test_what_is_no_job_file_is_refused_before_anything_is_sent(
    dbjobs: Dbjobs, serve: Serve, options: tuple[str, ...], stdin: str, exit_code: int, message: str
) -> None:
    server = serve(Reply(body={"job_id": 42}))

    result = dbjobs("jobs", "create", *options, stdin=stdin)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert result.stderr.startswith(f"error: {message}")
    assert server.received == []


def test_a_file_that_is_no_text_is_refused(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(Reply())

    result = dbjobs("jobs", "create", "-f", "-", stdin=b"\xff\xfe\x00")
    assert result.exit_code == 5
    assert result.stderr.startswith("error: stdin is not UTF-8 text")
    assert server.received == []


def test_what_the_workspace_refuses_is_told_with_its_own_words(dbjobs: Dbjobs, serve: Serve) -> None:
    refusal = {"error_code": "INVALID_PARAMETER_VALUE", "message": "Cluster c1 does not exist."}
    serve(Reply(400, refusal, {"x-request-id": "r-1"}))

    result = dbjobs("jobs", "create", "--json", AS_JSON)
    assert (result.exit_code, result.stdout) == (5, "")
    assert result.stderr.startswith(
        "error: Cluster c1 does not exist. (INVALID_PARAMETER_VALUE, HTTP 400, request id r-1)\n"
    )
