"""Runs that ended before the sandbox started: kept in a file, or made up by a scenario."""

from __future__ import annotations

import itertools
import json
import os
import stat
import statistics
from typing import TYPE_CHECKING, Any

import pytest

from dbjobs.errors import UsageError
from dbjobs.sandbox.scenarios import read_scenario

from .client import results, state, task

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .client import Client, Json
    from .conftest import Play

FIELDS_OF_ONE_SANDBOX = {"run_page_url"}
"""What a later sandbox shows differently: its address."""


def shown(client: Client, run_id: int) -> Json:
    run = client.run(run_id, include_history="true")
    for item in (run, *run["tasks"]):
        for name in FIELDS_OF_ONE_SANDBOX:
            item.pop(name)
    return run


class TestKept:
    @pytest.fixture
    def serve(self, start: Callable[..., Client], tmp_path: Path) -> Callable[..., Client]:
        """Start one more sandbox with the same history."""

        def serve(**options: Any) -> Client:
            return start(history=tmp_path / "runs.jsonl", **options)

        return serve

    def test_a_later_sandbox_shows_the_runs_as_they_were(self, serve: Callable[..., Client]) -> None:
        first = serve()
        job_id = first.create(
            first.python("load", "import sys; sys.exit('no rows')", max_retries=1),
            first.python("report", after=["load"]),
            name="nightly",
            parameters=[{"name": "day", "default": "today"}],
        )
        one_time = first.submit(first.python("alone"), run_name="by hand")
        run_id = first.run_now(job_id, job_parameters={"day": "monday"})
        before = {run: shown(first, run) for run in (one_time, run_id) if first.wait(run)}

        later = serve()
        assert {run: shown(later, run) for run in before} == before
        assert [run["run_id"] for run in later.get("jobs/runs/list")["runs"]] == [run_id, one_time]
        assert later.get("jobs/get", job_id=job_id)["settings"]["name"] == "nightly"
        again = later.wait(later.run_now(job_id))
        assert state(again) == ("TERMINATED", "FAILED"), "its tasks run as before"
        assert [run["run_id"] for run in later.get("jobs/runs/list", job_id=job_id)["runs"]] == [
            again["run_id"],
            run_id,
        ]

    def test_a_repair_is_kept_and_a_run_that_was_kept_can_be_repaired(
        self, serve: Callable[..., Client]
    ) -> None:
        first = serve()
        job_id = first.create(first.python("load", "raise ValueError('no rows')"), name="nightly")
        run_id = first.run_now(job_id)
        first.wait(run_id)

        second = serve()
        second.python("load")
        second.post("jobs/runs/repair", run_id=run_id, rerun_all_failed_tasks=True)
        repaired = second.wait(run_id)
        assert [state(item)[1] for item in repaired["tasks"]] == ["FAILED", "SUCCESS"]

        third = serve()
        assert shown(third, run_id) == shown(second, run_id)
        assert [one["type"] for one in shown(third, run_id)["repair_history"]] == ["ORIGINAL", "REPAIR"]

    def test_a_deleted_run_stays_deleted(self, serve: Callable[..., Client]) -> None:
        first = serve()
        run_id = first.submit(first.python("load"))
        first.wait(run_id)
        first.post("jobs/runs/delete", run_id=run_id)
        assert serve().get("jobs/runs/list") == {"has_more": False}

    @pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
    def test_what_a_client_listed_of_another_workspace_is_a_history(
        self, play: Play, start: Callable[..., Client], tmp_path: Path, version: str
    ) -> None:
        """Of the fields that each version shows, none is lost."""
        other = play("{past_runs: 3, past_tasks: [{when: {nth: 2}, then: {error: no rows}}]}")
        job_id = other.create(other.python("load"), name="nightly", format="SINGLE_TASK")
        query: Json = {"job_id": job_id, "version": version, "expand_tasks": "true"}
        listed = other.get("jobs/runs/list", **query)["runs"]
        (tmp_path / "listed.json").write_text(json.dumps(listed, indent=2))

        start(history=tmp_path / "listed.json").finish(other.python("more"))
        own = start(history=tmp_path / "listed.json")
        kept = own.get("jobs/runs/list", **query)["runs"]
        assert [state(run)[1] for run in kept] == ["SUCCESS", "FAILED", "SUCCESS"]
        for run, other_run in zip(kept, listed, strict=True):
            for name in ("run_id", "job_id", "run_name", "start_time", "end_time", "state", "trigger"):
                assert run[name] == other_run[name], name

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            ("{", "cannot be read: it is neither JSON nor JSON lines"),
            ('{"run_id": 1}\n{"job_id": 2}\n', "item 2 is not a run, because it has no run_id"),
            ("[3]", "item 1 is not a run"),
            ("7", "item 1 is not a run"),
        ],
    )
    def test_another_file_is_refused(
        self, start: Callable[..., Client], tmp_path: Path, content: str, complaint: str
    ) -> None:
        (tmp_path / "runs.jsonl").write_text(content)
        with pytest.raises(UsageError, match=complaint):
            start(history=tmp_path / "runs.jsonl")

    def test_the_file_is_its_owners_alone(self, serve: Callable[..., Client], tmp_path: Path) -> None:
        serve()
        assert os.name == "nt" or stat.S_IMODE((tmp_path / "runs.jsonl").stat().st_mode) == 0o600

    def test_a_file_that_cannot_be_written_is_refused_at_once(
        self, start: Callable[..., Client], tmp_path: Path
    ) -> None:
        with pytest.raises(UsageError, match=r"the history .*missing.runs\.jsonl cannot be written"):
            start(history=tmp_path / "missing" / "runs.jsonl")


class TestMadeUp:
    def test_a_job_has_had_the_runs_of_the_scenario(self, start: Callable[..., Client]) -> None:
        client = start(scenario=read_scenario("past-runs"))
        job_id = client.create(
            client.python("load", max_retries=1), client.python("report", after=["load"]), name="nightly"
        )
        runs = client.get("jobs/runs/list", job_id=job_id, limit=25, expand_tasks="true")["runs"]
        assert len(runs) == 25
        assert {state(run)[0] for run in runs} == {"TERMINATED"}
        oldest_first = [results(run) for run in reversed(runs)]
        assert oldest_first[13] == {"load": "FAILED", "report": "UPSTREAM_FAILED"}
        assert oldest_first[8] == {"load": "SUCCESS", "report": "FAILED"}, (
            "load was retried, report cannot be"
        )
        took = [
            item["execution_duration"]
            for run in reversed(runs)
            for item in run["tasks"]
            if (item["task_key"], state(item)[1]) == ("load", "SUCCESS")
        ]
        ratio = statistics.median(took[-7:]) / statistics.median(took[:-7])
        assert 1.15 < ratio < 1.45, "30 % longer in the newest 7"
        days = {
            (newer["start_time"] - older["start_time"]) // 1000 for newer, older in itertools.pairwise(runs)
        }
        assert days == {86_400}
        failed = task(runs[11], "load")
        output = client.get("jobs/runs/get-output", run_id=failed["run_id"])
        assert output["error"] == "ValueError: 606 of 30000 rows are bad"

    def test_rules_count_the_past_runs_of_each_job_the_oldest_first(self, play: Play) -> None:
        client = play(
            """
            past_runs: 4
            past_interval: 3600
            past_spread: 0
            past_tasks:
              - when: {job: nightly, task: load, nth: 2}
                then: {lasts: 50, setup: 5}
              - when: {task: load, first: 3}
                then: {lasts: 10, times: 2, setup: 1}
              - then: {lasts: 10, setup: 1}
            """
        )
        for name, expected in (("nightly", [10, 50, 20, 20]), ("weekly", [10, 10, 20, 20])):
            job_id = client.create(client.python("load"), name=name)
            runs = client.get("jobs/runs/list", job_id=job_id, expand_tasks="true")["runs"]
            assert [run["tasks"][0]["execution_duration"] // 1000 for run in reversed(runs)] == expected

    def test_new_runs_come_after_them_page_by_page(self, play: Play) -> None:
        client = play("past_runs: 5")
        job_id = client.create(client.python("load"))
        run_id = client.run_now(job_id)
        client.wait(run_id)
        listed: list[int] = []
        query: Json = {}
        while True:
            page = client.get("jobs/runs/list", job_id=job_id, limit=2, **query)
            listed += [run["run_id"] for run in page["runs"]]
            if not page["has_more"]:
                break
            query = {"page_token": page["next_page_token"]}
        assert listed[0] == run_id
        assert len(set(listed)) == len(listed) == 6

    def test_past_runs_keep_the_time_limit_of_their_job(self, play: Play) -> None:
        client = play("past_runs: 25")
        tasks = [client.python(f"task_{number}") for number in range(7)]
        job_id = client.create(*tasks, timeout_seconds=60)
        runs = client.get("jobs/runs/list", job_id=job_id, limit=25)["runs"]
        assert {state(run)[1] for run in runs} == {"SUCCESS"}
        assert max(run["end_time"] - run["start_time"] for run in runs) <= 60_000

    def test_every_kind_of_task_has_a_past(self, play: Play) -> None:
        """Even those that the sandbox cannot run."""
        client = play("past_runs: 1")
        inner = {"task_key": "one", "notebook_task": {"notebook_path": "/one"}}
        job_id = client.create(
            {"task_key": "query", "sql_task": {"warehouse_id": "1"}, "existing_cluster_id": "1"},
            {"task_key": "each", "for_each_task": {"inputs": "[1, 2, 3]", "task": inner}},
            {"task_key": "is_big", "condition_task": {"op": "GREATER_THAN", "left": "1", "right": "2"}},
            {"task_key": "child", "run_job_task": {"job_id": 1}},
        )
        (run,) = client.get("jobs/runs/list", job_id=job_id, expand_tasks="true")["runs"]
        assert set(results(run).values()) == {"SUCCESS"}
        assert task(run, "each")["for_each_task"]["stats"]["task_run_stats"]["succeeded_iterations"] == 3
        assert task(run, "is_big")["condition_task"]["outcome"] == "false"
