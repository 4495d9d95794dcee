"""Starting runs, reading and canceling them: what a script sees. Real runs in the sandbox."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from dbjobs.http.response import Payload
from dbjobs.sandbox.server import Sandbox
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import Received, Reply, Script, by_endpoint
from tests.support.payloads import BEYOND_FLOAT, RUN_ID, TASKS, run, task
from tests.support.tasks import FAIL, FOR_LONG, job_file, notebook_task, python_task

QUICK = ("--poll-interval", "0.1", "--poll-max", "0.2")


def create(dbjobs: Dbjobs, folder: Path, *tasks: Payload, **settings: Any) -> str:
    """A job; its id."""
    created = dbjobs("jobs", "create", "-f", job_file(folder, *tasks, **settings))
    assert created.exit_code == 0, created.stderr
    return created.stdout.strip()


# Starting


def test_the_run_id_and_nothing_else_is_on_stdout(
    dbjobs: Dbjobs, workspace: Sandbox, task_files: Path, tmp_path: Path
) -> None:
    job_id = create(dbjobs, tmp_path, python_task(task_files, "main"), name="by name or id")

    for job in (job_id, "by name or id"):
        result = dbjobs("runs", "now", job)
        assert result.exit_code == 0
        assert re.fullmatch(r"\d+\n", result.stdout)
        page = json.loads(dbjobs("runs", "get", result.stdout.strip(), "-o", "json").stdout)["run_page_url"]
        assert f"run {result.stdout.strip()} started: {page}\n" in result.stderr
        assert f"dbjobs runs wait {result.stdout.strip()}" in result.stderr


def test_a_name_that_several_jobs_bear_is_an_error_that_lists_them(
    dbjobs: Dbjobs, workspace: Sandbox, task_files: Path, tmp_path: Path
) -> None:
    ids = {create(dbjobs, tmp_path, python_task(task_files, "main"), name="twice") for _ in range(2)}

    for command in (("runs", "now"), ("jobs", "get")):
        result = dbjobs(*command, "twice")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith("error: 2 jobs are named 'twice': ")
        assert ids == set(re.findall(r"\d{3,}", result.stderr))


def test_a_job_that_is_not_there_is_not_found(dbjobs: Dbjobs, workspace: Sandbox) -> None:
    by_name = dbjobs("runs", "now", "no such job")
    by_id = dbjobs("runs", "now", 12345)

    assert (by_name.exit_code, by_id.exit_code) == (4, 4)
    assert by_name.stderr.startswith("error: there is no job named 'no such job'\n")
    assert by_id.stderr.startswith("error: Job 12345 does not exist. (INVALID_PARAMETER_VALUE, HTTP 400")


ECHO = "import sys; print(sys.argv[1:])"


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        pytest.param(["-P", "day=2026-01-01"], "['2026-01-01', 'eu']", id="-P"),
        pytest.param(["-P", "day=a=b,c d", "-P", "region="], "['a=b,c d', '']", id="any value"),
        pytest.param(["--params-file", "-"], "['from stdin', 'eu']", id="stdin"),
        pytest.param(["--params-file", "FILE"], "['2026-02-01', '7']", id="a file"),
        pytest.param(
            ["--params-file", "FILE", "--param", "day=wins"], "['wins', '7']", id="-P over the file"
        ),
    ],
)
def test_parameters_reach_the_task(
    dbjobs: Dbjobs, workspace: Sandbox, task_files: Path, tmp_path: Path, given: list[str], printed: str
) -> None:
    parameters = [{"name": "day", "default": "?"}, {"name": "region", "default": "eu"}]
    references = ("{{job.parameters.day}}", "{{job.parameters.region}}")
    main = python_task(task_files, "main", ECHO, *references)
    job_id = create(dbjobs, tmp_path, main, name="parameters", parameters=parameters)
    file = tmp_path / "params.yaml"
    file.write_text("day: 2026-02-01\nregion: 7\n", "utf-8")

    options = [str(file) if option == "FILE" else option for option in given]
    result = dbjobs(
        "runs", "now", job_id, *options, "--wait", "--show-output", "all", *QUICK, stdin="day: from stdin"
    )
    assert result.exit_code == 0, result.stderr
    assert printed in result.stderr


def test_a_job_without_parameters_of_its_own_hands_them_to_its_notebooks(
    dbjobs: Dbjobs, workspace: Sandbox, task_files: Path, tmp_path: Path
) -> None:
    code = "dbutils.notebook.exit('day is ' + dbutils.widgets.get('day'))"
    job_id = create(dbjobs, tmp_path, notebook_task(task_files, "main", code), name="widgets")

    result = dbjobs("runs", "now", job_id, "-P", "day=today", "--wait", "--show-output", "all", *QUICK)
    assert result.exit_code == 0, result.stderr
    assert "day is today" in result.stderr


@pytest.mark.parametrize(
    ("parameter", "message"),
    [("day", "--param 'day' is not NAME=VALUE"), ("=x", "--param '=x' is not NAME=VALUE")],
)
def test_a_parameter_is_name_and_value(dbjobs: Dbjobs, serve: Serve, parameter: str, message: str) -> None:
    server = serve(by_endpoint({"get": {"job_id": 7, "settings": {"parameters": [{"name": "day"}]}}}))

    result = dbjobs("runs", "now", 7, "-P", parameter)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert server.changes == []


def _after_the_first_start_fails(sandbox: Sandbox, starts: list[Received]) -> Script:
    """A gateway before the sandbox that loses the answer to the first start, and only that."""

    def reply(request: Received) -> Reply:
        answer = requests.request(
            request.method,
            sandbox.url + request.path,
            params=request.query,
            json=request.body,
            headers={"Authorization": request.headers["authorization"]},
            timeout=30,
        )
        if request.endpoint in ("run-now", "runs/submit"):
            starts.append(request)
            if len(starts) == 1:
                return Reply(503, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "Lost."})
        return Reply(answer.status_code, answer.content)

    return reply


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("command", ["now", "submit"])
def test_a_503_after_the_run_was_started_brings_the_same_token_again_and_one_run_exists(
    dbjobs: Dbjobs,
    workspace: Sandbox,
    serve: Serve,
    task_files: Path,
    tmp_path: Path,
    command: str,
) -> None:
    name = f"once, by {command}"
    main = python_task(task_files, "main")
    what = ["-f", str(job_file(tmp_path, main, run_name=name))]
    if command == "now":
        what = [create(dbjobs, tmp_path, main, name=name)]
    starts: list[Received] = []
    serve(_after_the_first_start_fails(workspace, starts))

    result = dbjobs("runs", command, *what, DATABRICKS_TOKEN=workspace.token)
    assert result.exit_code == 0, result.stderr
    assert "the server is not ready: Lost.; trying again" in result.stderr
    assert len(starts) == 2
    assert starts[0].body["idempotency_token"] == starts[1].body["idempotency_token"]
    assert _runs_named(workspace, name) == [int(result.stdout)]


def _runs_named(workspace: Sandbox, name: str) -> list[int]:
    answer = requests.get(
        f"{workspace.url}/api/2.0/jobs/runs/list",
        params={"limit": "1000"},
        headers={"Authorization": f"Bearer {workspace.token}"},
        timeout=30,
    )
    return [item["run_id"] for item in answer.json()["runs"] if item["run_name"] == name]


def test_a_token_of_one_s_own_gives_back_the_run_that_it_started(
    dbjobs: Dbjobs, workspace: Sandbox, task_files: Path, tmp_path: Path
) -> None:
    job_id = create(dbjobs, tmp_path, python_task(task_files, "main"), name="idempotent")

    first = dbjobs("runs", "now", job_id, "--idempotency-token", "of today")
    second = dbjobs("runs", "now", job_id, "--idempotency-token", "of today")
    assert first.stdout == second.stdout


# Reading


@pytest.fixture
def finished(dbjobs: Dbjobs, workspace: Sandbox, task_files: Path, tmp_path: Path) -> str:
    """A finished run of three tasks, of which one failed."""
    file = job_file(
        tmp_path,
        python_task(task_files, "clean", "print('cleaned')"),
        notebook_task(task_files, "sum", "dbutils.notebook.exit('42')"),
        python_task(task_files, "load", FAIL, after=["clean"]),
        run_name="a [bracketed] name",
    )
    return dbjobs("runs", "submit", "-f", file, "--wait", *QUICK).lines[0]


def test_a_run_is_shown_with_its_tasks_whatever_its_outcome(dbjobs: Dbjobs, finished: str) -> None:
    result = dbjobs("runs", "get", finished)

    assert result.exit_code == 0
    assert "a [bracketed] name" in result.stdout
    assert finished in result.stdout
    for key in ("clean", "sum", "load"):
        assert key in result.stdout
    assert "FAILED" in result.stdout
    assert "\x1b" not in result.stdout


def test_the_output_of_each_task_is_printed_under_its_key(dbjobs: Dbjobs, finished: str) -> None:
    result = dbjobs("runs", "output", finished)

    assert result.exit_code == 0
    places = [result.stdout.index(words) for words in ("==> clean", "cleaned", "==> load", "the data is bad")]
    assert places == sorted(places)
    assert "42" in result.stdout


def test_the_output_of_one_task_can_be_had_alone(dbjobs: Dbjobs, finished: str) -> None:
    text = dbjobs("runs", "output", finished, "--task", "clean")
    document = dbjobs("runs", "output", finished, "--task", "sum", "-o", "json")
    unknown = dbjobs("runs", "output", finished, "--task", "claen")

    assert "cleaned" in text.stdout
    assert "the data is bad" not in text.stdout
    outputs = json.loads(document.stdout)
    assert outputs["notebook_output"]["result"] == "42"
    assert (unknown.exit_code, unknown.stdout) == (4, "")
    assert "has no task 'claen'" in unknown.stderr
    assert "clean" in unknown.stderr.splitlines()[-1], "the hint names those that there are"


def test_an_output_that_cannot_be_fetched_keeps_no_other_from_being_shown(
    dbjobs: Dbjobs, serve: Serve
) -> None:
    tasks = (task("a", "TERMINATED", "SUCCESS"), task("b", "TERMINATED", "SUCCESS"))
    refusal = Reply(400, {"error_code": "INVALID_STATE", "message": "Not now."})
    serve(
        by_endpoint(
            {"runs/get": run("TERMINATED", "SUCCESS", *tasks), "runs/get-output": [refusal, {"logs": "done"}]}
        )
    )

    result = dbjobs("runs", "output", RUN_ID)
    assert result.exit_code == 0
    assert "done" in result.stdout
    assert "Not now." in result.stdout + result.stderr


@pytest.mark.usefixtures("clock")  # a wait asks for 30 seconds, since a new run may not be visible yet
@pytest.mark.parametrize(
    ("command", "stdout"), [("get", ""), ("output", ""), ("cancel", ""), ("wait", "12345\t-\t-\n")]
)
def test_a_run_that_is_not_there_is_not_found(
    dbjobs: Dbjobs, workspace: Sandbox, command: str, stdout: str
) -> None:
    result = dbjobs("runs", command, 12345)

    assert (result.exit_code, result.stdout) == (4, stdout)
    assert "Run 12345 does not exist." in result.stderr


def test_all_runs_are_canceled_though_one_is_not_there(
    dbjobs: Dbjobs, workspace: Sandbox, task_files: Path, tmp_path: Path
) -> None:
    file = job_file(tmp_path, python_task(task_files, "main", FOR_LONG))
    run_id = dbjobs("runs", "submit", "-f", file).stdout.strip()

    result = dbjobs("runs", "cancel", 12345, run_id, 54321)
    assert result.exit_code == 4
    assert "Run 12345 does not exist." in result.stderr
    assert "Run 54321 does not exist." in result.stderr
    assert dbjobs("runs", "wait", run_id, *QUICK).exit_code == 12


# Forms of output


ODD = {
    **run("TERMINATED", "SUCCESS", task("main", "TERMINATED", "SUCCESS"), run_id=BEYOND_FLOAT),
    "run_name": 'ünïcode "quoted" \\ [/x] \x1b[31m \u202e \U0001f600',
    "a_field_of_tomorrow": [1.5, None, {"z": 1, "a": [True]}],
}


@pytest.mark.parametrize("output", ["json", "jsonl"])
def test_json_is_the_api_s_own_answer_unaltered(dbjobs: Dbjobs, serve: Serve, output: str) -> None:
    serve(Reply(body=ODD))

    result = dbjobs("runs", "get", BEYOND_FLOAT, "-o", output)
    assert json.loads(result.stdout, object_pairs_hook=list) == json.loads(
        json.dumps(ODD), object_pairs_hook=list
    ), "order included"
    assert "\x1b" not in result.stdout
    assert (result.stdout.count("\n") == 1) == (output == "jsonl")


def test_yaml_reads_back_as_the_api_s_own_answer(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(Reply(body=ODD))

    result = dbjobs("runs", "get", BEYOND_FLOAT, "-o", "yaml")
    assert yaml.safe_load(result.stdout) == ODD
    assert "\x1b" not in result.stdout


RUN_NOW = ("runs", "now", 7)
SUBMIT = ("runs", "submit", "--json", json.dumps({"tasks": TASKS}))
CREATE = ("jobs", "create", "--json", json.dumps({"name": "nightly", "tasks": TASKS}))
STARTED = {"run_id": 9, "number_in_job": 9}
JOB = {"job_id": 7, "settings": {"name": "nightly"}}
ANSWERS = {
    "create": {"job_id": 7},
    "get": JOB,
    "run-now": STARTED,
    "runs/submit": STARTED,
    "runs/get": run("TERMINATED", "SUCCESS", run_id=9),
    "runs/get-output": {"logs": "done"},
}


@pytest.mark.parametrize(
    ("command", "answer", "identifier"),
    [
        pytest.param(CREATE, ANSWERS["create"], 7, id="jobs create"),
        pytest.param(("jobs", "get", 7), JOB, 7, id="jobs get"),
        pytest.param(RUN_NOW, STARTED, 9, id="runs now"),
        pytest.param(SUBMIT, STARTED, 9, id="runs submit"),
        pytest.param(("runs", "get", 9), ANSWERS["runs/get"], 9, id="runs get"),
        pytest.param(("runs", "wait", 9), ANSWERS["runs/get"], 9, id="runs wait"),
        pytest.param((*RUN_NOW, "--wait"), ANSWERS["runs/get"], 9, id="runs now --wait"),
        pytest.param(("runs", "output", 9), {"nightly": {"logs": "done"}}, 9, id="runs output"),
    ],
)
def test_each_form_of_output_holds_the_answer_and_nothing_else(
    dbjobs: Dbjobs, serve: Serve, command: tuple[Any, ...], answer: Payload, identifier: int
) -> None:
    serve(by_endpoint(ANSWERS))
    printed = {output: dbjobs(*command, "-o", output).stdout for output in ("json", "jsonl", "yaml", "id")}

    assert json.loads(printed["json"]) == answer
    assert json.loads(printed["jsonl"]) == answer
    assert printed["jsonl"].count("\n") == 1
    assert yaml.safe_load(printed["yaml"]) == answer
    lines = set(printed["id"].splitlines())
    assert lines == {str(identifier)}


# Dry runs


@pytest.mark.parametrize(
    ("command", "path", "sent"),
    [
        pytest.param(CREATE, "create", {"name": "nightly", "tasks": TASKS}, id="jobs create"),
        pytest.param(
            (*RUN_NOW, "-P", "day=x", "--idempotency-token", "t"),
            "run-now",
            {"job_id": 7, "job_parameters": {"day": "x"}, "idempotency_token": "t"},
            id="runs now",
        ),
        pytest.param(
            (*SUBMIT, "--idempotency-token", "t", "--wait"),
            "runs/submit",
            {"tasks": TASKS, "idempotency_token": "t"},
            id="runs submit",
        ),
        pytest.param(("runs", "cancel", 9, "--wait"), "runs/cancel", {"run_id": 9}, id="runs cancel"),
    ],
)
def test_a_dry_run_prints_the_request_and_sends_nothing(
    dbjobs: Dbjobs, serve: Serve, command: tuple[Any, ...], path: str, sent: Payload
) -> None:
    job = {"job_id": 7, "settings": {"parameters": [{"name": "day", "default": ""}]}}
    server = serve(by_endpoint({"get": job}))

    url = f"{server.url}/api/2.2/jobs/{path}"
    printed = {
        output: dbjobs(*command, "--dry-run", "-o", output)
        for output in ("text", "json", "jsonl", "yaml", "id")
    }
    assert [result.exit_code for result in printed.values()] == [0] * 5, printed
    first, _, body = printed["text"].stdout.partition("\n")
    assert first == f"POST {url}"
    assert json.loads(body) == sent
    request = {"method": "POST", "url": url, "body": sent}
    assert json.loads(printed["json"].stdout) == json.loads(printed["jsonl"].stdout) == request
    assert yaml.safe_load(printed["yaml"].stdout) == request
    assert printed["id"].stdout == "", "nothing was made that has an id"
    assert f"POST {url}" in printed["id"].stderr
    assert server.changes == []
