"""Parameters of a run: what kind a job takes, and what is sent."""

import json
from typing import Any

import pytest

from dbjobs.errors import UsageError
from dbjobs.jobfiles.parameters import kind_of_job
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import ScriptedServer, by_endpoint

NOTEBOOK = {"task_key": "n", "notebook_task": {"notebook_path": "/n"}}
PYTHON = {"task_key": "p", "spark_python_task": {"python_file": "p.py"}}
SQL = {"task_key": "s", "sql_task": {"warehouse_id": "1"}}
WHEEL = {"task_key": "w", "python_wheel_task": {"package_name": "w"}}
JAR = {"task_key": "j", "spark_jar_task": {"main_class_name": "J"}}
DBT = {"task_key": "d", "dbt_task": {"commands": ["dbt run"]}}
SUBMIT = {"task_key": "u", "spark_submit_task": {"parameters": []}}
PIPELINE = {"task_key": "l", "pipeline_task": {"pipeline_id": "1"}}


def job(*tasks: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {"job_id": 42, "settings": {"tasks": list(tasks), **settings}}


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        pytest.param(job(NOTEBOOK), "notebook_params", id="notebook"),
        pytest.param(job(WHEEL), "python_named_params", id="wheel"),
        pytest.param(job(SQL), "sql_params", id="sql"),
        pytest.param(job(PYTHON), "python_params", id="python"),
        pytest.param(job(JAR), "jar_params", id="jar"),
        pytest.param(job(DBT), "dbt_commands", id="dbt"),
        pytest.param(job(NOTEBOOK, PIPELINE), "notebook_params", id="others take none"),
        pytest.param(job(PYTHON, NOTEBOOK), "notebook_params", id="names before lists"),
        pytest.param(
            job(NOTEBOOK, PYTHON, parameters=[{"name": "day"}]), "job_parameters", id="the job's own first"
        ),
        pytest.param(
            job({"for_each_task": {"inputs": "[1]", "task": NOTEBOOK}}), "notebook_params", id="for each"
        ),
        pytest.param({"settings": {"notebook_task": {}}}, "notebook_params", id="2.0"),
    ],
)
def test_the_job_tells_the_kind(given: dict[str, Any], kind: str) -> None:
    assert kind_of_job(given) == kind


@pytest.mark.parametrize(
    ("given", "problem", "hint"),
    [
        (job(PIPELINE), "its tasks take no parameters", "give the job `parameters` of its own"),
        (job(NOTEBOOK, SQL), "several kinds (notebook_params, sql_params)", "--notebook-param, --sql-param"),
        (job(PYTHON, JAR), "several kinds (python_params, jar_params)", "--python-param, --jar-param"),
    ],
)
def test_a_job_that_does_not_tell_is_an_error(given: dict[str, Any], problem: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        kind_of_job(given)
    assert problem in caught.value.message
    assert hint in str(caught.value.hint)


@pytest.fixture
def server(serve: Serve, request: pytest.FixtureRequest) -> ScriptedServer:
    """Has job 42 with the task of the test's parameter, by default a notebook."""
    task = getattr(request, "param", NOTEBOOK)
    return serve(by_endpoint({"get": job(task), "run-now": {"run_id": 7}, "list": {"jobs": [job(task)]}}))


def sent(server: ScriptedServer) -> dict[str, Any]:
    (request,) = server.changes
    return {key: value for key, value in request.body.items() if key not in ("job_id", "idempotency_token")}


@pytest.mark.parametrize(
    ("given", "options", "body"),
    [
        (job(NOTEBOOK, parameters=[{"name": "a"}]), ["--job-param", "a=1"], {"job_parameters": {"a": "1"}}),
        (
            job(NOTEBOOK),
            ["--notebook-param", "a=1", "--notebook-param", "b=x,y=z"],
            {"notebook_params": {"a": "1", "b": "x,y=z"}},
        ),
        (job(WHEEL), ["--python-named-param", "a="], {"python_named_params": {"a": ""}}),
        (job(SQL), ["--sql-param", "a=1"], {"sql_params": {"a": "1"}}),
        (
            job(PYTHON),
            ["--python-param", "--day", "--python-param", "a=1"],
            {"python_params": ["--day", "a=1"]},
        ),
        (job(JAR), ["--jar-param", "x", "--jar-param", ""], {"jar_params": ["x", ""]}),
        (job(SUBMIT), ["--spark-submit-param", "--class"], {"spark_submit_params": ["--class"]}),
        (
            job(DBT),
            ["--dbt-command", "dbt deps", "--dbt-command", "dbt run"],
            {"dbt_commands": ["dbt deps", "dbt run"]},
        ),
    ],
)
def test_an_option_may_name_the_kind(
    dbjobs: Dbjobs, serve: Serve, given: dict[str, Any], options: list[str], body: dict[str, Any]
) -> None:
    server = serve(by_endpoint({"get": given, "run-now": {"run_id": 7}}))

    assert dbjobs("runs", "now", 42, *options).stdout == "7\n"
    assert sent(server) == body
    assert [request.endpoint for request in server.received] == ["get", "run-now"]


DAY = job(NOTEBOOK, parameters=[{"name": "day", "default": ""}, {"name": "rows", "default": "1"}])
DAY_HINT = "its parameters are day, rows; --force sends others anyway"


@pytest.mark.parametrize(
    ("given", "options", "error", "hint"),
    [
        (DAY, ["-P", "dya=1"], "job 42 has no parameter 'dya'; did you mean 'day'?", DAY_HINT),
        (DAY, ["-P", "day=1", "-P", "DAY=1"], "job 42 has no parameter 'DAY'; did you mean 'day'?", DAY_HINT),
        (DAY, ["--job-param", "xyz=1"], "job 42 has no parameter 'xyz'", DAY_HINT),
        (DAY, ["--params-file", "-"], "job 42 has no parameter 'dai'; did you mean 'day'?", DAY_HINT),
        (DAY, ["-f", "-"], "job 42 has no parameter 'dai'; did you mean 'day'?", DAY_HINT),
        (DAY, ["--each", "-"], "job 42 has no parameter 'dai'; did you mean 'day'?", DAY_HINT),
        (
            DAY,
            ["--days", "2026-01-01..2026-01-02", "--as", "dat"],
            "job 42 has no parameter 'dat'; did you mean 'day'?",
            DAY_HINT,
        ),
        (
            DAY,
            ["--python-param", "x"],
            "job 42 has no task that takes python_params",
            "it takes --job-param, --notebook-param",
        ),
        (job(PIPELINE), ["-P", "a=1"], "--param does not fit this job: its tasks take no parameters", None),
        (
            job(PIPELINE),
            ["--notebook-param", "a=1"],
            "job 42 has no task that takes notebook_params",
            "give the job `parameters` of its own",
        ),
        (job(NOTEBOOK), ["--job-param", "a=1"], "job 42 declares no parameters", "it takes --notebook-param"),
    ],
)
def test_what_the_job_does_not_take_is_refused_with_what_it_takes(
    dbjobs: Dbjobs, serve: Serve, given: dict[str, Any], options: list[str], error: str, hint: str | None
) -> None:
    stdin = {"--params-file": "dai: 1", "--each": "dai\n1\n2\n", "-f": "job_parameters: {dai: '1'}"}
    server = serve(by_endpoint({"get": given, "run-now": {"run_id": 7}}))

    verb = "backfill" if options[0] in ("--each", "--days") else "now"
    done = dbjobs("runs", verb, 42, *options, stdin=stdin.get(options[0], ""))
    assert (done.exit_code, done.stdout, server.changes) == (2, "", [])
    shown_error, shown_hint = done.stderr.splitlines()
    assert shown_error == f"error: {error}"
    assert hint is None or shown_hint == f"hint: {hint}"


def test_force_sends_a_parameter_that_the_job_does_not_declare(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(by_endpoint({"get": DAY, "run-now": {"run_id": 7}}))

    assert dbjobs("runs", "now", 42, "-P", "dya=1", "--force").stdout == "7\n"
    assert sent(server) == {"job_parameters": {"dya": "1"}}


@pytest.mark.parametrize("option", ["-f", "--json"])
def test_a_run_now_request_goes_as_it_stands_with_options_on_top(
    dbjobs: Dbjobs, serve: Serve, option: str
) -> None:
    server = serve(by_endpoint({"get": DAY, "run-now": {"run_id": 7}}))
    request = {
        "job_id": 42,
        "job_parameters": {"day": "1", "rows": "2"},
        "pipeline_params": {"full_refresh": True},
        "duration_target": "4h",
        "performance_target": "STANDARD",
        "queue": {"enabled": True},
        "only": ["n"],
        "idempotency_token": "t",
    }
    text = json.dumps(request)
    body = ("-f", "-") if option == "-f" else ("--json", text)
    over = ("-P", "day=3", "--no-queue", "--performance-target", "cost_optimized", "--idempotency-token", "u")

    assert dbjobs("runs", "now", 42, *body, stdin=text).stdout == "7\n"
    assert dbjobs("runs", "now", 42, *body, *over, stdin=text).stdout == "7\n"
    first, second = (request.body for request in server.changes)
    assert first == request
    assert second == {
        **request,
        "job_parameters": {"day": "3", "rows": "2"},
        "queue": {"enabled": False},
        "performance_target": "COST_OPTIMIZED",
        "idempotency_token": "u",
    }


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("job_id: 43", 5, "job_id is 43, but the job on the command line is 42"),
        ("notebok_params: {a: '1'}", 5, "notebok_params is not a known field; did you mean notebook_params?"),
        ("notebook_params: [a]", 5, "notebook_params must be a mapping, not a list"),
        ("performance_target: STANDRAD", 5, "performance_target is not one of"),
        ("only: n", 5, "only must be a list, not a string"),
        ("only: [zz]", 4, "job 42 has no task 'zz'"),
        (f"idempotency_token: {'x' * 65}", 5, "idempotency_token has more than 64 characters"),
        (f"notebook_params: {{a: {'x' * 10_000}}}", 5, "bytes as JSON; the Jobs API takes 10,000"),
        ("notebook_params: {a: é}", 5, "notebook_params may contain only ASCII characters"),
        ("{notebook_params: {a: '1'}, jar_params: [x]}", 2, "a run takes one kind of parameters"),
        ("jar_params: [x]", 2, "job 42 has no task that takes jar_params"),
        ("", 2, "stdin is empty"),
    ],
)
def test_a_run_now_request_is_checked_before_it_is_sent(
    dbjobs: Dbjobs, server: ScriptedServer, text: str, code: int, told: str
) -> None:
    done = dbjobs("runs", "now", 42, "-f", "-", stdin=text)
    assert (done.exit_code, server.changes) == (code, [])
    assert told in done.stderr


def test_force_sends_a_field_that_dbjobs_does_not_know(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    done = dbjobs("runs", "now", 42, "-f", "-", "--force", stdin="brand_new: 1")
    assert done.stdout == "7\n"
    assert sent(server) == {"brand_new": 1}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("deep: {a: 1}", "stdin: the parameter 'deep' is a mapping, and must be a string"),
        ("list: [1]", "stdin: the parameter 'list' is a list, and must be a string"),
        ("nothing:", "stdin: the parameter 'nothing' is empty, and must be a string"),
        (
            "{job_id: 42, notebook_params: {a: '1'}}",
            "stdin is a whole run-now request, not parameters",
        ),
        ("notebook_params: {a: '1'}", "stdin is a whole run-now request, not parameters"),
    ],
)
def test_a_file_of_parameters_holds_texts_alone(
    dbjobs: Dbjobs, server: ScriptedServer, text: str, told: str
) -> None:
    done = dbjobs("runs", "now", 42, "--params-file", "-", stdin=text)
    assert (done.exit_code, server.changes) == (2, [])
    assert done.stderr.startswith(f"error: {told}\nhint: ")


def test_param_goes_where_the_job_wants_it_and_verbose_tells(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    done = dbjobs("runs", "now", 42, "-P", "day=2026-01-01", "--param", "q=a=b,c", "-v")
    assert sent(server) == {"notebook_params": {"day": "2026-01-01", "q": "a=b,c"}}
    assert "the parameters go as notebook_params" in done.stderr


@pytest.mark.parametrize("option", ["--param", "--notebook-param"])
def test_a_name_that_is_given_twice_is_an_error(dbjobs: Dbjobs, server: ScriptedServer, option: str) -> None:
    done = dbjobs("runs", "now", 42, option, "day=1", option, "day=2")
    assert (done.exit_code, server.received) == (2, [])
    assert done.stderr == f"error: {option} gives 'day' twice\nhint: give each parameter once\n"


@pytest.mark.parametrize("server", [PYTHON], indirect=True)
def test_where_tasks_take_a_list_each_param_is_one_text(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    dbjobs("runs", "now", 42, "-P", "day=2026-01-01", "--python-param", "--force")
    assert sent(server) == {"python_params": ["day=2026-01-01", "--force"]}


def test_a_file_gives_parameters_too_and_param_is_stronger(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    text = "day: 2026-01-01\nrows: 7\nfull: true\nempty: ''\n"
    dbjobs("runs", "now", 42, "--params-file", "-", "-P", "rows=8", stdin=text)
    assert sent(server) == {
        "notebook_params": {"day": "2026-01-01", "rows": "8", "full": "true", "empty": ""}
    }


@pytest.mark.parametrize(
    "options",
    [
        ["--job-param", "a=1", "--notebook-param", "b=2"],
        ["--python-param", "x", "--jar-param", "y"],
        ["-P", "a=1", "--job-param", "b=2"],
    ],
)
def test_a_mixture_that_the_api_refuses_is_refused(
    dbjobs: Dbjobs, server: ScriptedServer, options: list[str]
) -> None:
    done = dbjobs("runs", "now", 42, *options)
    assert done.exit_code == 2
    assert "a run takes one kind of parameters" in done.stderr
    assert server.changes == []


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--notebook-param", "a=ü"], "notebook_params may contain only ASCII characters"),
        (["--python-param", "x" * 9_990], "python_params has 10,012 bytes as JSON"),
    ],
)
def test_what_the_api_would_not_take_is_not_sent(
    dbjobs: Dbjobs, server: ScriptedServer, options: list[str], problem: str
) -> None:
    done = dbjobs("runs", "now", 42, *options)
    assert (done.exit_code, server.received) == (5, [])
    assert problem in done.stderr


def test_job_parameters_may_hold_anything(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(by_endpoint({"get": job(parameters=[{"name": "city"}]), "run-now": {"run_id": 7}}))

    dbjobs("runs", "now", 42, "--job-param", "city=Köln " + "x" * 20_000)
    assert sent(server)["job_parameters"]["city"].startswith("Köln")


@pytest.mark.parametrize("pair", ["day", "=1", ""])
def test_a_pair_needs_its_name_and_its_sign(dbjobs: Dbjobs, server: ScriptedServer, pair: str) -> None:
    done = dbjobs("runs", "now", 42, "-P", pair)
    assert (done.exit_code, server.received) == (2, [])
    assert f"--param {pair!r} is not NAME=VALUE" in done.stderr


def test_only_goes_unchanged_plus_signs_included(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    assert dbjobs("runs", "now", 42, "--only", "+n", "--only", "n+").exit_code == 0
    assert sent(server) == {"only": ["+n", "n+"]}


@pytest.mark.parametrize("options", [["--only", "+nn"], ["-f", "-"], ["--each", "-", "--only", "nn"]])
def test_only_names_tasks_of_the_job(dbjobs: Dbjobs, server: ScriptedServer, options: list[str]) -> None:
    stdin = "only: [nn]" if "-f" in options else '[{"day": "1"}]'
    refused = dbjobs("runs", "backfill" if "--each" in options else "now", 42, *options, stdin=stdin)
    assert (refused.exit_code, server.changes) == (4, [])
    assert refused.stderr.splitlines() == [
        "error: job 42 has no task 'nn'; did you mean 'n'?",
        "hint: its tasks are n; --force sends others anyway",
    ]


def test_force_sends_a_task_that_the_job_does_not_show(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    assert dbjobs("runs", "now", 42, "--only", "nn", "--force").exit_code == 0
    assert sent(server) == {"only": ["nn"]}


def test_an_idempotency_token_has_64_characters_at_most(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    for command in (["runs", "now", 42], ["runs", "submit", "-f", "-"]):
        refused = dbjobs(*command, "--idempotency-token", "x" * 65)
        assert (refused.exit_code, server.received) == (5, [])
        assert "idempotency-token has more than 64 characters" in refused.stderr
