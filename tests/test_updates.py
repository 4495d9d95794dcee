"""What `jobs update` sends, and what it expects to come of it."""

from typing import Any

import pytest

from dbjobs.differences import ABSENT
from dbjobs.errors import UsageError
from dbjobs.updates import plan_update

SETTINGS: dict[str, Any] = {
    "name": "nightly",
    "schedule": {"quartz_cron_expression": "0 0 2 * * ?", "pause_status": "UNPAUSED"},
    "tags": {"team": "data"},
    "tasks": [
        {"task_key": "load", "max_retries": 1, "new_cluster": {"spark_conf": {"a.b": "1"}}},
        {"task_key": "clean", "depends_on": [{"task_key": "load"}]},
    ],
    "parameters": [{"name": "day", "default": "1"}],
}
LOAD, CLEAN = SETTINGS["tasks"]


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
            "tasks[clean].depends_on[load].outcome=true",
            {"tasks": [LOAD, {**CLEAN, "depends_on": [{"task_key": "load", "outcome": True}]}]},
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
    changes = {"tags": {"team": "ops"}, "tasks": [{"task_key": "clean"}, {"task_key": "report"}]}
    update = plan_update(SETTINGS, changes, ["tags.cost=1", "tags.cost=2", "tasks[load].max_retries=0"], [])
    assert update.expected["tags"] == {"team": "ops", "cost": 2}
    assert update.expected["tasks"] == [
        {**LOAD, "max_retries": 0},
        {"task_key": "clean"},
        {"task_key": "report"},
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
    with pytest.raises(UsageError, match="is not a field of the job"):
        plan_update(SETTINGS, {}, [], [field])


def test_to_set_and_to_remove_a_field_is_a_contradiction() -> None:
    with pytest.raises(UsageError, match="tags is to be set and to be removed"):
        plan_update(SETTINGS, {}, ["tags.cost=1"], ["tags"])


def test_the_settings_that_were_read_stay_as_they_were() -> None:
    before = repr(SETTINGS)
    plan_update(
        SETTINGS, {"tags": {"x": "y"}}, ["tasks[load].max_retries=5", "tags.z=1"], ["schedule", "tasks/clean"]
    )
    assert repr(SETTINGS) == before


def test_what_the_server_kept_otherwise() -> None:
    update = plan_update(
        SETTINGS, {}, ["max_concurrent_runs=5000", "tags.cost=7"], ["schedule", "tasks/clean"]
    )
    kept = {
        **update.expected,
        "max_concurrent_runs": 1000,
        "name": "Untitled",
        "email_notifications": {"on_start": ["added by the server"]},
        "tasks": SETTINGS["tasks"],
    }
    told = [(change.path, change.old, change.new) for change in update.kept_otherwise(kept)]
    assert told == [
        ("name", "nightly", "Untitled"),
        ("max_concurrent_runs", 5000, 1000),
        ("tasks/clean.task_key", ABSENT, "clean"),
        ("tasks/clean.depends_on[load].task_key", ABSENT, "load"),
    ]
    assert list(update.kept_otherwise(update.expected)) == []
