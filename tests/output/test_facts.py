"""What `runs get` and `jobs get` tell beside states: triggers, parameters, commits, libraries."""

from typing import Any

import pytest

from dbjobs.api.models import Run
from dbjobs.output.job_settings import format_libraries, format_target
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.tables import render_job, render_run
from dbjobs.runs.job_details import JobDetails
from tests.support.payloads import run, task

NOW = 1_767_225_600.0
CANVAS = Canvas(now=NOW)


def facts(text: str) -> list[list[str]]:
    """The labels and values between the title and the tables."""
    lines = text.partition("\n\n")[0].splitlines()[1:]
    return [line.strip().split("  ", 1) for line in lines]


def test_a_run_tells_what_started_it_with_what_and_on_what() -> None:
    shown = run(
        "TERMINATED",
        "FAILED",
        task(
            "a", "TERMINATED", "FAILED", job_cluster_key="small", cluster_instance={"cluster_id": "0101-abc"}
        ),
        task(
            "b",
            "TERMINATED",
            "SUCCESS",
            existing_cluster_id="1-2-x",
            cluster_instance={"cluster_id": "1-2-x"},
        ),
        task("c", "TERMINATED", "SUCCESS", environment_key="default"),
        trigger="RUN_JOB_TASK",
        trigger_info={"run_id": 99},
        creator_user_name="ann@example.com",
        job_parameters=[{"name": "day", "value": "2026-01-01"}, {"name": "city", "value": "Ulm"}],
        job_clusters=[
            {
                "job_cluster_key": "small",
                "new_cluster": {"node_type_id": "i3.xlarge", "spark_version": "15.4"},
            }
        ],
        git_source={
            "git_url": "https://example.com/x",
            "git_branch": "main",
            "git_snapshot": {"used_commit": "1a2b3c4"},
        },
        repair_history=[
            {"type": "ORIGINAL", "start_time": 1},
            {"type": "REPAIR", "id": 5, "start_time": int(NOW - 7200) * 1000, "state": _state("FAILED")},
            {"type": "REPAIR", "id": 6, "start_time": int(NOW - 3600) * 1000, "state": _state("SUCCESS")},
        ],
        effective_performance_target="STANDARD",
    )

    told = [[part.strip() for part in fact] for fact in facts(render_run(Run(shown), CANVAS).plain)]

    assert told[3:] == [
        ["trigger", "RUN_JOB_TASK, by run 99"],
        ["creator", "ann@example.com"],
        ["parameters", "day=2026-01-01"],
        ["city=Ulm"],
        ["repairs", "2, the last one TERMINATED SUCCESS, started 1h ago"],
        ["commit", "1a2b3c4 (branch main of https://example.com/x)"],
        ["compute", "job cluster small: i3.xlarge 15.4, cluster 0101-abc (1 task)"],
        ["1-2-x (1 task)"],
        ["default (1 task)"],
        ["performance target STANDARD"],
    ]


def _state(result: str) -> dict[str, str]:
    return {"life_cycle_state": "TERMINATED", "result_state": result}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            {"overriding_parameters": {"python_params": ["--day", "1"]}},
            ["parameters", "python_params: --day 1"],
        ),
        (
            {"overriding_parameters": {"notebook_params": {"day": "1"}}},
            ["parameters", "notebook_params: day=1"],
        ),
        ({"run_type": "SUBMIT_RUN", "trigger": "ONE_TIME"}, ["trigger", "ONE_TIME, SUBMIT_RUN"]),
        (
            {
                "state": None,
                "status": {"state": "QUEUED", "queue_details": {"code": "MAX_CONCURRENT_RUNS_REACHED"}},
            },
            ["queue", "MAX_CONCURRENT_RUNS_REACHED"],
        ),
        ({"git_source": {"git_url": "https://x", "git_tag": "v1"}}, ["commit", "tag v1 of https://x"]),
        (
            {"cluster_spec": {"existing_cluster_id": "1-2"}, "cluster_instance": {"cluster_id": "1-2"}},
            ["compute", "1-2"],
        ),
        (
            {"cluster_spec": {"new_cluster": {"num_workers": 1}}, "cluster_instance": {"cluster_id": "9"}},
            ["compute", "new, cluster 9"],
        ),
    ],
    ids=["list", "older kind", "one-time", "queue", "tag", "2.0: existing", "2.0: new"],
)
def test_a_fact_is_told_in_every_shape_that_a_version_has(more: dict[str, Any], told: list[str]) -> None:
    shown = render_run(Run(run("TERMINATED", "SUCCESS", **more)), CANVAS).plain
    assert told in [[part.strip() for part in fact] for fact in facts(shown)]


def test_a_run_that_tells_nothing_has_no_empty_facts() -> None:
    shown = render_run(Run(run("TERMINATED", "SUCCESS")), CANVAS).plain
    assert [fact[0] for fact in facts(shown)] == ["run id", "job id", "state"]


@pytest.mark.parametrize(
    ("task_settings", "target"),
    [
        ({"notebook_task": {"notebook_path": "/a", "source": "WORKSPACE"}}, "/a"),
        ({"spark_python_task": {"python_file": "a.py", "parameters": ["1"]}}, "a.py"),
        ({"python_wheel_task": {"package_name": "p", "entry_point": "main"}}, "p main"),
        ({"spark_jar_task": {"main_class_name": "a.B"}}, "a.B"),
        ({"pipeline_task": {"pipeline_id": "p-1"}}, "p-1"),
        ({"run_job_task": {"job_id": 9223372036854775807}}, "9223372036854775807"),
        ({"dbt_task": {"commands": ["dbt deps", "dbt run"]}}, "dbt deps dbt run"),
        ({"condition_task": {"op": "EQUAL_TO", "left": "{{x}}", "right": "1"}}, "{{x}} EQUAL_TO 1"),
        ({"sql_task": {"query": {"query_id": "q"}, "warehouse_id": "w"}}, "q"),
        ({"sql_task": {"file": {"path": "a.sql", "source": "GIT"}, "warehouse_id": "w"}}, "a.sql"),
        (
            {"for_each_task": {"inputs": "[1,2]", "task": {"notebook_task": {"notebook_path": "/n"}}}},
            "for each of [1,2]: notebook /n",
        ),
        ({"brand_new_task": {"what": "x"}}, ""),
        ({}, ""),
    ],
    ids=str,
)
def test_a_task_tells_what_it_runs(task_settings: dict[str, Any], target: str) -> None:
    assert format_target(task_settings) == target


def test_libraries_are_told_once_with_the_tasks_that_have_them() -> None:
    pandas: dict[str, Any] = {"pypi": {"package": "pandas==2"}}
    jar: dict[str, Any] = {"jar": "dbfs:/x.jar"}
    tasks: list[dict[str, Any]] = [
        {"task_key": "a", "libraries": [pandas, jar]},
        {"task_key": "b", "libraries": [pandas]},
    ]

    assert [*format_libraries(tasks)] == ["pypi pandas==2", "jar dbfs:/x.jar (a)"]


JOB = {
    "job_id": 1,
    "settings": {
        "name": "nightly",
        "tasks": [{"task_key": "a", "notebook_task": {"notebook_path": "/a"}}],
        "email_notifications": {"on_failure": ["ann@example.com"], "no_alert_for_skipped_runs": True},
        "webhook_notifications": {"on_failure": [{"id": "7"}], "on_start": [{"id": "8"}]},
    },
}
PERMISSIONS = {
    "access_control_list": [
        {"user_name": "ann@example.com", "all_permissions": [{"permission_level": "IS_OWNER"}]},
        {"group_name": "admins", "all_permissions": [{"permission_level": "CAN_MANAGE", "inherited": True}]},
        {"service_principal_name": "sp", "all_permissions": [{"permission_level": "CAN_MANAGE"}]},
        {"user_name": "nobody", "all_permissions": []},
    ]
}
FAILED = run("TERMINATED", "FAILED", run_id=7, trigger="PERIODIC", start_time=int(NOW - 60) * 1000)
FAILED["state"]["state_message"] = "no rows\x1b[2J at all"


def test_a_job_tells_who_is_notified_who_may_change_it_and_its_last_runs() -> None:
    details = JobDetails("http://x/#job/1", (Run(FAILED),), permissions=PERMISSIONS)
    text = render_job(JOB, CANVAS, details).plain

    assert [[part.strip() for part in fact] for fact in facts(text)][1:] == [
        ["notifications", "on_start: webhook 8"],
        ["on_failure: ann@example.com, webhook 7"],
        ["permissions", "IS_OWNER: ann@example.com"],
        ["CAN_MANAGE: group admins, sp"],
        ["url", "http://x/#job/1"],
    ]
    table = text.rpartition("\n\n")[2].splitlines()
    assert table[0].split("  ")[-1].strip() == "MESSAGE"
    assert " ".join(table[1].split()) == "✗ FAILED 1m ago PERIODIC 7 no rows at all"


def test_what_is_withheld_is_said_in_words() -> None:
    details = JobDetails("http://x", runs_problem="out of reach", permissions_problem="you may not see them")
    text = render_job(JOB, CANVAS, details).plain

    told = [[part.strip() for part in fact] for fact in facts(text)]
    assert ["permissions", "cannot be read: you may not see them"] in told
    assert ["last runs", "cannot be read: out of reach"] in told
