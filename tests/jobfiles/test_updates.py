"""What `jobs update` sends, and what it expects to come of it."""

import json
from typing import Any

import pytest

from dbjobs.errors import UsageError
from dbjobs.jobfiles.differences import ABSENT
from dbjobs.jobfiles.updates import plan_update
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import by_endpoint

SETTINGS: dict[str, Any] = {
    "name": "nightly",
    "schedule": {"quartz_cron_expression": "0 0 2 * * ?", "pause_status": "UNPAUSED"},
    "tags": {"team": "data"},
    "tasks": [
        {"task_key": "load", "max_retries": 1, "new_cluster": {"spark_conf": {"a.b": "1"}}},
        {"task_key": "clean", "depends_on": [{"task_key": "load"}], "libraries": [{"jar": "x"}]},
    ],
    "parameters": [{"name": "day", "default": "1"}],
}
LOAD, CLEAN = SETTINGS["tasks"]
REPORT = {"task_key": "report", "notebook_task": {"notebook_path": "/report"}}


@pytest.mark.parametrize(
    ("assignment", "sent"),
    [
        ("name=monthly", {"name": "monthly"}),
        ("name=a=b", {"name": "a=b"}),
        ("max_concurrent_runs=3", {"max_concurrent_runs": 3}),
        ("name='3'", {"name": "3"}),
        ('description=""', {"description": ""}),
        ("tags={team: ops, cost: 7}", {"tags": {"team": "ops", "cost": 7}}),
        ("tags.cost=7", {"tags": {"team": "data", "cost": 7}}),
        ('tags["a.b"]=c', {"tags": {"team": "data", "a.b": "c"}}),
        ('tags["a=b"]=c=d', {"tags": {"team": "data", "a=b": "c=d"}}),
        ("schedule.pause_status=PAUSED", {"schedule": {**SETTINGS["schedule"], "pause_status": "PAUSED"}}),
        ("queue.enabled=true", {"queue": {"enabled": True}}),
        ("parameters[day].default=no", {"parameters": [{"name": "day", "default": "no"}]}),
        ("tasks[load].max_retries=4", {"tasks": [{**LOAD, "max_retries": 4}, CLEAN]}),
        ("tasks.load.max_retries=4", {"tasks": [{**LOAD, "max_retries": 4}, CLEAN]}),
        ("tasks[0].max_retries=4", {"tasks": [{**LOAD, "max_retries": 4}, CLEAN]}),
        (
            'tasks[load].new_cluster.spark_conf["a.b"]="2"',
            {"tasks": [{**LOAD, "new_cluster": {"spark_conf": {"a.b": "2"}}}, CLEAN]},
        ),
        (
            "tasks[clean].libraries[0].jar=y",
            {"tasks": [LOAD, {**CLEAN, "libraries": [{"jar": "y"}]}]},
        ),
    ],
)
def test_a_nested_path_sends_its_whole_top_level_field(assignment: str, sent: dict[str, Any]) -> None:
    update = plan_update(SETTINGS, {}, [assignment], [])
    assert update.new_settings == sent
    assert update.expected == {**SETTINGS, **sent}


@pytest.mark.parametrize(
    ("assignment", "problem"),
    [
        ("name", "is not PATH=VALUE"),
        ("=x", "is not PATH=VALUE"),
        ("a..b=x", "is not PATH=VALUE"),
        ("a.=x", "is not PATH=VALUE"),
        ("tasks[]=x", "is not PATH=VALUE"),
        ("name={", "is not YAML"),
        ("schedule=", "schedule has no value"),
        ("schedule=null", "schedule has no value"),
        ("tasks[nope].max_retries=1", "there is no 'nope'"),
        ("tasks[7].max_retries=1", "there is no '7'"),
        ("job_clusters[main].new_cluster.num_workers=1", "there is no 'main'"),
        ("name.first=x", "what is before 'first' has no fields"),
    ],
)
def test_what_leads_nowhere_is_said(assignment: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        plan_update(SETTINGS, {}, [assignment], [])


def test_the_file_comes_first_then_each_set_in_turn() -> None:
    changes = {"tags": {"team": "ops"}, "tasks": [{"task_key": "clean"}, REPORT]}
    update = plan_update(SETTINGS, changes, ["tags.cost=1", "tags.cost=2", "tasks[load].max_retries=0"], [])
    assert update.expected["tags"] == {"team": "ops", "cost": 2}
    assert update.expected["tasks"] == [
        {**LOAD, "max_retries": 0},
        {"task_key": "clean"},
        REPORT,
    ]
    assert update.new_settings == {"tags": update.expected["tags"], "tasks": update.expected["tasks"]}


def test_tasks_of_a_file_are_sent_as_they_are_and_merged_by_the_server() -> None:
    update = plan_update(SETTINGS, {"tasks": [{"task_key": "load", "max_retries": 9}]}, [], [])
    assert update.new_settings == {"tasks": [{"task_key": "load", "max_retries": 9}]}
    assert update.expected["tasks"] == [{"task_key": "load", "max_retries": 9}, CLEAN]


def test_fields_tasks_and_clusters_can_be_removed() -> None:
    update = plan_update(SETTINGS, {}, [], ["schedule", "tasks/clean"])
    assert update.fields_to_remove == ["schedule", "tasks/clean"]
    assert update.expected["tasks"] == [LOAD]
    assert "schedule" not in update.expected


@pytest.mark.parametrize(
    "field", ["schedule.pause_status", "tags/team", "", "tasks/", "/clean", "tasks[clean]"]
)
def test_nothing_else_can(field: str) -> None:
    with pytest.raises(UsageError, match=r"is not (a field of|in) the job"):
        plan_update(SETTINGS, {}, [], [field])


def test_to_set_and_to_remove_a_field_is_a_contradiction() -> None:
    with pytest.raises(UsageError, match="tags is both set and removed"):
        plan_update(SETTINGS, {}, ["tags.cost=1"], ["tags"])


def test_the_settings_that_were_read_stay_as_they_were() -> None:
    before = repr(SETTINGS)
    plan_update(
        SETTINGS, {"tags": {"x": "y"}}, ["tasks[load].max_retries=5", "tags.z=1"], ["schedule", "tasks/clean"]
    )
    assert repr(SETTINGS) == before


def test_what_the_server_kept_otherwise() -> None:
    update = plan_update(
        SETTINGS, {}, ["max_concurrent_runs=500", "tags.cost=7"], ["schedule", "tasks/clean"]
    )
    kept = {
        **update.expected,
        "max_concurrent_runs": 100,
        "name": "Untitled",
        "email_notifications": {"on_start": ["added by the server"]},
        "tasks": SETTINGS["tasks"],
    }
    told = [(change.path, change.old, change.new) for change in update.unexpected_settings(kept)]
    assert told == [
        ("name", "nightly", "Untitled"),
        ("max_concurrent_runs", 500, 100),
        ("tasks/clean.task_key", ABSENT, "clean"),
        ("tasks/clean.depends_on[load].task_key", ABSENT, "load"),
        ("tasks/clean.libraries", ABSENT, [{"jar": "x"}]),
    ]
    assert list(update.unexpected_settings(update.expected)) == []


# As users see it

JOB: dict[str, Any] = {
    "job_id": 42,
    "settings": {
        "name": "nightly",
        "max_concurrent_runs": 1,
        "schedule": {
            "quartz_cron_expression": "0 0 2 * * ?",
            "timezone_id": "UTC",
            "pause_status": "UNPAUSED",
        },
        "job_clusters": [{"job_cluster_key": "small", "new_cluster": {"policy_id": "p"}}],
        "tasks": [
            {"task_key": "load", "notebook_task": {"notebook_path": "/load"}, "job_cluster_key": "small"},
            {"task_key": "old", "notebook_task": {"notebook_path": "/old"}},
        ],
    },
}
ONE_TASK = {**JOB, "settings": {**JOB["settings"], "tasks": JOB["settings"]["tasks"][:1]}}


@pytest.mark.parametrize(
    ("options", "exit_code", "said"),
    [
        (["--set", "schedul.pause_status=PAUSED"], 5, "schedul is not a known field; did you mean schedule?"),
        (
            ["--set", "schedule.pause_statu=PAUSED"],
            5,
            "schedule.pause_statu is not a known field; did you mean",
        ),
        (
            ["--set", "schedule.pause_status=STOPPED"],
            5,
            "schedule.pause_status is not one of PAUSED, UNPAUSED",
        ),
        (["--set", "schedule.quartz_cron_expression=0 2 * * *"], 5, "expression has 5 fields where Quartz"),
        (["--set", "max_concurrent_runs=1001"], 5, "max_concurrent_runs must be from 0 to 1,000"),
        (
            ["--set", "max_concurrent_runs=many"],
            5,
            "max_concurrent_runs must be a whole number, not a string",
        ),
        (["--set", "max_retries=3"], 5, "max_retries is a field of a task, and is not known at the top"),
        (
            ["--set", "tasks[load].notebook_task.notebook_path=rel"],
            5,
            "notebook_path must begin with a slash",
        ),
        (
            ["--set", "tasks[load].job_cluster_key=big"],
            5,
            "tasks[0].job_cluster_key is not defined in job_clusters",
        ),
        (
            ["--set", "tasks[load].run_iff=ALL_DONE"],
            5,
            "tasks[0].run_iff is not a known field; did you mean run_if?",
        ),
        (["--set", "timeout_seconds=-1", "--force"], 5, "timeout_seconds must be 0 or more"),
        (
            ["--remove", "schedul"],
            2,
            "cannot remove 'schedul': it is not a field of the job; did you mean schedule?",
        ),
        (
            ["--remove", "tasks/lod"],
            2,
            "cannot remove 'tasks/lod': it is not in the job; did you mean tasks/load?",
        ),
        (["--remove", "job_clusters/small"], 5, "tasks[0].job_cluster_key is not defined in job_clusters"),
        (["--remove", "tasks/load", "--remove", "tasks/old"], 5, "tasks is missing: there is nothing to run"),
        (
            ["--json", "{fields_to_remove: [nam]}"],
            2,
            "cannot remove 'nam': it is not a field of the job; did you mean",
        ),
        (
            ["--json", "{fields_to_remove: schedule}"],
            5,
            "fields_to_remove must be a list of names of fields",
        ),
        (
            ["--json", "{job_id: 41, new_settings: {name: x}}"],
            5,
            "job_id is 41, but the job on the command line is 42",
        ),
        (
            ["--json", "{job_id: 42, notebook_params: {a: b}}"],
            5,
            "notebook_params is for starting a run of a job",
        ),
        (
            ["--json", "{tasks: [{task_key: b, notebook_task: {notebook_path: /b}, job_cluster_key: x}]}"],
            5,
            "is not defined in job_clusters",
        ),
        (["--json", "{max_retries: 3}"], 5, "max_retries is a field of a task, and the job has 2 of them"),
    ],
)
def test_a_change_that_the_api_would_not_take_is_refused(
    dbjobs: Dbjobs, serve: Serve, options: list[str], exit_code: int, said: str
) -> None:
    server = serve(by_endpoint({"get": JOB, "update": {}}))

    done = dbjobs("jobs", "update", 42, *options)

    assert (done.exit_code, done.stdout, server.changes) == (exit_code, "", [])
    assert said in done.stderr


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (
            [
                "--json",
                '{"job_id": 42, "new_settings": {"name": "x"}, "fields_to_remove": ["schedule"]}',
                "--remove",
                "tasks/old",
            ],
            {"new_settings": {"name": "x"}, "fields_to_remove": ["schedule", "tasks/old"]},
        ),
        (["--json", "{fields_to_remove: [tasks/old]}"], {"fields_to_remove": ["tasks/old"]}),
        (
            ["--json", "{name: x, fields_to_remove: [schedule]}", "--remove", "tasks/old"],
            {"new_settings": {"name": "x"}, "fields_to_remove": ["schedule", "tasks/old"]},
        ),
        (
            ["--set", "schedul.pause_status=PAUSED", "--force"],
            {"new_settings": {"schedul": {"pause_status": "PAUSED"}}},
        ),
        (["--remove", "something_new", "--force"], {"fields_to_remove": ["something_new"]}),
        (["--remove", "tags"], {"fields_to_remove": ["tags"]}),
    ],
)
def test_what_is_removed_or_forced_is_sent(
    dbjobs: Dbjobs, serve: Serve, options: list[str], sent: dict[str, Any]
) -> None:
    server = serve(by_endpoint({"get": JOB, "update": {}}))

    assert dbjobs("jobs", "update", 42, *options).exit_code == 0
    assert [request.body for request in server.changes] == [{"job_id": 42, **sent}]


@pytest.mark.parametrize("version", ["2.1", "2.2"])
@pytest.mark.parametrize(
    ("changes", "task"),
    [
        ({"max_retries": 3}, {**ONE_TASK["settings"]["tasks"][0], "max_retries": 3}),
        (
            {"notebook_task": {"notebook_path": "/new"}, "existing_cluster_id": "c"},
            {"task_key": "load", "notebook_task": {"notebook_path": "/new"}, "existing_cluster_id": "c"},
        ),
        (
            {"spark_python_task": {"python_file": "/new.py"}},
            {"task_key": "load", "spark_python_task": {"python_file": "/new.py"}, "job_cluster_key": "small"},
        ),
    ],
)
def test_an_update_in_the_form_of_2_0_finds_the_one_task_of_the_job(
    dbjobs: Dbjobs, serve: Serve, version: str, changes: dict[str, Any], task: dict[str, Any]
) -> None:
    server = serve(by_endpoint({"get": ONE_TASK, "update": {}}))

    body = json.dumps({"job_id": 42, "new_settings": {"name": "x", **changes}})
    done = dbjobs("jobs", "update", 42, "--json", body, "--api-version", version)

    assert done.exit_code == 0, done.stderr
    assert [request.body for request in server.changes] == [
        {"job_id": 42, "new_settings": {"name": "x", "tasks": [task]}}
    ]


def test_what_was_wrong_with_a_job_before_keeps_no_change_from_being_sent(
    dbjobs: Dbjobs, serve: Serve
) -> None:
    """The service may take more than dbjobs knows, and it took this job."""
    settings = {**JOB["settings"], "timeout_seconds": -1, "new_field": 1}
    server = serve(by_endpoint({"get": {**JOB, "settings": settings}, "update": {}}))

    assert dbjobs("jobs", "update", 42, "--set", "name=x", "--remove", "tasks/load").exit_code == 0
    assert len(server.changes) == 1
