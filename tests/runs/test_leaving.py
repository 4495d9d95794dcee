"""Leaving a wait before its runs have ended: what is canceled, what goes on, and what is said of each run.

Real processes and real signals, at the moments when a run could be lost sight of.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Dbjobs, Serve
from tests.support.backfills import JOB
from tests.support.fakes import Received, Reply, ScriptedServer, scripted_server
from tests.support.payloads import JOB_ID, run

POLLS = ("--poll-interval", "0.2s", "--poll-max", "0.2s")
FAILED = 7
"""A run that has failed, and goes on once it is repaired."""

REFUSED = Reply(403, {"error_code": "PERMISSION_DENIED", "message": "You may not cancel it."})


@dataclass
class Workspace:
    """Runs that go on until they are canceled; a hook may act on, or answer, any request first."""

    hook: Callable[[Received], Reply | None] = lambda request: None
    run_ids: dict[str, int] = field(default_factory=dict)
    """by token"""
    canceled: list[int] = field(default_factory=list)
    repaired: list[int] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def reply(self, request: Received) -> Reply:
        return self.hook(request) or self.answer(request)

    def answer(self, request: Received) -> Reply:
        with self.lock:
            if request.endpoint in ("get", "runs/list"):
                return Reply(body=JOB if request.endpoint == "get" else {"runs": []})
            if request.endpoint == "run-now":
                token = request.body["idempotency_token"]
                return Reply(body={"run_id": self.run_ids.setdefault(token, 1000 + len(self.run_ids))})
            if request.endpoint == "runs/cancel":
                self.canceled.append(request.body["run_id"])
                return Reply(body={})
            if request.endpoint == "runs/repair":
                self.repaired.append(request.body["run_id"])
                return Reply(body={"repair_id": 55})
            run_id = int(request.query["run_id"])
            if run_id == FAILED and not self.repaired:
                return Reply(body=run("TERMINATED", "FAILED", run_id=run_id, end_time=1))
            state = ("TERMINATED", "CANCELED") if run_id in self.canceled else ("RUNNING", None)
            return Reply(body=run(*state, run_id=run_id))


@dataclass
class Call:
    """A running command, and what it has said so far on stderr."""

    process: "subprocess.Popen[str]"

    def read_until(self, words: str) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if words in line:
                return
        raise AssertionError(f"{words!r} was never said")

    def finish(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@contextmanager
def calling(workspace: Workspace, *arguments: object) -> Iterator[tuple[Call, ScriptedServer]]:
    with scripted_server(workspace.reply) as server:
        environ = {**os.environ, "DATABRICKS_HOST": server.url, "DATABRICKS_TOKEN": "dapi-leaving"}
        command = [sys.executable, "-m", "dbjobs", *map(str, arguments), *POLLS]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, env=environ, stdout=pipe, stderr=pipe, text=True)
        try:
            yield Call(process), server
        finally:
            process.kill()
            process.communicate()


def test_of_each_run_it_is_told_what_became_of_its_cancel() -> None:
    def refuse_one(request: Received) -> Reply | None:
        return REFUSED if request.endpoint == "runs/cancel" and request.body["run_id"] == 2 else None

    workspace = Workspace(refuse_one)
    with calling(workspace, "runs", "wait", 1, 2, "--on-interrupt", "cancel") as (call, _):
        call.read_until("run 2  RUNNING")
        call.process.send_signal(signal.SIGINT)
        code, out, err = call.finish()

    assert code == 130
    assert out.splitlines() == ["1\tTERMINATED\tCANCELED", "2\tRUNNING\t-"]
    assert "canceling runs 1, 2; another signal exits at once" in err
    assert "canceled run 1, waiting for the end" in err
    assert "warning: the cancel of run 2 was refused: You may not cancel it." in err
    assert "run 2 is still running\n" in err
    assert "nothing was canceled" not in err


def test_a_cancel_that_hangs_is_not_silent_and_a_second_signal_leaves_with_the_results() -> None:
    def hang(request: Received) -> Reply | None:
        return Reply(hang=True) if request.endpoint == "runs/cancel" else None

    with calling(Workspace(hang), "runs", "wait", 1, 2, "--on-interrupt", "cancel") as (call, server):
        call.read_until("run 2  RUNNING")
        call.process.send_signal(signal.SIGINT)
        call.read_until("interrupted: canceling runs 1, 2; another signal exits at once")
        while not any(request.endpoint == "runs/cancel" for request in server.received):
            time.sleep(0.01)
        call.process.send_signal(signal.SIGTERM)
        code, out, err = call.finish()

    assert code == 143
    assert out.splitlines() == ["1\tRUNNING\t-", "2\tRUNNING\t-"]
    assert "it is not known whether runs 1, 2 will be canceled: interrupted\n" in err


@pytest.mark.parametrize("milliseconds", [0, 1, 3, 10, 30, 100])
def test_a_signal_just_after_the_trigger_s_answer_cancels_the_run(milliseconds: int) -> None:
    workspace = Workspace()
    calls: list[Call] = []

    def interrupt(request: Received) -> Reply | None:
        if request.endpoint == "run-now" and not workspace.run_ids:
            send = calls[0].process.send_signal
            threading.Timer(milliseconds / 1000, send, [signal.SIGINT]).start()
        return None

    workspace.hook = interrupt
    with calling(workspace, "runs", "now", JOB_ID, "--wait", "--on-interrupt", "cancel") as (call, _):
        calls.append(call)
        code, out, err = call.finish()

    assert code == 130, err
    assert list(workspace.run_ids.values()) == workspace.canceled == [1000], err
    assert out.splitlines()[-1] == "1000\tTERMINATED\tCANCELED"


@pytest.mark.parametrize("milliseconds", [0, 1, 3, 10, 30, 100])
def test_a_signal_just_after_a_repair_was_answered_cancels_the_run(milliseconds: int) -> None:
    workspace = Workspace()
    calls: list[Call] = []

    def interrupt(request: Received) -> Reply | None:
        if request.endpoint == "runs/repair":
            send = calls[0].process.send_signal
            threading.Timer(milliseconds / 1000, send, [signal.SIGINT]).start()
        return None

    workspace.hook = interrupt
    with calling(workspace, "runs", "repair", FAILED, "--wait", "--on-interrupt", "cancel") as (call, _):
        calls.append(call)
        code, out, err = call.finish()

    assert code == 130, err
    assert workspace.repaired == workspace.canceled == [FAILED], err
    assert out.splitlines()[-1] == f"{FAILED}\tTERMINATED\tCANCELED"


def test_a_signal_while_the_reports_are_written_cancels_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    """The run has ended, and only what its tasks have printed is still being read."""
    workspace = Workspace()

    def end_at_once(request: Received) -> Reply | None:
        if request.endpoint == "runs/get-output":
            return Reply(hang=True)
        is_read = request.endpoint == "runs/get"
        return Reply(body=run("TERMINATED", "FAILED", run_id=1000)) if is_read else None

    workspace.hook = end_at_once
    report = tmp_path / "junit.xml"
    options = ("--on-interrupt", "cancel", "--show-output", "none", "--junit", report)
    with calling(workspace, "runs", "now", JOB_ID, "--wait", *options) as (call, server):
        while not any(request.endpoint == "runs/get-output" for request in server.received):
            time.sleep(0.01)
        call.process.send_signal(signal.SIGINT)
        code, out, err = call.finish()

    assert code == 130, err
    assert out.splitlines() == ["1000", "1000\tTERMINATED\tFAILED"]
    assert workspace.canceled == []
    assert "still running" not in err
    assert "<failure" in report.read_text("utf-8")


def test_a_run_whose_start_was_interrupted_is_found_by_its_token_and_canceled() -> None:
    workspace = Workspace()
    calls: list[Call] = []

    def interrupt(request: Received) -> Reply | None:
        if request.endpoint != "run-now" or workspace.run_ids:
            return None
        workspace.answer(request)  # it is started, and the answer never comes
        calls[0].process.send_signal(signal.SIGINT)
        return Reply(hang=True)

    workspace.hook = interrupt
    with calling(workspace, "runs", "now", JOB_ID, "--wait", "--on-interrupt", "cancel") as (call, _):
        calls.append(call)
        code, out, err = call.finish()

    assert code == 130, err
    assert list(workspace.run_ids.values()) == workspace.canceled == [1000], err
    assert out.splitlines() == ["1000", "1000\tTERMINATED\tCANCELED"]


BACKFILL: tuple[Any, ...] = ("runs", "backfill", JOB_ID, "--days", "2026-01-01..2026-02-09", "--as", "day")


@pytest.mark.parametrize("is_answered", [True, False], ids=["answered", "not answered"])
@pytest.mark.parametrize("on_interrupt", ["cancel", "detach"])
def test_an_interrupted_backfill_counts_what_was_started_and_what_may_have_been(
    on_interrupt: str, is_answered: bool
) -> None:
    workspace = Workspace()
    calls: list[Call] = []

    def interrupt(request: Received) -> Reply | None:
        if request.endpoint != "run-now" or len(workspace.run_ids) != 2:
            return None
        answer = workspace.answer(request)
        calls[0].process.send_signal(signal.SIGINT)
        return answer if is_answered else Reply(hang=True)

    workspace.hook = interrupt
    options = ("--max-parallel", 5, "--on-interrupt", on_interrupt, "--progress", "none")
    with calling(workspace, *BACKFILL, *options) as (call, _):
        calls.append(call)
        code, out, err = call.finish()

    started = list(workspace.run_ids.values())
    assert code == 130, err
    assert len(started) >= 3
    printed = {int(line.partition("\t")[0]) for line in out.splitlines()}
    may_have_been = re.findall(r"(day=\S+) may have been started, or not", err)
    without_run = re.search(r"starts the (\d+) sets without a run", err)
    assert without_run, err
    assert int(without_run[1]) - len(may_have_been) == 40 - len(started), "neither more nor less"
    how_to_continue = err.rpartition("dbjobs runs backfill ")[2]
    assert "--days 2026-01-01..2026-02-09 --as day" in how_to_continue, "how to continue comes last"
    if on_interrupt == "cancel":
        assert sorted(workspace.canceled) == started
        assert printed == set(started)
        assert may_have_been == [], "to be canceled, it had to be found"
        assert "--rerun-failed" in how_to_continue
    else:
        assert workspace.canceled == []
        assert len(printed) + len(may_have_been) == len(started), "each is named or may have been"


def test_leaving_sixty_runs_is_said_once_for_all(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(
        lambda request: Reply(
            body=run("RUNNING", run_id=int(request.query["run_id"]), run_page_url="https://x.example")
        )
    )
    run_ids = list(range(1, 61))

    done = dbjobs("runs", "wait", *run_ids, "--timeout", "0", "--progress", "none")

    assert done.exit_code == 124
    assert len(done.lines) == 60
    hints = done.stderr.partition("run 1 (")[0]
    assert hints.count("\n") <= 10
    assert "are still running, and nothing was canceled" in hints
    assert f"dbjobs runs wait {' '.join(map(str, run_ids))}\n" in hints


def test_sixty_refusals_are_one_error(dbjobs: Dbjobs, serve: Serve, clock: Any) -> None:
    serve(Reply(403, {"error_code": "PERMISSION_DENIED", "message": "Not yours."}))

    done = dbjobs("runs", "wait", *range(1, 61), "--progress", "none")

    assert done.exit_code == 5
    assert done.stderr.count("Not yours.") == 1
    assert done.stderr.count("error:") == 1
