"""`jobs pause`, `unpause`, `delete -` and `edit`: jobs changed by hand, and never by halves."""

import json
import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbjobs.sandbox.server import Sandbox
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import Received, Reply
from tests.support.payloads import TASKS
from tests.support.terminal import Terminal

CRON = {"quartz_cron_expression": "0 0 2 * * ?", "timezone_id": "UTC", "pause_status": "UNPAUSED"}


def create(dbjobs: Dbjobs, name: str, version: str = "2.2", **settings: Any) -> str:
    body = json.dumps({"name": name, "tasks": TASKS, **settings})
    return dbjobs("jobs", "create", "--json", body, "--api-version", version).stdout.strip()


def settings_of(dbjobs: Dbjobs, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(dbjobs("jobs", "get", job_id, "-o", "json").stdout)["settings"]
    return found


# Pause


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_a_job_is_paused_and_unpaused(dbjobs: Dbjobs, workspace: Sandbox, version: str) -> None:
    job_id = create(dbjobs, f"paused {version}", schedule=CRON)

    done = dbjobs("jobs", "pause", f"paused {version}", "--api-version", version)
    assert (done.exit_code, done.stderr) == (0, f"job {job_id} schedule paused\n")
    assert settings_of(dbjobs, job_id)["schedule"] == {**CRON, "pause_status": "PAUSED"}
    done = dbjobs("jobs", "pause", job_id, "--api-version", version)
    assert (done.exit_code, done.stderr) == (0, f"job {job_id} (paused {version}) is paused already\n")
    assert dbjobs("jobs", "unpause", job_id, "--api-version", version).exit_code == 0
    assert settings_of(dbjobs, job_id)["schedule"] == CRON


def test_several_jobs_are_paused_though_one_cannot_be(dbjobs: Dbjobs, workspace: Sandbox) -> None:
    first = create(dbjobs, "first", schedule=CRON)
    manual = create(dbjobs, "manual")
    last = create(dbjobs, "last", continuous={"pause_status": "UNPAUSED"})

    done = dbjobs("jobs", "pause", "-", "-o", "id", stdin=f"{first}\nmanual\n\n {last} \n")

    assert (done.exit_code, done.lines) == (5, [first, last])
    error = f"job {manual} (manual) has no schedule, trigger or continuous setting that could be paused"
    assert f"error: {error}\n" in done.stderr
    assert settings_of(dbjobs, last)["continuous"]["pause_status"] == "PAUSED"


def test_a_dry_run_pauses_nothing(dbjobs: Dbjobs, workspace: Sandbox) -> None:
    job_id = create(dbjobs, "dry", schedule=CRON)
    done = dbjobs("jobs", "pause", job_id, "--dry-run", "-o", "json")
    schedule = {**CRON, "pause_status": "PAUSED"}
    assert json.loads(done.stdout)["body"] == {"job_id": int(job_id), "new_settings": {"schedule": schedule}}
    assert settings_of(dbjobs, job_id)["schedule"] == CRON


def test_jobs_to_delete_are_read_from_stdin_a_line_each(dbjobs: Dbjobs, workspace: Sandbox) -> None:
    first, second = create(dbjobs, "with blanks in it"), create(dbjobs, "other")

    done = dbjobs("jobs", "delete", "-", "--yes", stdin=f"with blanks in it\n{second}\n")

    assert done.exit_code == 0
    assert done.stderr == f"job {first} deleted\njob {second} deleted\n"
    assert dbjobs("jobs", "delete", "-", stdin=first).exit_code == 2, "nobody can be asked"
    empty = dbjobs("jobs", "delete", "-", "--yes", stdin="\n")
    assert (empty.exit_code, empty.stderr) == (2, "error: no job was given: stdin is empty\n")


# Edit


@pytest.fixture
def drafts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that drafts are written to."""
    folder = tmp_path / "drafts"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def editor(tmp_path: Path, script: str) -> str:
    """A command that edits a file as a Python script says: `text` in, `text` out."""
    file = tmp_path / "edit with.py"
    file.write_text(
        "import pathlib, sys\npath = pathlib.Path(sys.argv[1])\ntext = path.read_text('utf-8')\n"
        f"{script}\npath.write_text(text, 'utf-8')\n"
    )
    return shlex.join([sys.executable, str(file)])


REPLACE = "text = text.replace('max_concurrent_runs: 1', 'max_concurrent_runs: {}')"


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_a_job_is_edited_as_yaml_and_what_changes_is_shown(
    dbjobs: Dbjobs, workspace: Sandbox, tmp_path: Path, drafts: Path, version: str
) -> None:
    job_id = create(dbjobs, f"edited {version}", version)
    command = editor(tmp_path, REPLACE.format(3))

    done = dbjobs("jobs", "edit", job_id, "--api-version", version, EDITOR="false", VISUAL=command)

    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    assert done.stderr == f"~ max_concurrent_runs: 1 → 3\njob {job_id} changed\n"
    assert settings_of(dbjobs, job_id)["max_concurrent_runs"] == 3
    assert [*drafts.iterdir()] == []


REMOVE = "path.unlink(); sys.exit(0)"


@pytest.mark.parametrize("script", ["pass", "text = '# only a comment\\n'", "text = ''", REMOVE])
def test_an_edit_that_changes_nothing_sends_nothing(
    dbjobs: Dbjobs, workspace: Sandbox, tmp_path: Path, drafts: Path, script: str
) -> None:
    job_id = create(dbjobs, "unchanged")
    before = settings_of(dbjobs, job_id)

    done = dbjobs("jobs", "edit", job_id, EDITOR=editor(tmp_path, script))

    assert done.exit_code == 0
    assert "nothing was changed" in done.stderr
    assert settings_of(dbjobs, job_id) == before
    assert [*drafts.iterdir()] == []


@pytest.mark.parametrize(
    ("script", "code", "error"),
    [
        (REPLACE.format(5000), 5, "max_concurrent_runs"),
        ("text = text.replace('name:', 'name: [')", 5, "YAML"),
        (REPLACE.format(2) + "; path.write_text(text, 'utf-8'); sys.exit(3)", 2, "ended with exit code 3"),
    ],
    ids=["a limit", "no YAML", "an editor that fails"],
)
def test_an_edit_that_is_refused_is_kept(
    dbjobs: Dbjobs, workspace: Sandbox, tmp_path: Path, drafts: Path, script: str, code: int, error: str
) -> None:
    job_id = create(dbjobs, "refused")
    before = settings_of(dbjobs, job_id)

    done = dbjobs("jobs", "edit", job_id, EDITOR=editor(tmp_path, script))

    assert done.exit_code == code, done.stderr
    assert error in done.stderr
    assert settings_of(dbjobs, job_id) == before
    (kept,) = drafts.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert f"dbjobs jobs reset {job_id} -f {kept}" in done.stderr
    assert "refused" in kept.read_text()


def test_a_job_that_was_changed_meanwhile_is_not_overwritten(
    dbjobs: Dbjobs, serve: Serve, tmp_path: Path, drafts: Path
) -> None:
    versions = [1, 7]

    def reply(request: Received) -> Reply:
        settings = {
            "name": "nightly",
            "tasks": TASKS,
            "max_concurrent_runs": 1,
            "timeout_seconds": versions[0],
        }
        if len(versions) > 1:
            versions.pop(0)
        return Reply(body={"job_id": 42, "settings": settings})

    server = serve(reply)

    done = dbjobs("jobs", "edit", 42, EDITOR=editor(tmp_path, REPLACE.format(3)))

    assert (done.exit_code, server.changes) == (5, [])
    changed = "job 42 (nightly) was changed by somebody else while you edited it: timeout_seconds"
    assert f"error: {changed}\n" in done.stderr
    (kept,) = drafts.iterdir()
    assert yaml.safe_load(kept.read_text())["max_concurrent_runs"] == 3


def test_a_dry_run_shows_the_difference_and_keeps_the_edit(
    dbjobs: Dbjobs, workspace: Sandbox, tmp_path: Path, drafts: Path
) -> None:
    job_id = create(dbjobs, "dry edit")

    done = dbjobs("jobs", "edit", job_id, "--dry-run", EDITOR=editor(tmp_path, REPLACE.format(3)))

    assert (done.exit_code, done.lines[0]) == (0, "~ max_concurrent_runs: 1 → 3")
    assert settings_of(dbjobs, job_id)["max_concurrent_runs"] == 1
    (kept,) = drafts.iterdir()
    assert f"your edit is in {kept}" in done.stderr


def test_without_an_editor_or_a_terminal_nothing_can_be_edited(
    dbjobs: Dbjobs, workspace: Sandbox, drafts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    job_id = create(dbjobs, "no editor")
    done = dbjobs("jobs", "edit", job_id)
    assert (done.exit_code, [*drafts.iterdir()]) == (2, [])
    assert "there is no terminal for an editor" in done.stderr
    done = dbjobs("jobs", "edit", job_id, EDITOR="/no/such/editor --wait")
    assert done.exit_code == 2
    assert "the editor '/no/such/editor' cannot be started: No such file or directory" in done.stderr


@pytest.mark.parametrize(("answer", "number", "code"), [("y", 3, 0), ("n", 1, 130)])
def test_on_a_terminal_the_change_is_confirmed(
    dbjobs: Dbjobs, workspace: Sandbox, tmp_path: Path, drafts: Path, answer: str, number: int, code: int
) -> None:
    job_id = create(dbjobs, f"asked {answer}")
    env = {**os.environ, "EDITOR": editor(tmp_path, REPLACE.format(3))}
    terminal = Terminal([sys.executable, "-m", "dbjobs", "jobs", "edit", job_id], columns=120, env=env)
    terminal.read_until("[y/N]")
    terminal.type(f"{answer}\r")

    assert terminal.wait().exit_code == code
    assert settings_of(dbjobs, job_id)["max_concurrent_runs"] == number
    assert len([*drafts.iterdir()]) == (answer == "n")
