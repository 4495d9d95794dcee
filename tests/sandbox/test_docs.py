"""docs/sandbox.md says what the sandbox does, and examples/rehearsal does what it says."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dbjobs.errors import ExitCode
from dbjobs.sandbox.endpoints import ENDPOINTS
from dbjobs.sandbox.scenario import (
    Fault,
    PastTaskOutcome,
    PlannedOutcome,
    Scenario,
    TaskOutcome,
    When,
    WhenRequest,
    WhenTask,
)
from dbjobs.sandbox.scenarios import read_scenario, shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Dbjobs

    from .client import Client

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "sandbox.md").read_text("utf-8")
REHEARSAL = REPOSITORY / "examples" / "rehearsal"


def table(head: str, number: int = 0) -> dict[str, list[str]]:
    """The rows of a table with these titles, by their first cell; `number` counts tables that look alike."""
    rows = PAGE.split(f"| {head} |\n")[number + 1].partition("\n\n")[0].splitlines()[1:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {first.strip("`"): others for first, *others in cells}


def names(kind: type) -> set[str]:
    return {one.name for one in fields(kind)}


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_the_table_of_endpoints_is_what_the_server_does(client: Client, version: str) -> None:
    place = ["2.0", "2.1", "2.2"].index(version)
    told = {name: cells[place] == "✓" for name, cells in table("endpoint | 2.0 | 2.1 | 2.2").items()}
    served = {}
    for method, path in ENDPOINTS:
        answer = client.send(method, path.replace("{object_type}", "jobs"), version=version)
        is_known = answer.ok or answer.json()["error_code"] != "ENDPOINT_NOT_FOUND"
        served[f"{method} {path}"] = is_known
    assert told == served


def test_the_scenarios_that_ship_are_those_of_the_page(dbjobs: Dbjobs) -> None:
    documented = {name: told for name, (told,) in table("name | what happens").items()}
    listed = dict(line.split(maxsplit=1) for line in dbjobs("sandbox", "scenarios").lines[1:])
    assert documented == listed == shipped()
    assert dbjobs("sandbox", "scenarios", "-o", "id").lines == sorted(shipped())


def test_every_field_of_a_rule_is_explained(tmp_path: Path) -> None:
    when = {name: cells[0] for name, cells in table("field | of | meaning").items()}
    assert {name for name, of in when.items() if of == "all"} == names(When)
    assert {name for name, of in when.items() if of != "requests"} == names(WhenTask)
    assert set(when) == names(WhenRequest)
    assert set(table("field | meaning")) == names(Fault)
    outcome = {name: cells[0] for name, cells in table("field | of | meaning", 1).items()}
    assert {name for name, of in outcome.items() if of != "tasks"} == names(PlannedOutcome)
    assert set(outcome) == names(TaskOutcome)


def test_the_example_of_a_scenario_is_one(tmp_path: Path) -> None:
    example = tmp_path / "example.yaml"
    example.write_text(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0])
    assert read_scenario(str(example)).requests_per_minute == 60


def test_the_example_of_past_runs_spells_out_what_is_usual(tmp_path: Path) -> None:
    example = tmp_path / "example.yaml"
    example.write_text(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1])
    scenario = read_scenario(str(example))
    usual = Scenario()
    assert (scenario.past_interval, scenario.past_spread) == (usual.past_interval, usual.past_spread)
    assert names(PastTaskOutcome) - names(TaskOutcome) == {"times"}
    assert [rule.then.times for rule in scenario.past_tasks] == [1.3, 1.0]


needs_gnu = pytest.mark.skipif(
    not (shutil.which("timeout") and Path("/dev/full").exists()),
    reason="the rehearsal needs the command timeout, of GNU, and /dev/full, of Linux",
)


@contextmanager
def rehearsal() -> Iterator[subprocess.Popen[str]]:
    """The script as a process; what it started ends with the test, even if a time limit ends that."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        [str(REHEARSAL / "rehearse.sh")], env={**os.environ, "PATH": path}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@needs_gnu
@pytest.mark.parametrize(
    "signum", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM], ids=lambda signum: signum.name
)
def test_a_rehearsal_that_is_ended_early_ends_its_sandbox(signum: signal.Signals) -> None:
    with rehearsal() as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "# any-ending\n", "the sandbox serves"
        process.send_signal(signum)
        process.communicate()  # whose end is that of every process with these streams, the sandbox among them
        assert process.returncode == 128 + signum


@needs_gnu
def test_the_rehearsal_shows_every_exit_code() -> None:
    with rehearsal() as process:
        stdout, stderr = process.communicate()
    assert process.returncode == 0, stdout + stderr
    shown = {int(line.split()[0]) for line in stdout.splitlines() if not line.startswith("#")}
    cannot_be_rehearsed = {ExitCode.FAULT, ExitCode.BROKEN_PIPE}  # a defect of dbjobs; a reader that has left
    assert shown == {int(code) for code in ExitCode} - cannot_be_rehearsed
