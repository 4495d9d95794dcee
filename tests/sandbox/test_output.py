"""What a task's process gets, and what it leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .client import state, task

if TYPE_CHECKING:
    from .client import Client

MB = 1024 * 1024


def test_logs_hold_both_streams_in_order(client: Client) -> None:
    run = client.finish(client.python("main", "import sys\nprint('out')\nprint('err', file=sys.stderr)"))
    output = client.output(run, "main")
    assert (output["logs"], output["logs_truncated"]) == ("out\nerr\n", False)
    assert "error" not in output
    assert output["metadata"]["run_id"] == task(run, "main")["run_id"]
    assert output["metadata"]["job_run_id"] == run["run_id"]


def test_logs_are_the_last_5_mb(client: Client) -> None:
    run = client.finish(client.python("main", "print('first'); print('x' * 6_000_000); print('last')"))
    output = client.output(run, "main")
    assert output["logs_truncated"] is True
    assert len(output["logs"]) == 5 * MB
    assert output["logs"].endswith("x\nlast\n")


def test_the_error_is_the_last_line_of_the_trace(client: Client) -> None:
    code = "def load():\n    raise ValueError('bad rows')\n\nprint('begin')\nload()\n"
    run = client.finish(client.python("main", code))
    output = client.output(run, "main")
    file = client.root / "main.py"
    assert output["error"] == "ValueError: bad rows"
    lines = output["error_trace"].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == f'  File "{file}", line 5, in <module>'
    assert lines[-1] == "ValueError: bad rows"
    assert output["logs"] == "begin\n" + output["error_trace"]


@pytest.mark.parametrize(
    ("code", "result_state", "error"),
    [
        ("import sys; sys.exit()", "SUCCESS", None),
        ("import sys; sys.exit(0)", "SUCCESS", None),
        ("import sys; sys.exit(3)", "FAILED", "SystemExit: 3"),
        ("import sys; sys.exit('no rows')", "FAILED", "SystemExit: no rows"),
        ("import os; os._exit(7)", "FAILED", "The Python process exited unexpectedly with code 7."),
        ("import os; os.kill(os.getpid(), 9)", "FAILED", "The Python process was ended by SIGKILL."),
        ("def f(:", "FAILED", "SyntaxError: invalid syntax"),
        ("raise KeyboardInterrupt", "FAILED", "KeyboardInterrupt"),
    ],
)
def test_how_a_process_ends(client: Client, code: str, result_state: str, error: str | None) -> None:
    run = client.finish(client.python("main", code))
    assert state(task(run, "main")) == ("TERMINATED", result_state)
    assert client.output(run, "main").get("error") == error


def test_a_running_task_has_no_output_yet(client: Client) -> None:
    run_id = client.submit(client.python("main", "print('begin', flush=True); import time; time.sleep(60)"))
    run = client.wait_for_task(run_id, "main", "RUNNING")
    assert set(client.output(run, "main")) == {"metadata"}


def test_a_cancelled_task_keeps_what_it_printed(client: Client) -> None:
    code = "print('begin')\nopen('begun', 'w').close()\nimport time; time.sleep(60)"
    run_id = client.submit(client.python("main", code))
    client.wait(run_id, until=lambda _: (client.root / "begun").exists())
    client.post("jobs/runs/cancel", run_id=run_id)
    assert client.output(client.wait(run_id), "main")["logs"] == "begin\n"


def test_the_environment_holds_no_secrets(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABRICKS_TOKEN", "DBJOBS_SANDBOX_TOKEN", "ARM_CLIENT_SECRET", "SOME_PASSWORD"):
        monkeypatch.setenv(name, "secret")
    run = client.finish(
        client.python("main", "import os; print(sorted(os.environ)); print(*os.environ.values())")
    )
    logs = client.output(run, "main")["logs"]
    assert "secret" not in logs
    assert "DBJOBS_SANDBOX_RUN_DIR" in logs


def test_a_task_leaves_nothing_in_the_root_folder(client: Client) -> None:
    (client.root / "helper.py").write_text("VALUE = 1")
    run = client.finish(client.python("main", "import helper, os; print(os.getcwd())"))
    assert client.output(run, "main")["logs"].strip() == str(client.root)
    assert sorted(path.name for path in client.root.iterdir()) == ["helper.py", "main.py"]


class TestParameters:
    SHOW = "import sys; print(sys.argv[1:])"

    def shown(self, client: Client, run_id: int) -> str:
        return str(client.output(client.wait(run_id), "main")["logs"].strip())

    def test_become_arguments(self, client: Client) -> None:
        run_id = client.submit(client.python("main", self.SHOW, parameters=["--day", "a b", "", 7]))
        assert self.shown(client, run_id) == "['--day', 'a b', '', '7']"

    def test_may_be_replaced_by_run_now(self, client: Client) -> None:
        job_id = client.create(client.python("main", self.SHOW, parameters=["old"]))
        run_id = client.run_now(job_id, python_params=["new", "er"])
        assert self.shown(client, run_id) == "['new', 'er']"
        assert client.run(run_id)["overriding_parameters"] == {"python_params": ["new", "er"]}

    def test_may_refer_to_the_run(self, client: Client) -> None:
        names = ["job.id", "job.run_id", "task.name", "task.execution_count", "job.parameters.day", "no.such"]
        job_id = client.create(
            client.python("main", self.SHOW, parameters=[f"{{{{{name}}}}}" for name in names]),
            name="nightly",
            parameters=[{"name": "day", "default": "monday"}],
        )
        run_id = client.run_now(job_id, job_parameters={"day": "friday"})
        assert self.shown(client, run_id) == str(
            [str(job_id), str(run_id), "main", "1", "friday", "{{no.such}}"]
        )
        assert client.run(run_id)["job_parameters"] == [
            {"name": "day", "default": "monday", "value": "friday"}
        ]
        resolved = client.run(run_id, include_resolved_values=True)["tasks"][0]["resolved_values"]
        assert resolved["spark_python_task"]["parameters"][4] == "friday"


class TestNotebook:
    def test_reads_widgets_and_gives_a_result(self, client: Client) -> None:
        code = (
            "# Databricks notebook source\n"
            "dbutils.widgets.text('city', 'Bonn')\n"
            "day, city = dbutils.widgets.get('day'), dbutils.widgets.get('city')\n"
            "try:\n    dbutils.notebook.exit(f'{day} {city}')\nexcept Exception:\n    pass\n"
            "raise AssertionError('never reached')\n"
        )
        job_id = client.create(client.notebook("main", code, base_parameters={"day": "monday"}))
        run = client.wait(client.run_now(job_id, notebook_params={"day": "friday"}))
        output = client.output(run, "main")
        assert output["notebook_output"] == {"result": "friday Bonn", "truncated": False}
        assert "logs" not in output

    def test_gives_the_first_5_mb_of_its_result(self, client: Client) -> None:
        run = client.finish(client.notebook("main", "dbutils.notebook.exit('x' * 6_000_000)"))
        result = client.output(run, "main")["notebook_output"]
        assert (len(result["result"]), result["truncated"]) == (5 * MB, True)

    def test_has_an_empty_output_without_exit(self, client: Client) -> None:
        run = client.finish(client.notebook("main", "print('hello')"))
        assert client.output(run, "main")["notebook_output"] == {}

    def test_gets_job_parameters_as_widgets(self, client: Client) -> None:
        code = "dbutils.notebook.exit(dbutils.widgets.get('day'))"
        job_id = client.create(
            client.notebook("main", code), parameters=[{"name": "day", "default": "monday"}]
        )
        run = client.wait(client.run_now(job_id))
        assert client.output(run, "main")["notebook_output"]["result"] == "monday"

    def test_misses_a_widget(self, client: Client) -> None:
        run = client.finish(client.notebook("main", "dbutils.widgets.get('day')"))
        assert "InputWidgetNotDefined" in client.output(run, "main")["error"]

    def test_tells_later_tasks_a_value(self, client: Client) -> None:
        read = (
            "rows = dbutils.jobs.taskValues.get('count', 'rows', default=0)\ndbutils.notebook.exit(rows + 1)"
        )
        run = client.finish(
            client.notebook("count", "dbutils.jobs.taskValues.set('rows', 41)"),
            client.notebook("read", read, after=["count"]),
            client.python(
                "show", TestParameters.SHOW, after=["count"], parameters=["{{tasks.count.values.rows}}"]
            ),
        )
        assert client.output(run, "read")["notebook_output"]["result"] == "42"
        assert client.output(run, "show")["logs"] == "['41']\n"


@pytest.mark.parametrize(
    "path",
    [
        "../outside.py",
        "/etc/passwd",
        "link.py",
        "missing.py",
        ".",
        "",
        "sub/../../outside.py",
        "a\0b",
        "x" * 5000,
    ],
)
def test_files_outside_the_root_folder_are_not_run(client: Client, path: str) -> None:
    (client.root / "sub").mkdir()
    (client.root.parent / "outside.py").write_text("print('escaped')")
    (client.root / "link.py").symlink_to(client.root.parent / "outside.py")
    for one in ({"spark_python_task": {"python_file": path}}, {"notebook_task": {"notebook_path": path}}):
        run = client.finish({"task_key": "main", **one})
        assert state(task(run, "main")) == ("INTERNAL_ERROR", "FAILED")
        assert task(run, "main")["status"]["termination_details"]["code"] == "RESOURCE_NOT_FOUND"
        assert path in client.output(run, "main")["error"]


@pytest.mark.parametrize(
    "path", ["sub/job.py", "/sub/job.py", "sub/job", "./sub/job.py", "{root}/sub/job.py"]
)
def test_files_in_the_root_folder_are_run(client: Client, path: str) -> None:
    (client.root / "sub").mkdir()
    (client.root / "sub" / "job.py").write_text("print('here')")
    file = path.format(root=client.root)
    run = client.finish({"task_key": "main", "spark_python_task": {"python_file": file}})
    assert client.output(run, "main")["logs"] == "here\n"
