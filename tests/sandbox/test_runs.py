"""Runs: how they and their tasks go from state to state."""

from __future__ import annotations

import os
import sys
import time
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .client import PATIENCE, results, state, task

if TYPE_CHECKING:
    from collections.abc import Callable

    from .client import Client, Json

FAIL = "raise ValueError('bad rows')"
SLEEP = "import time; time.sleep(60)"


def test_a_run_of_one_task_succeeds(client: Client) -> None:
    run = client.finish(client.python("main", "print('hello')"), run_name="first")
    assert state(run) == ("TERMINATED", "SUCCESS")
    assert run["status"] == {
        "state": "TERMINATED",
        "termination_details": {"code": "SUCCESS", "type": "SUCCESS", "message": ""},
    }
    assert state(task(run, "main")) == ("TERMINATED", "SUCCESS")
    assert run["run_name"] == "first"
    assert run["run_type"] == "SUBMIT_RUN"
    assert run["end_time"] - run["start_time"] == run["run_duration"]


def test_tasks_wait_for_what_they_depend_on_and_run_beside_what_they_do_not(client: Client) -> None:
    note = "import os, pathlib, time; d = pathlib.Path(os.environ['DBJOBS_SANDBOX_RUN_DIR'])\n"
    meet = note + "(d / '{0}').touch()\nwhile not (d / '{1}').exists(): time.sleep(0.01)"
    run = client.finish(
        client.python("first", note + "(d / 'first').touch()"),
        client.python("left", meet.format("left", "right"), after=["first"]),
        client.python("right", meet.format("right", "left"), after=["first"]),
        client.python("last", note + "print(sorted(p.name for p in d.iterdir()))", after=["left", "right"]),
    )
    assert state(run) == ("TERMINATED", "SUCCESS")
    assert client.output(run, "last")["logs"] == "['first', 'left', 'right']\n"


def test_a_task_goes_through_its_states_in_order(client: Client) -> None:
    run_id = client.submit(
        client.python("first", "import time; time.sleep(0.2)"),
        client.python("second", "import time; time.sleep(0.2)", after=["first"]),
    )
    seen: list[tuple[str, str]] = []

    def note(run: Json) -> bool:
        seen.append((state(run)[0], state(task(run, "second"))[0]))
        return seen[-1][0] == "TERMINATED"

    client.wait(run_id, until=note)
    order = ["BLOCKED", "PENDING", "RUNNING", "TERMINATING", "TERMINATED"]
    lives = [life for life, _ in groupby(life for _, life in seen)]
    assert lives == [life for life in order if life in lives]
    assert {"BLOCKED", "RUNNING", "TERMINATED"} <= set(lives)
    run_lives = [life for life, _ in groupby(life for life, _ in seen)]
    assert run_lives == [life for life in order[1:] if life in run_lives]


def test_a_failed_task_keeps_its_downstream_from_running(client: Client) -> None:
    run = client.finish(
        client.python("check", FAIL),
        client.python("load", after=["check"]),
        client.python("report", after=["load"]),
        client.python("alert", after=["check"], run_if="AT_LEAST_ONE_FAILED"),
        client.python("clean_up", after=["report"], run_if="ALL_DONE"),
    )
    assert results(run) == {
        "check": "FAILED",
        "load": "UPSTREAM_FAILED",
        "report": "UPSTREAM_FAILED",
        "alert": "SUCCESS",
        "clean_up": "SUCCESS",
    }
    assert state(run) == ("TERMINATED", "SUCCESS_WITH_FAILURES")
    assert state(task(run, "load")) == ("SKIPPED", "UPSTREAM_FAILED")
    assert task(run, "load")["state"]["state_message"] == "An upstream task failed."
    assert task(run, "load")["start_time"] == 0


def test_a_handler_of_failures_is_excluded_when_nothing_failed(client: Client) -> None:
    run = client.finish(
        client.python("check"), client.python("alert", after=["check"], run_if="AT_LEAST_ONE_FAILED")
    )
    assert results(run) == {"check": "SUCCESS", "alert": "EXCLUDED"}
    assert state(run) == ("TERMINATED", "SUCCESS")


class TestFailure:
    MESSAGE = "Task check failed with message: Workload failed, see run output for details."

    def test_of_a_one_time_run_of_one_task_is_an_internal_error(self, client: Client) -> None:
        run = client.finish(client.python("check", FAIL))
        assert state(run) == ("INTERNAL_ERROR", "FAILED")
        assert state(task(run, "check")) == ("TERMINATED", "FAILED")
        assert run["state"]["state_message"] == self.MESSAGE
        assert run["status"]["termination_details"] == {
            "code": "RUN_EXECUTION_ERROR",
            "type": "CLIENT_ERROR",
            "message": self.MESSAGE,
        }

    def test_of_a_one_time_run_of_several_tasks_is_terminated(self, client: Client) -> None:
        run = client.finish(client.python("check", FAIL), client.python("load", after=["check"]))
        assert state(run) == ("TERMINATED", "FAILED")
        skipped = " This caused all downstream tasks to get skipped."
        assert run["state"]["state_message"] == self.MESSAGE + skipped

    def test_of_a_job_is_terminated(self, client: Client) -> None:
        run = client.wait(client.run_now(client.create(client.python("check", FAIL))))
        assert state(run) == ("TERMINATED", "FAILED")

    @pytest.mark.parametrize("name", ["sql_task", "spark_jar_task", "dbt_task", "pipeline_task"])
    def test_of_a_task_that_the_sandbox_cannot_run_has_no_result(self, client: Client, name: str) -> None:
        run = client.finish({"task_key": "main", name: {}})
        assert state(run) == ("INTERNAL_ERROR", None)
        assert state(task(run, "main")) == ("INTERNAL_ERROR", None)
        assert f"The sandbox cannot run a {name}." in run["state"]["state_message"]
        assert "cannot run" in client.output(run, "main")["error"]


class TestRetries:
    FAIL_ONCE = (
        "import os, pathlib\n"
        "note = pathlib.Path(os.environ['DBJOBS_SANDBOX_RUN_DIR']) / 'note'\n"
        "if not note.exists():\n    note.touch()\n    raise ConnectionError('busy')\n"
    )

    def test_each_attempt_stands_in_tasks(self, client: Client) -> None:
        run = client.finish(
            client.python("fetch", self.FAIL_ONCE, max_retries=2), client.python("use", after=["fetch"])
        )
        attempts = [item for item in run["tasks"] if item["task_key"] == "fetch"]
        assert [(item["attempt_number"], state(item)[1]) for item in attempts] == [
            (0, "FAILED"),
            (1, "SUCCESS"),
        ]
        assert attempts[0]["run_id"] != attempts[1]["run_id"]
        assert results(run)["use"] == "SUCCESS"
        assert state(run) == ("TERMINATED", "SUCCESS")

    def test_they_are_used_up(self, client: Client) -> None:
        run = client.finish(client.python("fetch", FAIL, max_retries=2))
        assert [state(item)[1] for item in run["tasks"]] == ["FAILED"] * 3
        assert run["state"]["result_state"] == "FAILED"

    def test_they_wait_for_the_interval(self, client: Client) -> None:
        slow = client.python("fetch", FAIL, max_retries=1, min_retry_interval_millis=600_000)
        run_id = client.submit(slow)
        run = client.wait_for_task(run_id, "fetch", "WAITING_FOR_RETRY")
        assert task(run, "fetch")["status"]["state"] == "WAITING"
        assert task(run, "fetch")["attempt_number"] == 1
        client.post("jobs/runs/cancel", run_id=run_id)
        assert results(client.wait(run_id))["fetch"] == "CANCELED"

    @pytest.mark.parametrize(("retry", "attempts"), [(True, 2), (False, 1)])
    def test_a_time_out_is_retried_on_demand(self, client: Client, retry: bool, attempts: int) -> None:
        run = client.finish(
            client.python("main", SLEEP, timeout_seconds=1, max_retries=1, retry_on_timeout=retry)
        )
        assert [state(item)[1] for item in run["tasks"]] == ["TIMEDOUT"] * attempts


class TestTimeOut:
    def test_of_a_task(self, client: Client) -> None:
        run = client.finish(client.python("main", SLEEP, timeout_seconds=1))
        assert state(run) == ("TERMINATED", "TIMEDOUT")
        assert run["state"]["user_cancelled_or_timedout"] is True
        assert run["status"]["termination_details"]["code"] == "CANCELED"

    def test_of_a_run(self, client: Client) -> None:
        run = client.finish(
            client.python("quick"),
            client.python("slow", SLEEP, after=["quick"]),
            client.python("never", after=["slow"], run_if="ALL_DONE"),
            timeout_seconds=1,
        )
        assert results(run) == {"quick": "SUCCESS", "slow": "TIMEDOUT", "never": "UPSTREAM_CANCELED"}
        assert state(run) == ("TERMINATED", "TIMEDOUT")


class TestCancel:
    def test_a_run_stops_its_tasks(self, client: Client) -> None:
        run_id = client.submit(client.python("main", SLEEP), client.python("next", after=["main"]))
        client.wait_for_task(run_id, "main", "RUNNING")
        assert client.post("jobs/runs/cancel", run_id=run_id) == {}
        run = client.wait(run_id)
        assert results(run) == {"main": "CANCELED", "next": "UPSTREAM_CANCELED"}
        assert state(run) == ("TERMINATED", "CANCELED")
        assert run["status"]["termination_details"]["code"] == "USER_CANCELED"
        assert run["state"]["user_cancelled_or_timedout"] is True

    def test_a_finished_run_stays_as_it_is(self, client: Client) -> None:
        run = client.finish(client.python("main"))
        assert client.post("jobs/runs/cancel", run_id=run["run_id"]) == {}
        assert client.run(run["run_id"]) == run

    def test_one_task_leaves_the_others(self, client: Client) -> None:
        run_id = client.submit(
            client.python("slow", SLEEP),
            client.python("next", after=["slow"]),
            client.python("clean_up", after=["slow"], run_if="ALL_DONE"),
        )
        run = client.wait_for_task(run_id, "slow", "RUNNING")
        client.post("jobs/runs/cancel", run_id=task(run, "slow")["run_id"])
        assert results(client.wait(run_id)) == {
            "slow": "CANCELED",
            "next": "UPSTREAM_CANCELED",
            "clean_up": "SUCCESS",
        }

    def test_all_runs_of_a_job(self, client: Client) -> None:
        job_id = client.create(client.python("main", SLEEP), max_concurrent_runs=2)
        runs = [client.run_now(job_id) for _ in range(3)]
        client.post("jobs/runs/cancel-all", job_id=job_id)
        assert [state(client.wait(run_id))[1] for run_id in runs] == ["CANCELED"] * 3

    def test_all_queued_runs_of_the_workspace(self, client: Client) -> None:
        job_id = client.create(client.python("main", SLEEP))
        first, second = client.run_now(job_id), client.run_now(job_id)
        client.post("jobs/runs/cancel-all", all_queued_runs=True)
        assert state(client.wait(second)) == ("TERMINATED", "CANCELED")
        assert state(client.run(first))[1] is None

    @pytest.mark.parametrize("own_session", [False, True])
    def test_the_whole_process_tree_ends(self, client: Client, own_session: bool) -> None:
        if own_session and sys.platform != "linux":
            pytest.skip("only Linux tells which task a process in a session of its own belongs to")
        stubborn = (
            "import os, pathlib, signal, subprocess, sys, time\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "command = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
            f"child = subprocess.Popen(command, start_new_session={own_session})\n"
            "note = pathlib.Path(os.environ['DBJOBS_SANDBOX_RUN_DIR']) / 'pids'\n"
            "note.write_text(f'{os.getpid()} {child.pid}')\n"
            f"pathlib.Path({str(client.root / 'pids')!r}).write_text(note.read_text())\n"
            "time.sleep(60)\n"
        )
        run_id = client.submit(client.python("main", stubborn))
        wait_until(lambda: (client.root / "pids").exists() and (client.root / "pids").read_text() != "")
        client.post("jobs/runs/cancel", run_id=run_id)
        assert results(client.wait(run_id))["main"] == "CANCELED"
        pids = [int(pid) for pid in (client.root / "pids").read_text().split()]
        wait_until(lambda: not any(is_running(pid) for pid in pids))


class TestConcurrency:
    def test_a_run_beyond_the_limit_is_skipped(self, client: Client) -> None:
        job_id = client.create(client.python("main", SLEEP), version="2.1")
        first = client.run_now(job_id)
        run = client.run(client.run_now(job_id))
        assert state(run) == ("SKIPPED", "MAXIMUM_CONCURRENT_RUNS_REACHED")
        assert run["status"]["termination_details"]["code"] == "MAX_CONCURRENT_RUNS_EXCEEDED"
        assert run["tasks"] == []
        assert state(client.run(first))[1] is None

    def test_a_run_beyond_the_limit_is_queued_where_2_2_created_the_job(self, client: Client) -> None:
        job_id = client.create(client.python("main", "import time; time.sleep(0.3)"))
        first, second = client.run_now(job_id), client.run_now(job_id)
        run = client.run(second)
        assert state(run) == ("QUEUED", None)
        assert run["status"]["queue_details"]["code"] == "MAX_CONCURRENT_RUNS_REACHED"
        assert run["state"]["queue_reason"]
        assert state(client.wait(second)) == ("TERMINATED", "SUCCESS")
        assert client.run(first)["end_time"] <= task(client.run(second), "main")["start_time"]
        assert client.run(second)["queue_duration"] > 0

    def test_a_skipped_or_cancelled_run_lets_no_queued_one_begin(self, client: Client) -> None:
        job_id = client.create(client.python("main", SLEEP))
        runs = [client.run_now(job_id) for _ in range(3)]
        client.run_now(job_id, queue={"enabled": False})
        client.post("jobs/runs/cancel", run_id=runs[1])
        assert state(client.run(runs[2])) == ("QUEUED", None)
        client.post("jobs/runs/cancel", run_id=runs[0])
        assert state(client.wait_for_task(runs[2], "main", "RUNNING"))[0] == "RUNNING"

    @pytest.mark.parametrize(("enabled", "life_cycle_state"), [(True, "QUEUED"), (False, "SKIPPED")])
    def test_run_now_may_say_otherwise(self, client: Client, enabled: bool, life_cycle_state: str) -> None:
        job_id = client.create(client.python("main", SLEEP), queue={"enabled": not enabled})
        client.run_now(job_id)
        run_id = client.run_now(job_id, queue={"enabled": enabled})
        assert state(client.run(run_id))[0] == life_cycle_state


class TestConditions:
    @pytest.mark.parametrize(
        ("op", "left", "right", "outcome"),
        [
            ("EQUAL_TO", "a", "a", "true"),
            ("EQUAL_TO", "12.0", "12", "false"),
            ("NOT_EQUAL", "a", "b", "true"),
            ("GREATER_THAN_OR_EQUAL", "12.0", "12", "true"),
            ("GREATER_THAN_OR_EQUAL", "10.0", "12", "false"),
            ("LESS_THAN", "2", "10", "true"),
            ("EQUAL_TO", "{{job.parameters.day}}", "monday", "true"),
        ],
    )
    def test_one_branch_runs(self, client: Client, op: str, left: str, right: str, outcome: str) -> None:
        job_id = client.create(
            {"task_key": "ask", "condition_task": {"op": op, "left": left, "right": right}},
            client.python("yes") | {"depends_on": [{"task_key": "ask", "outcome": "true"}]},
            client.python("no") | {"depends_on": [{"task_key": "ask", "outcome": "false"}]},
            parameters=[{"name": "day", "default": "monday"}],
        )
        run = client.wait(client.run_now(job_id))
        assert task(run, "ask")["condition_task"]["outcome"] == outcome
        ran = "yes" if outcome == "true" else "no"
        assert results(run) == {"ask": "SUCCESS", "yes": "EXCLUDED", "no": "EXCLUDED"} | {ran: "SUCCESS"}
        assert state(run) == ("TERMINATED", "SUCCESS")

    def test_what_is_no_number_fails(self, client: Client) -> None:
        run = client.finish(
            {"task_key": "ask", "condition_task": {"op": "LESS_THAN", "left": "a", "right": "1"}}
        )
        assert results(run) == {"ask": "FAILED"}


class TestSelection:
    def test_only_runs_the_named_tasks(self, client: Client) -> None:
        tasks = [client.python("a"), client.python("b", after=["a"]), client.python("c", after=["b"])]
        run = client.wait(client.run_now(client.create(*tasks), only=["b"]))
        assert results(run) == {"a": "DISABLED", "b": "SUCCESS", "c": "DISABLED"}
        assert state(run) == ("TERMINATED", "SUCCESS")

    def test_a_disabled_task_does_not_run(self, client: Client) -> None:
        run = client.finish(client.python("a", FAIL, disabled=True), client.python("b", after=["a"]))
        assert results(run) == {"a": "DISABLED", "b": "SUCCESS"}


class TestIdempotency:
    def test_the_same_token_gives_the_same_run(self, client: Client) -> None:
        job_id = client.create(client.python("main"))
        main = client.python("main")
        assert client.submit(main, idempotency_token="t") == client.submit(main, idempotency_token="t")
        assert client.submit(main, idempotency_token="t") != client.submit(main, idempotency_token="u")
        assert client.run_now(job_id, idempotency_token="t") == client.run_now(job_id, idempotency_token="t")
        assert client.run_now(job_id) != client.run_now(job_id)

    def test_a_token_whose_run_was_deleted_is_an_error(self, client: Client) -> None:
        run = client.finish(client.python("main"), idempotency_token="t")
        client.post("jobs/runs/delete", run_id=run["run_id"])
        refusal = client.refusal(
            "POST", "jobs/runs/submit", tasks=[client.python("main")], idempotency_token="t"
        )
        assert refusal[:2] == (400, "INVALID_PARAMETER_VALUE")


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Whether the process is there, and not merely waiting to be collected."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except (ProcessLookupError, FileNotFoundError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
