"""The Python API: what a program gets from `from dbjobs import Client`."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dbjobs
from dbjobs import (
    Client,
    ConfigError,
    ExitCode,
    NotFoundError,
    Outcome,
    OutcomeError,
    OutcomeUnknownError,
    RefusedError,
    Snapshot,
    UsageError,
)
from dbjobs.sandbox.server import Sandbox
from tests.conftest import Serve
from tests.support.backfills import Workspace
from tests.support.fakes import FakeClock, Received, Reply
from tests.support.payloads import JOB_ID, run
from tests.support.repairable import RepairableRun
from tests.support.tasks import python_task

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "python.md").read_text("utf-8")


@pytest.fixture
def client(workspace: Sandbox) -> Client:
    return Client()


def tasks(root: Path, *codes: str) -> dict[str, Any]:
    """Settings of a run whose tasks run these codes, one after the other."""
    keys = [f"task_{number}" for number in range(len(codes))]
    made = [
        python_task(root, key, code, after=keys[number - 1 : number] if number else ())
        for number, (key, code) in enumerate(zip(keys, codes, strict=True))
    ]
    return {"run_name": "from python", "tasks": made}


def test_a_run_that_succeeds(client: Client, task_files: Path) -> None:
    handle = client.submit(tasks(task_files, "print('hello')"))
    snapshots: list[Snapshot] = []
    result = handle.wait(timeout=60, on_snapshot=snapshots.append)

    assert result.succeeded
    assert result.outcome is Outcome.SUCCESS
    assert result.exit_code is ExitCode.SUCCESS
    assert not result.unfinished
    assert result.runs[0].payload["run_id"] == handle.run_id
    assert snapshots[-1] is result.snapshot
    result.raise_for_outcome()
    assert [output.answer and output.answer["logs"] for output in handle.output()] == ["hello\n"]
    assert handle.run_id in [run.run_id for run in client.runs(limit=20)]


def test_a_failed_run_is_an_error_with_its_cause(client: Client, task_files: Path) -> None:
    result = client.submit(tasks(task_files, "pass", "raise ValueError('bad rows')")).wait(timeout=60)

    assert not result.succeeded
    assert [(failure.task_key, failure.cause) for failure in result.failures] == [
        ("task_1", "ValueError: bad rows")
    ]
    with pytest.raises(OutcomeError, match="task_1: ValueError: bad rows") as caught:
        result.raise_for_outcome()
    assert caught.value.exit_code == 10
    assert caught.value.result is result


def test_a_run_that_goes_on_is_never_called_done(client: Client, task_files: Path) -> None:
    handle = client.submit(tasks(task_files, "import time; time.sleep(60)"))
    result = handle.wait(timeout=0.5)

    assert result.exit_code is ExitCode.TIMEOUT
    assert result.unfinished == (handle.run_id,)
    assert result.outcome is None
    with pytest.raises(OutcomeError, match=f"run {handle.run_id} not seen to end") as caught:
        result.raise_for_outcome()
    assert caught.value.exit_code == 124
    assert not handle.get().is_ended

    canceled = client.wait(result.unfinished, timeout=0.1, on_timeout="cancel")
    assert canceled.unfinished == (handle.run_id,)
    assert handle.wait(timeout=60).outcome is Outcome.CANCELED


def test_a_repair_is_waited_for_to_its_own_end(client: Client, task_files: Path, tmp_path: Path) -> None:
    marker = tmp_path / "healed"
    handle = client.submit(
        tasks(task_files, f"import pathlib; assert pathlib.Path({str(marker)!r}).exists(), 'not yet'")
    )
    assert handle.wait(timeout=60).outcome is Outcome.FAILED
    marker.touch()

    assert handle.repair().wait(timeout=60).succeeded


def test_a_job_is_found_by_name_and_its_parameters_are_checked(client: Client, task_files: Path) -> None:
    settings = {
        "name": "from python",
        "parameters": [{"name": "day", "default": "2026-01-01"}],
        "tasks": [
            python_task(task_files, "main", "import sys; print(sys.argv[1:])", "{{job.parameters.day}}")
        ],
    }
    job_id = client.api.create_job(settings)["job_id"]

    assert client.job_id("from python") == job_id
    handle = client.run("from python", {"day": "2026-02-03"})
    assert handle.wait(timeout=60).succeeded
    assert "2026-02-03" in (handle.output()[0].answer or {})["logs"]
    with pytest.raises(UsageError, match="dya"):
        client.run("from python", {"dya": "2026-02-03"})
    with pytest.raises(NotFoundError, match="'from pythn'") as missed:
        client.run("from pythn")
    assert "'from python'" in str(missed.value.hint)


def test_settings_are_checked_before_they_are_sent(client: Client) -> None:
    with pytest.raises(RefusedError, match="notebook_path"):
        client.submit({"tasks": [{"task_key": "a", "notebook_task": {"notebook_path": "relative"}}]})


def test_threads_share_a_client(client: Client, task_files: Path) -> None:
    settings = tasks(task_files, "pass")
    outcomes: list[Outcome | None] = []

    def work() -> None:
        outcomes.append(client.submit(settings).wait(timeout=60).outcome)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [Outcome.SUCCESS] * 8


# Against a server whose answers break


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, serve: Serve) -> Any:
    def connect(script: Any) -> tuple[Client, FakeClock]:
        server = serve(script)
        monkeypatch.setenv("DATABRICKS_HOST", server.url)
        monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-python")
        clock = FakeClock()
        return Client(clock=clock), clock

    return connect


def test_a_start_without_an_answer_says_so_and_the_token_finds_the_run(scripted: Any) -> None:
    runs: dict[str, int] = {}
    is_broken = True

    def reply(request: Received) -> Reply:
        run_id = runs.setdefault(request.body["idempotency_token"], 7 + len(runs))
        return Reply(reset=True) if is_broken else Reply(body={"run_id": run_id})

    client, _ = scripted(reply)
    with pytest.raises(OutcomeUnknownError, match="may have been started") as caught:
        client.run(JOB_ID)
    found = re.search(r"idempotency_token='([^']+)'", str(caught.value.hint))
    assert found
    is_broken = False
    assert client.run(JOB_ID, idempotency_token=found[1]).run_id == 7
    assert len(runs) == 1


def test_a_wait_outlives_an_outage(scripted: Any) -> None:
    polls = 0

    def reply(request: Received) -> Reply:
        nonlocal polls
        polls += 1
        if polls == 1:
            return Reply(body=run("RUNNING"))
        return Reply(503, "down") if polls < 9 else Reply(body=run("TERMINATED", "SUCCESS"))

    client, clock = scripted(reply)
    assert client.wait(run()["run_id"]).succeeded
    assert clock.time > 20


def test_lost_contact_is_not_an_end(scripted: Any) -> None:
    client, _ = scripted(lambda request: Reply(503, "down"))
    result = client.wait(5, max_outage=60)

    assert result.exit_code is ExitCode.UNREACHABLE
    assert result.unfinished == (5,)


def test_a_backfill_runs_each_set_once(scripted: Any) -> None:
    workspace = Workspace(
        results={"2026-01-02": "FAILED"}, refusals={"2026-01-03": Reply(400, {"message": "no"})}
    )
    client, clock = scripted(workspace.reply)
    workspace.now = clock.monotonic
    sets = [{"day": f"2026-01-{day:02}"} for day in range(1, 5)]
    result = client.backfill(JOB_ID, sets, max_parallel=2)

    assert workspace.starts == {"2026-01-01": 1, "2026-01-02": 1, "2026-01-04": 1}
    assert result.outcome is Outcome.FAILED
    assert result.not_started == {"day=2026-01-03": "refused: no"}
    again = client.backfill(JOB_ID, sets, max_parallel=2)
    assert again.exit_code is result.exit_code
    assert set(workspace.starts.values()) == {1}
    workspace.refusals = {}
    assert client.backfill(JOB_ID, sets, skip_existing=True).succeeded
    assert client.backfill(JOB_ID, sets, rerun_failed=True).succeeded
    assert [len(repairs) for repairs in workspace.repairs.values()] == [1]
    with pytest.raises(UsageError, match="cannot be combined"):
        client.backfill(JOB_ID, sets, rerun_failed=True, skip_existing=True)


def test_a_missing_configuration_says_what_to_do() -> None:
    with pytest.raises(ConfigError) as caught:
        Client()
    assert caught.value.hint


def test_an_option_that_does_not_exist_is_refused_before_the_wait(scripted: Any) -> None:
    client, _ = scripted(lambda request: pytest.fail("nothing is sent"))
    with pytest.raises(ValueError, match="on_timeout"):
        client.wait(5, on_timeout="kill")


# The package


def test_importing_dbjobs_loads_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import dbjobs; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['dbjobs']"


def test_every_public_name_is_there() -> None:
    for name in dbjobs.PUBLIC:
        assert getattr(dbjobs, name).__name__ == name
        assert name in dir(dbjobs)
    with pytest.raises(AttributeError, match="Clint"):
        dbjobs.Clint  # type: ignore[attr-defined]  # noqa: B018


# The page


def examples() -> Iterator[str]:
    yield from re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_examples_of_the_page_run(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def reply(request: Received) -> Reply:
        if request.endpoint == "list":
            return Reply(body={"jobs": [{"job_id": JOB_ID, "settings": {"name": "nightly"}}]})
        if request.endpoint == "get":
            parameters = [{"name": "day", "default": ""}]
            return Reply(body={"job_id": JOB_ID, "settings": {"name": "nightly", "parameters": parameters}})
        if request.endpoint == "run-now":
            asked.append(request.body)
            return Reply(body={"run_id": 100 + len(asked)})
        if request.endpoint == "runs/list":
            return Reply(body={})
        return Reply(body=run("TERMINATED", "SUCCESS", run_id=int(request.query["run_id"])))

    client, _ = scripted(reply)
    monkeypatch.setattr(dbjobs, "Client", lambda profile: client)
    names: dict[str, Any] = {}
    for example in examples():
        code = re.sub(r"await asyncio.to_thread\(([\w.()]+), ", r"\1(", example)
        exec(compile(code, "docs/python.md", "exec"), names)
    assert len(asked) == 34
    assert json.dumps(asked[0]["job_parameters"]) == '{"day": "2026-01-01"}'


@pytest.mark.parametrize(
    ("options", "given", "exit_code", "repairs"),
    [
        ({"repair": 2}, ["lost cluster", "success"], 0, {43: 1}),
        ({"repair": 2}, ["code", "success"], 10, {}),
        ({"repair": 2, "repair_on": "any"}, ["code", "success"], 0, {43: 1}),
        ({}, ["lost cluster", "success"], 10, {}),
    ],
)
def test_a_wait_repairs_what_it_is_asked_to(
    scripted: Any, options: dict[str, Any], given: list[str], exit_code: int, repairs: dict[int, int]
) -> None:
    workspace = RepairableRun(FakeClock(), [{"load": name} for name in given])
    client, workspace.clock = scripted(workspace.reply)
    result = client.wait(43, **options)
    assert (result.exit_code, result.repairs) == (exit_code, repairs)
    assert workspace.repairs == sum(repairs.values())


def test_another_word_for_what_is_repaired_is_an_error(scripted: Any) -> None:
    client, _ = scripted([Reply()])
    with pytest.raises(ValueError, match="repair_on is 'infra' or 'any', not 'all'"):
        client.wait(43, repair=1, repair_on="all")
