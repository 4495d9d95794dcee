"""Repairing a run: some of its tasks once more, as part of the same run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .client import results, state, task

if TYPE_CHECKING:
    from .client import Client, Json

FAIL_UNTIL_FIXED = (
    "import pathlib\nif not pathlib.Path('fixed').exists():\n    raise ValueError('bad rows')\n"
)
SLEEP = "import time; time.sleep(60)"


def broken_run(client: Client, **settings: Any) -> Json:
    """A run of a job whose second task fails until it is fixed."""
    job_id = client.create(
        client.python("extract"),
        client.python("check", FAIL_UNTIL_FIXED, after=["extract"]),
        client.python("load", after=["check"]),
        **settings,
    )
    return client.wait(client.run_now(job_id))


def repair(client: Client, run: Json, **params: Any) -> int:
    return int(client.post("jobs/runs/repair", run_id=run["run_id"], **params)["repair_id"])


def test_the_failed_tasks_run_again_and_the_run_succeeds(client: Client) -> None:
    run = broken_run(client)
    assert results(run) == {"extract": "SUCCESS", "check": "FAILED", "load": "UPSTREAM_FAILED"}
    (client.root / "fixed").touch()
    repair_id = repair(client, run, rerun_all_failed_tasks=True)
    again = client.run(run["run_id"])
    assert state(again)[1] is None
    assert again["end_time"] == 0
    done = client.wait(run["run_id"])
    assert state(done) == ("TERMINATED", "SUCCESS")
    attempts = [(item["task_key"], item["attempt_number"], state(item)[1]) for item in done["tasks"]]
    assert attempts == [
        ("extract", 0, "SUCCESS"),
        ("check", 0, "FAILED"),
        ("load", 0, "UPSTREAM_FAILED"),
        ("check", 1, "SUCCESS"),
        ("load", 1, "SUCCESS"),
    ]
    history = client.run(run["run_id"], include_history=True)["repair_history"]
    assert [(item["type"], item.get("id"), state(item)[1]) for item in history] == [
        ("ORIGINAL", None, "FAILED"),
        ("REPAIR", repair_id, "SUCCESS"),
    ]
    ids = [item["run_id"] for item in done["tasks"]]
    assert [item["task_run_ids"] for item in history] == [ids[:3], ids[3:]]
    assert done["run_duration"] == sum(item["end_time"] - item["start_time"] for item in history)


def test_a_run_without_repairs_has_a_history_of_one_when_asked(client: Client) -> None:
    run = client.finish(client.python("a"))
    assert "repair_history" not in run
    history = client.run(run["run_id"], include_history=True)["repair_history"]
    assert [(item["type"], state(item)[1]) for item in history] == [("ORIGINAL", "SUCCESS")]


@pytest.mark.parametrize(
    ("params", "again"),
    [
        ({"rerun_tasks": ["extract"]}, {"extract"}),
        ({"rerun_tasks": ["check"], "rerun_dependent_tasks": True}, {"check", "load"}),
        ({"rerun_tasks": ["extract"], "rerun_dependent_tasks": True}, {"extract", "check", "load"}),
        ({"rerun_all_failed_tasks": True}, {"check", "load"}),
    ],
)
def test_which_tasks_run_again(client: Client, params: Json, again: set[str]) -> None:
    run = broken_run(client)
    repair(client, run, **params)
    done = client.wait(run["run_id"])
    assert {item["task_key"] for item in done["tasks"] if item["attempt_number"]} == again


def test_a_second_repair_names_the_first(client: Client) -> None:
    run = broken_run(client)
    first = repair(client, run, rerun_all_failed_tasks=True)
    client.wait(run["run_id"])
    wrong: list[Json] = [{}, {"latest_repair_id": 7}]
    for given in wrong:
        refusal = client.refusal(
            "POST", "jobs/runs/repair", run_id=run["run_id"], rerun_all_failed_tasks=True, **given
        )
        assert refusal == (
            400,
            "INVALID_PARAMETER_VALUE",
            "The latest repair ID needs to be provided in order to create a new repair",
        )
    second = repair(client, run, rerun_all_failed_tasks=True, latest_repair_id=first)
    assert second != first
    client.wait(run["run_id"])
    history = client.run(run["run_id"], include_history=True)["repair_history"]
    assert [item.get("id") for item in history] == [None, first, second]


def test_tasks_run_with_the_job_as_it_is_now(client: Client) -> None:
    run = broken_run(client)
    changed = [client.python("check", "print('mended')", after=["extract"]), client.python("new")]
    client.post(
        "jobs/update",
        job_id=run["job_id"],
        new_settings={"tasks": changed},
        fields_to_remove=["tasks/load"],
    )
    repair(client, run, rerun_tasks=["check"])
    done = client.wait(run["run_id"])
    assert state(done) == ("TERMINATED", "SUCCESS")
    assert client.output(done, "check")["logs"] == "mended\n"
    assert state(task(done, "new"))[1] == "SUCCESS"


def test_parameters_have_to_be_given_anew(client: Client) -> None:
    code = "import sys\nprint(sys.argv[1:])\nsys.exit(sys.argv[2] != 'good')"
    job_id = client.create(
        client.python("main", code, parameters=["{{job.parameters.day}}", "{{job.parameters.data}}"]),
        parameters=[{"name": "day", "default": "monday"}, {"name": "data", "default": "bad"}],
    )
    run = client.wait(client.run_now(job_id, job_parameters={"day": "friday"}))
    repair(client, run, rerun_all_failed_tasks=True, job_parameters={"data": "good"})
    done = client.wait(run["run_id"])
    assert state(done)[1] == "SUCCESS"
    assert client.output(done, "main")["logs"] == "['monday', 'good']\n"


def test_retries_begin_anew(client: Client) -> None:
    run = client.finish(client.python("main", "raise ValueError", max_retries=1))
    repair(client, run, rerun_all_failed_tasks=True)
    done = client.wait(run["run_id"])
    assert [item["attempt_number"] for item in done["tasks"]] == [0, 1, 2, 3]


def test_a_cancelled_run_may_be_repaired(client: Client) -> None:
    run_id = client.submit(client.python("slow", SLEEP), client.python("next", after=["slow"]))
    client.wait_for_task(run_id, "slow", "RUNNING")
    client.post("jobs/runs/cancel", run_id=run_id)
    run = client.wait(run_id)
    (client.root / "slow.py").write_text("print('quick')")
    repair(client, run, rerun_all_failed_tasks=True)
    done = client.wait(run_id)
    assert state(done) == ("TERMINATED", "SUCCESS")
    assert results(done) == {"slow": "SUCCESS", "next": "SUCCESS"}


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({}, "One of rerun_tasks and rerun_all_failed_tasks"),
        ({"rerun_tasks": ["check"], "rerun_all_failed_tasks": True}, "One of rerun_tasks"),
        ({"rerun_tasks": ["nothing"]}, "Task nothing does not exist in the run."),
        ({"rerun_tasks": ["check"], "latest_repair_id": 7}, "latest repair ID"),
        ({"rerun_tasks": ["check"], "python_params": ["a"], "notebook_params": {"a": "b"}}, "one kind"),
    ],
)
def test_what_is_refused(client: Client, params: Json, complaint: str) -> None:
    run = broken_run(client)
    status, error_code, message = client.refusal("POST", "jobs/runs/repair", run_id=run["run_id"], **params)
    assert (status, error_code) == (400, "INVALID_PARAMETER_VALUE")
    assert complaint in message
    assert client.run(run["run_id"]) == run


def test_runs_that_cannot_be_repaired(client: Client) -> None:
    good = client.finish(client.python("a"))
    active = client.submit(client.python("b", SLEEP))
    for run_id, complaint in (
        (good["run_id"], "no failed tasks"),
        (active, "still active"),
        (good["tasks"][0]["run_id"], "a task's run"),
    ):
        refusal = client.refusal("POST", "jobs/runs/repair", run_id=run_id, rerun_all_failed_tasks=True)
        assert complaint in refusal[2]


def test_2_0_has_none(client: Client) -> None:
    assert client.refusal("POST", "jobs/runs/repair", version="2.0")[1] == "ENDPOINT_NOT_FOUND"
