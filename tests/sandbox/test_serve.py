"""`dbjobs sandbox serve` with a scenario and a log, as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Dbjobs


def test_a_scenario_is_played_and_every_request_logged(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    options = ("--root", tmp_path, "--scenario", "refused", "--log", log)
    process = subprocess.Popen(
        [sys.executable, "-m", "dbjobs", "sandbox", "serve", *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stderr
    host, token = (process.stdout.readline().strip().partition("=")[2] for _ in range(2))
    answer = requests.post(
        f"{host}/api/2.2/jobs/create", headers={"Authorization": f"Bearer {token}"}, timeout=9
    )
    told = process.stderr.readline()
    process.terminate()
    process.communicate(timeout=30)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
    assert process.returncode == 0
    assert "what happens here: Whatever would change something is refused" in told
    (line,) = map(json.loads, log.read_text().splitlines())
    assert (line["path"], line["status"], line["is_fault"]) == ("/api/2.2/jobs/create", 403, True)
    assert token not in log.read_text()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--scenario", "bad-weather"], "there is no scenario bad-weather"),
        (["--scenario", "scenario.yaml"], "the scenario scenario.yaml, line 3: there is no thn here"),
        (["--history", "scenario.yaml"], "the history scenario.yaml cannot be read: it is neither JSON"),
        (
            ["--history", "runs.jsonl", "--shared-host"],
            "a history is that of one workspace, and there are several",
        ),
        (["--log", "missing/requests.jsonl"], "the log missing/requests.jsonl cannot be written"),
    ],
)
def test_what_cannot_be_is_a_usage_error(
    dbjobs: Dbjobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenario.yaml").write_text("runs:\n  - then:\n      thn: {}\n")
    done = dbjobs("sandbox", "serve", *option)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr
