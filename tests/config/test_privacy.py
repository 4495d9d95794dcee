"""Whose word is believed: nothing in a file that somebody else may have written, and no secret is shown."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dbjobs.common.hidden import censor, hide
from tests.conftest import Dbjobs, Result
from tests.support.secrets import secret

COMMANDS = [("jobs", "list"), ("profiles", "show", "p"), ("profiles", "check", "p"), ("profiles", "list")]


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """It is there once the profile's command has run."""
    return tmp_path / "marker"


def write(path: Path, marker: Path) -> Path:
    """A profile, the default, whose token comes from a command."""
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = f"{{host: 'http://127.0.0.1:1', token: {{command: [touch, '{marker}']}}}}"
    path.write_text(f"default_profile: p\nprofiles: {{p: {settings}}}\n")
    path.chmod(0o600)
    return path


def make_writable(path: Path) -> str:
    path.chmod(0o602)
    return f"everyone can write to {path}"


def make_folder_writable(path: Path) -> str:
    path.parent.chmod(0o777)
    return f"everyone can write to the folder {path.parent}"


def make_link_into_writable_folder(path: Path) -> str:
    target = path.parent / "shared" / "config.yaml"
    target.parent.mkdir()
    path.rename(target)
    path.symlink_to(target)
    target.parent.chmod(0o777)
    return f"everyone can write to the folder {target.parent}"


def give_away(path: Path) -> str:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, 12345, -1)
    return f"{path} belongs to somebody else (user 12345)"


@pytest.mark.parametrize(
    "spoil", [make_writable, make_folder_writable, make_link_into_writable_folder, give_away]
)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_what_somebody_else_may_have_written_is_refused_before_anything_in_it_is_used(
    dbjobs: Dbjobs, tmp_path: Path, marker: Path, spoil: Callable[[Path], str], command: tuple[str, ...]
) -> None:
    path = write(tmp_path / "folder" / "config.yaml", marker)
    problem = spoil(path)
    result = dbjobs(*command, DBJOBS_CONFIG=str(path))

    assert (result.exit_code, result.stdout) == (3, "")
    assert problem in result.stderr
    assert "ch" in result.stderr.splitlines()[-1], "the hint says how to mend it"
    assert not marker.exists()


@pytest.mark.parametrize("command", COMMANDS[:1], ids=" ".join)
def test_the_official_file_is_held_to_the_same(dbjobs: Dbjobs, home: Path, command: tuple[str, ...]) -> None:
    path = home / ".databrickscfg"
    path.write_text(f"[DEFAULT]\nhost = http://127.0.0.1:1\ntoken = {secret('t')}\n")
    path.chmod(0o666)

    result = dbjobs(*command)
    assert result.exit_code == 3
    assert f"everyone can write to {path}" in result.stderr


def allow_group(path: Path) -> Path:
    path.chmod(0o660)
    return path


def put_into_sticky_folder(path: Path) -> Path:
    path.parent.chmod(0o1777)
    return path


@pytest.mark.parametrize(
    ("change", "warning"), [(allow_group, "everyone in its group can write to"), (put_into_sticky_folder, "")]
)
def test_what_is_common_and_less_dangerous_is_used(
    dbjobs: Dbjobs, tmp_path: Path, marker: Path, change: Callable[[Path], Path], warning: str
) -> None:
    path = change(write(tmp_path / "folder" / "config.yaml", marker))
    result = dbjobs("profiles", "show", "p", DBJOBS_CONFIG=str(path))

    assert result.exit_code == 0, result.stderr
    assert warning in result.stderr
    assert bool(result.stderr) == bool(warning)


def test_a_command_cannot_run_itself(dbjobs: Dbjobs, tmp_path: Path) -> None:
    log, tool = tmp_path / "log", tmp_path / "tool"
    path = tmp_path / "config.yaml"
    tool.write_text(
        f'#!/bin/sh\necho run >> {log}\n[ "$(wc -l < {log})" -lt 5 ] || exit 9\n'
        f"exec dbjobs --config {path} -p p jobs list\n"
    )
    tool.chmod(0o755)
    path.write_text(f"profiles: {{p: {{host: 'http://127.0.0.1:1', token: {{command: ['{tool}']}}}}}}\n")
    path.chmod(0o600)

    result = dbjobs("jobs", "list", "--config", path, "-p", "p")
    assert result.exit_code == 3
    assert log.read_text().splitlines() == ["run"]


def shown(dbjobs: Dbjobs, path: Path, token: str) -> Result:
    path.write_text(f"profiles: {{p: {{host: 'https://h.example', token: {token}}}}}\n")
    path.chmod(0o600)
    return dbjobs("profiles", "show", "p", "--config", path, "--verbose")


def test_the_arguments_of_a_command_are_not_shown(dbjobs: Dbjobs, tmp_path: Path) -> None:
    result = shown(dbjobs, tmp_path / "config.yaml", f"{{command: [echo, {secret('argument')}]}}")

    assert "{command: [echo, …]}" in result.stdout
    assert "secret-of" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("token dapi+/=1234 refused", "token <hidden> refused"),
        ("GET /x?t=dapi%2B%2F%3D1234&u=1", "GET /x?t=<hidden>&u=1"),
        ("password hunter", "password <hidden>"),
        ("the hunters hunt", "the hunters hunt"),
        ("at ftp://ada:pass word@host", "at ftp://ada:pass word@host"),
        ("at ftp://ada:s3cr3t@host/x", "at ftp://ada:<hidden>@host/x"),
        ("proxy http://:s3cr3t@host", "proxy http://:<hidden>@host"),
        ("mail ada@example.com about http://host:80", "mail ada@example.com about http://host:80"),
        ("a b c", "a b c"),
    ],
)
def test_secrets_are_hidden_in_every_form(text: str, expected: str) -> None:
    for known in ("dapi+/=1234", "hunter", "a"):
        hide(known)

    assert censor(text) == expected
