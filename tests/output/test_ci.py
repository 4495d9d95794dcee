"""CI systems: what they are told, and that a job's text never tells them anything."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.common.plain_text import clean_text
from dbjobs.output import reporting
from dbjobs.output.ci import FORMATS, Level, Summary
from dbjobs.output.ci_systems import CiSystem, detect_ci_system, neutralize_commands
from tests.conftest import TOKEN, Dbjobs, Result, Serve
from tests.output.test_reports import check_markdown, check_page
from tests.support.fakes import FakeClock, Reply, by_endpoint, scripted_server
from tests.support.hostile import EVERYTHING, OUTPUT, TEXTS, hostile_run
from tests.support.payloads import RUN_ID, run, task
from tests.support.readers import (
    Command,
    azure_commands,
    buildkite_headings,
    github_commands,
    read_junit,
    teamcity_messages,
)
from tests.support.terminal import Terminal

URL = "https://adb-1.2.azuredatabricks.net/?o=1#job/7/run/8"
FAILED = run(
    "INTERNAL_ERROR",
    "FAILED",
    task("clean", "TERMINATED", "FAILED", run_id=13, start_time=1, end_time=2),
    run_page_url=URL,
    start_time=1,
    end_time=4001,
)
LAST_LINE = "error: nightly: clean FAILED: your code: ValueError: 50 % bad, x: y"
SUCCESS = run("TERMINATED", "SUCCESS", start_time=1, end_time=2)
THIRTY = [task(f"task_{number}", "TERMINATED", "FAILED") for number in range(30)]
SCRIPT = {"runs/get": FAILED, "runs/get-output": {"error": "ValueError: 50 % bad, x: y"}, "runs/cancel": {}}


@pytest.fixture
def system(tmp_path: Path) -> dict[str, dict[str, str]]:
    """The environment of a step in each system, its files in the test's folder."""
    return {
        "github": {
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        },
        "azure": {"TF_BUILD": "True", "AGENT_TEMPDIRECTORY": str(tmp_path)},
        "gitlab": {"GITLAB_CI": "true", "CI_PROJECT_DIR": str(tmp_path)},
        "buildkite": {"BUILDKITE": "true", "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"},
        "teamcity": {"TEAMCITY_VERSION": "2026.1 (build 1)"},
        "none": {},
    }


@pytest.fixture
def wait(dbjobs: Dbjobs, clock: FakeClock, system: dict[str, dict[str, str]]) -> Any:
    """Wait for the run in a step of a system."""

    def call(name: str, *options: object) -> Result:
        return dbjobs("runs", "wait", RUN_ID, *options, **system[name])

    return call


# Recognised


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({"GITHUB_ACTIONS": "true", "CI": "true"}, CiSystem.GITHUB),
        ({"TF_BUILD": "True"}, CiSystem.AZURE),
        ({"GITLAB_CI": "true", "CI": "true"}, CiSystem.GITLAB),
        ({"BUILDKITE": "true", "CI": "true"}, CiSystem.BUILDKITE),
        ({"TEAMCITY_VERSION": "2026.1 (build 1)"}, CiSystem.TEAMCITY),
        ({"CI": "true"}, CiSystem.NONE),
        ({"JENKINS_URL": "http://jenkins"}, CiSystem.NONE),
        ({}, CiSystem.NONE),
    ],
    ids=str,
)
def test_a_system_is_recognised_by_its_environment(environ: dict[str, str], found: CiSystem) -> None:
    assert detect_ci_system(environ) is found


def test_every_system_that_can_be_chosen_has_a_format() -> None:
    assert {system: type(FORMATS[system]({})).__name__.lower() for system in FORMATS} == {
        system: system.value for system in CiSystem if system not in (CiSystem.AUTO, CiSystem.NONE)
    }


# Commands

TEXT = st.text(max_size=60) | st.sampled_from([*TEXTS[:-1], EVERYTHING[:5000]])


def harmless(text: str) -> str:
    """What is left of it for people to read."""
    return neutralize_commands(clean_text(text)).encode(errors="replace").decode()


@given(title=TEXT, message=TEXT)
def test_github_reads_back_what_it_was_told_and_nothing_else(title: str, message: str) -> None:
    github = FORMATS[CiSystem.GITHUB]({})

    (found,) = github_commands(github.annotate(Level.ERROR, title, message))
    (group,) = github_commands(github.begin_group(title, 0))
    assert (found.name, list(found.properties)) == ("error", ["title"])
    assert github_commands(found.data) == azure_commands(found.data) == []
    assert found.data.startswith(harmless(message)[:1900])
    assert (group.name, group.properties) == ("group", {})


@given(title=TEXT, message=TEXT)
def test_azure_reads_back_what_it_was_told_and_nothing_else(title: str, message: str) -> None:
    azure = FORMATS[CiSystem.AZURE]({})

    (found,) = azure_commands(azure.annotate(Level.ERROR, title, message))
    (value,) = azure_commands("\n".join(azure.set_values({"result_state": message}).lines))
    assert (found.name, found.properties) == ("task.logissue", {"type": "error"})
    assert azure_commands(found.data) == []
    assert harmless(message)[:1900] in found.data
    assert value.properties == {"variable": "result_state", "isOutput": "true"}
    assert "\n" not in value.data


@given(title=TEXT, message=TEXT)
def test_teamcity_reads_back_what_it_was_told_and_nothing_else(title: str, message: str) -> None:
    teamcity = FORMATS[CiSystem.TEAMCITY]({})

    (found,) = teamcity_messages(teamcity.annotate(Level.ERROR, title, message))
    (block,) = teamcity_messages(teamcity.begin_group(title, 0))
    (value,) = teamcity_messages("\n".join(teamcity.set_values({"result_state": message}).lines))
    (status,) = teamcity_messages("\n".join(teamcity.summarize(Summary("", title, "x", False)).lines))
    assert (found.name, found.properties["status"]) == ("message", "ERROR")
    assert harmless(message)[:1900] in found.properties["text"]
    assert teamcity_messages(found.properties["text"]) == []
    assert block.name == "blockOpened"
    assert teamcity_messages(teamcity.end_group(0)) == [Command("blockClosed", block.properties, "")]
    assert (value.name, value.properties["name"]) == ("setParameter", "env.DBJOBS_RESULT_STATE")
    assert "%" not in value.properties["value"].replace("%%", ""), "no parameter is referred to"
    assert re.fullmatch(r"\{build\.status\.text\}; [^{}]*", status.properties["text"])


@given(title=TEXT, message=TEXT)
def test_lines_for_the_log_of_buildkite_and_gitlab_have_one_heading_each(title: str, message: str) -> None:
    for system in (CiSystem.BUILDKITE, CiSystem.GITLAB):
        found = FORMATS[system]({}).annotate(Level.ERROR, title, message)
        assert not buildkite_headings(found)
        assert not (github_commands(found))
        assert not azure_commands(found)
        assert "\n" not in found
    group = FORMATS[CiSystem.BUILDKITE]({}).begin_group(title, 0, is_open=True)
    assert buildkite_headings(group) == [group]
    assert group.startswith("+++ ")


@given(value=TEXT)
def test_a_value_is_a_line_of_a_file(value: str) -> None:
    """In GITHUB_OUTPUT, `name<<X` would begin a text of several lines; a dotenv file takes no such thing."""
    for system, name in ((CiSystem.GITHUB, "result_state"), (CiSystem.GITLAB, "DBJOBS_RESULT_STATE")):
        (file,) = FORMATS[system]({"GITHUB_OUTPUT": "x"}).set_values({"result_state": value}).files
        assert file.text == "" or re.fullmatch(rf"{name}=[^\r\n\x00\x85\u2028]*\n", file.text)
        if system is CiSystem.GITLAB:
            assert not re.search(r"\$|%[A-Za-z_]\w*%", file.text), "GitLab would insert another variable"


@given(TEXT)
def test_nothing_that_was_defused_is_a_command(text: str) -> None:
    defused = neutralize_commands(text)

    assert github_commands(defused) == azure_commands(defused) == []
    assert not teamcity_messages(defused)
    assert not buildkite_headings(defused)
    assert defused.replace(" ", "") == text.replace(" ", ""), "nothing is lost"


# What each is told


def test_github_gets_groups_an_annotation_values_and_a_summary(
    wait: Any, serve: Serve, tmp_path: Path
) -> None:
    serve(by_endpoint(SCRIPT))
    (tmp_path / "summary.md").write_text("of an earlier step\n")

    done = wait("github")

    assert done.exit_code == 10
    assert done.stdout == f"{RUN_ID}\tINTERNAL_ERROR\tFAILED\n", "the result and nothing else"
    assert github_commands(done.stderr) == [
        Command("group", {}, f"waiting for run {RUN_ID}"),
        Command("endgroup", {}, ""),
        Command("group", {}, "clean FAILED"),
        Command("endgroup", {}, ""),
        Command("error", {"title": "nightly: clean FAILED"}, "your code: ValueError: 50 % bad, x: y"),
    ]
    assert (tmp_path / "output").read_text() == (
        f"run_id={RUN_ID}\nrun_page_url={URL}\nlife_cycle_state=INTERNAL_ERROR\nresult_state=FAILED\n"
        "duration_seconds=4\nfailed_tasks=clean\n"
    )
    summary = (tmp_path / "summary.md").read_text("utf-8")
    assert summary.startswith("of an earlier step\n## ✗ nightly: INTERNAL_ERROR FAILED\n")
    assert "```mermaid\ngantt" in summary


def test_azure_gets_groups_an_issue_variables_and_a_summary(wait: Any, serve: Serve, tmp_path: Path) -> None:
    serve(by_endpoint(SCRIPT))

    done = wait("azure")

    commands = azure_commands(done.stderr)
    groups = [command.name for command in commands if command.name.endswith("group")]
    assert groups == ["##group", "##endgroup"] * 2
    variables = {
        command.properties["variable"]: command.data
        for command in commands
        if command.name == "task.setvariable"
    }
    assert variables == {
        "run_id": str(RUN_ID),
        "run_page_url": URL,
        "life_cycle_state": "INTERNAL_ERROR",
        "result_state": "FAILED",
        "duration_seconds": "4",
        "failed_tasks": "clean",
    }
    (issue,) = (command for command in commands if command.name == "task.logissue")
    assert issue.data == "nightly: clean FAILED: your code: ValueError: 50 % bad, x: y"
    (summary,) = (command for command in commands if command.name == "task.uploadsummary")
    page = Path(summary.data).read_text("utf-8")
    assert page.startswith("## ✗ nightly")
    assert "mermaid" not in page, "Azure does not draw it"


def test_gitlab_gets_sections_a_dotenv_file_and_the_error_in_the_last_line(
    wait: Any, serve: Serve, tmp_path: Path
) -> None:
    serve(by_endpoint(SCRIPT))

    done = wait("gitlab")

    begun = re.findall(
        r"^\x1b\[0Ksection_start:\d+:(\w+)(\[collapsed=true\])?\r\x1b\[0K(.+)$", done.stderr, re.M
    )
    ended = re.findall(r"^\x1b\[0Ksection_end:\d+:(\w+)\r\x1b\[0K$", done.stderr, re.M)
    assert [(option, title) for _, option, title in begun] == [
        ("[collapsed=true]", f"waiting for run {RUN_ID}"),
        ("", "clean FAILED"),
    ]
    assert [name for name, *_ in begun] == ended
    assert len({*ended}) == 2
    assert (
        done.stderr.splitlines()[-1] == "error: nightly: clean FAILED: your code: ValueError: 50 % bad, x: y"
    )
    assert (tmp_path / "dbjobs.env").read_text().splitlines() == [
        f"DBJOBS_RUN_ID={RUN_ID}",
        f"DBJOBS_RUN_PAGE_URL={URL}",
        "DBJOBS_LIFE_CYCLE_STATE=INTERNAL_ERROR",
        "DBJOBS_RESULT_STATE=FAILED",
        "DBJOBS_DURATION_SECONDS=4",
        "DBJOBS_FAILED_TASKS=clean",
    ]


def test_teamcity_gets_blocks_messages_variables_and_a_status(wait: Any, serve: Serve) -> None:
    serve(by_endpoint(SCRIPT))

    done = wait("teamcity")

    assert done.stdout == f"{RUN_ID}\tINTERNAL_ERROR\tFAILED\n", "the result and nothing else"
    messages = teamcity_messages(done.stderr)
    blocks = [(name, about["name"]) for name, about, _ in messages if name.startswith("block")]
    assert blocks == [
        *[(name, f"waiting for run {RUN_ID}") for name in ("blockOpened", "blockClosed")],
        *[(name, "clean FAILED") for name in ("blockOpened", "blockClosed")],
    ]
    values = {about["name"]: about["value"] for name, about, _ in messages if name == "setParameter"}
    assert values == {
        "env.DBJOBS_RUN_ID": str(RUN_ID),
        "env.DBJOBS_RUN_PAGE_URL": URL,
        "env.DBJOBS_LIFE_CYCLE_STATE": "INTERNAL_ERROR",
        "env.DBJOBS_RESULT_STATE": "FAILED",
        "env.DBJOBS_DURATION_SECONDS": "4",
        "env.DBJOBS_FAILED_TASKS": "clean",
    }
    assert messages[-2:] == [
        Command("buildStatus", {"text": "{build.status.text}; nightly: FAILED (clean)"}, ""),
        Command(
            "message",
            {"text": "nightly: clean FAILED: your code: ValueError: 50 % bad, x: y", "status": "ERROR"},
            "",
        ),
    ]


AGENT = """#!/bin/sh
number=$(ls "$CALLS" | wc -l)
printf '%s\n' "$*" > "$CALLS/$number"
cat >> "$CALLS/$number"
"""


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a `buildkite-agent` on PATH; what comes back lists its calls: arguments, then standard input."""

    def install(script: str = AGENT) -> Any:
        (tmp_path / "bin").mkdir()
        (tmp_path / "calls").mkdir()
        (tmp_path / "bin" / "buildkite-agent").write_text(script)
        (tmp_path / "bin" / "buildkite-agent").chmod(0o755)
        monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
        return lambda: [
            path.read_text("utf-8").partition("\n")[::2] for path in sorted((tmp_path / "calls").iterdir())
        ]

    return install


def test_buildkite_gets_headings_an_annotation_and_meta_data(wait: Any, serve: Serve, agent: Any) -> None:
    serve(by_endpoint(SCRIPT))
    calls = agent()

    done = wait("buildkite")

    assert buildkite_headings(done.stderr) == [
        f"--- waiting for run {RUN_ID}",
        "+++ dbjobs",
        "+++ clean FAILED",
        "+++ dbjobs",
    ]
    assert (
        done.stderr.splitlines()[-1] == "error: nightly: clean FAILED: your code: ValueError: 50 % bad, x: y"
    )
    *values, (annotate, page) = calls()
    assert dict(values) == {
        "meta-data set dbjobs-run_id": str(RUN_ID),
        "meta-data set dbjobs-run_page_url": URL,
        "meta-data set dbjobs-life_cycle_state": "INTERNAL_ERROR",
        "meta-data set dbjobs-result_state": "FAILED",
        "meta-data set dbjobs-duration_seconds": "4",
        "meta-data set dbjobs-failed_tasks": "clean",
    }
    assert annotate == f"annotate --style error --context dbjobs-{RUN_ID}"
    assert page.startswith("## ✗ nightly: INTERNAL_ERROR FAILED\n")
    assert "mermaid" not in page


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (None, ""),
        ("#!/bin/sh\necho no such job >&2\nexit 3\n", "ended with exit code 3: no such job"),
        ("#!/bin/sh\nexec sleep 60\n", "did not end within"),
        ("#!/no/such/shell\n", "No such file"),
    ],
    ids=["not installed", "failing", "hanging", "broken"],
)
def test_an_agent_that_does_not_help_changes_no_outcome(
    wait: Any, serve: Serve, agent: Any, monkeypatch: pytest.MonkeyPatch, script: str | None, words: str
) -> None:
    serve(by_endpoint(SCRIPT))
    monkeypatch.setattr(reporting, "PROGRAM_SECONDS", 0.2)
    if script:
        agent(script)

    done = wait("buildkite")

    assert done.exit_code == 10
    assert ("warning" in done.stderr) == bool(words)
    assert words in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: nightly: clean FAILED: ")


# What notebooks return

LONG = "x" * 2000


def notebook(key: str, run_id: int, **more: Any) -> dict[str, Any]:
    return task(key, "TERMINATED", "SUCCESS", run_id=run_id, notebook_task={"notebook_path": "/n"}, **more)


def with_results(*results: str, **more: Any) -> Any:
    """A server whose run has a notebook for each result."""
    tasks = [notebook(f"t{number}", number) for number in range(1, len(results) + 1)]

    def reply(request: Any) -> Reply:
        if request.endpoint == "runs/get":
            return Reply(body={**run("TERMINATED", "SUCCESS", *tasks), **more})
        result = results[int(request.query["run_id"]) - 1] if tasks else results
        return Reply(body={"notebook_output": {"result": result}})

    return reply


def results_told(name: str, done: Result, folder: Path) -> Any:
    """What a later step reads with the means of its system."""
    if name == "github":
        text = (folder / "output").read_text("utf-8")
    elif name == "gitlab":
        text = (folder / "dbjobs.env").read_text("utf-8")
    elif name == "azure":
        text = "\n".join(f"{c.properties.get('variable')}={c.data}" for c in azure_commands(done.stderr))
    else:
        values = [about for kind, about, _ in teamcity_messages(done.stderr) if kind == "setParameter"]
        text = "\n".join(f"{value['name']}={value['value'].replace('%%', '%')}" for value in values)
    found = re.search(r"^(?:env\.)?(?:DBJOBS_)?task_results=(.*)$", text, re.M | re.I)
    return json.loads(found[1]) if found else None


@pytest.mark.parametrize("name", ["github", "azure", "gitlab", "teamcity"])
def test_later_steps_get_what_notebooks_returned_exactly(
    wait: Any, serve: Serve, tmp_path: Path, name: str
) -> None:
    said = ['{"rows": 42,  "path": "/x"}', "$TOKEN %PATH% ${{ x }} `id` 'q' ü\n::error::x", *TEXTS[:-1]]
    said = [text.replace("\ud800", "") for text in said]
    serve(with_results(*said[: 9 if name == "gitlab" else None]))

    done = wait(name)

    assert results_told(name, done, tmp_path) == {
        f"t{number}": text for number, text in enumerate(said[: 9 if name == "gitlab" else None], 1)
    }
    assert "leaves out" not in done.stderr


def test_a_result_that_is_too_long_is_left_out_as_a_whole(wait: Any, serve: Serve, tmp_path: Path) -> None:
    serve(with_results("first", LONG, LONG, "last"))

    done = wait("gitlab")

    assert results_told("gitlab", done, tmp_path) == {"t1": "first", "t2": LONG, "t4": "last"}
    assert "task_results leaves out t3: later steps get up to 3,000 bytes" in done.stderr
    assert (tmp_path / "dbjobs.env").stat().st_size <= 5000, "GitLab refuses a larger file"


def test_a_result_of_which_the_api_gives_the_beginning_only_is_left_out(
    wait: Any, serve: Serve, tmp_path: Path
) -> None:
    cut = {"notebook_output": {"result": "begin", "truncated": True}}
    serve(by_endpoint({"runs/get": run("TERMINATED", "SUCCESS", notebook("a", 1)), "runs/get-output": cut}))

    done = wait("github")

    assert results_told("github", done, tmp_path) == {}
    assert "leaves out a" in done.stderr


def test_a_run_of_api_2_0_returns_a_result_too(wait: Any, serve: Serve, tmp_path: Path) -> None:
    task_of_run = {"task": {"notebook_task": {"notebook_path": "/n"}}}
    answers = {
        "runs/get": {**run("TERMINATED", "SUCCESS"), **task_of_run},
        "runs/get-output": {"notebook_output": {"result": "42"}},
    }
    serve(by_endpoint(answers))

    assert results_told("github", wait("github", "--api-version", "2.0"), tmp_path) == {"nightly": "42"}


def test_tasks_that_are_no_notebooks_cost_no_request(wait: Any, serve: Serve, tmp_path: Path) -> None:
    server = serve(
        by_endpoint(
            {**SCRIPT, "runs/get": run("TERMINATED", "SUCCESS", task("a", "TERMINATED", "SUCCESS", run_id=5))}
        )
    )

    wait("github")

    assert "runs/get-output" not in [request.endpoint for request in server.received]
    assert "task_results" not in (tmp_path / "output").read_text()


@pytest.mark.parametrize("name", ["github", "azure", "gitlab", "buildkite", "teamcity"])
def test_with_ci_none_nobody_is_told(wait: Any, serve: Serve, tmp_path: Path, name: str) -> None:
    serve(by_endpoint(SCRIPT))

    done = wait(name, "--ci", "none")

    assert done.exit_code == 10
    assert github_commands(done.stderr) == azure_commands(done.stderr) == []
    assert not teamcity_messages(done.stderr)
    assert not buildkite_headings(done.stderr)
    assert "section_start" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_system_can_be_named_where_it_is_not_recognised(wait: Any, serve: Serve) -> None:
    serve(by_endpoint(SCRIPT))

    assert [command.name for command in github_commands(wait("none", "--ci", "github").stderr)][-1] == "error"


@pytest.mark.parametrize(
    ("payload", "options", "levels"),
    [
        (SUCCESS, (), []),
        (run("TERMINATED", "SUCCESS_WITH_FAILURES", *FAILED["tasks"]), (), ["warning"]),
        (run("TERMINATED", "SUCCESS_WITH_FAILURES", *FAILED["tasks"]), ("--strict",), ["error"]),
        (run("SKIPPED", None), (), ["error"]),
        (run("RUNNING"), ("--timeout", "1s"), ["error"]),
        (run("TERMINATED", "FAILED", *THIRTY), (), ["error"] * 10),
    ],
    ids=["good", "mixed", "strict", "skipped", "timeout", "many"],
)
def test_what_is_not_well_is_annotated(
    wait: Any, serve: Serve, payload: dict[str, Any], options: tuple[str, ...], levels: list[str]
) -> None:
    serve(by_endpoint({**SCRIPT, "runs/get": payload}))

    told = [
        command for command in github_commands(wait("github", *options).stderr) if "group" not in command.name
    ]

    assert [command.name for command in told] == levels
    if len(levels) == 10:
        assert told[-1].data == "and 21 more"


def test_events_stay_events(wait: Any, serve: Serve) -> None:
    serve(by_endpoint({**SCRIPT, "runs/get": SUCCESS}))

    assert "::group" not in wait("github", "--progress", "events").stderr


def test_of_several_runs_the_gravest_one_gives_the_values(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, system: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    runs = {"1": {**SUCCESS, "run_id": 1}, "2": {**FAILED, "run_id": 2}, "3": {**SUCCESS, "run_id": 3}}
    serve(lambda request: Reply(body=runs.get(request.query["run_id"], SCRIPT["runs/get-output"])))

    assert dbjobs("runs", "wait", 1, 2, 3, **system["github"]).exit_code == 10
    values = dict(line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines())
    assert (values["run_id"], values["run_ids"], values["result_state"]) == ("2", "1 2 3", "FAILED")


def test_files_that_a_system_does_not_let_us_write_are_a_warning(
    wait: Any, serve: Serve, tmp_path: Path
) -> None:
    serve(by_endpoint(SCRIPT))
    (tmp_path / "output").mkdir()

    done = wait("github")

    assert done.exit_code == 10
    assert "could not be written" in done.stderr


def test_a_report_of_an_ended_run_tells_the_system_too(
    dbjobs: Dbjobs, serve: Serve, system: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    serve(by_endpoint(SCRIPT))

    done = dbjobs("runs", "report", RUN_ID, **system["github"])

    assert done.exit_code == 0
    assert [command.name for command in github_commands(done.stderr)] == ["error"]
    assert (tmp_path / "summary.md").read_text("utf-8") == done.stdout


def test_a_later_step_can_wait_for_a_run_that_this_one_has_only_started(
    dbjobs: Dbjobs, serve: Serve, system: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    serve(by_endpoint({"run-now": {"run_id": RUN_ID}}))

    done = dbjobs("runs", "now", 7, **system["gitlab"])

    assert (done.exit_code, done.stdout) == (0, f"{RUN_ID}\n")
    assert (tmp_path / "dbjobs.env").read_text() == f"DBJOBS_RUN_ID={RUN_ID}\n"


# Signals


@pytest.mark.parametrize("name", ["github", "gitlab"])
def test_a_later_step_knows_the_run_even_if_this_one_was_killed(
    system: dict[str, dict[str, str]], tmp_path: Path, name: str
) -> None:
    with scripted_server(by_endpoint({**SCRIPT, "runs/get": run("RUNNING")})) as server:
        process = start(server.url, system[name])
        assert process.stderr
        for line in process.stderr:
            if "RUNNING" in line:
                break
        process.kill()
        process.communicate()

    file = tmp_path / {"github": "output", "gitlab": "dbjobs.env"}[name]
    assert file.read_text().lower().removeprefix("dbjobs_") == f"run_id={RUN_ID}\n"


def test_a_canceled_pipeline_cancels_its_run_first_and_has_its_reports_at_once(
    system: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    """The run takes its time to end, and the system does not: it kills."""
    with scripted_server(by_endpoint({**SCRIPT, "runs/get": run("RUNNING", run_page_url=URL)})) as server:
        process = start(
            server.url, system["github"], "--on-interrupt", "cancel", "--report", tmp_path / "r.html"
        )
        assert process.stderr
        for line in process.stderr:
            if "RUNNING" in line:
                break
        process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + 60
        left_behind = {"r.html": "</html>", "summary.md": "interrupted", "output": "run_page_url="}
        while not all(holds(tmp_path / name, words) for name, words in left_behind.items()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
        process.communicate()
        endpoints = [request.endpoint for request in server.received]

    assert "runs/cancel" in endpoints
    page = (tmp_path / "r.html").read_text("utf-8")
    check_page(page)
    assert "interrupted" in page
    assert "interrupted" in (tmp_path / "summary.md").read_text("utf-8")
    assert f"run_page_url={URL}\n" in (tmp_path / "output").read_text()


def holds(path: Path, words: str) -> bool:
    return path.exists() and words in path.read_text("utf-8")


def start(url: str, environ: dict[str, str], *options: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "dbjobs", "runs", "wait", str(RUN_ID), *map(str, options)]
    environ = {**os.environ, "DATABRICKS_HOST": url, "DATABRICKS_TOKEN": "dapi-ci", **environ}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environ, stdout=pipe, stderr=pipe, text=True)


# A hostile job

HOSTILE = {
    "runs/get": Reply(body=json.dumps(hostile_run()).encode()),
    "runs/get-output": Reply(body=json.dumps(OUTPUT).encode()),
}
HOSTILE_BUT_SHORT = {**HOSTILE, "runs/get": hostile_run(TEXTS[:-1])}
ESCAPES = re.compile("\x1b|\x9b|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize(
    ("name", "output"),
    [
        *((name, "text") for name in ("github", "azure", "gitlab", "buildkite", "teamcity", "none")),
        ("azure", "json"),
        ("github", "yaml"),
    ],
)
def test_a_hostile_job_harms_no_output(
    wait: Any, serve: Serve, tmp_path: Path, name: str, output: str
) -> None:
    serve(by_endpoint(HOSTILE_BUT_SHORT if output == "yaml" else HOSTILE))

    files = ("--junit", tmp_path / "j.xml", "--report", tmp_path / "r.html", "--report", tmp_path / "r.md")
    done = wait(name, "-o", output, *files)

    assert done.exit_code == 10
    expected = {"github": {"group", "endgroup", "error"}, "azure": {"##group", "##endgroup", "task.logissue"}}
    azure = {*expected["azure"], "task.setvariable", "task.uploadsummary"}
    if name != "none":
        told = github_commands(done.stderr) if name != "azure" else azure_commands(done.stderr)
        assert {command.name for command in told} == {"github": expected["github"], "azure": azure}.get(
            name, set()
        )
        assert all(command.properties.get("variable") != "owned" for command in told)
        assert github_commands(done.stdout) == azure_commands(done.stdout) == []
    if name == "teamcity":
        kinds = {message.name for message in teamcity_messages(done.stderr)}
        assert kinds == {"blockOpened", "blockClosed", "setParameter", "buildStatus", "message"}
    elif name != "none":
        assert teamcity_messages(done.stderr + done.stdout) == []
    if name == "buildkite":
        titles = "".join(buildkite_headings(done.stderr))
        assert len(buildkite_headings(done.stdout)) == 0
        assert not re.search(r"(\+\+\+|---|~~~) owned", titles)
    own = re.compile(r"\x1b\[0Ksection_(start|end):\d+:dbjobs_\w+(\[collapsed=true\])?\r\x1b\[0K")
    assert not ESCAPES.search(own.sub("", done.stderr) if name == "gitlab" else done.stderr)
    assert not ESCAPES.search(done.stdout)
    if output == "text":
        assert max(map(len, done.stderr.splitlines())) < 3000, "of a megabyte line the beginning is shown"
    read_junit((tmp_path / "j.xml").read_text("utf-8"))
    check_page((tmp_path / "r.html").read_text("utf-8"))
    check_markdown((tmp_path / "r.md").read_text("utf-8"))
    if name == "github":
        assert [line.partition("=")[0] for line in (tmp_path / "output").read_text("utf-8").splitlines()] == [
            "run_id",
            "run_page_url",
            "life_cycle_state",
            "result_state",
            "duration_seconds",
            "failed_tasks",
        ]
    assert not list(tmp_path.glob("owned*"))


def test_what_is_kept_for_programs_reads_back_as_the_server_said_it(
    dbjobs: Dbjobs, serve: Serve, system: dict[str, dict[str, str]]
) -> None:
    said = {
        "run_id": RUN_ID,
        "texts": [text for text in TEXTS if "\ud800" not in text and "\x00" not in text],
    }
    serve(Reply(body=said))

    for output, read in (("json", json.loads), ("yaml", yaml.safe_load)):
        done = dbjobs("runs", "get", RUN_ID, "-o", output, **system["github"])
        assert read(done.stdout) == said
        assert github_commands(done.stdout) == azure_commands(done.stdout) == []


@pytest.mark.parametrize("columns", [40, 120])
def test_a_hostile_job_harms_no_terminal(columns: int) -> None:
    with scripted_server(by_endpoint(HOSTILE)) as server:
        environ = {"DATABRICKS_HOST": server.url, "DATABRICKS_TOKEN": "dapi-hostile"}
        command = [sys.executable, "-m", "dbjobs", "runs", "wait", str(RUN_ID)]
        screen = Terminal(command, columns=columns, env=environ).wait()

    assert screen.exit_code == 10
    assert screen.is_clean
    commands = re.findall(r"\x1b\](.*?)(?:\x07|\x1b\\)", screen.raw, re.DOTALL)
    assert screen.raw.count("\x1b]") == len(commands), "each has an end"
    assert [text for text in commands if not text.startswith(("11;?", "2;✗ FAILED red"))] == []
    assert all(text.isprintable() for text in commands)
    assert "\x1b[2J" not in screen.raw, "nothing was wiped"
    assert "\x1bP" not in screen.raw
    assert len(screen.raw) < 500_000


@pytest.mark.parametrize("name", ["github", "azure"])
def test_outputs_that_are_only_printed_are_guarded_too(
    dbjobs: Dbjobs, serve: Serve, system: dict[str, dict[str, str]], name: str
) -> None:
    serve(by_endpoint(HOSTILE_BUT_SHORT))

    done = dbjobs("runs", "output", RUN_ID, **system[name])

    assert "owned" in done.stdout
    assert github_commands(done.stdout) == azure_commands(done.stdout) == []


def test_a_token_that_a_job_prints_is_in_no_report(wait: Any, serve: Serve, tmp_path: Path) -> None:
    told = {"error": f"token {TOKEN}", "error_trace": TOKEN}
    serve(by_endpoint({**SCRIPT, "runs/get-output": told}))

    done = wait("github", "--junit", tmp_path / "j.xml", "--report", tmp_path / "r.html")

    written = [path.read_text("utf-8") for path in tmp_path.iterdir() if path.is_file()]
    assert len(written) == 4
    assert not [text for text in (*written, done.stderr, done.stdout) if TOKEN in text]


def test_nothing_of_it_is_loaded_where_nobody_asks_for_it() -> None:
    program = (
        "import sys, dbjobs.cli.runs.wait, dbjobs.cli.waiting;"
        "unused = ('dbjobs.output.ci.', 'dbjobs.output.reports', 'xml');"
        "sys.exit(any(name.startswith(unused) for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
