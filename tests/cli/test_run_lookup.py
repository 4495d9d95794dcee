"""Runs named by what they are: `JOB@failed`, `@last`, or chosen from a list on a terminal."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from dbjobs.runs.references import SELECTORS, WHAT_A_RUN_IS, split_selector
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import FakeClock, Received, Reply, by_endpoint
from tests.support.payloads import JOB_ID, RUN_ID, run, task
from tests.support.terminal import Terminal

HOUR = 3_600_000
NOW = 1_767_225_600_000
"""The fake clock's beginning."""

RUNS = [
    run("RUNNING", run_id=109, start_time=NOW - HOUR),
    run("TERMINATED", "CANCELED", run_id=108, start_time=NOW - 2 * HOUR),
    run("TERMINATED", "SUCCESS_WITH_FAILURES", run_id=107, start_time=NOW - 3 * HOUR),
    run("INTERNAL_ERROR", "FAILED", run_id=106, start_time=NOW - 4 * HOUR),
    run("TERMINATED", "SUCCESS", run_id=105, start_time=NOW - 5 * HOUR),
]


def workspace(runs: list[dict[str, Any]], name: str = "nightly") -> Any:
    """A workspace with one job and its runs, which filters active runs and ended ones as the API does."""

    def reply(request: Received) -> Reply:
        if request.endpoint == "list":
            jobs = [{"job_id": JOB_ID, "settings": {"name": name}}]
            return Reply(body={"jobs": jobs if request.query.get("name") in (None, name) else []})
        if request.endpoint == "runs/list":
            wanted = [one for one in runs if _is_listed(one, request.query)]
            start = int(request.query.get("page_token") or request.query.get("offset") or 0)
            page = wanted[start : start + (int(request.query.get("limit", 20)) or 1000)]
            more = start + len(page) < len(wanted)
            token = {"next_page_token": str(start + len(page))} if more and "2.0" not in request.path else {}
            return Reply(body={"runs": page, "has_more": more, **token})
        if request.endpoint == "run-now":
            return Reply(body={"run_id": 110})
        found = [one for one in runs if str(one["run_id"]) == request.query.get("run_id")]
        return Reply(body=found[0]) if found else Reply(400, {"message": "Run does not exist."})

    return reply


def _is_listed(one: dict[str, Any], query: dict[str, str]) -> bool:
    is_ended = one["state"]["life_cycle_state"] not in ("RUNNING", "PENDING", "QUEUED")
    return not (is_ended if query.get("active_only") else query.get("completed_only") and not is_ended)


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
@pytest.mark.parametrize(
    ("ref", "run_id", "facts"),
    [
        ("nightly@latest", 109, "RUNNING, started 1h ago"),
        ("nightly@active", 109, "RUNNING, started 1h ago"),
        ("nightly@succeeded", 107, "TERMINATED SUCCESS_WITH_FAILURES, started 3h ago"),
        ("nightly@failed", 106, "INTERNAL_ERROR FAILED, started 4h ago"),
        (f"{JOB_ID}@failed", 106, "INTERNAL_ERROR FAILED, started 4h ago"),
    ],
)
def test_a_run_is_named_by_its_job_and_by_what_became_of_it(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, version: str, ref: str, run_id: int, facts: str
) -> None:
    serve(workspace(RUNS))

    done = dbjobs("runs", "get", ref, "-o", "id", "--api-version", version)

    assert (done.exit_code, done.stdout) == (0, f"{run_id}\n")
    assert done.stderr == f"{ref} is run {run_id} ({facts})\n"


@pytest.mark.parametrize("name", ["a@b", "x@latest", "@", "two words", "@failed@"])
def test_the_name_of_a_job_may_hold_what_separates_it_from_the_selector(
    dbjobs: Dbjobs, serve: Serve, name: str
) -> None:
    serve(workspace(RUNS, name))

    assert split_selector(f"{name}@failed") == (name, "failed")
    done = dbjobs("runs", "get", f"{name}@failed", "-o", "id", "-q")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "106\n", "")


def test_several_runs_are_named_in_one_call_and_on_stdin(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(workspace(RUNS))

    done = dbjobs(
        "runs", "delete", "nightly@failed", "-", "--yes", "--dry-run", stdin="nightly@succeeded 106\n"
    )

    assert done.exit_code == 0
    assert [line for line in done.lines if "run_id" in line] == ['  "run_id": 106', '  "run_id": 107']
    assert server.changes == []


ITS_RUNS = f"its runs: dbjobs runs list --job {JOB_ID}"
NEAREST_JOB = "there is 'nightly'; names must match exactly; an id works, too"
NO_JOB = "name the job before @failed; the run that was last started from here is @last"


@pytest.mark.parametrize(
    ("ref", "code", "error", "hint"),
    [
        ("nightly@failed", 4, f"job {JOB_ID} has no run that failed", ITS_RUNS),
        ("nightly@active", 4, f"job {JOB_ID} has no active run", ITS_RUNS),
        ("nigthly@failed", 4, "there is no job named 'nigthly'", NEAREST_JOB),
        ("nightly@fialed", 2, "'nightly@fialed' is not a run", "did you mean nightly@failed?"),
        ("nightly@yesterday", 2, "'nightly@yesterday' is not a run", WHAT_A_RUN_IS),
        ("nightly", 2, "'nightly' is not a run", WHAT_A_RUN_IS),
        ("@failed", 2, "'@failed' is not a run", NO_JOB),
        ("@last", 4, "@last: no run was started or watched in {host} from this machine yet", WHAT_A_RUN_IS),
    ],
)
def test_a_reference_to_no_run_says_what_there_is(
    dbjobs: Dbjobs, serve: Serve, ref: str, code: int, error: str, hint: str
) -> None:
    server = serve(workspace([run("TERMINATED", "SUCCESS", run_id=105)]))

    done = dbjobs("runs", "get", ref)

    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr == f"error: {error.format(host=server.url)}\nhint: {hint}\n"


def test_a_job_without_runs_has_no_latest_one(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(workspace([]))
    done = dbjobs("runs", "get", "nightly@latest")
    assert (done.exit_code, done.stderr.splitlines()[0]) == (4, f"error: job {JOB_ID} has no run")


def test_the_search_for_a_failure_ends_after_a_thousand_runs(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(workspace([run("TERMINATED", "SUCCESS", run_id=one) for one in range(1, 1200)]))

    done = dbjobs("runs", "get", "nightly@failed")

    assert done.exit_code == 4
    assert f"job {JOB_ID} has no run that failed among its newest 1000\n" in done.stderr
    assert sum(request.endpoint == "runs/list" for request in server.received) == 40


# @last


def test_the_last_run_is_the_one_that_was_started_or_watched_here(dbjobs: Dbjobs, serve: Serve) -> None:
    runs = [*RUNS, run("TERMINATED", "SUCCESS", run_id=110)]
    serve(workspace(runs))

    assert dbjobs("runs", "now", "nightly", "-q").stdout == "110\n"
    done = dbjobs("runs", "get", "@last", "-o", "id")
    assert (done.stdout, done.stderr) == ("110\n", "@last is run 110\n")
    assert dbjobs("runs", "wait", 105, 106).exit_code == 10
    assert dbjobs("runs", "get", "@last", "-o", "id").stdout == "106\n"
    assert dbjobs("runs", "now", "nightly", "--dry-run").exit_code == 0
    assert dbjobs("runs", "get", "@last", "-o", "id").stdout == "106\n", "a dry run starts nothing"


def test_each_workspace_has_a_last_run_of_its_own(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(workspace(RUNS))
    dbjobs("runs", "now", "nightly")

    serve(workspace(RUNS))
    assert dbjobs("runs", "get", "@last").exit_code == 4


@pytest.mark.parametrize("content", ["", "[1]", '"x"', "{"])
def test_a_broken_memory_of_the_last_run_is_no_memory(
    dbjobs: Dbjobs, serve: Serve, home: Path, content: str
) -> None:
    serve(workspace(RUNS))
    dbjobs("runs", "now", "nightly")
    (file,) = (home / ".cache" / "dbjobs").glob("last-run*")
    file.write_text(content)

    assert dbjobs("runs", "get", "@last").exit_code == 4


# A list to choose from


def on_terminal(*args: str, lines: int = 24) -> Terminal:
    return Terminal([sys.executable, "-m", "dbjobs", *args], columns=90, lines=lines, env=dict(os.environ))


@pytest.mark.parametrize(
    ("keys", "run_id"),
    [
        ("\r", 109),
        ("\x1b[B\x1b[B\r", 107),
        ("\x1bOB\x1bOB\x1bOA\r", 108),
        ("jjjk\r", 107),
        ("4\r", 106),
        ("\x1b[A\r", 109),
        ("\x1b[B" * 9 + "\r", 105),
        ("9\r", 109),
    ],
    ids=["enter", "arrows", "application arrows", "letters", "number", "top", "bottom", "no such number"],
)
def test_a_run_that_is_left_out_is_chosen_on_a_terminal(serve: Serve, keys: str, run_id: int) -> None:
    serve(workspace(RUNS))
    terminal = on_terminal("runs", "get", "-o", "id")
    terminal.read_until("5  ✓ SUCCESS")
    terminal.type(keys)

    screen = terminal.wait()

    assert (screen.exit_code, screen.is_clean) == (0, True), screen.text
    assert screen.text.splitlines()[-1] == str(run_id)
    assert "Which run?" not in screen.text, "the list is gone"


@pytest.mark.parametrize("keys", ["\x1b", "q", ""], ids=["escape", "q", "ctrl-c"])
def test_a_choice_can_be_left(serve: Serve, keys: str) -> None:
    server = serve(workspace(RUNS))
    terminal = on_terminal("runs", "cancel")
    terminal.read_until("Which run?")
    if keys:
        terminal.type(keys)
    else:
        terminal.interrupt()

    screen = terminal.wait()

    assert (screen.exit_code, screen.is_clean, server.changes) == (130, True, [])


def test_only_active_runs_are_offered_to_those_who_wait(serve: Serve) -> None:
    ended = run("TERMINATED", "SUCCESS", run_id=109)
    replies = [Reply(body={"runs": RUNS[:1]}), Reply(body=ended)]
    server = serve(*replies)
    terminal = on_terminal("runs", "wait")
    terminal.read_until("1  ● RUNNING")
    terminal.type("\r")

    assert terminal.wait().exit_code == 0
    assert server.received[0].query["active_only"] == "true"


def test_a_terminal_that_cannot_move_the_cursor_asks_for_a_number(serve: Serve) -> None:
    serve(workspace(RUNS))
    terminal = Terminal(
        [sys.executable, "-m", "dbjobs", "runs", "get", "-o", "id"], env={**os.environ, "TERM": "dumb"}
    )
    terminal.read_until("(a number)")
    terminal.type("3\r")
    assert terminal.wait().text.splitlines()[-1] == "107"


def test_a_low_terminal_lists_what_fits(serve: Serve) -> None:
    serve(workspace([run("TERMINATED", "SUCCESS", run_id=one) for one in range(1, 40)]))
    terminal = on_terminal("runs", "get", "-o", "id", lines=8)
    terminal.read_until("5  ✓")
    terminal.type("\r")
    screen = terminal.wait()
    assert "6  ✓" not in screen.raw
    assert screen.text.splitlines()[-1] == "1"


@pytest.mark.parametrize("command", ["get", "output", "wait", "cancel", "repair"])
def test_off_a_terminal_a_run_has_to_be_named(dbjobs: Dbjobs, serve: Serve, command: str) -> None:
    server = serve(workspace(RUNS))

    done = dbjobs("runs", command)

    assert (done.exit_code, server.received) == (2, [])
    assert done.stderr == (
        f"error: RUN is missing, and there is no terminal to choose one on\nhint: {WHAT_A_RUN_IS}\n"
    )


# Filters that the API lacks


FILTERED = [
    {**run("TERMINATED", "SUCCESS", run_id=1), "creator_user_name": "Ann@example.com", "trigger": "PERIODIC"},
    {**run("TERMINATED", "FAILED", run_id=2), "creator_user_name": "bob@example.com", "trigger": "ONE_TIME"},
    {
        **run("TERMINATED", "TIMEDOUT", run_id=3),
        "creator_user_name": "ann@example.com",
        "trigger": "ONE_TIME",
    },
    {**run("SKIPPED", run_id=4), "creator_user_name": "annie@example.com"},
    {**run("RUNNING", run_id=5), "creator_user_name": "bob@example.com", "trigger": "PERIODIC"},
    {**run("TERMINATED", "CANCELED", run_id=6)},
]


@pytest.mark.parametrize("version", ["2.0", "2.2"])
@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--failed"], [2, 3]),
        (["--result", "timedout"], [3]),
        (["--user", "ann"], [1, 3]),
        (["--user", "ANN@example.com"], [1, 3]),
        (["--trigger", "periodic"], [1, 5]),
        (["--trigger", "PERIODIC", "--active"], [5]),
        (["--user", "ann", "--failed"], [3]),
        (["--failed", "--limit", "1"], [2]),
        (["--result", "EXCLUDED"], []),
    ],
    ids=str,
)
def test_runs_are_listed_by_what_the_api_does_not_filter_by(
    dbjobs: Dbjobs, serve: Serve, version: str, options: list[str], ids: list[int]
) -> None:
    serve(workspace(FILTERED))

    done = dbjobs("runs", "list", *options, "-o", "json", "--api-version", version)

    assert done.exit_code == 0
    assert [one["run_id"] for one in json.loads(done.stdout)] == ids


def test_a_limit_counts_what_is_wanted_not_what_is_read(dbjobs: Dbjobs, serve: Serve) -> None:
    failed = [run("TERMINATED", "FAILED", run_id=one) for one in (150, 300)]
    serve(workspace([run("TERMINATED", "SUCCESS", run_id=one) for one in range(1, 150)] + failed))

    assert dbjobs("runs", "list", "--failed", "--limit", 2, "-o", "id").lines == ["150", "300"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--failed", "--result", "SUCCESS"], "--failed and --result cannot be combined"),
        (["--failed", "--active"], "--active and --failed cannot be combined: a run has a result once"),
        (["--result", "SUCESS"], "--result: 'SUCESS' is not one of "),
        (["--trigger", "CRON"], "--trigger: 'CRON' is not one of PERIODIC, ONE_TIME, "),
    ],
)
def test_a_filter_that_no_run_can_pass_is_refused(
    dbjobs: Dbjobs, serve: Serve, options: list[str], error: str
) -> None:
    server = serve(workspace(FILTERED))
    done = dbjobs("runs", "list", *options)
    assert (done.exit_code, server.received) == (2, [])
    assert error in done.stderr


def test_the_selectors_are_those_of_the_manual() -> None:
    assert list(SELECTORS) == ["latest", "failed", "succeeded", "active"]
    assert all(f"JOB@{selector}" in WHAT_A_RUN_IS for selector in SELECTORS)


def test_a_run_given_by_its_job_is_repaired(dbjobs: Dbjobs, serve: Serve) -> None:
    failed = run("TERMINATED", "FAILED", task("clean", "TERMINATED", "FAILED"))
    jobs = {"jobs": [{"job_id": JOB_ID, "settings": {"name": "nightly"}}]}
    replies = {
        "list": jobs,
        "runs/list": {"runs": [failed]},
        "runs/get": failed,
        "runs/repair": {"repair_id": 7},
    }
    server = serve(by_endpoint(replies))

    done = dbjobs("runs", "repair", "nightly@failed", "--rerun-failed")

    assert (done.exit_code, done.stdout) == (0, "7\n")
    assert server.changes[0].body["run_id"] == RUN_ID
