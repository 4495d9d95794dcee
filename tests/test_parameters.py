"""Parameters of a run: what kind a job takes, and what is sent."""

from typing import Any

import pytest

from dbjobs.errors import UsageError
from dbjobs.parameters import kind_of_job
from tests.conftest import Dbjobs, Serve
from tests.fakes import ScriptedServer, by_endpoint

NOTEBOOK = {"task_key": "n", "notebook_task": {"notebook_path": "/n"}}
PYTHON = {"task_key": "p", "spark_python_task": {"python_file": "p.py"}}
SQL = {"task_key": "s", "sql_task": {"warehouse_id": "1"}}
WHEEL = {"task_key": "w", "python_wheel_task": {"package_name": "w"}}
JAR = {"task_key": "j", "spark_jar_task": {"main_class_name": "J"}}
DBT = {"task_key": "d", "dbt_task": {"commands": ["dbt run"]}}
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
    ("options", "body"),
    [
        (["--job-param", "a=1"], {"job_parameters": {"a": "1"}}),
        (
            ["--notebook-param", "a=1", "--notebook-param", "b=x,y=z"],
            {"notebook_params": {"a": "1", "b": "x,y=z"}},
        ),
        (["--python-named-param", "a="], {"python_named_params": {"a": ""}}),
        (["--sql-param", "a=1"], {"sql_params": {"a": "1"}}),
        (["--python-param", "--day", "--python-param", "a=1"], {"python_params": ["--day", "a=1"]}),
        (["--jar-param", "x", "--jar-param", ""], {"jar_params": ["x", ""]}),
        (["--spark-submit-param", "--class"], {"spark_submit_params": ["--class"]}),
        (
            ["--dbt-command", "dbt deps", "--dbt-command", "dbt run"],
            {"dbt_commands": ["dbt deps", "dbt run"]},
        ),
    ],
)
def test_an_option_may_name_the_kind(
    dbjobs: Dbjobs, server: ScriptedServer, options: list[str], body: dict[str, Any]
) -> None:
    assert dbjobs("runs", "now", 42, *options).stdout == "7\n"
    assert sent(server) == body
    assert [request.endpoint for request in server.received] == ["run-now"], "the job need not be looked at"


def test_param_goes_where_the_job_wants_it_and_verbose_tells(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    done = dbjobs("runs", "now", 42, "-P", "day=2026-01-01", "--param", "q=a=b,c", "-v")
    assert sent(server) == {"notebook_params": {"day": "2026-01-01", "q": "a=b,c"}}
    assert "the parameters go as notebook_params" in done.stderr


@pytest.mark.parametrize("server", [PYTHON], indirect=True)
def test_where_tasks_take_a_list_each_param_is_one_text(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    dbjobs("runs", "now", 42, "-P", "day=2026-01-01", "--python-param", "--force")
    assert sent(server) == {"python_params": ["day=2026-01-01", "--force"]}


def test_a_file_gives_parameters_too_and_param_is_stronger(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    text = "day: 2026-01-01\nrows: 7\ndeep: {a: [true]}\nnothing:\n"
    dbjobs("runs", "now", 42, "--params-file", "-", "-P", "rows=8", stdin=text)
    assert sent(server) == {
        "notebook_params": {"day": "2026-01-01", "rows": "8", "deep": '{"a": [true]}', "nothing": "null"}
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
        (["--notebook-param", "a=ü"], "notebook_params may hold ASCII characters only"),
        (["--python-param", "x" * 9_990], "python_params has 10,012 bytes as JSON"),
    ],
)
def test_what_the_api_would_not_take_is_not_sent(
    dbjobs: Dbjobs, server: ScriptedServer, options: list[str], problem: str
) -> None:
    done = dbjobs("runs", "now", 42, *options)
    assert (done.exit_code, server.received) == (5, [])
    assert problem in done.stderr


def test_job_parameters_may_hold_anything(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    dbjobs("runs", "now", 42, "--job-param", "city=Köln " + "x" * 20_000)
    assert sent(server)["job_parameters"]["city"].startswith("Köln")


@pytest.mark.parametrize("pair", ["day", "=1", ""])
def test_a_pair_needs_its_name_and_its_sign(dbjobs: Dbjobs, server: ScriptedServer, pair: str) -> None:
    done = dbjobs("runs", "now", 42, "-P", pair)
    assert (done.exit_code, server.received) == (2, [])
    assert f"--param {pair!r} is not NAME=VALUE" in done.stderr


def test_only_goes_unchanged_plus_signs_included(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    dbjobs("runs", "now", 42, "--only", "+clean", "--only", "load+")
    assert sent(server) == {"only": ["+clean", "load+"]}
