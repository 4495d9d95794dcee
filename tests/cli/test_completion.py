"""Completion: what is offered where, what is cached, and the real shells on a real terminal."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from dbjobs.cli.cache import Cache, cache_folder, load_workspace, write_cache, write_last_run
from dbjobs.cli.completion import complete
from dbjobs.cli.completion.bash import TypedWords, quote, split_line
from tests.conftest import TOKEN, Dbjobs, Serve
from tests.support.fakes import by_endpoint
from tests.support.payloads import run, task
from tests.support.terminal import Terminal

HOST = "https://example.cloud.databricks.com"
NIGHTLY = {"job_id": 42, "settings": {"name": "nightly", "tasks": [{"task_key": "clean"}]}}
ODD = {"job_id": 43, "settings": {"name": 'it\'s: Köln $5 "x" 🚀', "tasks": [{"task_key": "a"}]}}
RUN = run("TERMINATED", "FAILED", task("clean", "TERMINATED", "FAILED"), task("report"), run_id=99, job_id=42)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A workspace of which earlier commands have seen two jobs and a run, just now."""
    monkeypatch.setenv("DATABRICKS_HOST", HOST)
    cache = Cache()
    cache.record("list", {}, {"jobs": [NIGHTLY, ODD]})
    cache.record("runs/list", {}, {"runs": [RUN]})
    cache.save(HOST)


def offered(*words: str, **environ: str) -> list[str]:
    """The kind of the answer, then the words, as fish would get them without their help."""
    line = "\x1f".join(words)
    answer = complete({**os.environ, "_DBJOBS_COMPLETE": "fish", "_DBJOBS_WORDS": line, **environ})
    return [part.partition("\t")[0] for part in answer.splitlines()]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["ru"], ["words", "runs"]),
        (["runs", "ca"], ["words", "cancel", "cancel-all"]),
        (["-o", "json", "--quiet", "runs", "ca"], ["words", "cancel", "cancel-all"]),
        (["completion", "f"], ["words", "fish"]),
        (["runs", "now", "x", "--wa"], ["words", "--wait"]),
        (["runs", "now", "x", "--wait", "--wa"], ["words"]),
        (["runs", "now", "x", "--only", "a", "--onl"], ["words", "--only"]),
        (["runs", "wait", "1", "--on-timeout", ""], ["words", "detach", "cancel"]),
        (["runs", "wait", "1", "--on-timeout=d"], ["words", "--on-timeout=detach"]),
        (["runs", "get", "1", "-qo", "js"], ["words", "json", "jsonl"]),
        (["runs", "get", "1", "-ojson", "--outp"], ["words"]),
        (["runs", "now", "--", "--wa"], ["words"]),
        (["jobs", "create", "-f", ""], ["files"]),
        (["runs", "export", "1", "--dir", ""], ["folders"]),
        (["jobs", "update", "42", "--set", ""], ["words"]),
        (["profiles", "add", "new", "--auth-type", "oauth"], ["words", "oauth-m2m"]),
        (["sandbox", "serve", "--scenario", "flaky-t"], ["words", "flaky-task"]),
        (["nonsense", ""], ["words"]),
    ],
    ids=" ".join,
)
def test_commands_options_and_their_values_are_offered(words: list[str], found: list[str]) -> None:
    assert offered(*words) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["runs", "now", ""], ["words", "nightly", ODD["settings"]["name"]]),  # type: ignore[index]
        (["runs", "now", "ni"], ["words", "nightly"]),
        (["runs", "now", "4"], ["words", "42", "43"]),
        (["jobs", "delete", "nightly", "n"], ["words"]),
        (["jobs", "list", "--name", "n"], ["words", "nightly"]),
        (["runs", "list", "--job", "n"], ["words", "nightly"]),
        (["runs", "wait", ""], ["words", "99"]),
        (["runs", "wait", "99", ""], ["words"]),
        (["runs", "now", "nightly", "--only", ""], ["words", "clean"]),
        (["runs", "now", "42", "--only", ""], ["words", "clean"]),
        (["runs", "repair", "99", "--rerun", ""], ["words", "clean", "report"]),
        (["runs", "output", "99", "--task", "r"], ["words", "report"]),
        (["runs", "get", "nightly@f"], ["words", "nightly@failed"]),
        (["runs", "get", "42@"], ["words", "42@latest", "42@failed", "42@succeeded", "42@active"]),
        (["runs", "output", "nightly@failed", "--task", ""], ["words", "clean"]),
        (["runs", "list", "--result", "SUCC"], ["words", "SUCCESS", "SUCCESS_WITH_FAILURES"]),
        (["runs", "list", "--trigger", "ONE"], ["words", "ONE_TIME"]),
        (["--host", "https://other.example", "runs", "now", ""], ["words"]),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("known")
def test_what_earlier_commands_saw_is_offered(words: list[str], found: list[str]) -> None:
    assert offered(*words) == found


def test_a_word_comes_with_its_help(known: None) -> None:
    answer = complete({**os.environ, "_DBJOBS_COMPLETE": "fish", "_DBJOBS_WORDS": "runs\x1fget\x1f"})
    assert answer == "words\n99\tFAILED nightly\n"


def test_runs_are_offered_the_latest_first_with_age_and_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", HOST)
    now = time.time() * 1000
    ages = {1: 50 * 3600, 2: 125 * 60, 3: 10, 4: 180}
    runs = [
        run("TERMINATED", "SUCCESS", run_id=key, start_time=now - age * 1000) for key, age in ages.items()
    ]
    cache = Cache()
    cache.record("runs/list", {}, {"runs": runs})
    cache.save(HOST)
    write_last_run(HOST, 2)

    answer = complete({**os.environ, "_DBJOBS_COMPLETE": "fish", "_DBJOBS_WORDS": "runs\x1fwait\x1f4\x1f"})

    assert answer.splitlines() == [
        "words",
        "3\tjust now SUCCESS nightly",
        "2\t2h ago SUCCESS nightly",
        "1\t2d ago SUCCESS nightly",
        "@last\trun 2, which was last started or watched here",
    ]


CONFIG = f"""
default_profile: prod
profiles:
  prod: {{host: "{HOST}/", token: {TOKEN}}}
  dev: {{host: http://localhost:1, token: {TOKEN}}}
"""


def test_profiles_are_offered_and_lead_to_their_workspace(
    known: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABRICKS_HOST")
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    file.chmod(0o600)
    monkeypatch.setenv("DBJOBS_CONFIG", str(file))

    assert offered("-p", "") == ["words", "prod", "dev"]
    assert offered("profiles", "use", "d") == ["words", "dev"]
    assert offered("runs", "now", "n") == ["words", "nightly"]
    assert offered("runs", "now", "-p", "dev", "n") == ["words"]
    assert offered("-p", "dev", "runs", "now", "n") == ["words"]
    assert offered("runs", "now", "n", DATABRICKS_CONFIG_PROFILE="dev") == ["words"]
    file.write_text(CONFIG.replace("dev:", "test:"))
    assert offered("-p", "") == ["words", "prod", "test"]
    kept = "".join(path.read_text() for path in cache_folder().iterdir())
    assert TOKEN not in kept


def test_ordinary_commands_fill_the_cache(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(
        by_endpoint(
            {
                "list": {"jobs": [NIGHTLY]},
                "create": {"job_id": 44},
                "runs/get": RUN,
                "run-now": {"run_id": 100},
                "delete": {},
            }
        )
    )
    assert dbjobs("jobs", "list").exit_code == 0
    settings = json.dumps(
        {"name": "weekly", "tasks": [{"task_key": "main", "notebook_task": {"notebook_path": "/n"}}]}
    )
    assert dbjobs("jobs", "create", "--json", settings).exit_code == 0
    assert dbjobs("runs", "get", 99).exit_code == 0
    assert dbjobs("runs", "now", 42).exit_code == 0
    known = load_workspace(server.url)
    assert known["jobs"] == {
        "44": {"name": "weekly", "tasks": ["main"]},
        "42": {"name": "nightly", "tasks": ["clean"]},
    }
    assert list(known["runs"]) == ["100", "99"]
    assert known["runs"]["99"]["tasks"] == ["clean", "report"]
    assert known["runs"]["99"]["state"] == "FAILED"
    assert dbjobs("jobs", "delete", 42, "--yes").exit_code == 0
    assert list(load_workspace(server.url)["jobs"]) == ["44"]
    (file,) = cache_folder().glob("127*.json")
    assert file.stat().st_mode & 0o777 == 0o600
    assert TOKEN not in file.read_text()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"jobs": 7}', '{"jobs": {"1": 2}}', "\udcff"])
def test_a_broken_cache_is_ignored(dbjobs: Dbjobs, serve: Serve, content: str) -> None:
    server = serve(by_endpoint({"list": {"jobs": [NIGHTLY]}}))
    write_cache("x", {})
    for name in (f"127.0.0.1_{server.url.rpartition(':')[2]}", "profiles"):
        (cache_folder() / f"{name}.json").write_text(content, errors="surrogateescape")

    assert offered("runs", "now", "")[0] == "words"
    assert dbjobs("jobs", "list").exit_code == 0


def test_a_cache_that_cannot_be_written_harms_nobody(dbjobs: Dbjobs, serve: Serve, home: Path) -> None:
    serve(by_endpoint({"list": {"jobs": [NIGHTLY]}}))
    (home / ".cache").write_text("in the way")

    result = dbjobs("jobs", "list", "-o", "id")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "42\n", "")
    assert offered("runs", "now", "")[0] == "words"


@pytest.mark.parametrize(
    "words",
    [
        ["runs", "now", ""],
        ["runs", "get", ""],
        ["runs", "now", "42", "--only", ""],
        ["runs", "output", "99", "--task", ""],
    ],
    ids=" ".join,
)
def test_a_completion_sends_no_request_and_reads_no_secret(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    server = serve(by_endpoint({"list": {"jobs": [NIGHTLY]}, "get": NIGHTLY, "runs/get": RUN}))
    marker = tmp_path / "unlocked"
    file = tmp_path / "config.yaml"
    file.write_text(f"profiles: {{p: {{host: '{server.url}', token: {{command: [touch, '{marker}']}}}}}}")
    monkeypatch.setenv("DBJOBS_CONFIG", str(file))

    assert offered(*words) == ["words"]
    assert offered("-p", "p", *words) == ["words"]
    assert server.received == []
    assert not marker.exists()


# Speed


def test_completion_loads_nothing_slow(known: None) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "dbjobs"],
        env={**os.environ, "_DBJOBS_COMPLETE": "zsh", "_DBJOBS_WORDS": "runs\x1fnow\x1f"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "nightly" in done.stdout
    assert "dbjobs.cli.completion" in loaded
    assert loaded.isdisjoint(
        {"typer", "requests", "yaml", "rich", "pydantic", "dbjobs.cli.app", "dbjobs.cli.context"}
    )


# Bash's line


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        ("dbjobs ", TypedWords([], "")),
        ("dbjobs runs n", TypedWords(["runs"], "n")),
        ("dbjobs  -o=js", TypedWords([], "-o=js", 3)),
        ("dbjobs a\\ b 'c d' \"e", TypedWords(["a b", "c d"], "e", 0, '"')),
        ('dbjobs "a\\"b\\c', TypedWords([], 'a"b\\c', 0, '"')),
        ("dbjobs etl:\\ ni", TypedWords([], "etl: ni", 4)),
        ("dbjobs ''", TypedWords([], "")),
        ("dbjobs '' x", TypedWords([""], "x")),
        ("dbjobs x\\", TypedWords([], "x")),
    ],
)
def test_a_line_of_bash_is_read_as_bash_reads_it(line: str, typed: TypedWords) -> None:
    assert split_line(line, " \t\n\"'><=;|&(:") == typed


@pytest.mark.parametrize("mark", ["", "'", '"'])
@pytest.mark.parametrize("name", ["plain", "two words", 'it\'s $HOME `x` "y" \\z *?[a] ~ !; #', "Köln 🚀"])
def test_bash_reads_what_was_inserted_as_the_name_itself(name: str, mark: str) -> None:
    inserted = mark + quote(name, TypedWords([], "", 0, mark)) + mark

    done = subprocess.run(
        ["bash", "-c", f"printf %s {inserted}"], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout == name


# The real shells

SHELLS: Mapping[str, tuple[list[str], str]] = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "PS1='> '"),
    "zsh": (["zsh", "-f", "-i"], "PS1='> '"),
    "fish": (["fish", "--no-config", "-i"], "function fish_prompt; echo '> '; end"),
}
PROGRAM = """#!/bin/sh
[ -n "$_DBJOBS_COMPLETE" ] && exec {python} -m dbjobs
printf '%s\\0' "$@" > {given}
"""
TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Shells control their jobs, for which the terminal has to be theirs."""

TypeIn = Callable[[str], list[str]]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, known: None, dbjobs: Dbjobs, tmp_path: Path) -> Iterator[TypeIn]:
    """Type keys in a shell with completion installed, then run the line: what dbjobs was given."""
    name = request.param
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    command, prompt = SHELLS[name]
    script = tmp_path / "script"
    script.write_text(dbjobs("completion", name).stdout)
    program = tmp_path / "bin" / "dbjobs"
    program.parent.mkdir()
    given = tmp_path / "given"
    program.write_text(PROGRAM.format(python=shlex.quote(sys.executable), given=given))
    program.chmod(0o755)
    (tmp_path / "ein Ordner").mkdir()
    (tmp_path / "job file.yaml").touch()
    environ = {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "LC_ALL": "C.UTF-8",
        "ZDOTDIR": str(tmp_path),
    }
    terminal = Terminal([sys.executable, "-c", TAKE_TERMINAL, *command], columns=160, env=environ)
    terminal.type(f"cd {tmp_path}; {prompt}; . {script}; echo rea''dy\n")
    terminal.read_until("ready")
    lines = count(1)

    def type_in(keys: str) -> list[str]:
        number = next(lines)
        terminal.type(f"{keys}\necho do''ne{number}\n")
        terminal.read_until(f"done{number}")
        return given.read_text("utf-8").split("\0")[:-1]

    yield type_in
    terminal.type("\x15exit\n")
    terminal.process.terminate()
    terminal.wait()


def test_a_shell_completes(shell: TypeIn) -> None:
    odd: Any = ODD["settings"]
    name = odd["name"]

    assert shell("dbjobs ru\tno\tnigh\t--wai\t") == ["runs", "now", "nightly", "--wait"]
    assert shell("dbjobs runs now it\t") == ["runs", "now", name]
    assert shell('dbjobs runs now "it\t') == ["runs", "now", name]
    assert shell("dbjobs runs get 9\t--output=yam\t") == ["runs", "get", "99", "--output=yaml"]
    assert shell("dbjobs jobs create -f job\\ f\t") == ["jobs", "create", "-f", "job file.yaml"]
    assert shell("dbjobs runs export 99 --dir ein\t")[-1].rstrip("/") == "ein Ordner"
    assert shell("dbjobs nonsense x\t") == ["nonsense", "x"]


@pytest.mark.skipif(not shutil.which("pwsh"), reason="pwsh is not installed")
@pytest.mark.usefixtures("known")
def test_powershell_completes(dbjobs: Dbjobs, tmp_path: Path) -> None:
    script = tmp_path / "script.ps1"
    script.write_text(dbjobs("completion", "powershell").stdout)
    program = tmp_path / "dbjobs"
    program.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -m dbjobs\n")
    program.chmod(0o755)
    asked = f". {script}; (TabExpansion2 'dbjobs runs now ni' 18).CompletionMatches.CompletionText"

    done = subprocess.run(
        ["pwsh", "-NoProfile", "-Command", asked],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == ["nightly"]
