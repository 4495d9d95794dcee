"""examples/ci: the shell parts of every pipeline, run as its system runs them, in the sandbox."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from dbjobs.sandbox.server import Sandbox
from tests.conftest import Dbjobs
from tests.output.test_reports import check_page
from tests.support.readers import read_junit
from tests.support.tasks import FOR_LONG, job_file, python_task

SOON = 'case "$1 $2" in "runs now") set -- "$@" --poll-interval 0.3s ;; esac'
"""The tests have less time than a pipeline."""

EXAMPLES = Path(__file__).parents[2] / "examples" / "ci"


class Steps(NamedTuple):
    """The shell parts of a pipeline."""

    install: str
    run: str
    cancel: str


def github() -> Steps:
    job = read("github-actions.yml")["jobs"]["nightly"]
    return Steps(*(step["run"] for step in job["steps"] if "run" in step))


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


def read(name: str) -> Any:
    return yaml.safe_load((EXAMPLES / name).read_text("utf-8"))


GITHUB = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary.md"}
SYSTEMS = {
    "github": (github, GITHUB, signal.SIGINT),
    "azure": (azure, {"TF_BUILD": "True", "AGENT_TEMPDIRECTORY": "."}, signal.SIGINT),
    "gitlab": (gitlab, {"GITLAB_CI": "true", "CI_JOB_STATUS": "canceled"}, signal.SIGTERM),
    "jenkins": (jenkins, {}, signal.SIGTERM),
}
"""How to read the example, the environment of a step, and the signal of a cancel."""


@pytest.fixture(params=SYSTEMS)
def system(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bash(system: str, workspace: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
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
    for name, value in SYSTEMS[system][1].items():
        monkeypatch.setenv(name, value)
    started = []

    def start(script: str) -> "subprocess.Popen[str]":
        (tmp_path / "step.sh").write_text(script)
        pipe = subprocess.PIPE
        command = ["bash", "-e", "step.sh"]
        started.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


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
    steps = SYSTEMS[system][0]()

    installing = bash(steps.install)
    installing.communicate(timeout=60)
    process = bash(steps.run)
    _, err = process.communicate(timeout=60)

    assert installing.returncode == 0
    assert (tmp_path / "installed").exists()
    assert process.returncode == 0, err
    assert read_junit((tmp_path / "reports" / "dbjobs.xml").read_text("utf-8"))[0].get("tests") == "1"
    check_page((tmp_path / "reports" / "dbjobs.html").read_text("utf-8"))
    if system == "github":
        assert "result_state=SUCCESS" in (tmp_path / "output").read_text()
        assert "✓ nightly" in (tmp_path / "summary.md").read_text("utf-8")
    if system == "gitlab":
        assert "DBJOBS_RESULT_STATE=SUCCESS" in (tmp_path / "dbjobs.env").read_text()


def test_a_failed_run_fails_the_step(
    bash: Any, dbjobs: Dbjobs, system: str, task_files: Path, tmp_path: Path
) -> None:
    make_job(dbjobs, task_files, tmp_path, "raise ValueError('no data')")

    process = bash(SYSTEMS[system][0]().run)
    process.communicate(timeout=60)

    assert process.returncode == 10
    assert "ValueError: no data" in (tmp_path / "reports" / "dbjobs.xml").read_text("utf-8")


def test_a_canceled_pipeline_cancels_the_run(
    bash: Any, dbjobs: Dbjobs, system: str, task_files: Path, tmp_path: Path
) -> None:
    """The signal goes to the shell alone, as GitHub and Azure send it."""
    make_job(dbjobs, task_files, tmp_path, FOR_LONG)
    process = bash(SYSTEMS[system][0]().run)
    for line in process.stderr:
        if "load" in line:
            break

    process.send_signal(SYSTEMS[system][2])
    process.communicate(timeout=30)

    assert process.returncode == 128 + SYSTEMS[system][2]
    assert newest_state(dbjobs) == "CANCELED"


def test_where_there_was_no_time_a_later_step_cancels(
    bash: Any, dbjobs: Dbjobs, system: str, task_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_job(dbjobs, task_files, tmp_path, FOR_LONG)
    steps = SYSTEMS[system][0]()
    process = bash(steps.run)
    seen = ""
    for line in process.stderr:
        seen += line
        if "load" in line:
            break
    process.kill()
    process.communicate()
    if system in ("github", "azure"):
        said = (tmp_path / "output").read_text() if system == "github" else seen
        found = re.search(r"run_id(?:=|;isOutput=true\])(\d+)", said)
        assert found
        monkeypatch.setenv("RUN_ID", found[1])

    canceling = bash(steps.cancel)
    _, err = canceling.communicate(timeout=30)

    assert canceling.returncode == 0, err
    (run_id,) = dbjobs("runs", "list", "--job", "nightly", "--limit", 1, "-o", "id").lines
    assert dbjobs("runs", "wait", run_id, "--ci", "none", "--poll-interval", "0.2s").exit_code == 12


def newest_state(dbjobs: Dbjobs) -> str:
    (newest,) = json.loads(dbjobs("runs", "list", "--job", "nightly", "--limit", 1, "-o", "json").stdout)
    return str(newest["state"].get("result_state"))
