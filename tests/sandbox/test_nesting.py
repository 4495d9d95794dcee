"""Tasks that hold others: for-each tasks with their iterations, run-job tasks with their runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from .client import results, state, task

if TYPE_CHECKING:
    from .client import Client, Json

SLEEP = "import time; time.sleep(60)"
SHOW = "import sys; print(sys.argv[1:])"


def for_each(nested: Json, inputs: Any, task_key: str = "each", **fields: Any) -> Json:
    own = {key: fields.pop(key) for key in ("concurrency",) if key in fields}
    text = inputs if isinstance(inputs, str) else json.dumps(inputs)
    return {"task_key": task_key, **fields, "for_each_task": {"inputs": text, "task": nested, **own}}


def nested(client: Client, code: str = SHOW, **fields: Any) -> Json:
    """A task to be nested: those have no depends_on."""
    return {
        key: value for key, value in client.python("nested", code, **fields).items() if key != "depends_on"
    }


def iterations(client: Client, run: Json, **params: Any) -> Json:
    return client.run(task(run, "each")["run_id"], **params)


class TestForEach:
    def test_runs_its_task_once_for_each_input(self, client: Client) -> None:
        inputs = ["a", 1, {"city": "Bonn", "n": [1]}]
        parameters = ["{{input}}", "{{input.city}}", "{{input.n}}"]
        run = client.finish(for_each(nested(client, parameters=parameters), inputs))
        assert state(run) == ("TERMINATED", "SUCCESS")
        assert [item["task_key"] for item in run["tasks"]] == ["each"]
        shown = iterations(client, run)
        assert [item["task_key"] for item in shown["tasks"]] == ["each"]
        logs = [
            client.get("jobs/runs/get-output", run_id=item["run_id"])["logs"].strip()
            for item in shown["iterations"]
        ]
        assert logs == [
            "['a', '{{input.city}}', '{{input.n}}']",
            "['1', '{{input.city}}', '{{input.n}}']",
            str(['{"city": "Bonn", "n": [1]}', "Bonn", "[1]"]),
        ]

    def test_may_take_its_inputs_from_before(self, client: Client) -> None:
        run = client.finish(
            client.notebook("list", "dbutils.jobs.taskValues.set('names', ['x', 'y'])"),
            for_each(nested(client), "{{tasks.list.values.names}}", depends_on=[{"task_key": "list"}]),
        )
        assert len(iterations(client, run)["iterations"]) == 2

    @pytest.mark.parametrize("concurrency", [None, 1, 3])
    def test_runs_as_many_at_once_as_it_may(self, client: Client, concurrency: int | None) -> None:
        code = (
            "import os, pathlib, time\n"
            "now = pathlib.Path(os.environ['DBJOBS_SANDBOX_RUN_DIR']) / 'now'\n"
            "now.mkdir(exist_ok=True)\n"
            "mine = now / str(os.getpid())\n"
            "mine.touch(); time.sleep(0.2); print(len(list(now.iterdir()))); mine.unlink()\n"
        )
        own: Json = {} if concurrency is None else {"concurrency": concurrency}
        run = client.finish(for_each(nested(client, code), list(range(5)), **own))
        shown = iterations(client, run)["iterations"]
        seen = [int(client.get("jobs/runs/get-output", run_id=i["run_id"])["logs"]) for i in shown]
        assert max(seen) == (concurrency or 1)

    def test_counts_its_iterations(self, client: Client) -> None:
        code = "import sys; sys.exit(sys.argv[1] == 'bad')"
        bad = nested(client, code, parameters=["{{input}}"], max_retries=1)
        run = client.finish(for_each(bad, ["good", "bad", "good"]))
        assert results(run) == {"each": "FAILED"}
        stats = task(run, "each")["for_each_task"]["stats"]
        assert stats["task_run_stats"] == {
            "total_iterations": 3,
            "scheduled_iterations": 3,
            "active_iterations": 0,
            "completed_iterations": 3,
            "succeeded_iterations": 2,
            "failed_iterations": 1,
        }
        assert [item["count"] for item in stats["error_message_stats"]] == [1]
        attempts = [
            (item["attempt_number"], state(item)[1]) for item in iterations(client, run)["iterations"]
        ]
        assert attempts == [(0, "SUCCESS"), (0, "FAILED"), (0, "SUCCESS"), (1, "FAILED")]

    def test_counts_while_it_runs_and_stops_all_of_it(self, client: Client) -> None:
        run_id = client.submit(for_each(nested(client, SLEEP), list(range(5)), concurrency=2))

        def active(run: Json) -> int:
            stats: dict[str, int] = task(run, "each")["for_each_task"]["stats"]["task_run_stats"]
            return stats["active_iterations"]

        client.wait(run_id, until=lambda run: active(run) == 2)
        client.wait(task_id := client.run(run_id)["tasks"][0]["run_id"], until=lambda run: any(
            state(item)[0] == "RUNNING" for item in run["iterations"]))  # fmt: skip
        client.post("jobs/runs/cancel", run_id=run_id)
        run = client.wait(run_id)
        assert results(run) == {"each": "CANCELED"}
        assert {state(item)[1] for item in client.run(task_id)["iterations"]} == {"CANCELED"}
        assert active(run) == 0

    def test_may_run_out_of_time(self, client: Client) -> None:
        run = client.finish(for_each(nested(client, SLEEP), [1, 2], timeout_seconds=1))
        assert results(run) == {"each": "TIMEDOUT"}

    def test_has_nothing_to_do_without_inputs(self, client: Client) -> None:
        assert state(client.finish(for_each(nested(client), []))) == ("TERMINATED", "SUCCESS")

    @pytest.mark.parametrize("inputs", ["not json", '{"a": 1}', "{{job.parameters.missing}}"])
    def test_fails_when_its_inputs_are_no_list(self, client: Client, inputs: str) -> None:
        run = client.finish(for_each(nested(client), inputs))
        assert results(run) == {"each": "FAILED"}
        assert "not a JSON array" in task(run, "each")["state"]["state_message"]

    def test_has_pages_of_iterations(self, client: Client) -> None:
        each = for_each({"task_key": "no", "sql_task": {}}, list(range(120)), concurrency=100)
        run = client.finish(each)
        first = iterations(client, run)
        second = iterations(client, run, page_token=first["next_page_token"])
        assert [len(page["iterations"]) for page in (first, second)] == [100, 20]
        assert ([len(page["tasks"]) for page in (first, second)], "next_page_token" in second) == (
            [1, 0],
            False,
        )
        assert len(iterations(client, run, version="2.1")["iterations"]) == 100

    def test_may_be_repaired(self, client: Client) -> None:
        run = client.finish(for_each(nested(client, "raise ValueError"), [1, 2]))
        (client.root / "nested.py").write_text("")
        client.post("jobs/runs/repair", run_id=run["run_id"], rerun_all_failed_tasks=True)
        assert state(client.wait(run["run_id"]))[1] == "SUCCESS"

    @pytest.mark.parametrize(
        ("change", "complaint"),
        [
            ({"task": {}}, "lacks a task_key"),
            ({"task": {"task_key": "n"}}, "has to have one type"),
            ({"task": {"task_key": "n", "for_each_task": {}}}, "neither a for_each_task"),
            ({"concurrency": 101}, "from 1 to 100"),
            ({"inputs": [1, 2]}, "inputs has to hold texts"),
        ],
    )
    def test_that_cannot_be(self, client: Client, change: Json, complaint: str) -> None:
        each = for_each(nested(client), [1])
        each["for_each_task"].update(change)
        assert complaint in client.refusal("POST", "jobs/create", tasks=[each])[2]


def run_job(job_id: int, task_key: str = "call", **fields: Any) -> Json:
    return {"task_key": task_key, "run_job_task": {"job_id": job_id, **fields}}


class TestRunJob:
    def test_runs_the_job_with_its_parameters(self, client: Client) -> None:
        called = client.create(
            client.python("main", SHOW, parameters=["{{job.parameters.day}}"]),
            parameters=[{"name": "day", "default": "monday"}],
        )
        run = client.finish(run_job(called, job_parameters={"day": "{{task.name}}"}))
        assert state(run) == ("TERMINATED", "SUCCESS")
        child = client.run(client.output(run, "call")["run_job_output"]["run_id"])
        assert (child["job_id"], child["trigger"]) == (called, "RUN_JOB_TASK")
        assert child["trigger_info"] == {"run_id": run["run_id"]}
        assert client.output(child, "main")["logs"] == "['call']\n"

    def test_fails_with_it(self, client: Client) -> None:
        called = client.create(client.python("main", "raise ValueError"))
        run = client.finish(run_job(called))
        assert results(run) == {"call": "FAILED"}
        assert "ended as FAILED" in task(run, "call")["state"]["state_message"]

    def test_fails_when_the_job_may_not_run(self, client: Client) -> None:
        called = client.create(client.python("main", SLEEP), queue={"enabled": False})
        client.run_now(called)
        assert results(client.finish(run_job(called))) == {"call": "FAILED"}

    def test_fails_without_the_job(self, client: Client) -> None:
        run = client.finish(run_job(7))
        assert task(run, "call")["state"]["state_message"] == "Job 7 does not exist."

    def test_takes_the_run_along_when_it_is_cancelled(self, client: Client) -> None:
        called = client.create(client.python("main", SLEEP))
        run_id = client.submit(run_job(called))
        run = client.wait_for_task(run_id, "call", "RUNNING")
        child = client.output(run, "call")["run_job_output"]["run_id"]
        client.post("jobs/runs/cancel", run_id=run_id)
        assert state(client.wait(run_id))[1] == state(client.wait(child))[1] == "CANCELED"
