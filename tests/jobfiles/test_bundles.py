"""Job files as bundles have them: which job is sent, what is filled in, and what only a bundle can do."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbjobs.common.documents import read_document
from dbjobs.errors import DbjobsError
from dbjobs.jobfiles.bundles import as_bundle, select_job
from dbjobs.jobfiles.files import JobFile, PreparedRequest, prepare_request
from tests.conftest import Dbjobs, Serve
from tests.jobfiles.job_files import JOB
from tests.support.fakes import Reply

BUNDLE = """\
bundle: {name: sales}
variables:
  day: {default: monday}
  retries: {default: 3}
  cluster: {default: {spark_version: 16.4.x-scala2.12, node_type_id: i3.xlarge, num_workers: 1}}
  secret: {description: none has a default}
  nested: {default: "${var.day}"}
resources:
  jobs:
    nightly:
      name: nightly ${var.day}
      tasks:
        - task_key: a
          max_retries: ${var.retries}
          new_cluster: ${var.cluster}
          notebook_task: {notebook_path: /a, base_parameters: {day: "{{job.parameters.day}}"}}
"""


def prepared(text: str, key: str | None = None) -> PreparedRequest:
    """What is sent of a bundle's file to create a job."""
    return prepare_request(select_job(JobFile("databricks.yml", read_document(text)), key), "create", "2.2")


def refusal(text: str, key: str | None = None) -> str:
    with pytest.raises(DbjobsError) as caught:
        prepared(text, key)
    return f"{caught.value.message}\n{caught.value.hint or ''}".strip()


def test_variables_with_a_default_are_filled_in_as_what_they_are() -> None:
    body = prepared(BUNDLE).body
    (task,) = body["tasks"]
    assert body["name"] == "nightly monday"
    assert task["max_retries"] == 3
    assert task["new_cluster"]["num_workers"] == 1
    assert task["notebook_task"]["base_parameters"] == {"day": "{{job.parameters.day}}"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("${var.retries}", "${var.absent}", "line 14: tasks[0].max_retries refers to var.absent"),
        ("${var.retries}", "${var.secret}", "line 14: tasks[0].max_retries refers to var.secret"),
        ("${var.retries}", "${var.nested}", "line 14: tasks[0].max_retries refers to var.nested"),
        ("nightly ${var.day}", "${bundle.target}-x", "line 11: name refers to bundle.target"),
        (
            "/a,",
            "../src/a.py,",
            "line 16: tasks[0].notebook_task.notebook_path is relative to the bundle's file",
        ),
        (
            "name: nightly ${var.day}",
            "nmae: x\n      max_concurrent_runs: many",
            "line 12: max_concurrent_runs must be a whole number",
        ),
    ],
)
def test_what_only_a_bundle_can_fill_in_is_an_error_with_its_line(old: str, new: str, message: str) -> None:
    assert message in refusal(BUNDLE.replace(old, new))


def test_a_reference_s_error_says_what_to_do() -> None:
    assert refusal(BUNDLE.replace("${var.retries}", "${resources.jobs.other.id}")) == (
        "databricks.yml: line 14: tasks[0].max_retries refers to resources.jobs.other.id, which only a bundle"
        " can fill in: use `databricks bundle deploy`, or give the value here"
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            "      permissions: [{level: CAN_VIEW, group_name: users}]\n",
            "line 17: permissions is for `databricks bundle` alone, and is not sent",
        ),
        (
            "targets: {prod: {variables: {day: friday}}}\n",
            "line 11: name gets the default of var.day, which targets.prod replaces",
        ),
        (
            "targets: {prod: {resources: {jobs: {nightly: {max_concurrent_runs: 2}}}}}\n",
            "line 10: it is changed by targets.prod, which is not read",
        ),
    ],
)
def test_what_is_left_out_is_a_warning(more: str, expected: str) -> None:
    request = prepared(BUNDLE + more)
    assert request.warnings == [f"databricks.yml: {expected}"]
    assert "permissions" not in request.body


TWO = {"resources": {"jobs": {"nightly": JOB, "hourly": {**JOB, "name": "hourly"}}}}


@pytest.mark.parametrize(
    ("content", "key", "expected"),
    [
        (TWO, "hourly", "hourly"),
        ({"resources": {"jobs": {"nightly": JOB}}}, None, "nightly"),
        ({"resources": {"jobs": {"nightly": JOB}}}, "nightly", "nightly"),
        (JOB, None, "nightly"),
    ],
)
def test_the_job_is_the_one_that_is_asked_for(
    content: dict[str, Any], key: str | None, expected: str
) -> None:
    assert prepared(json.dumps(content), key).body["name"] == expected


@pytest.mark.parametrize(
    ("content", "key", "expected"),
    [
        (TWO, None, "databricks.yml has 2 jobs: choose one with --job-key NAME\nit has nightly and hourly"),
        (
            TWO,
            "nigthly",
            "databricks.yml has no job 'nigthly'; did you mean 'nightly'?\nit has nightly and hourly",
        ),
        (JOB, "nightly", "databricks.yml is not a bundle's file: --job-key chooses one of resources.jobs"),
        ({"resources": {"jobs": {"a": []}}}, None, "resources.jobs.a must be a mapping"),
        (
            {"bundle": {"name": "sales"}, "include": ["resources/*.yml"]},
            None,
            "databricks.yml is a bundle's file without resources.jobs\n"
            "a bundle may have its jobs in the files that it includes: give one of those",
        ),
    ],
)
def test_a_choice_that_cannot_be_made_is_explained(
    content: dict[str, Any], key: str | None, expected: str
) -> None:
    assert refusal(json.dumps(content), key) == expected


@pytest.mark.parametrize("request_", ["create", "reset", "update"])
def test_the_commands_that_take_job_settings_take_a_bundle_s(
    dbjobs: Dbjobs, serve: Serve, tmp_path: Path, request_: str
) -> None:
    file = tmp_path / "databricks.yml"
    file.write_text(BUNDLE + "    hourly: {name: hourly}\n")
    old = {"job_id": 42, "settings": {"name": "nightly monday"}}
    server = serve(*[Reply(body={"job_id": 42} if request_ == "create" else old)] * 4)
    args = {"create": (), "reset": (42, "--yes"), "update": (42,)}[request_]
    done = dbjobs("jobs", request_, *args, "-f", file, "--job-key", "nightly")
    assert done.exit_code == 0, done.stderr
    sent = next(one.body for one in server.received if one.method == "POST")
    assert sent.get("new_settings", sent)["name"] == "nightly monday"


def test_a_job_is_printed_as_a_bundle_s_and_read_back(dbjobs: Dbjobs, serve: Serve, tmp_path: Path) -> None:
    settings = {**JOB, "name": "[dev ann] nightly 2", "format": "MULTI_TASK", "email_notifications": {}}
    server = serve(Reply(body={"job_id": 42, "settings": settings}), Reply(body={"job_id": 43}))
    printed = dbjobs("jobs", "get", 42, "-o", "bundle")
    assert list(yaml.safe_load(printed.stdout)["resources"]["jobs"]) == ["dev_ann_nightly_2"]
    done = dbjobs("jobs", "create", "-f", "-", stdin=printed.stdout)
    assert done.exit_code == 0, done.stderr
    assert server.received[-1].body == {**JOB, "name": "[dev ann] nightly 2"}


def test_a_printed_job_warns_of_what_a_bundle_would_fill_in() -> None:
    bundle, warnings = as_bundle({"name": "42", "tags": {"a": "${x.y} ${x.y}"}})
    assert list(bundle["resources"]["jobs"]) == ["job_42"]
    assert warnings == ["a bundle fills in ${x.y} by itself: replace it with the intended value"]
