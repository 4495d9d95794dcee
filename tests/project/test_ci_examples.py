"""examples/ci: the shell parts of every pipeline, run as its system runs them, in the sandbox."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from dbjobs.sandbox.server import Sandbox
from tests.conftest import Dbjobs
from tests.output.test_reports import check_page
from tests.support.readers import read_junit
from tests.support.tasks import FOR_LONG, job_file, python_task

SOON = 'case "$1 $2 $*" in "runs now"*" --wait "* | "runs wait "*) set -- "$@" --poll-interval 0.3s ;; esac'
"""The tests have less time than a pipeline."""

EXAMPLES = Path(__file__).parents[2] / "examples" / "ci"


class Steps(NamedTuple):
    """The shell parts of a pipeline."""

    install: str
    run: str
    cancel: str = ""
    """what cancels the run where the system kills a step at once; empty if no step runs after that"""


def github() -> Steps:
    job = read("github-actions.yml")["jobs"]["nightly"]
    return Steps(*(step["run"] for step in job["steps"] if "run" in step))


def composite_action() -> Steps:
    return Steps(*(step["run"] for step in read("run-job/action.yml")["runs"]["steps"]))


def azure() -> Steps:
    (job,) = read("azure-pipelines.yml")["jobs"]
    return Steps(*(step["bash"] for step in job["steps"] if "bash" in step))


def gitlab() -> Steps:
    job = read("gitlab-ci.yml")["nightly"]
    return Steps(*("\n".join(job[part]) for part in ("before_script", "script", "after_script")))


def jenkins() -> Steps:
    text = (EXAMPLES / "Jenkinsfile").read_text("utf-8")
    return Steps(
        *(long or short for long, short in re.findall(r"sh (?:'''(.*?)'''|'([^'\n]*)')", text, re.DOTALL))
    )


def circleci() -> Steps:
    steps = read("circleci.yml")["jobs"]["nightly"]["steps"]
    return Steps(*(step["run"]["command"] for step in steps if "run" in step))


def bitbucket() -> Steps:
    ((step,),) = (part.values() for part in read("bitbucket-pipelines.yml")["pipelines"]["custom"]["nightly"])
    return Steps(*step["script"])


def buildkite() -> Steps:
    (step,) = read("buildkite.yml")["steps"]
    return Steps(*(command.replace("$$", "$") for command in step["commands"]))


def read(name: str) -> Any:
    return yaml.safe_load((EXAMPLES / name).read_text("utf-8"))


class System(NamedTuple):
    """A CI system: how to read its example, and what it does with a step."""

    read: Callable[[], Steps]
    environment: dict[str, str]
    next_attempt: dict[str, str]
    """what is different in the environment of the next attempt at the step"""
    cancel_signal: signal.Signals = signal.SIGKILL


GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_OUTPUT": "output",
    "GITHUB_STEP_SUMMARY": "summary.md",
    "GITHUB_RUN_ID": "15234567890",
    "GITHUB_RUN_ATTEMPT": "1",
}
ACTION = {"JOB": "nightly", "PARAMETERS": '{"day": "2026-01-01"}', "TIMEOUT": "3h", "REPORTS": "reports"}
UUID = "0b0c8f1e-5a3c-4c58-9f43-0d2d4e8b6f11"
SYSTEMS = {
    "github": System(github, GITHUB, {"GITHUB_RUN_ATTEMPT": "2"}, signal.SIGINT),
    "composite action": System(
        composite_action, {**GITHUB, **ACTION}, {"GITHUB_RUN_ATTEMPT": "2"}, signal.SIGINT
    ),
    "azure": System(
        azure,
        {"TF_BUILD": "True", "AGENT_TEMPDIRECTORY": ".", "BUILD_BUILDID": "12345", "SYSTEM_JOBATTEMPT": "1"},
        {"SYSTEM_JOBATTEMPT": "2"},
        signal.SIGINT,
    ),
    "gitlab": System(
        gitlab,
        {"GITLAB_CI": "true", "CI_JOB_STATUS": "canceled", "CI_JOB_ID": "9876543210"},
        {"CI_JOB_ID": "9876543211"},
        signal.SIGTERM,
    ),
    "jenkins": System(
        jenkins,
        {"RUN_TOKEN": "nightly-7-1767225600000"},
        {"RUN_TOKEN": "nightly-8-1767229200000"},
        signal.SIGTERM,
    ),
    "circleci": System(
        circleci, {"CIRCLECI": "true", "CIRCLE_WORKFLOW_ID": UUID}, {"CIRCLE_WORKFLOW_ID": UUID[::-1]}
    ),
    "bitbucket": System(
        bitbucket,
        {"BITBUCKET_PIPELINE_UUID": f"{{{UUID}}}", "BITBUCKET_STEP_RUN_NUMBER": "1"},
        {"BITBUCKET_STEP_RUN_NUMBER": "2"},
    ),
    "buildkite": System(
        buildkite,
        {"BUILDKITE": "true", "BUILDKITE_BUILD_ID": UUID, "BUILDKITE_RETRY_COUNT": "0"},
        {"BUILDKITE_RETRY_COUNT": "1"},
        signal.SIGTERM,
    ),
}


def systems(condition: Callable[[System], object]) -> pytest.MarkDecorator:
    """For the systems of which this holds."""
    return pytest.mark.parametrize(
        "system", [name for name in SYSTEMS if condition(SYSTEMS[name])], indirect=True
    )


@pytest.fixture(params=SYSTEMS)
def system(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bash(
    request: pytest.FixtureRequest, workspace: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """Start a shell part as the system does: a file of its own, given to bash, in the project's folder."""
    tools = tmp_path / "tools"
    tools.mkdir()
    programs = {
        "dbjobs": f"{SOON}\nexec {shlex.quote(sys.executable)} -m dbjobs",
        "pip": "echo pip >> installed; echo",
        "pipx": "echo pipx >> installed; echo",
    }
    for name, program in programs.items():
        (tools / name).write_text(f'#!/bin/sh\n{program} "$@"\n')
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("DBJOBS", "./dbjobs")
    monkeypatch.chdir(tmp_path)
    if "system" in request.fixturenames:
        for name, value in SYSTEMS[request.getfixturevalue("system")].environment.items():
            monkeypatch.setenv(name, value)
    started = []

    def start(script: str) -> "subprocess.Popen[str]":
        (tmp_path / "step.sh").write_text(script)
        pipe = subprocess.PIPE
        command = ["bash", "-e", "step.sh"]
        started.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        lose(process)


def make_job(dbjobs: Dbjobs, root: Path, folder: Path, code: str) -> None:
    file = job_file(
        folder,
        python_task(root, "load", code, "{{job.parameters.day}}"),
        name="nightly",
        parameters=[{"name": "day", "default": ""}],
    )
    for job_id in dbjobs("jobs", "list", "--name", "nightly", "-o", "id").lines:
        dbjobs("jobs", "delete", job_id, "--yes")
    assert dbjobs("jobs", "create", "-f", file).exit_code == 0


def test_a_good_run_passes_and_leaves_its_reports(
    bash: Any, dbjobs: Dbjobs, system: str, task_files: Path, tmp_path: Path
) -> None:
    make_job(dbjobs, task_files, tmp_path, "print('loaded')")
    steps = SYSTEMS[system].read()

    installing = bash(steps.install)
    installing.communicate(timeout=60)
    process = bash(steps.run)
    _, err = process.communicate(timeout=60)

    assert installing.returncode == 0
    assert (tmp_path / "installed").exists()
    assert process.returncode == 0, err
    assert read_junit(junit_file(tmp_path).read_text("utf-8"))[0].get("tests") == "1"
    check_page((tmp_path / "reports" / "dbjobs.html").read_text("utf-8"))
    if system in ("github", "composite action"):
        assert "result_state=SUCCESS" in (tmp_path / "output").read_text()
        assert "✓ nightly" in (tmp_path / "summary.md").read_text("utf-8")
    if system == "gitlab":
        assert "DBJOBS_RESULT_STATE=SUCCESS" in (tmp_path / "dbjobs.env").read_text()


def test_a_failed_run_fails_the_step(
    bash: Any, dbjobs: Dbjobs, system: str, task_files: Path, tmp_path: Path
) -> None:
    make_job(dbjobs, task_files, tmp_path, "raise ValueError('no data')")

    process = bash(SYSTEMS[system].read().run)
    process.communicate(timeout=60)

    assert process.returncode == 10
    assert "ValueError: no data" in junit_file(tmp_path).read_text("utf-8")


def junit_file(folder: Path) -> Path:
    (file,) = folder.glob("*/dbjobs.xml")
    return file


@systems(lambda system: system.cancel_signal is not signal.SIGKILL)
def test_a_canceled_pipeline_cancels_the_run(
    bash: Any, dbjobs: Dbjobs, system: str, task_files: Path, tmp_path: Path
) -> None:
    """The signal goes to the shell alone, as GitHub and Azure send it."""
    make_job(dbjobs, task_files, tmp_path, FOR_LONG)
    process = bash(SYSTEMS[system].read().run)
    read_until_the_task_runs(process)

    process.send_signal(SYSTEMS[system].cancel_signal)
    process.communicate(timeout=30)

    assert process.returncode == 128 + SYSTEMS[system].cancel_signal
    assert newest_state(dbjobs) == "CANCELED"


@systems(lambda system: system.read().cancel)
def test_where_there_was_no_time_a_later_step_cancels(
    bash: Any, dbjobs: Dbjobs, system: str, task_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_job(dbjobs, task_files, tmp_path, FOR_LONG)
    steps = SYSTEMS[system].read()
    process = bash(steps.run)
    seen = read_until_the_task_runs(process)
    lose(process)
    if system in ("github", "composite action", "azure"):
        said = seen if system == "azure" else (tmp_path / "output").read_text()
        found = re.search(r"run_id(?:=|;isOutput=true\])(\d+)", said)
        assert found
        monkeypatch.setenv("RUN_ID", found[1])

    canceling = bash(steps.cancel)
    _, err = canceling.communicate(timeout=30)

    assert canceling.returncode == 0, err
    (run_id,) = dbjobs("runs", "list", "--job", "nightly", "--limit", 1, "-o", "id").lines
    assert dbjobs("runs", "wait", run_id, "--ci", "none", "--poll-interval", "0.2s").exit_code == 12


def lose(process: "subprocess.Popen[str]") -> None:
    """Kill a step with all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def read_until_the_task_runs(process: "subprocess.Popen[str]") -> str:
    seen = ""
    assert process.stderr
    for line in process.stderr:
        seen += line
        if "load" in line:
            break
    return seen


UNTIL_TOLD = "import pathlib, time\nwhile not pathlib.Path({!r}).exists(): time.sleep(0.05)"


def test_a_step_that_is_done_again_in_the_same_attempt_waits_for_the_same_run(
    bash: Any,
    dbjobs: Dbjobs,
    system: str,
    task_files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The agent is lost, and the system repeats the step; only another attempt starts another run."""
    make_job(dbjobs, task_files, tmp_path, UNTIL_TOLD.format(str(tmp_path / "told")))
    steps = SYSTEMS[system].read()
    lost = bash(steps.run)
    read_until_the_task_runs(lost)
    lose(lost)

    again = bash(steps.run)
    read_until_the_task_runs(again)
    (tmp_path / "told").touch()
    again.communicate(timeout=60)

    assert again.returncode == 0
    assert len(runs_of_nightly(dbjobs)) == 1

    for name, value in SYSTEMS[system].next_attempt.items():
        monkeypatch.setenv(name, value)
    next_attempt = bash(steps.run)
    _, err = next_attempt.communicate(timeout=60)
    assert next_attempt.returncode == 0, err
    assert len(runs_of_nightly(dbjobs)) == 2


def runs_of_nightly(dbjobs: Dbjobs) -> list[str]:
    return dbjobs("runs", "list", "--job", "nightly", "-o", "id").lines


def test_each_system_gives_one_token_to_one_job_in_one_attempt() -> None:
    """The Jenkinsfile makes its token of the build's number and its start."""
    text = (EXAMPLES / "Jenkinsfile").read_text("utf-8")
    assert 'RUN_TOKEN = "nightly-${env.BUILD_NUMBER}-${currentBuild.startTimeInMillis}"' in text
    for file in EXAMPLES.rglob("*"):
        if file.is_file():
            assert "--idempotency-token" in file.read_text("utf-8"), file


@pytest.mark.parametrize("name", ["github", "gitlab"])
def test_a_later_step_comes_back_to_a_run_that_an_earlier_one_has_started(
    bash: Any,
    dbjobs: Dbjobs,
    task_files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    make_job(dbjobs, task_files, tmp_path, "print('loaded')")
    for variable, value in SYSTEMS[name].environment.items():
        monkeypatch.setenv(variable, value)
    if name == "github":
        jobs = read("github-actions-later.yml")["jobs"]
        assert jobs["start"]["outputs"] == {"run_id": "${{ steps.start.outputs.run_id }}"}
        start, finish = (steps_of(jobs[job])[1] for job in ("start", "finish"))
        assert finish["env"] == {"RUN_ID": "${{ needs.start.outputs.run_id }}"}
        scripts = [start["run"], finish["run"]]
    else:
        jobs = read("gitlab-ci-later.yml")
        scripts = [jobs[job]["script"][0] for job in ("start", "finish")]

    starting = bash(scripts[0])
    out, err = starting.communicate(timeout=60)
    assert starting.returncode == 0, err
    text = (tmp_path / {"github": "output", "gitlab": "dbjobs.env"}[name]).read_text()
    variable, _, run_id = text.strip().partition("=")
    assert out == f"{run_id}\n"
    monkeypatch.setenv({"github": "RUN_ID", "gitlab": "DBJOBS_RUN_ID"}[name], run_id)
    assert variable == {"github": "run_id", "gitlab": "DBJOBS_RUN_ID"}[name]
    coming_back = bash(scripts[1])
    out, err = coming_back.communicate(timeout=60)

    assert coming_back.returncode == 0, err
    assert out == f"{run_id}\tTERMINATED\tSUCCESS\n"
    check_page((tmp_path / "reports" / "dbjobs.html").read_text("utf-8"))


def steps_of(job: Any) -> list[Any]:
    return [step for step in job["steps"] if "run" in step]


def newest_state(dbjobs: Dbjobs) -> str:
    (newest,) = json.loads(dbjobs("runs", "list", "--job", "nightly", "--limit", 1, "-o", "json").stdout)
    return str(newest["state"].get("result_state"))
