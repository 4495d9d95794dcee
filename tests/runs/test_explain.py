"""Why a run failed, held against failures whose causes are known."""

import json
import re
from typing import Any

import pytest

from dbjobs.api.shapes import ANSWERS, check_shape
from dbjobs.api.states import TERMINATION_CODES
from dbjobs.http.response import Payload
from tests.conftest import Dbjobs, Serve
from tests.support.failures import FAILURES
from tests.support.failures.case import RUN_ID, START, FailureCase, ended, job_run, task_run
from tests.support.fakes import Received, Reply, Script, ScriptedServer

REFUSED = Reply(403, {"error_code": "PERMISSION_DENIED", "message": "no permission to view the run"})


def workspace_of(case: FailureCase) -> Script:
    """A server that knows the runs and the outputs of a case, and no earlier runs."""

    def reply(request: Received) -> Reply:
        run_id = int(request.query.get("run_id", 0))
        if request.endpoint == "runs/get":
            return Reply(body=case.runs[run_id])
        if request.endpoint == "runs/get-output":
            output = case.outputs.get(run_id, {})
            return REFUSED if output is None else Reply(body=output)
        assert request.endpoint == "runs/list"
        return Reply(body={"runs": []})

    return reply


@pytest.fixture
def explain(dbjobs: Dbjobs, serve: Serve) -> Any:
    """What `runs explain` says of a case, to programs."""

    def call(case: FailureCase) -> dict[str, Any]:
        serve(workspace_of(case))
        done = dbjobs("runs", "explain", RUN_ID, "-o", "json")
        assert done.exit_code == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    return call


def is_right(case: FailureCase, document: dict[str, Any]) -> bool:
    """Category and innermost words of every cause, the tasks of the first, and its line of code."""
    first, *others = document["causes"]
    return (
        first["category"] in case.categories
        and case.cause in first["line"]
        and case.frame in first["frame"]
        and (not case.tasks or first["tasks"] == list(case.tasks))
        and len(others) == len(case.others)
        and all(
            any(found["category"] == category and words in found["line"] for found in others)
            for category, words in case.others
        )
    )


def test_the_causes_of_the_labelled_failures_are_found(explain: Any) -> None:
    documents = {case.name: (case, explain(case)) for case in FAILURES}
    wrong = {name: document for name, (case, document) in documents.items() if not is_right(case, document)}
    assert len(documents) >= 40
    assert len(wrong) / len(documents) <= 2 / 40, list(wrong)


def test_no_wrong_verdict_is_called_certain(explain: Any) -> None:
    for case in FAILURES:
        found = explain(case)["causes"][0]
        assert not found["is_sure"] or found["category"] in case.categories, case.name


@pytest.mark.parametrize("case", FAILURES, ids=lambda case: case.name)
def test_the_labelled_failures_are_answers_of_the_api(case: FailureCase) -> None:
    for run in case.runs.values():
        check_shape(run, ANSWERS["runs/get"])
    for output in case.outputs.values():
        check_shape(output or {}, ANSWERS["runs/get-output"])


def test_every_code_of_a_run_that_did_not_succeed_is_among_them() -> None:
    found = {
        (holder.get("status") or {}).get("termination_details", {}).get("code")
        for case in FAILURES
        for run in case.runs.values()
        for holder in (run, *run.get("tasks", ()))
    }
    assert set(TERMINATION_CODES) <= found


# What earlier runs tell

DAY = 86_400_000
GIT = {"git_url": "https://git.example.com/etl.git", "git_branch": "main", "git_provider": "gitHub"}


def nightly(number: int, *, error: str | None = None, commit: str = "aaa", **task: Any) -> Payload:
    """The run of a night: it failed with that error, in task `load`, unless there is none."""
    ending = (
        ended("RUN_EXECUTION_ERROR", message="Workload failed, see run output")
        if error
        else ended("SUCCESS", "SUCCESS", result="SUCCESS")
    )
    own = {"libraries": [{"pypi": {"package": "orders-etl==4.0"}}], "job_cluster_key": "small", **task}
    return {
        **job_run(ending, task_run("load", ending, 100 + number, **own), run_id=number),
        "start_time": START + number * DAY,
        "end_time": START + number * DAY + 60_000,
        "git_source": {**GIT, "git_snapshot": {"used_commit": commit}},
        "job_parameters": [{"name": "day", "default": "", "value": f"2026-01-{number:02}"}],
        "job_clusters": [
            {
                "job_cluster_key": "small",
                "new_cluster": {"spark_version": "15.4.x-scala2.12", "num_workers": 2},
            }
        ],
    }


@pytest.fixture
def history(serve: Serve) -> Any:
    """Serve the runs of some nights, each with the error that its task left; newest last."""

    def start(*runs: Payload, errors: dict[int, str]) -> ScriptedServer:
        by_id = {run["run_id"]: run for run in runs}

        def reply(request: Received) -> Reply:
            if request.endpoint == "runs/list":
                return Reply(body={"runs": list(reversed(runs))})
            run_id = int(request.query["run_id"])
            if request.endpoint == "runs/get":
                return Reply(body=by_id[run_id])
            return Reply(body={"error": errors[run_id - 100]})

        return serve(reply)

    return start


def test_earlier_runs_and_changes_are_told(dbjobs: Dbjobs, history: Any) -> None:
    healed = nightly(2)
    healed["tasks"].insert(0, {**nightly(2, error="x")["tasks"][0], "run_id": 99})
    healed["tasks"][1]["attempt_number"] = 1
    last = nightly(6, error="x", commit="bbb", libraries=[{"pypi": {"package": "orders-etl==4.1"}}])
    last["job_clusters"][0]["new_cluster"]["spark_version"] = "16.1.x-scala2.12"
    server = history(
        nightly(1, error="x"),
        healed,
        nightly(3),
        nightly(4, error="x"),
        nightly(5, error="x"),
        last,
        errors={1: "ValueError: no rows", 4: "KeyError: 'day'", 5: "KeyError: 'day'", 6: "KeyError: 'day'"},
    )
    done = dbjobs("runs", "explain", 6)

    assert done.exit_code == 0, done.stderr
    assert done.lines[0].startswith("your code  -  run 6 (nightly): TERMINATED FAILED after 1m00s")
    for words in (
        "2 of the 5 runs before it failed in the same way, in a row since 2026-01-05 00:00:00",
        "1 other run failed for another reason",
        "run 2: load failed at first, and succeeded when run again",
        "last good run: 3 (",
        "changed since the last good run (3):",
        "load took 8m50s until it failed, and 8m50s then",
        '~ git_source.commit: "aaa" → "bbb"',
        '~ parameters.day: "2026-01-03" → "2026-01-06"',
        '~ job_clusters[small].new_cluster.spark_version: "15.4.x-scala2.12" → "16.1.x-scala2.12"',
        '~ tasks[load].libraries: [{"pypi":{"package":"orders-etl==4.0"}}] → '
        '[{"pypi":{"package":"orders-etl==4.1"}}]',
        "dbjobs runs repair 6 --rerun-failed",
        "once the code is fixed: reruns the task that did not succeed",
    ):
        assert words in done.stdout
    assert len(server.received) <= 7, "the run, its output, a list, three outputs, the last good run"
    assert not server.changes


def test_everything_that_is_said_is_in_the_document(dbjobs: Dbjobs, history: Any) -> None:
    history(
        nightly(3), nightly(4, error="x"), nightly(5, error="x"), errors={4: "KeyError: 1", 5: "KeyError: 1"}
    )
    document = json.loads(dbjobs("runs", "explain", 5, "-o", "json").stdout)

    assert document["category"] == "code"
    assert document["earlier_runs"]["last_good"]["run_id"] == 3
    assert [run["run_id"] for run in document["earlier_runs"]["same_cause"]] == [4]
    assert document["earlier_runs"]["since"]["run_id"] == 4
    assert {"path": "parameters.day", "old": "2026-01-03", "new": "2026-01-05"} in document["changes"]
    assert document["next_steps"][-1]["command"] == "dbjobs runs repair 5 --rerun-failed"
    assert document["not_read"] == []


def test_only_a_few_earlier_outputs_are_read_and_the_others_are_said_to_be_left_out(
    dbjobs: Dbjobs, history: Any
) -> None:
    nights = [nightly(number, error="x") for number in range(1, 20)]
    server = history(*nights, errors=dict.fromkeys(range(1, 20), "KeyError: 1"))
    done = dbjobs("runs", "explain", 19)

    assert "5 of the 18 runs before it failed in the same way" in done.stdout
    assert "13 more runs failed for reasons that were not read" in done.stdout
    assert "none of them succeeded" in done.stdout
    assert "not read:\n  the outputs of 13 earlier failures\n" in done.stdout
    assert len(server.received) <= 8


def test_what_is_refused_is_said_with_who_was_refused(dbjobs: Dbjobs, serve: Serve) -> None:
    case = next(case for case in FAILURES if case.name.startswith("nothing is known"))
    serve(workspace_of(case))
    done = dbjobs("runs", "explain", RUN_ID)

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.lines[0].startswith("not sure  -  run")
    assert "not read:\n  the output of main: no permission to view the run" in done.stdout
    assert "  dbjobs profiles check\n    shows who you are signed in as" in done.stdout


def test_a_busy_workspace_is_asked_again_for_the_cause(dbjobs: Dbjobs, history: Any) -> None:
    server = history(nightly(4, error="x"), errors={4: "KeyError: 'FR'"})
    answer: Any = server.script
    refused = iter([True, True])

    def reply(request: Received) -> Reply:
        if request.endpoint == "runs/get-output" and next(refused, False):
            return Reply(429, {"error_code": "REQUEST_LIMIT_EXCEEDED"}, headers={"Retry-After": "0"})
        found: Reply = answer(request)
        return found

    server.script = reply
    done = dbjobs("runs", "explain", 4)

    assert "your code: KeyError: 'FR'" in done.stdout
    assert "not read" not in done.stdout


def test_a_last_good_run_that_cannot_be_read_is_not_compared(dbjobs: Dbjobs, serve: Serve) -> None:
    def reply(request: Received) -> Reply:
        if request.endpoint == "runs/list":
            return Reply(body={"runs": [nightly(4, error="x"), nightly(3)]})
        if request.endpoint == "runs/get" and request.query["run_id"] == "3":
            return REFUSED
        return Reply(
            body=nightly(4, error="x") if request.endpoint == "runs/get" else {"error": "KeyError: 1"}
        )

    serve(reply)
    done = dbjobs("runs", "explain", 4)

    assert done.exit_code == 0
    assert "changed since" not in done.stdout
    assert "the last good run, so what has changed is not known: no permission" in done.stdout


def test_where_the_logs_of_a_failed_task_are_is_said(dbjobs: Dbjobs, history: Any) -> None:
    failed = nightly(3, error="x", new_cluster={"cluster_log_conf": {"dbfs": {"destination": "dbfs:/logs"}}})
    failed["tasks"][0]["cluster_instance"] = {"cluster_id": "0401-a"}
    history(failed, errors={3: "KeyError: 1"})

    assert "load: logs, every five minutes: dbfs:/logs/0401-a/driver" in dbjobs("runs", "explain", 3).stdout


def test_a_run_that_did_not_fail_has_nothing_to_explain(dbjobs: Dbjobs, history: Any) -> None:
    history(nightly(3), errors={})
    done = dbjobs("runs", "explain", 3)

    assert done.exit_code == 0
    assert done.lines[0].startswith("nothing to explain: the run did not fail  -  run 3 (nightly)")


def test_a_run_that_waits_says_for_what(dbjobs: Dbjobs, history: Any) -> None:
    waiting = nightly(3) | {
        "tasks": [],
        "end_time": 0,
        "state": {"life_cycle_state": "QUEUED"},
        "status": {
            "state": "QUEUED",
            "queue_details": {"code": "MAX_CONCURRENT_RUNS_REACHED", "message": "1 run is active"},
        },
    }
    history(waiting, errors={})
    done = dbjobs("runs", "explain", 3)

    assert done.lines[0].startswith("not started yet  -  run 3 (nightly): QUEUED")
    assert "1 run is active" in done.stdout
    assert "dbjobs runs wait 3" in done.stdout


def test_there_is_no_such_run(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(Reply(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Run 7 does not exist."}))
    assert dbjobs("runs", "explain", 7).exit_code == 4


def test_text_of_a_run_is_shown_as_text(dbjobs: Dbjobs, history: Any) -> None:
    history(
        nightly(3),
        nightly(4, error="x", commit="\x1b]0;title\x07b\x1b[2J"),
        errors={4: "ValueError: \x1b[31mred\x1b[0m [bold]\u202e\x07"},
    )
    done = dbjobs("runs", "explain", 4)

    assert "your code: ValueError: red [bold]" in done.stdout
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", done.stdout)
