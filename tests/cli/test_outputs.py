"""`runs output`: what each task of a run left, whatever its type, or why it left nothing."""

import json
from typing import Any

import pytest

from tests.conftest import Dbjobs, Serve
from tests.support.fakes import FakeClock, Received, Reply, ScriptedServer, by_endpoint
from tests.support.payloads import run, task

PAGE = "https://adb-1.2.azuredatabricks.net/#job/1/run/"
STATS = {
    "task_run_stats": {"total_iterations": 2, "completed_iterations": 2, "failed_iterations": 1},
    "error_message_stats": [{"count": 1, "error_message": "no such city"}],
}
TASKS = {
    "notebook": task("notebook", "TERMINATED", "SUCCESS", run_id=1, run_page_url=f"{PAGE}1"),
    "python": task("python", "TERMINATED", "FAILED", run_id=2, run_page_url=f"{PAGE}2"),
    "sql": task("sql", "TERMINATED", "SUCCESS", run_id=3),
    "dbt": task("dbt", "TERMINATED", "SUCCESS", run_id=4),
    "call": task("call", "TERMINATED", "SUCCESS", run_id=5, run_job_task={"job_id": 7}),
    "check": task(
        "check",
        "TERMINATED",
        "SUCCESS",
        run_id=6,
        condition_task={"op": "GREATER_THAN", "left": "12", "right": "3", "outcome": "true"},
    ),
    "each": task("each", "TERMINATED", "FAILED", run_id=8, for_each_task={"stats": STATS}),
    "late": {**task("late", "TERMINATED", "UPSTREAM_FAILED"), "run_id": None},
    "export": task("export", "TERMINATED", "SUCCESS", run_id=9),
}
OUTPUTS: dict[str, Any] = {
    "1": {"notebook_output": {"result": "done [ok]", "truncated": True}, "metadata": {"run_id": 1}},
    "2": {
        "logs": "a\nb\n",
        "logs_truncated": True,
        "error": "ValueError: no rows",
        "error_trace": "\x1b[31mTraceback\x1b[0m\nValueError: no rows",
    },
    "3": {"sql_output": {"query_output": {"warehouse_id": "w", "query_text": "select 1\nfrom t"}}},
    "4": {"dbt_output": {"artifacts_link": "https://x/y", "artifacts_headers": {"Authorization": "s3cret"}}},
    "5": {"run_job_output": {"run_id": 99}},
    "6": {"metadata": {}},
    "8": {},
    "9": Reply(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Run type is not supported."}),
    "81": {"logs": "Bonn"},
    "82": {"error": "no such city"},
}
RUNS = {
    "43": run("TERMINATED", "FAILED", *TASKS.values(), run_id=43),
    "8": {
        **run(run_id=8),
        "iterations": [task("one", run_id=81), task("one", "TERMINATED", "FAILED", run_id=82)],
    },
    "99": run("TERMINATED", "SUCCESS", run_id=99, run_page_url=f"{PAGE}99"),
}


@pytest.fixture
def server(serve: Serve) -> ScriptedServer:
    """Has run 43 with a task of each type."""

    def reply(request: Received) -> Reply:
        run_id = request.query["run_id"]
        answer = RUNS[run_id] if request.endpoint == "runs/get" else OUTPUTS[run_id]
        return answer if isinstance(answer, Reply) else Reply(body=answer)

    return serve(reply)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (
            "notebook",
            f"""\
==> notebook  SUCCESS <==
result: done [ok]
(truncated: these are the first 5 MB; all of it: {PAGE}1)
""",
        ),
        (
            "python",
            f"""\
==> python  FAILED <==
logs:
a
b
(truncated: these are the last 5 MB; all of it: {PAGE}2)
error: ValueError: no rows
error_trace:
Traceback
ValueError: no rows
""",
        ),
        (
            "sql",
            """\
==> sql  SUCCESS <==
sql_output:
query_output:
  warehouse_id: w
  query_text: |-
    select 1
    from t
""",
        ),
        (
            "dbt",
            """\
==> dbt  SUCCESS <==
dbt_output:
artifacts_link: https://x/y
artifacts_headers: <hidden>
""",
        ),
        ("call", f"==> call  SUCCESS <==\nrun_job_output: run 99 SUCCESS {PAGE}99\n"),
        ("check", "==> check  SUCCESS <==\ncondition: 12 GREATER_THAN 3 is true\n"),
        (
            "each",
            """\
==> each  FAILED <==
iterations: 2 of 2 iterations done, 1 failed
1x no such city

==> each[0]  TERMINATED <==
logs: Bonn

==> each[1]  FAILED <==
error: no such city
""",
        ),
        ("late", "==> late  UPSTREAM_FAILED <==\n(no output: the task never ran)\n"),
        ("export", "==> export  SUCCESS <==\n(no output: Run type is not supported.)\n"),
    ],
)
def test_each_type_of_task_shows_what_it_holds(
    dbjobs: Dbjobs, server: ScriptedServer, key: str, text: str
) -> None:
    done = dbjobs("runs", "output", 43, "--task", key)
    assert (done.exit_code, done.stdout, done.stderr) == (0, f"{text}\n", "")


def test_all_tasks_are_shown_under_their_keys(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    done = dbjobs("runs", "output", 43)
    headings = [line.split()[1] for line in done.lines if line.startswith("==>")]
    assert headings == [*list(TASKS)[:7], "each[0]", "each[1]", "late", "export"]


def test_programs_get_an_object_by_task_key(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    done = dbjobs("runs", "output", 43, "-o", "json")
    outputs = json.loads(done.stdout)
    assert outputs["dbt"] == OUTPUTS["4"], "unaltered"
    assert outputs["each[1]"] == OUTPUTS["82"]
    assert outputs["late"] is outputs["export"] is None
    assert "warning: no output of late: the task never ran" in done.stderr
    assert "warning: no output of export: Run type is not supported." in done.stderr


def test_or_a_line_a_task_or_the_ids_of_the_task_runs(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    lines = dbjobs("runs", "output", 43, "-o", "jsonl").lines
    assert [next(iter(json.loads(line))) for line in lines][:2] == ["notebook", "python"]
    assert dbjobs("runs", "output", 43, "--task", "each", "-o", "id").lines == ["8", "81", "82"]
    ids = dbjobs("runs", "output", 43, "-o", "id").lines
    assert ids == [str(one) for one in (1, 2, 3, 4, 5, 6, 8, 81, 82, 9)], "none for what never ran"


@pytest.mark.parametrize(("key", "run_id"), [("python", "2"), ("each", "8"), ("each[1]", "82")])
def test_of_one_task_programs_get_the_api_s_own_answer(
    dbjobs: Dbjobs, server: ScriptedServer, key: str, run_id: str
) -> None:
    for output in ("json", "jsonl"):
        assert json.loads(dbjobs("runs", "output", 43, "--task", key, "-o", output).stdout) == OUTPUTS[run_id]
    missing = dbjobs("runs", "output", 43, "--task", "each[7]", "-o", "json")
    assert (missing.exit_code, missing.stdout) == (4, "")


@pytest.mark.parametrize("state", [("SKIPPED", None), ("TERMINATED", "CANCELED")])
def test_a_run_that_never_started_is_asked_for_no_output(
    dbjobs: Dbjobs, serve: Serve, state: tuple[str, str | None]
) -> None:
    server = serve(Reply(body=run(*state, run_id=43, start_time=1, queue_duration=5000)))
    done = dbjobs("runs", "output", 43)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "ended before any task started" in done.stderr
    assert dbjobs("runs", "output", 43, "-o", "json").stdout == "{}\n"
    assert dbjobs("runs", "output", 43, "--task", "a").exit_code == 4
    assert "warning" not in dbjobs("runs", "wait", 43, "--show-output", "all", "--ci", "none").stderr
    assert {request.endpoint for request in server.received} == {"runs/get"}


def test_a_task_that_is_still_running_says_so(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(
        by_endpoint(
            {"runs/get": run("RUNNING", None, task("a", "RUNNING"), run_id=43), "runs/get-output": {}}
        )
    )
    assert (
        "(no output: the task is RUNNING; its output is available when it ends)"
        in dbjobs("runs", "output", 43).stdout
    )


def test_a_task_that_is_not_there_is_told_with_those_that_are(dbjobs: Dbjobs, server: ScriptedServer) -> None:
    done = dbjobs("runs", "output", 43, "--task", "nope")
    assert (done.exit_code, done.stdout) == (4, "")
    assert "error: run 43 has no task 'nope'\nhint: its tasks: notebook, python," in done.stderr


def test_the_newest_attempt_at_a_task_speaks_for_it(dbjobs: Dbjobs, serve: Serve) -> None:
    attempts = [
        task("a", "TERMINATED", "FAILED", run_id=7, attempt_number=0, start_time=1),
        task("a", "TERMINATED", "SUCCESS", run_id=8, attempt_number=1, start_time=2),
    ]
    server = serve(Reply(body=run("TERMINATED", "SUCCESS", *attempts, run_id=43)), Reply(body={"logs": "x"}))
    assert "SUCCESS" in dbjobs("runs", "output", 43).stdout
    assert server.received[1].query == {"run_id": "8"}


def test_a_server_out_of_reach_is_an_error_and_no_missing_output(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    two = run("TERMINATED", "SUCCESS", task("a", run_id=7), task("b", run_id=8), run_id=43)
    serve(Reply(body=two), Reply(body={"logs": "x"}), Reply(503, {"message": "away"}))
    done = dbjobs("runs", "output", 43)
    assert done.exit_code == 6
    assert done.stdout == "==> a  TERMINATED <==\nlogs: x\n\n", "what came is shown"


def test_a_for_each_of_thousands_is_not_read_to_its_end(dbjobs: Dbjobs, serve: Serve) -> None:
    iterations = [task("one", run_id=1000 + number) for number in range(5000)]

    def reply(request: Received) -> Reply:
        if request.endpoint == "runs/get-output":
            return Reply(body={"logs": "x"})
        each = task("each", run_id=8, for_each_task={})
        run_id = int(request.query["run_id"])
        return Reply(body=run("TERMINATED", "SUCCESS", each, run_id=run_id) | {"iterations": iterations})

    server = serve(reply)
    done = dbjobs("runs", "output", 43)
    assert len(server.received) == 2 + 101
    assert "==> each[100..4999]  - <==\n(no output: not read" in done.stdout


# Followed


def going(*tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return run("RUNNING", None, *tasks, run_id=43, **more)


LOGGED: dict[str, Any] = {
    "new_cluster": {"cluster_log_conf": {"volumes": {"destination": "/Volumes/prod/logs/"}}}
}
LOAD = task("load", "RUNNING", run_id=71, **LOGGED, cluster_instance={"cluster_id": "0401-a"})
LOADED = task("load", "TERMINATED", "SUCCESS", run_id=71)
FLOW = task("flow", "RUNNING", run_id=72, pipeline_task={"pipeline_id": "p-1"})
FLOWED = task("flow", "TERMINATED", "FAILED", run_id=72)
AGAIN = task("flow", "TERMINATED", "SUCCESS", run_id=73, attempt_number=1)
STAGES = [
    going(LOAD, task("flow", "BLOCKED", run_id=72)),
    going(LOADED, FLOW),
    going(LOADED, FLOWED, task("flow", "PENDING", run_id=73, attempt_number=1)),
    run("TERMINATED", "SUCCESS", LOADED, FLOWED, AGAIN, run_id=43),
]
FOLLOWED = {"71": {"logs": "12 rows"}, "72": {"error": "no such table"}, "73": {"logs": "all good"}}


@pytest.fixture
def followed(serve: Serve, clock: FakeClock) -> ScriptedServer:
    stages = iter(STAGES)

    def reply(request: Received) -> Reply:
        if request.endpoint == "runs/get-output":
            return Reply(body=FOLLOWED[request.query["run_id"]])
        return Reply(body=next(stages, STAGES[-1]))

    return serve(reply)


def test_each_output_is_printed_when_its_task_has_ended(dbjobs: Dbjobs, followed: ScriptedServer) -> None:
    done = dbjobs("runs", "output", 43, "--follow")

    assert done.exit_code == 0
    assert [line for line in done.lines if line] == [
        "==> load  SUCCESS <==",
        "logs: 12 rows",
        "==> flow  FAILED <==",
        "error: no such table",
        "==> flow  SUCCESS  attempt 2 <==",
        "logs: all good",
    ]
    outputs = [request.query["run_id"] for request in followed.received if "output" in request.endpoint]
    assert outputs == ["71", "72", "73"], "each is asked for once"
    polls_before_the_first = [request.endpoint for request in followed.received].index("runs/get-output")
    assert polls_before_the_first < 3, "not only at the end of the run"


def test_where_logs_are_delivered_meanwhile_is_said_once(dbjobs: Dbjobs, followed: ScriptedServer) -> None:
    done = dbjobs("runs", "output", 43, "--follow")

    assert done.stderr.splitlines() == [
        "load is running, and its output comes when it has ended;"
        " logs, every five minutes: /Volumes/prod/logs/0401-a/driver",
        "flow is running, and its output comes when it has ended; events: /api/2.0/pipelines/p-1/events",
        "flow is running, and its output comes when it has ended",
    ]


def test_a_followed_run_is_printed_for_programs(dbjobs: Dbjobs, followed: ScriptedServer) -> None:
    done = dbjobs("runs", "output", 43, "--follow", "-o", "jsonl")
    assert [json.loads(line) for line in done.lines] == [
        {"load": FOLLOWED["71"]},
        {"flow": FOLLOWED["72"]},
        {"flow": FOLLOWED["73"]},
    ]


def test_one_task_is_followed_and_an_unknown_one_is_not_waited_for(
    dbjobs: Dbjobs, followed: ScriptedServer
) -> None:
    done = dbjobs("runs", "output", 43, "--follow", "--task", "nosuch")
    assert done.exit_code == 4
    assert "its tasks: load, flow" in done.stderr

    done = dbjobs("runs", "output", 43, "--follow", "--task", "load")
    assert [line for line in done.lines if line] == ["==> load  SUCCESS <==", "logs: 12 rows"]


def test_a_run_that_cannot_be_followed_is_an_error(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    serve(Reply(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Run 43 does not exist."}))
    assert dbjobs("runs", "output", 43, "--follow").exit_code == 4
    serve(Reply(503, {}))
    assert dbjobs("runs", "output", 43, "--follow").exit_code == 6
