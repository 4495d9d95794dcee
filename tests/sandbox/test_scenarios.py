"""Scenarios: what goes wrong as told, and nothing else."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from dbjobs.errors import UsageError
from dbjobs.sandbox.scenario import (
    Fault,
    Occasion,
    PlannedOutcome,
    Rule,
    Scenario,
    TaskOutcome,
    When,
    WhenRequest,
    WhenTask,
)
from dbjobs.sandbox.scenarios import read_scenario, shipped

from .client import results, state, task

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Dbjobs

    from .client import Client, Json
    from .conftest import Play

SLEEP = "import time; time.sleep(60)"


class TestWhen:
    @pytest.mark.parametrize(
        ("when", "applied"),
        [
            (When(), [1, 2, 3, 4, 5, 6, 7]),
            (When(nth=3), [3]),
            (When(every=3), [3, 6]),
            (When(first=4), [4, 5, 6, 7]),
            (When(last=2), [1, 2]),
            (When(first=2, last=6, every=2), [2, 4, 6]),
            (When(nth=2, for_seconds=3), [2, 3, 4]),
            (When(every=4, for_seconds=1.5), [4, 5]),
        ],
    )
    def test_it_counts(self, when: When, applied: list[int]) -> None:
        """The occasions come a second apart."""
        rule = Rule(when, PlannedOutcome())
        assert [number for number in range(1, 8) if rule.applies(Occasion(), float(number))] == applied

    @pytest.mark.parametrize(
        ("when", "applies"),
        [
            (WhenRequest(), True),
            (WhenRequest(endpoint="runs/get"), True),
            (WhenRequest(endpoint="runs/*"), True),
            (WhenRequest(endpoint=["run-now", "runs/get"]), True),
            (WhenRequest(endpoint="runs/list"), False),
            (WhenRequest(method="GET"), True),
            (WhenRequest(method="POST"), False),
            (WhenRequest(job="night*"), True),
            (WhenRequest(job="daily"), False),
            (WhenRequest(job="nightly", task="load"), True),
            (WhenRequest(task="check"), False),
            (WhenRequest(attempt=1), True),
            (WhenRequest(attempt=0), False),
        ],
    )
    def test_all_that_it_names_has_to_hold(self, when: WhenRequest, applies: bool) -> None:
        occasion = Occasion("nightly", "load", 1, "runs/get", "GET")
        assert Rule(when, Fault()).applies(occasion, 0.0) is applies

    def test_the_first_rule_that_applies_decides_and_all_count(self) -> None:
        rules = [
            Rule(WhenTask(nth=2), TaskOutcome(error="a")),
            Rule(WhenTask(every=2), TaskOutcome(error="b")),
        ]
        scenario = Scenario(tasks=rules)
        said = [scenario.task_outcome(Occasion(), 0.0) for _ in range(4)]
        assert [outcome.error if outcome else None for outcome in said] == [None, "a", None, "b"]

    def test_a_limit_lets_so_many_through_a_minute(self) -> None:
        scenario = Scenario(requests_per_minute=2)
        faults = [scenario.fault(Occasion(), now) for now in (0.0, 10.0, 20.5, 59.0, 60.0, 61.0, 70.0)]
        waits = [fault.retry_after if fault else None for fault in faults]
        assert waits == [None, None, 40, 2, None, 10, None]
        assert {fault.status for fault in faults if fault} == {429}


class TestFiles:
    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("[]", "a scenario has to be a mapping"),
            ("requests: {}", "requests has to be a list of rules"),
            ("request: []", "there is no request here, but"),
            (
                "requests:\n  - when: {endpoint: run/get}\n    then: {status: 500}",
                "line 2: endpoint has to be",
            ),
            ("requests:\n  - then: {status: 1000}", "line 2: status has to be an HTTP status"),
            ("requests:\n  - then: {stauts: 500}", "line 2: there is no stauts here, but status, body"),
            ("requests:\n  - then: {close: 1}", "line 2: close has to be true or false"),
            ("requests:\n  - then: {latency: -1}", "latency has to be a number of seconds"),
            ("requests:\n  - {}", "line 2: then has to be a mapping"),
            ("requests:\n  - then: {close: true}\n    unless: {}", "a rule has when and then, and no unless"),
            (
                "requests:\n  - when: {every: 0}\n    then: {close: true}",
                "every has to be a whole number from 1",
            ),
            ("tasks:\n  - when: {endpoint: runs/get}\n    then: {setup: 1}", "there is no endpoint here"),
            ("tasks:\n  - then: {result_state: 7}", "result_state has to be a text"),
            ("runs:\n  - then: {life_cycle_state: RUNNING}", "one of INTERNAL_ERROR, SKIPPED, TERMINATED"),
            ("runs:\n  - when: {task: load}\n    then: {result_state: FAILED}", "there is no task here"),
            ("requests_per_minute: many", "requests_per_minute has to be a whole number"),
            ("a: [", "neither JSON nor YAML: line 1"),
        ],
    )
    def test_what_cannot_be_is_named_with_its_line(self, tmp_path: Path, text: str, complaint: str) -> None:
        file = tmp_path / "scenario.yaml"
        file.write_text(text)
        with pytest.raises(UsageError) as caught:
            read_scenario(str(file))
        assert complaint in caught.value.message
        assert str(file) in caught.value.message

    @pytest.mark.parametrize("name", ["no-such", "no/such.yaml", "", "."])
    def test_what_is_not_there_is_said(self, name: str) -> None:
        with pytest.raises(UsageError) as caught:
            read_scenario(name)
        assert "flaky-network" in str(caught.value.hint)

    def test_those_that_ship_are_listed(self) -> None:
        assert {"flaky-network", "rate-limited", "failing-task", "slow-queue"} <= set(shipped())
        assert all(0 < len(description) < 100 for description in shipped().values())

    def test_json_will_do(self, tmp_path: Path) -> None:
        file = tmp_path / "scenario"
        file.write_text('{"runs": [{"then": {"result_state": "FAILED"}}]}')
        assert read_scenario(str(file)).runs[0].then.result_state == "FAILED"


def rule(then: str, when: str = "endpoint: create") -> str:
    return f"requests:\n  - when: {{{when}}}\n    then: {{{then}}}\n"


class TestAnswers:
    """What a request gets, by the rule for it."""

    def create(self, client: Client) -> requests.Response:
        return client.send("POST", "jobs/create", tasks=[client.python("a")], name="made")

    def made(self, client: Client) -> int:
        return len(client.get("jobs/list").get("jobs", []))

    @pytest.mark.parametrize(
        ("then", "status", "body", "headers"),
        [
            ("status: 500", 500, {"error_code": "INTERNAL_ERROR", "message": "Internal Server Error"}, {}),
            (
                "status: 429, retry_after: 7",
                429,
                {"error_code": "REQUEST_LIMIT_EXCEEDED"},
                {"Retry-After": "7"},
            ),
            ("status: 503, body: {error: down}", 503, {"error": "down"}, {}),
            ("status: 418, body: {}", 418, {}, {}),
            ('body: \'{"job_id": 1, "se\'', 200, '{"job_id": 1, "se', {}),
            ("status: 502, html: true", 502, "<h1>Bad Gateway</h1>", {"Content-Type": "text/html"}),
            ("html: true", 200, "<h1>Sign in</h1>", {"Content-Type": "text/html"}),
            ("status: 302, headers: {Location: 'https://x'}", 302, {}, {"Location": "https://x"}),
        ],
    )
    @pytest.mark.parametrize("took_effect", [False, True])
    def test_may_be_another(
        self, play: Play, then: str, status: int, body: Any, headers: dict[str, str], took_effect: bool
    ) -> None:
        client = play(rule(f"{then}, took_effect: {str(took_effect).lower()}"))
        headers_sent = {"Authorization": f"Bearer {client.token}"}
        url, settings = f"{client.url}/api/2.2/jobs/create", {"tasks": [client.python("a")]}
        response = client.session.post(url, json=settings, headers=headers_sent, allow_redirects=False)
        assert response.status_code == status
        if isinstance(body, str):
            assert body in response.text
        else:
            assert body.items() <= response.json().items()
        assert all(response.headers[name].startswith(value) for name, value in headers.items())
        assert response.headers["x-request-id"]
        assert self.made(client) == int(took_effect)

    @pytest.mark.parametrize("took_effect", [False, True])
    def test_may_be_a_broken_connection(self, play: Play, took_effect: bool) -> None:
        client = play(rule(f"close: true, took_effect: {str(took_effect).lower()}"))
        with pytest.raises(requests.ConnectionError):
            self.create(client)
        assert self.made(client) == int(took_effect)

    def test_may_never_come(self, play: Play) -> None:
        client = play(rule("hang: true, took_effect: true"))
        headers = {"Authorization": f"Bearer {client.token}"}
        url, settings = f"{client.url}/api/2.2/jobs/create", {"tasks": [client.python("a")]}
        with pytest.raises(requests.ReadTimeout):
            requests.post(url, json=settings, headers=headers, timeout=0.3)
        assert self.made(client) == 1

    def test_may_be_late(self, play: Play) -> None:
        client = play(rule("latency: 0.3"))
        began = time.monotonic()
        assert self.create(client).status_code == 200
        assert time.monotonic() - began >= 0.3

    def test_may_break_off(self, play: Play) -> None:
        client = play(rule("truncate: 5"))
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            self.create(client)
        assert self.made(client) == 1

    def test_may_speak_of_a_run_that_cannot_be_seen_yet(self, play: Play) -> None:
        client = play(rule("invisible_for: 0.5", "endpoint: runs/submit"))
        run_id = client.submit(client.python("a"))
        assert client.refusal("GET", "jobs/runs/get", run_id=run_id)[2] == f"Run {run_id} does not exist."
        assert client.get("jobs/runs/list") == {"has_more": False}
        time.sleep(0.5)
        assert state(client.wait(run_id))[1] == "SUCCESS"

    def test_may_end_the_token(self, play: Play) -> None:
        client = play(rule("expire_token: true", "endpoint: list, nth: 2"))
        assert client.send("GET", "jobs/list").status_code == 200
        for _ in range(2):
            assert client.refusal("GET", "jobs/list")[:2] == (401, "UNAUTHENTICATED")

    def test_may_be_for_one_job_or_task_alone(self, play: Play) -> None:
        client = play(
            rule("status: 503", "endpoint: run-now, job: nightly")
            + "  - when: {endpoint: runs/get-output, task: bad, attempt: 0}\n    then: {status: 500}"
        )
        nightly = client.create(client.python("a"), name="nightly")
        daily = client.create(client.python("good"), client.python("bad"), name="daily")
        assert client.refusal("POST", "jobs/run-now", job_id=nightly)[0] == 503
        run = client.wait(client.run_now(daily))
        assert client.output(run, "good")["logs"] == ""
        assert client.refusal("GET", "jobs/runs/get-output", run_id=task(run, "bad")["run_id"])[0] == 500

    def test_may_be_limited(self, play: Play) -> None:
        client = play("requests_per_minute: 3")
        answers = [client.send("GET", "jobs/list") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 58 <= int(answers[3].headers["Retry-After"]) <= 60


class TestTasks:
    def test_end_as_told_without_being_run(self, play: Play) -> None:
        client = play("""
            tasks:
              - when: {task: load, attempt: 0}
                then: {result_state: FAILED, error: "ValueError: x", error_trace: "a trace", logs: "one\\n"}
              - when: {task: ask}
                then: {output: {sql_output: {rows: 3}}}
              - when: {task: gone}
                then: {life_cycle_state: INTERNAL_ERROR, state_message: The cluster is gone.}
        """)
        run = client.finish(
            client.python("load", "raise AssertionError('it was run')", max_retries=1),
            {"task_key": "ask", "sql_task": {}},
            {"task_key": "gone", "notebook_task": {"notebook_path": "/nowhere"}},
        )
        first, *_, second = [item for item in run["tasks"] if item["task_key"] == "load"]
        output = client.get("jobs/runs/get-output", run_id=first["run_id"])
        assert state(first) == ("TERMINATED", "FAILED")
        assert (output["error"], output["error_trace"], output["logs"]) == (
            "ValueError: x",
            "a trace",
            "one\n",
        )
        assert "it was run" in client.get("jobs/runs/get-output", run_id=second["run_id"])["error"]
        assert state(task(run, "ask")) == ("TERMINATED", "SUCCESS")
        assert client.output(run, "ask")["sql_output"] == {"rows": 3}
        assert state(task(run, "gone")) == ("INTERNAL_ERROR", None)
        assert task(run, "gone")["state"]["state_message"] == "The cluster is gone."

    @pytest.mark.parametrize(
        ("then", "result", "run_result"),
        [
            ("result_state: TIMEDOUT", "TIMEDOUT", "TIMEDOUT"),
            ("result_state: CANCELED", "CANCELED", "CANCELED"),
            ("result_state: SHELVED", "SHELVED", "SUCCESS"),
            ("error: no rows", "FAILED", "FAILED"),
            ("logs: all good", "SUCCESS", "SUCCESS"),
        ],
    )
    def test_may_come_to_anything(self, play: Play, then: str, result: str, run_result: str) -> None:
        run = play(f"tasks: [{{then: {{{then}}}}}]").finish({"task_key": "a", "sql_task": {}})
        assert (results(run), state(run)[1]) == ({"a": result}, run_result)

    def test_may_leave_a_great_deal(self, play: Play) -> None:
        client = play("tasks: [{then: {log_bytes: 6000000, logs: the last line}}]")
        output = client.output(client.finish(client.python("a")), "a")
        assert (len(output["logs"]), output["logs_truncated"]) == (5 * 1024 * 1024, True)
        assert output["logs"].endswith("\n.the last line"[-14:])

    def test_may_have_a_result_of_a_notebook(self, play: Play) -> None:
        client = play("tasks: [{then: {notebook_result: '42'}}]")
        run = client.finish(client.notebook("a"))
        assert client.output(run, "a")["notebook_output"]["result"] == "42"
        assert client.get("jobs/runs/export", run_id=task(run, "a")["run_id"])["views"]

    def test_may_be_in_a_state_that_nobody_knows(self, play: Play) -> None:
        client = play("tasks: [{then: {running_as: REBALANCING, result_state: SUCCESS, lasts: 60}}]")
        run_id = client.submit({"task_key": "a", "sql_task": {}})
        run = client.wait_for_task(run_id, "a", "REBALANCING")
        assert task(run, "a")["status"]["state"] == "REBALANCING"
        client.post("jobs/runs/cancel", run_id=run_id)
        assert results(client.wait(run_id)) == {"a": "CANCELED"}

    def test_may_take_their_time_and_run_as_ever(self, play: Play) -> None:
        client = play("tasks: [{when: {task: slow}, then: {setup: 3000}}]")
        run_id = client.submit(client.python("slow", "print('ran')"), client.python("quick"))
        run = client.wait_for_task(run_id, "quick", "TERMINATED")
        assert state(task(run, "slow"))[0] == "PENDING"
        client = play("tasks: [{then: {setup: 5}}]")
        done = client.finish(client.python("slow", "print('ran')"))
        assert client.output(done, "slow")["logs"] == "ran\n"

    def test_may_be_iterations(self, play: Play) -> None:
        client = play("tasks: [{when: {task: one, nth: 2}, then: {result_state: FAILED}}]")
        each: Json = {"inputs": "[1, 2, 3]", "task": {"task_key": "one", "sql_task": {}}}
        run = client.finish({"task_key": "each", "for_each_task": each})
        shown = client.run(task(run, "each")["run_id"])["iterations"]
        assert [state(item)[1] for item in shown] == [None, "FAILED", None]


class TestRuns:
    def test_end_as_told_whatever_their_tasks_did(self, play: Play) -> None:
        client = play("runs: [{when: {job: nightly}, then: {result_state: UPSTREAM_FAILED}}]")
        run = client.finish(client.python("a", "print('ran')"), run_name="nightly")
        assert state(run) == ("SKIPPED", "UPSTREAM_FAILED")
        assert client.output(run, "a")["logs"] == "ran\n"
        assert state(client.finish(client.python("a"), run_name="daily"))[1] == "SUCCESS"

    @pytest.mark.parametrize(
        ("name", "ended", "code"),
        [
            ("FAILED", ("INTERNAL_ERROR", "FAILED"), "RUN_EXECUTION_ERROR"),
            ("SKIPPED", ("SKIPPED", None), "SKIPPED"),
            ("INTERNAL_ERROR", ("INTERNAL_ERROR", None), "INTERNAL_ERROR"),
            ("MAXIMUM_CONCURRENT_RUNS_REACHED", ("SKIPPED", "MAXIMUM_CONCURRENT_RUNS_REACHED"),
             "MAX_CONCURRENT_RUNS_EXCEEDED"),
            ("EVICTED", ("SKIPPED", "EVICTED"), "EVICTED"),
            ("nightly", ("TERMINATED", "SUCCESS"), "SUCCESS"),
        ],
    )  # fmt: skip
    def test_of_any_ending_end_as_they_are_called(
        self, start: Any, name: str, ended: tuple[str, str | None], code: str
    ) -> None:
        client = start(scenario=read_scenario("any-ending"))
        run = client.finish({"task_key": "a", "sql_task": {}}, run_name=name)
        assert state(run) == ended
        assert run["status"]["termination_details"]["code"] == code

    def test_may_wait_in_the_queue(self, play: Play) -> None:
        client = play("runs: [{when: {nth: 1}, then: {queued_for: 20}}]")
        job_id = client.create(client.python("a"), max_concurrent_runs=1)
        first = client.run_now(job_id)
        assert state(client.run(first)) == ("QUEUED", None)
        assert state(client.wait(client.run_now(job_id)))[1] == "SUCCESS"
        done = client.wait(first)
        assert state(done)[1] == "SUCCESS"
        assert done["queue_duration"] >= 400

    def test_that_are_cancelled_are_cancelled(self, play: Play) -> None:
        client = play("runs: [{then: {queued_for: 9000, result_state: FAILED}}]")
        run_id = client.submit(client.python("a"))
        client.post("jobs/runs/cancel", run_id=run_id)
        assert state(client.wait(run_id)) == ("TERMINATED", "CANCELED")


@pytest.mark.parametrize(
    ("name", "exit_code", "shown"),
    [
        ("failing-task", 10, "ValueError: bad rows"),
        ("flaky-task", 0, "SUCCESS"),
        ("huge-output", 0, "the last line"),
        ("login-page", 3, "a web page"),
        ("odd-states", 19, "SHELVED"),
        ("refused", 5, "PERMISSION_DENIED"),
        ("slow-queue", 0, "SUCCESS"),
    ],
)
def test_what_dbjobs_makes_of_those_that_ship(
    start: Any, dbjobs: Dbjobs, name: str, exit_code: int, shown: str
) -> None:
    client = start(scenario=read_scenario(name), time_scale=200)
    run = {"tasks": [client.python("main", "print('ran')", max_retries=1)]}
    if name == "failing-task":
        run["tasks"][0]["max_retries"] = 0
    options = ("--wait", "--poll-interval", "0.1s", "--show-output", "all")
    environ = {"DATABRICKS_HOST": client.url, "DATABRICKS_TOKEN": client.token}
    done = dbjobs("runs", "submit", "--json", json.dumps(run), *options, **environ)
    assert done.exit_code == exit_code, done.stderr
    assert shown in done.stdout + done.stderr


def test_every_request_is_logged(start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "requests.jsonl"
    file = tmp_path / "scenario.yaml"
    file.write_text(rule("close: true", "endpoint: runs/list"))
    client = start(log=log, scenario=read_scenario(str(file)))
    client.create(client.python("a"), name="nightly")
    client.refusal("GET", "jobs/runs/get", run_id=7)
    client.refusal("GET", "repos", version="2.0")
    client.post("dbfs/put", version="2.0", path="/a", contents="c2VjcmV0")
    with pytest.raises(requests.ConnectionError):
        client.get("jobs/runs/list")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["method"], line["path"], line["status"], line["is_fault"]) for line in lines] == [
        ("POST", "/api/2.2/jobs/create", 200, False),
        ("GET", "/api/2.2/jobs/runs/get", 400, False),
        ("GET", "/api/2.0/repos", 404, False),
        ("POST", "/api/2.0/dbfs/put", 200, False),
        ("GET", "/api/2.2/jobs/runs/list", None, True),
    ]
    assert [line["error_code"] for line in lines] == [
        *(None, "INVALID_PARAMETER_VALUE", "ENDPOINT_NOT_FOUND", None, None)
    ]
    assert lines[3]["params"] == {"path": "/a"}, "the content of files is not logged"
    assert lines[0]["params"]["name"] == "nightly"
    assert lines[1]["params"] == {"run_id": "7"}
    assert all(line["ts"].endswith("+00:00") and line["ms"] >= 0 and line["request_id"] for line in lines)
    assert client.token not in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_log_that_cannot_be_written_is_said_at_once(start: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        start(log=tmp_path / "missing" / "requests.jsonl")
