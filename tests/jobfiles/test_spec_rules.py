"""Every rule of the reference that is kept as data, each with what it allows and what it refuses."""

import subprocess
import sys
from typing import Any

import pytest

from dbjobs.jobfiles.field_checks import check_fields
from dbjobs.jobfiles.findings import Finding
from dbjobs.jobfiles.known_fields import RECORDS, Record
from dbjobs.jobfiles.rules import MAY_BE_EMPTY, RULES
from tests.jobfiles.rule_cases import CASES, NODE
from tests.support.manual import REPO


def errors(record: Record, value: Any) -> list[Finding]:
    return [finding for finding in check_fields(value, record) if finding.is_error]


@pytest.mark.parametrize(("type_name", "good", "bad"), CASES)
def test_a_rule_allows_its_limit_and_refuses_what_is_beyond(
    type_name: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    assert list(check_fields(good, RECORDS[type_name])) == []
    assert len(errors(RECORDS[type_name], bad)) == 1


def test_each_rule_has_a_case_that_breaks_it() -> None:
    untested = [
        f"{name}: {rule.describe()}"
        for name, rules in RULES.items()
        for rule in rules
        if not any(case[0] == name and list(rule.check(case[2], ())) for case in CASES)
    ]

    assert untested == []


def test_rules_are_about_types_and_fields_that_there_are() -> None:
    beyond_the_reference = {("JobCluster", "libraries"), ("ClusterSpec", "libraries")}
    for name, rules in RULES.items():
        for rule in rules:
            fields = {rule.field} if hasattr(rule, "field") else {*rule.fields, *rule.unless}
            assert {(name, field) for field in fields - set(RECORDS[name])} <= beyond_the_reference


@pytest.mark.parametrize(
    ("type_name", "field"), [(name, field) for name, record in RECORDS.items() for field in record.required]
)
def test_required_fields_are_missed_and_may_not_be_empty(type_name: str, field: str) -> None:
    record = RECORDS[type_name]

    assert (("x", field), "is missing") in [
        (one.path, one.problem) for one in check_fields({}, record, ("x",))
    ]
    empty = [(one.path, one.problem) for one in check_fields({field: ""}, record)]
    assert (((field,), "is empty") in empty) != ((type_name, field) in MAY_BE_EMPTY)


def test_what_is_not_known_to_be_wrong_passes_without_a_word() -> None:
    """Fields and values that people have seen refused by other tools."""
    job = {
        "name": "all of today's",
        "performance_target": "COST_OPTIMIZED",
        "duration_target": "24h",
        "health": {"rules": [{"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": 1}]},
        "notification_settings": {"alert_on_last_attempt": True},
        "git_source": {"git_url": "https://example.com/x", "git_provider": "GITHUB", "git_branch": "main"},
        "trigger": {"job_completion": {"jobs": [{"workspace_id": "1", "job_id": "2"}]}},
        "job_clusters": [
            {"job_cluster_key": "s", "serverless_compute": {"policy_id": "p"}},
            {"job_cluster_key": "c", "new_cluster": {**NODE, "num_workers": 0, "spark_conf": {"a": True}}},
        ],
        "tasks": [
            {
                "task_key": "a",
                "notebook_task": {"notebook_path": "{{job.parameters.path}}", "revision_timestamp": 1},
                "notification_settings": {"alert_on_last_attempt": True},
            },
            {
                "task_key": "b",
                "ai_function_task": {
                    "output": {"catalog": "c"},
                    "volume": {"volume_path": "/Volumes/a/b/c"},
                    "ai_parse_document": {"version": "2.0"},
                },
            },
        ],
    }

    assert list(check_fields(job, RECORDS["JobSettings"])) == []


def test_the_known_fields_are_those_of_the_newest_official_sdk() -> None:
    """`make fields` writes them anew; an SDK that is older than the file has nothing to say."""
    sdk = pytest.importorskip("databricks.sdk.version").__version__
    written = (REPO / "dbjobs" / "jobfiles" / "api_fields.json").read_text("utf-8")
    if _numbers(sdk) < _numbers(_version_in(written)):
        pytest.skip(f"databricks-sdk {sdk} is older than the fields in api_fields.json")

    code = "import generate_fields as fields; print(fields.generated(), end='')"
    made = subprocess.run(
        [sys.executable, "-c", code], cwd=REPO / "docs", capture_output=True, text=True, check=True
    )

    assert made.stdout == written


def _version_in(text: str) -> str:
    return text.partition('"databricks-sdk": "')[2].partition('"')[0]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
