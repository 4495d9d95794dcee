"""Runs larger than any screen and any page: watched in full, at little cost."""

import sys
from collections import Counter

import pytest

from dbjobs.http.response import Payload
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import FakeClock, Received, Reply, ScriptedServer, scripted_server
from tests.support.rehearsal import Rehearsal, rehearsing
from tests.support.terminal import Terminal

PAGE = 100
RUN_ID = 77


class LargeRun:
    """A run of many tasks, served in pages; page after page comes to its end."""

    def __init__(self, tasks: int, pages_ended: int = 0) -> None:
        self.pages = tasks // PAGE
        self.pages_ended = pages_ended
        self.asked: Counter[str] = Counter()

    def reply(self, request: Received) -> Reply:
        number = int(request.query.get("page_token", "page-0").removeprefix("page-"))
        self.asked[f"page-{number}"] += 1
        return Reply(body=self.page(number))

    @property
    def has_ended(self) -> bool:
        return self.pages_ended >= self.pages

    def page(self, number: int) -> Payload:
        state = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"} if self.has_ended else RUNNING
        page: Payload = {"run_id": RUN_ID, "run_name": "large", "state": state, "start_time": 1}
        page["tasks"] = [self.task(number, place) for place in range(PAGE)]
        page["next_page_token"] = f"page-{number + 1}" if number + 1 < self.pages else ""
        return page

    def task(self, number: int, place: int) -> Payload:
        is_over = number < self.pages_ended
        state = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"} if is_over else RUNNING
        key = number * PAGE + place
        return {"run_id": 1000 + key, "task_key": f"task_{key:04}", "state": state, "start_time": 1}


RUNNING = {"life_cycle_state": "RUNNING"}


def test_pages_whose_tasks_have_ended_are_not_asked_for_at_each_poll(
    dbjobs: Dbjobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    large, clock = LargeRun(1500, pages_ended=10), FakeClock()
    clock.at = {600.0: lambda: setattr(large, "pages_ended", 15)}

    with rehearsing(Rehearsal(clock, 0, {}), monkeypatch) as server:
        server.script = large.reply
        done = dbjobs("runs", "wait", RUN_ID, "-o", "json")

    polls = large.asked["page-0"]
    assert done.exit_code == 0
    assert done.stdout.count('"task_key"') == 1500
    assert done.stdout.count('"RUNNING"') == 0, "the end is told from fresh answers alone"
    assert large.asked["page-14"] == polls, "what goes on is asked for each time"
    assert large.asked["page-5"] <= 3, "once at first, once at the end, and now and then to be sure"
    assert polls >= 10


@pytest.mark.parametrize("lines", [24, 12])
def test_1500_tasks_fit_a_small_terminal(monkeypatch: pytest.MonkeyPatch, lines: int) -> None:
    large = LargeRun(1500, pages_ended=14)
    with scripted_server(large.reply) as server:
        point_to(server, monkeypatch)
        terminal = Terminal(watch_command(), columns=80, lines=lines)
        terminal.read_until("next poll")
        seen = [line.rstrip() for line in terminal.screen.display]
        large.pages_ended = 15
        screen = terminal.wait()

    assert any("1400 of 1500 tasks done" in line for line in seen)
    assert any("… " in line and "more" in line for line in seen), "what does not fit is counted"
    assert any("RUNNING" in line for line in seen[4:]), "active tasks are what is shown"
    assert screen.exit_code == 0
    assert screen.is_clean


def test_a_for_each_of_5000_iterations_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stats = {"total_iterations": 5000, "completed_iterations": 2345, "failed_iterations": 12}
    task = {
        "run_id": 78,
        "task_key": "each_shop",
        "state": RUNNING,
        "start_time": 1,
        "for_each_task": {"inputs": "[]", "stats": {"task_run_stats": stats}},
    }
    run = {"run_id": RUN_ID, "run_name": "shops", "state": RUNNING, "start_time": 1, "tasks": [task]}
    with scripted_server([Reply(body=run)]) as server:
        point_to(server, monkeypatch)
        terminal = Terminal(watch_command())
        terminal.read_until("2345")
        text = terminal.text
        terminal.interrupt()
        terminal.wait()

    line = next(line for line in text.splitlines() if "each_shop" in line)
    assert "2345 of 5000" in line
    assert "12 failed" in line


def point_to(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", server.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-large-runs")


def watch_command() -> list[str]:
    return [sys.executable, "-m", "dbjobs", "runs", "wait", str(RUN_ID), "--poll-interval", "0.2s"]


@pytest.mark.parametrize(("result_state", "exit_code"), [("SUCCESS", 0), ("FAILED", 10)])
def test_a_run_whose_second_page_fails_is_told_by_its_first(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, result_state: str, exit_code: int
) -> None:
    def reply(request: Received) -> Reply:
        if "page_token" in request.query:
            return Reply(500, {"error_code": "INTERNAL_ERROR", "message": "page two is broken"})
        tasks = [{"run_id": 1000, "task_key": "a", "state": state}]
        return Reply(body={"run_id": RUN_ID, "state": state, "tasks": tasks, "next_page_token": "two"})

    state = {"life_cycle_state": "TERMINATED", "result_state": result_state}
    serve(reply)
    done = dbjobs("runs", "wait", RUN_ID, "--show-output", "none")

    assert (done.exit_code, done.stdout) == (exit_code, f"{RUN_ID}\tTERMINATED\t{result_state}\n")
    assert f"warning: some tasks of run {RUN_ID} could not be read: " in done.stderr
    assert "page two is broken" in done.stderr
    assert "no contact" not in done.stderr
    assert clock.time < 120, "it is asked for a few times more, and not until --max-outage"


def test_tasks_of_a_page_that_fails_once_are_shown_as_last_seen(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    large = LargeRun(200)
    clock.at = {60.0: lambda: setattr(large, "pages_ended", 2)}

    def reply(request: Received) -> Reply:
        is_broken = "page_token" in request.query and 20 < clock.time < 40
        return Reply(500, "") if is_broken else large.reply(request)

    serve(reply)
    done = dbjobs("runs", "wait", RUN_ID, "--poll-max", "5s", "-o", "json")

    assert done.exit_code == 0
    assert done.stdout.count('"task_key"') == 200
    assert done.stderr.count("task_0150  RUNNING") == 1, "no task is told of twice"
    assert "could not be read" not in done.stderr


def test_a_watch_follows_no_tokens_without_end(dbjobs: Dbjobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbjobs.api.paging.MAX_PAGES", 5)
    endless, clock = LargeRun(100 * PAGE), FakeClock()

    with rehearsing(Rehearsal(clock, 0, {}), monkeypatch) as server:
        server.script = endless.reply
        done = dbjobs("runs", "wait", RUN_ID, "--timeout", "30s", "--max-outage", "1h")

    assert done.exit_code == 124
    assert "tasks: 500 RUNNING" in done.stderr
    assert endless.asked["page-5"] == 0
    assert endless.asked["page-4"] == endless.asked["page-0"] > 1
