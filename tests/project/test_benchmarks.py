"""What `make bench` measures with: its server speaks as a workspace does, its simulations are sound."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.canned import RUNNING
from benchmarks.clients import simulate
from benchmarks.report import PAGE
from tests.conftest import Dbjobs

CANNED = PAGE.parents[1] / "benchmarks" / "canned.py"


@pytest.fixture(scope="module")
def canned() -> Iterator[str]:
    with subprocess.Popen([sys.executable, CANNED], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.fixture(autouse=True)
def _here(canned: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", canned)
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-of-the-benchmark")


def test_the_server_lists_as_many_runs_as_it_is_asked_for(dbjobs: Dbjobs) -> None:
    rows = dbjobs("runs", "list", "--job", 60, "--limit", 0, "-o", "id").lines

    assert rows == [str(RUNNING - 1 - place) for place in range(60)]


def test_the_server_s_outputs_are_as_large_as_they_are_to_be(dbjobs: Dbjobs, tmp_path: Path) -> None:
    output = json.loads(dbjobs("runs", "output", 10_000, "-o", "json").stdout)
    assert len(output["main"]["logs"]) == 10_000

    for form in ("html", "ipynb"):
        assert dbjobs("runs", "export", 100_000, "--format", form, "--dir", tmp_path).exit_code == 0
    assert len((tmp_path / "main.html").read_bytes()) == pytest.approx(100_000, rel=0.1)
    assert json.loads((tmp_path / "main.ipynb").read_text("utf-8"))["cells"][0]["outputs"]


def test_a_wait_by_the_fast_clock_ends_when_its_time_has_passed() -> None:
    hour = CANNED.parent / "clients" / "hour.py"
    command = [sys.executable, str(hour), "600", "dbjobs", "runs", "wait", str(RUNNING)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    outcome, requests = done.stdout.splitlines()
    assert outcome == f"{RUNNING}\tTERMINATED\tSUCCESS"
    assert 10 <= int(requests) <= 25


@pytest.mark.parametrize("length", [60.0, 3600.0])
def test_the_simulated_watch_asks_less_than_the_official_sdk_and_misses_no_end(length: float) -> None:
    requests, delay = simulate.watch_one(length)
    sdk_requests, _ = simulate.poll(simulate.sdk_pauses(), length)

    assert 0 <= delay <= 66
    assert requests < sdk_requests


def test_the_page_tells_of_every_bar() -> None:
    sources = "".join(file.read_text("utf-8") for file in CANNED.parent.glob("*.py"))
    bars = re.findall(r'Bar\(\s*"([^"]+)",.*?, ([\d.]+)(, at_least=True)?,?\s*\),?\n', sources)
    rows = [line.split(" | ") for line in PAGE.read_text("utf-8").splitlines() if line.count(" | ") == 3]

    assert {(row[0].removeprefix("| "), row[1]) for row in rows if row[1][:3] == "at "} == {
        (label, f"at {'least' if at_least else 'most'} {limit}") for label, limit, at_least in bars
    }
    assert all(row[3] in ("met |", "**not met** |") for row in rows if row[1][:3] == "at ")
