"""What is checked in job files, beyond how they are read: the rules, their limits, their words."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.common.documents import parse_document
from dbjobs.jobfiles.files import PreparedRequest
from dbjobs.jobfiles.parameters import LIMITED_KINDS
from dbjobs.output.serialization import to_yaml
from tests.conftest import Dbjobs, Serve
from tests.jobfiles.job_files import CLUSTER, JOB, TASK, ready, refusal, said_of
from tests.jobfiles.job_settings import ANY_SETTINGS
from tests.runs.test_minilake import JOB as MINILAKE_JOB
from tests.support.fakes import Reply
from tests.support.manual import REPO, rows_of

SECRET = "dapi0123456789abcdef0123456789abcdef"
REQUESTS = ("create", "reset", "update", "submit")


def documented(heading: str, nth: int) -> list[Any]:
    """Rows of the nth table under a heading of the page on job files."""
    rows = rows_of("docs/job-files.md", heading)
    starts = [0, *(place for place, row in enumerate(rows) if row[0] == "in the file")]
    ends = [*starts[1:], len(rows)]
    return [
        pytest.param(row[0].strip("`"), row[1], id=row[1][:50])
        for row in rows[starts[nth] : ends[nth]]
        if row[0].startswith("`")
    ]


@pytest.mark.parametrize(("text", "said"), documented("What is checked", 0))
def test_errors_are_as_the_page_has_them(text: str, said: str) -> None:
    assert said in [line.removeprefix("job.yaml:").strip() for line in refusal(text).splitlines()]


@pytest.mark.parametrize(("text", "said"), documented("What is checked", 1))
def test_warnings_are_as_the_page_has_them_and_the_file_is_sent_as_it_is(text: str, said: str) -> None:
    made = ready(text)

    assert made.body == parse_document(text)
    assert made.warnings == [f"job.yaml: {said}"]


def examples() -> list[Any]:
    page = (REPO / "docs" / "job-files.md").read_text("utf-8")
    return [
        *((block, "create") for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)),
        (MINILAKE_JOB % 4, "create"),
        *(
            ((REPO / "examples" / "demo" / name).read_text("utf-8"), "submit")
            for name in ("job.yaml", "fail.yaml")
        ),
    ]


@pytest.mark.parametrize(("text", "request_for"), examples())
def test_good_examples_pass_without_a_word(text: str, request_for: str) -> None:
    assert ready(text, request_for) == PreparedRequest(parse_document(text))


def test_an_error_names_path_and_line_wherever_the_settings_stand() -> None:
    lines = ["name: x", "tasks:", "- task_key: a", "  spark_python_task:", "    python_file: [x]"]
    wrapped = "job_id: 42\nsettings:\n" + "".join(f"  {line}\n" for line in lines)
    as_json = json.dumps(parse_document(wrapped), indent=1)

    problem = "tasks[0].spark_python_task.python_file must be a string, not a list"
    assert refusal("\n".join(lines)) == f"job.yaml: line 5: {problem}"
    assert refusal(wrapped) == f"job.yaml: line 7: settings.{problem}"
    assert refusal(as_json) == f"job.yaml: line 9: settings.{problem}"
    assert refusal(as_json.replace("\n", "")) == f"job.yaml: settings.{problem}"


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_the_file() -> None:
    text = """
max_concurrent_runs: -1
tasks:
- task_key: a
  spark_python_task:
    python_flie: x
- task_key: a
  sql_task: {warehouse_id: x, query: {query_id: x}}
"""

    assert refusal(text).splitlines() == [
        "job.yaml cannot be sent:",
        "  line 2: max_concurrent_runs must be from 0 to 1,000",
        "  line 5: tasks[0].spark_python_task.python_file is missing",
        "  line 6: tasks[0].spark_python_task.python_flie is not a known field; did you mean python_file?",
        "  line 7: tasks[1].task_key is the same as that of tasks[0]",
    ]


def test_a_flood_of_errors_is_cut() -> None:
    said = refusal({"tasks": [{"task_key": str(number)} for number in range(50)]}).splitlines()

    assert len(said) == 22
    assert said[-1] == "  and 30 more"


def with_task(**fields: Any) -> dict[str, Any]:
    return {"tasks": [{"task_key": "a", **fields}]}


def with_job(**fields: Any) -> dict[str, Any]:
    return {**JOB, **fields}


def started_with(**parameters: Any) -> dict[str, Any]:
    return with_task(run_job_task={"job_id": 1, **parameters})


def tasks(number: int) -> dict[str, Any]:
    return {"tasks": [{**TASK, "task_key": str(place)} for place in range(number)]}


def workers(least: int, most: int) -> dict[str, Any]:
    scale = {"min_workers": least, "max_workers": most}
    return with_task(
        notebook_task={"notebook_path": "/a"}, new_cluster={"policy_id": "p", "autoscale": scale}
    )


def from_git(**notebook: str) -> dict[str, Any]:
    source = {"git_url": "https://example.com/x.git", "git_provider": "github", "git_branch": "main"}
    return {**with_task(notebook_task={"notebook_path": "x", **notebook}), "git_source": source}


def serverless(**more: Any) -> dict[str, Any]:
    environments = [{"environment_key": "e"}]
    return {
        **with_task(notebook_task={"notebook_path": "/a"}, environment_key="e", **more),
        "environments": environments,
    }


def each(**task: Any) -> dict[str, Any]:
    return with_task(for_each_task={"inputs": "[1]", "task": {"task_key": "b", **task}})


def parameters(kind: str, size: int) -> dict[str, Any]:
    """A job started with parameters that have this many bytes as JSON with their name."""
    missing = size - len(json.dumps({kind: [""]}, separators=(",", ":")))
    value = {"x": "x" * (missing - 4)} if kind == "notebook_params" else ["x" * missing]
    return started_with(**{kind: value})


@pytest.mark.parametrize(
    ("most", "too_much"),
    [
        pytest.param(with_job(name="é" * 2048), with_job(name="é" * 2048 + "x"), id="name"),
        pytest.param(tasks(1000), tasks(1001), id="tasks"),
        pytest.param(with_job(max_concurrent_runs=1000), with_job(max_concurrent_runs="1001"), id="runs"),
        pytest.param(with_job(max_concurrent_runs=0), with_job(max_concurrent_runs=-1), id="no runs"),
        pytest.param(with_job(timeout_seconds="60"), with_job(timeout_seconds="1m"), id="a number as text"),
        pytest.param(with_job(queue={"enabled": True}), with_job(queue={"enabled": "yes"}), id="truth"),
        pytest.param(
            with_task(notebook_task={"notebook_path": "/a"}),
            with_task(notebook_task={"notebook_path": "/a"}, max_retries=1.5),
            id="retries",
        ),
        pytest.param(
            {"tasks": [{**TASK, "task_key": "a" * 100}]},
            {"tasks": [{**TASK, "task_key": "a" * 101}]},
            id="task_key",
        ),
        *(
            pytest.param(parameters(kind, 10_000), parameters(kind, 10_001), id=kind)
            for kind in LIMITED_KINDS
        ),
        pytest.param(
            started_with(sql_params={"day": "é" * 10_000}), started_with(python_params=["é"]), id="ASCII"
        ),
        pytest.param(workers(1, 2), workers(2, 1), id="workers"),
        pytest.param(from_git(), from_git(source="WORKSPACE"), id="a notebook from Git"),
        pytest.param(serverless(), serverless(existing_cluster_id="c"), id="serverless"),
        pytest.param(
            serverless(new_cluster={**CLUSTER, "dependency_mode": "DEPENDENCY_MODE_ENVIRONMENTS"}),
            serverless(new_cluster=CLUSTER),
            id="a cluster with an environment",
        ),
        pytest.param(
            with_task(spark_jar_task={}, existing_cluster_id="c"),
            with_task(spark_jar_task={}, existing_cluster_id=""),
            id="a cluster without an id",
        ),
        pytest.param(each(notebook_task={"notebook_path": "/a"}), each(), id="a task in a task"),
    ],
)
def test_limits_are_where_the_documentation_has_them(most: dict[str, Any], too_much: dict[str, Any]) -> None:
    assert ready(most).body == most
    assert refusal(too_much)


def test_a_submitted_run_has_limits_of_its_own(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(Reply(body={"run_id": 7}))
    body = json.dumps({"tasks": [TASK]})

    for options in (["--run-name", "x" * 4097], ["--idempotency-token", "x" * 65]):
        assert dbjobs("runs", "submit", "--json", body, *options).exit_code == 5
        assert server.changes == []
    assert (
        dbjobs(
            "runs", "submit", "--json", body, "--run-name", "x" * 4096, "--idempotency-token", "x" * 64
        ).exit_code
        == 0
    )


def test_more_than_100_tasks_are_a_warning() -> None:
    assert ready(tasks(101)).warnings == ["job.yaml: tasks has 101 tasks; some workspaces allow only 100"]
    assert ready(tasks(100)).warnings == []


@pytest.mark.parametrize("length", [1, 2, 3, 2000])
def test_a_circle_of_tasks_is_found_however_long(length: int) -> None:
    circle = [
        {**TASK, "task_key": f"t{n}", "depends_on": [{"task_key": f"t{(n + 1) % length}"}]}
        for n in range(length)
    ]

    assert "forms a cycle: t" in refusal({"tasks": circle})


def test_an_update_names_what_changes_and_may_refer_to_what_is_there() -> None:
    change = with_task(
        notebook_task={"notebook_path": "/a"}, job_cluster_key="old", depends_on=[{"task_key": "old"}]
    )

    assert ready({"max_concurrent_runs": 3}, "update").body == {"max_concurrent_runs": 3}
    assert ready(change, "update").body == change
    assert "is not a task of this job" in refusal(change, "reset")


@pytest.mark.parametrize("request_for", ["reset", "update"])
def test_a_file_of_another_job_is_refused(request_for: str) -> None:
    file = {"job_id": 9007199254740993, "settings": JOB}

    assert ready(file, request_for, job_id=9007199254740993).body == JOB
    assert ready(file, "create").body == JOB
    assert "job_id is 9007199254740993, but the job on the command line is 42" in refusal(
        file, request_for, job_id=42
    )


@pytest.mark.parametrize(
    "command",
    [("jobs", "create"), ("jobs", "reset", 42, "--yes"), ("jobs", "update", 42), ("runs", "submit")],
)
def test_force_sends_what_is_unknown_and_lifts_no_limit(
    dbjobs: Dbjobs, serve: Serve, command: tuple[Any, ...]
) -> None:
    server = serve(Reply(body={"job_id": 42, "run_id": 7, "settings": JOB}))
    body = {"tasks": [{**TASK, "run_if": "ON_MONDAYS"}]}

    refused = dbjobs(*command, "--json", json.dumps(body))
    assert (refused.exit_code, server.changes) == (5, [])
    assert "tasks[0].run_if is not one of" in refused.stderr
    assert refused.stderr.endswith("hint: if the API has it, send it with --force\n")

    beyond = dbjobs(*command, "--force", "--json", json.dumps({**body, "timeout_seconds": -1}))
    assert (beyond.exit_code, server.changes) == (5, [])
    assert "timeout_seconds must be 0 or more" in beyond.stderr
    assert "hint" not in beyond.stderr

    forced = dbjobs(*command, "--force", "--json", json.dumps(body))
    assert (forced.exit_code, len(server.changes)) == (0, 1)
    assert "warning: --json: tasks[0].run_if is not one of" in forced.stderr


def test_what_stands_beside_the_settings_is_not_lost_in_silence() -> None:
    made = ready({"new_settings": JOB, "fields_to_remove": ["schedule"]}, "reset")

    assert made.warnings == ["job.yaml: fields_to_remove is given along with new_settings, and is not sent"]


SECRET_PLACES = [
    {"tasks": SECRET},
    {SECRET: 1, "tasks": [TASK]},
    {**JOB, "max_concurrent_runs": SECRET},
    {**JOB, "job_id": SECRET, "settings": {"tasks": [{SECRET: SECRET}]}},
    {"tasks": [{"task_key": SECRET, SECRET + "_task": {}, "spark_jar_task": {"parameters": SECRET}}]},
    {
        "tasks": [
            {
                "task_key": SECRET,
                "depends_on": [{"task_key": SECRET}],
                "notebook_task": {"notebook_path": "/a"},
            }
        ]
        * 2
    },
    {"tasks": [{**TASK, "run_if": SECRET, "new_cluster": {"spark_env_vars": {SECRET: [SECRET]}}}]},
    {"tasks": [{**TASK, "depends_on": [{"task_key": SECRET}], "job_cluster_key": SECRET}]},
    {"tasks": [{"task_key": "a", "notebook_task": {"notebook_path": SECRET, SECRET: {}}}]},
    {"tasks": [{"task_key": "a", "run_job_task": {"job_id": SECRET, "jar_params": ["é" + SECRET]}}]},
]


@pytest.mark.parametrize("text", [
    *map(json.dumps, SECRET_PLACES),
    *map(to_yaml, SECRET_PLACES),
    f"a: {SECRET}: b", f"'{SECRET}", f"a: @{SECRET}", f"a: *{SECRET}", f"a: !{SECRET} b",
    f"{SECRET}: 1\n{SECRET}: 2",
    f"{{{SECRET}", f"- {SECRET}", SECRET, f"%{SECRET}\n---\na: b", f"a: &{SECRET} [*{SECRET}]",
])  # fmt: skip
def test_no_word_about_a_file_holds_a_secret_of_it(dbjobs: Dbjobs, serve: Serve, text: str) -> None:
    serve(Reply(body={"job_id": 7}))

    for command in (("jobs", "create"), ("runs", "submit")):
        assert SECRET[4:20] not in dbjobs(*command, "-f", "-", "-v", stdin=text).stderr


@given(
    ANY_SETTINGS,
    st.sampled_from(REQUESTS),
    st.sampled_from(["2.0", "2.1", "2.2"]),
    st.sampled_from([None, 42]),
)
def test_the_check_raises_nothing_but_its_own_error(
    settings: dict[str, Any], request_for: str, version: str, job_id: int | None
) -> None:
    for content in (settings, {"settings": settings, "job_id": 42}):
        said = said_of(to_yaml(content), request_for, version, job_id)
        assert said == "" or said.startswith("job.yaml")
