"""`jobs list` and `runs list`: complete, in order, as pages arrive, and never silently short."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from dbjobs.api.paging import RunFilter, list_items, take
from tests.conftest import Dbjobs, Result, Serve
from tests.support.fakes import FakeClock, Received, Reply, Script, by_endpoint
from tests.support.payloads import BEYOND_FLOAT, run, task
from tests.support.terminal import run_in_terminal

MINUTE = 60_000
NOW_MS = 1_767_225_600_000
"""The fake clock's beginning, 2026-01-01T00:00Z."""


def job(job_id: int, name: str = "nightly", **more: Any) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "creator_user_name": "ann@example.com",
        "created_time": NOW_MS - 90 * MINUTE,
        "settings": {"name": name, **more},
    }


def by_tokens(noun: str, items: list[dict[str, Any]], *, size: int) -> Script:
    """A server whose pages have `size` items at most, and tokens between them."""

    def reply(request: Received) -> Reply:
        start = int(request.query.get("page_token", 0))
        end = start + min(size, int(request.query.get("limit", size)))
        more = {"next_page_token": str(end)} if end < len(items) else {}
        return Reply(body={noun: items[start:end], "has_more": bool(more), **more})

    return reply


def by_offsets(runs: list[dict[str, Any]], *, size: int) -> Callable[[Received], Reply]:
    """A server of 2.0: offsets, and a limit of 0 for its largest page."""

    def reply(request: Received) -> Reply:
        start = int(request.query.get("offset", 0))
        end = start + (int(request.query["limit"]) or size)
        return Reply(body={"runs": runs[start:end], "has_more": end < len(runs)})

    return reply


# Completeness


@pytest.mark.parametrize("number", [0, 1, 24, 25, 26, 130])
def test_all_runs_come_in_order_by_tokens(dbjobs: Dbjobs, serve: Serve, number: int) -> None:
    serve(by_tokens("runs", [run(run_id=run_id) for run_id in range(1, number + 1)], size=25))
    done = dbjobs("runs", "list", "--limit", 0, "-o", "id")
    assert done.lines == [str(run_id) for run_id in range(1, number + 1)]


@pytest.mark.parametrize("number", [0, 1, 25, 26, 130])
def test_all_runs_come_in_order_by_offsets(dbjobs: Dbjobs, serve: Serve, number: int) -> None:
    server = serve(by_offsets([run(run_id=run_id) for run_id in range(1, number + 1)], size=25))
    done = dbjobs("runs", "list", "--limit", 0, "-o", "id", "--api-version", "2.0")
    assert done.lines == [str(run_id) for run_id in range(1, number + 1)]
    assert [request.query.get("offset", "0") for request in server.received] == [
        str(offset) for offset in range(0, max(number, 1), 25)
    ]


def test_a_run_that_begins_in_between_pushes_none_twice_into_the_list(dbjobs: Dbjobs, serve: Serve) -> None:
    runs = [run(run_id=run_id) for run_id in range(1, 51)]
    new_ids = count(1001)

    def reply(request: Received) -> Reply:
        runs.insert(0, run(run_id=next(new_ids)))
        return answer(request)

    answer = by_offsets(runs, size=20)
    serve(reply)
    done = dbjobs("runs", "list", "--limit", 0, "-o", "id", "--api-version", "2.0")
    assert done.lines == ["1001", *(str(run_id) for run_id in range(1, 51))]


@pytest.mark.parametrize(
    ("limit", "sizes"),
    [(1, ["1"]), (7, ["7"]), (25, ["25"]), (26, ["25", "25"]), (60, ["25", "25", "25"])],
)
def test_the_limit_counts_rows_and_no_page_is_asked_for_in_vain(
    dbjobs: Dbjobs, serve: Serve, limit: int, sizes: list[str]
) -> None:
    server = serve(by_tokens("runs", [run(run_id=run_id) for run_id in range(1, 101)], size=25))
    done = dbjobs("runs", "list", "--limit", limit, "-o", "id")
    assert len(done.lines) == limit
    assert [request.query["limit"] for request in server.received] == sizes


def test_the_newest_20_runs_are_listed_unless_told_otherwise(dbjobs: Dbjobs, serve: Serve) -> None:
    runs = [run("TERMINATED", "SUCCESS", run_id=run_id) for run_id in range(1, 101)]
    server = serve(by_tokens("runs", runs, size=25))
    done = dbjobs("runs", "list")
    assert (len(done.lines), len(server.received)) == (1 + 20, 1)
    assert done.stderr == "these are the newest 20; --limit 0 lists all\n"
    assert dbjobs("runs", "list", "--limit", 20).stderr == ""


@pytest.mark.parametrize(
    "page", [{}, {"has_more": False}, {"runs": [], "has_more": False, "next_page_token": ""}]
)
def test_an_empty_list_is_no_error(dbjobs: Dbjobs, serve: Serve, page: dict[str, Any]) -> None:
    serve(Reply(body=page))
    assert dbjobs("runs", "list") == Result(0, "", "no runs\n")
    assert dbjobs("runs", "list", "-o", "json").stdout == "[]\n"
    assert dbjobs("runs", "list", "-o", "jsonl").stdout == ""


def test_a_server_that_leads_in_circles_is_left_with_a_warning(dbjobs: Dbjobs, serve: Serve) -> None:
    pages = [{"jobs": [job(number)], "next_page_token": "A", "has_more": True} for number in (1, 2)]
    server = serve(by_endpoint({"list": pages}))
    done = dbjobs("jobs", "list", "-o", "id")
    assert (done.exit_code, done.lines, len(server.received)) == (0, ["1", "2"], 2)
    assert "this list may be incomplete" in done.stderr


def test_a_page_without_items_does_not_end_the_list(dbjobs: Dbjobs, serve: Serve) -> None:
    pages = [{"next_page_token": "A", "has_more": True}, {"jobs": [job(1)], "has_more": False}]
    serve(by_endpoint({"list": pages}))
    assert dbjobs("jobs", "list", "-o", "id").lines == ["1"]


# Errors


@pytest.mark.parametrize("form", ["text", "jsonl", "id"])
def test_a_page_that_fails_is_an_error_after_the_rows_that_came(
    dbjobs: Dbjobs, serve: Serve, form: str
) -> None:
    page = {"runs": [run(run_id=1), run(run_id=2)], "has_more": True, "next_page_token": "A"}
    serve(Reply(body=page), Reply(403, {"error_code": "PERMISSION_DENIED", "message": "no more for you"}))
    done = dbjobs("runs", "list", "-o", form)
    assert (done.exit_code, len(done.lines)) == (5, 3 if form == "text" else 2)
    assert "error: the list ended early, after 2 rows: no more for you" in done.stderr


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_one_document_is_whole_or_not_there_at_all(dbjobs: Dbjobs, serve: Serve, form: str) -> None:
    page = {"runs": [run(run_id=1)], "has_more": True, "next_page_token": "A"}
    serve(Reply(body=page), Reply(403, {"error_code": "PERMISSION_DENIED", "message": "no more for you"}))
    done = dbjobs("runs", "list", "-o", form)
    assert (done.exit_code, done.stdout) == (5, "")


def test_a_page_that_is_late_is_waited_for(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    page = {"runs": [run(run_id=1)], "has_more": True, "next_page_token": "A"}
    serve(Reply(body=page), Reply(503, {}, {"Retry-After": "9"}), Reply(body={"runs": [run(run_id=2)]}))
    assert dbjobs("runs", "list", "-o", "id").lines == ["1", "2"]
    assert sum(clock.slept) >= 9


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--active", "--completed"], "--active and --completed cannot be combined"),
        (["--since", "1h", "--until", "2h"], "--since is later than --until"),
        (["--since", "tomorrow"], "--since: 'tomorrow' is not a time"),
        (["--limit", "-1"], "--limit"),
    ],
)
def test_what_cannot_be_meant_is_not_asked(
    dbjobs: Dbjobs, serve: Serve, options: list[str], problem: str
) -> None:
    server = serve(Reply())
    done = dbjobs("runs", "list", *options)
    assert (done.exit_code, server.received) == (2, [])
    assert problem in done.stderr


# Filters on this side


def at(run_id: int, start: int, end: int | None = None) -> dict[str, Any]:
    """A run that began and ended so many minutes ago."""
    return run(run_id=run_id, start_time=NOW_MS - start * MINUTE, end_time=end and NOW_MS - end * MINUTE)


RUNS = [at(1, 5), at(2, 10, 6), at(3, 200, 8), at(4, 30, 20), at(5, 70, 65), at(6, 80, 70), at(7, 50, 1)]
"""By end, as newer servers list them; the last one stands where it never would."""


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--since", "60m"], "1 2 4"),
        (["--until", "60m"], "3 5 6"),
        (["--since", "75m", "--until", "10m"], "2 4 5"),
        (["--since", "75m", "--limit", "2"], "1 2"),
    ],
)
def test_2_0_knows_no_times_so_they_are_kept_here(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, options: list[str], ids: str
) -> None:
    serve(by_offsets(RUNS[:6], size=4))
    done = dbjobs("runs", "list", *options, "-o", "id", "--api-version", "2.0")
    assert done.lines == ids.split()


def test_nothing_is_asked_for_once_no_run_can_follow(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    server = serve(by_offsets([at(number, number) for number in range(1, 1001)], size=25))
    done = dbjobs("runs", "list", "--since", "30m", "--limit", 0, "-o", "id", "--api-version", "2.0")
    assert len(done.lines) == 30
    assert len(server.received) == 2


def test_a_long_run_is_no_reason_to_stop(clock: FakeClock) -> None:
    wanted = RunFilter(start_time_from=NOW_MS - 60 * MINUTE)
    assert [wanted.is_too_early(one) for one in RUNS[:6]] == [False, False, False, False, True, True]


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_a_name_is_looked_at_here_too(dbjobs: Dbjobs, serve: Serve, version: str) -> None:
    jobs = [job(1, "nightly"), job(2, "nightly 2"), job(3, "Nightly"), {"job_id": 4, "settings": {}}]
    serve(Reply(body={"jobs": jobs}))
    assert dbjobs("jobs", "list", "--name", "nightly", "-o", "id", "--api-version", version).lines == [
        "1",
        "3",
    ]


# Forms


def cells(table: Result) -> list[list[str]]:
    return [re.split(" {2,}", line) for line in table.lines]


def test_forms_for_programs_hold_what_the_api_said(dbjobs: Dbjobs, serve: Serve) -> None:
    runs = [run(run_id=BEYOND_FLOAT, note="\x1b[2J[red]"), run(run_id=2)]
    serve(Reply(body={"runs": runs}))
    assert json.loads(dbjobs("runs", "list", "-o", "json").stdout) == runs
    assert [json.loads(line) for line in dbjobs("runs", "list", "-o", "jsonl").lines] == runs
    assert f"run_id: {BEYOND_FLOAT}\n" in dbjobs("runs", "list", "-o", "yaml").stdout
    assert dbjobs("runs", "list", "-o", "id").lines == [str(BEYOND_FLOAT), "2"]


def test_the_table_of_jobs(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    tasks = [{"task_key": "load"}, {"task_key": "clean"}]
    schedule = {"quartz_cron_expression": "0 0 2 * * ?", "timezone_id": "UTC", "pause_status": "PAUSED"}
    jobs = [
        job(BEYOND_FLOAT, "nightly [dev]", tasks=tasks, schedule=schedule),
        job(2, "all day", continuous={"pause_status": "UNPAUSED"}, notebook_task={"notebook_path": "/n"}),
        {**job(3, "", tasks=[{"task_key": str(number)} for number in range(100)]), "has_more": True},
        {"job_id": 4},
    ]
    made = ["ann@example.com", "2025-12-31 22:30:00 (1h ago)"]
    serve(Reply(body={"jobs": jobs}))
    assert cells(dbjobs("jobs", "list")) == [
        ["JOB ID", "NAME", "CREATOR", "CREATED", "SCHEDULE", "TASKS"],
        [str(BEYOND_FLOAT), "nightly [dev]", *made, "0 0 2 * * ? UTC, PAUSED", "2"],
        ["2", "all day", *made, "continuous UNPAUSED", "1"],
        ["3", "Untitled", *made, "100+"],
        ["4", "Untitled"],
    ]


def test_the_table_of_runs(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    runs = [
        {**at(BEYOND_FLOAT, 125, 5), "trigger": "PERIODIC"},
        run("RUNNING", run_id=2, run_name="a \x1b[31mname", start_time=NOW_MS - 5000, trigger="ONE_TIME"),
        {"run_id": 3, "status": {"state": "QUEUED"}},
    ]
    runs[0]["state"] |= {"result_state": "FAILED", "state_message": "no rows\nat all"}
    runs[1]["state"]["state_message"] = "In run"
    serve(Reply(body={"runs": runs}))
    assert cells(dbjobs("runs", "list")) == [
        ["RUN ID", "JOB ID", "NAME", "STATE", "TRIGGER", "STARTED", "DURATION", "MESSAGE"],
        [
            *(str(BEYOND_FLOAT), "77310284417", "nightly", "✗ TERMINATED FAILED", "PERIODIC"),
            *("2025-12-31 21:55:00 (2h ago)", "2h00m", "no rows at all"),
        ],
        ["2", "77310284417", "a name", "● RUNNING", "ONE_TIME", "2025-12-31 23:59:55 (5s ago)", "5s"],
        ["3", "run 3", "○ QUEUED"],
    ]


def test_tasks_are_shown_if_asked_for(dbjobs: Dbjobs, serve: Serve) -> None:
    tasks = [task("load", "TERMINATED", "SUCCESS"), task("clean", "RUNNING", after=("load",))]
    server = serve(
        by_endpoint(
            {
                "runs/list": {"runs": [run("RUNNING", None, *tasks)]},
                "list": {"jobs": [job(1, tasks=[{"task_key": "load"}, {"task_key": "clean"}])]},
            }
        )
    )
    assert dbjobs("runs", "list", "--expand-tasks").lines[1].endswith("load SUCCESS, clean RUNNING")
    assert dbjobs("jobs", "list", "--expand-tasks").lines[1].endswith("2  load, clean")
    assert {request.query["expand_tasks"] for request in server.received} == {"true"}


def test_rows_appear_as_pages_arrive_in_columns_of_the_first_page(dbjobs: Dbjobs, serve: Serve) -> None:
    pages = [
        {"jobs": [job(1, "short")], "next_page_token": "A", "has_more": True},
        {"jobs": [job(2, "a much longer name than any before")]},
    ]
    serve(by_endpoint({"list": pages}))
    _, first_row, second_row = dbjobs("jobs", "list").lines
    assert first_row.startswith("1       short  ann@example.com")
    assert second_row.startswith("2       a much longer name than any before  ann@example.com")


def test_a_page_is_shown_before_the_next_one_is_there(serve: Serve) -> None:
    is_read = threading.Event()

    def reply(request: Received) -> Reply:
        if "page_token" not in request.query:
            return Reply(body={"runs": [run(run_id=1)], "has_more": True, "next_page_token": "A"})
        assert is_read.wait(30)
        return Reply(body={"runs": [run(run_id=2)]})

    serve(reply)
    command = [sys.executable, "-m", "dbjobs", "runs", "list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline().split()[0] for _ in range(2)] == ["RUN", "1"]
        is_read.set()
        assert process.stdout.readline().split()[0] == "2"
    assert process.returncode == 0


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
@pytest.mark.parametrize("noun", ["jobs", "runs"])
def test_a_table_fits_the_terminal_and_cuts_no_id(serve: Serve, noun: str, columns: int) -> None:
    name = "customers and orders of the whole world, hourly"
    schedule = {"quartz_cron_expression": "0 0 2 * * ?", "timezone_id": "America/Argentina/Buenos_Aires"}
    runs = [
        run("TERMINATED", "SUCCESS_WITH_FAILURES", run_id=BEYOND_FLOAT, run_name=name, start_time=NOW_MS),
        run("RUNNING", run_id=2, trigger="FILE_ARRIVAL"),
        run("INTERNAL_ERROR", "FAILED", run_id=3, run_name=name, start_time=NOW_MS, end_time=NOW_MS + 1),
    ]
    runs[2]["state"]["state_message"] = message = f"no quota for the cluster {'that the job needs ' * 20}"
    serve(
        by_endpoint(
            {"list": {"jobs": [job(BEYOND_FLOAT, name, schedule=schedule)]}, "runs/list": {"runs": runs}}
        )
    )
    screen = run_in_terminal([sys.executable, "-m", "dbjobs", noun, "list"], columns=columns)
    lines = screen.text.splitlines()
    assert len(lines) == (2 if noun == "jobs" else 4), "no line is wrapped"
    assert str(BEYOND_FLOAT) in lines[1]
    assert "custom" in lines[1] or columns == 40
    if columns >= 120:
        assert re.search(r"\b\d+d ago", lines[1]), "when, at a glance"
        assert noun == "jobs" or message[: columns // 4 - 2].rstrip() in lines[3], (
            "causes get a quarter of the width"
        )


def test_no_more_pages_are_taken_than_needed() -> None:
    asked = []

    def pages() -> Iterator[list[dict[str, Any]]]:
        for number in count():
            asked.append(number)
            yield [{"n": number}, {"n": number}]

    assert sum(len(page) for page in take(pages(), 5)) == 5
    assert asked == [0, 1, 2]


def test_offsets_are_for_servers_that_give_no_tokens() -> None:
    places = []

    def ask(place: dict[str, Any]) -> dict[str, Any]:
        places.append(place)
        return {"jobs": [{"job_id": len(places)}], "has_more": len(places) < 3}

    assert [item["job_id"] for page in list_items(ask, "job", pytest.fail) for item in page] == [1, 2, 3]
    assert places == [{}, {"offset": 1}, {"offset": 2}]


# Servers that do otherwise than they were asked


ROWS = [
    run("RUNNING", run_id=1) | {"job_id": 7, "run_type": "JOB_RUN"},
    run("TERMINATED", "SUCCESS", run_id=2) | {"job_id": 7, "run_type": "SUBMIT_RUN"},
    run("QUEUED", run_id=3) | {"job_id": 8},
    {"run_id": 4, "status": {"state": "TERMINATED"}},
    run("NEW_STATE", run_id=5),
]


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (["--active"], ["1", "3", "5"]),
        (["--completed"], ["2", "4", "5"]),
        (["--job", "7"], ["1", "2", "4"]),
        (["--run-type", "JOB_RUN"], ["1", "3", "4", "5"]),
    ],
)
def test_rows_that_a_filter_excludes_are_dropped_where_the_server_ignores_it(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, options: list[str], kept: list[str]
) -> None:
    """What a row does not tell, or nobody knows, keeps it."""
    serve(Reply(body={"runs": ROWS}))
    assert dbjobs("runs", "list", *options, "-o", "id").lines == kept


@pytest.mark.parametrize("noun", ["jobs", "runs"])
@pytest.mark.parametrize("version", ["2.1", "2.2"])
def test_what_a_list_cuts_off_is_read_in_full(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, noun: str, version: str
) -> None:
    tasks = [{"task_key": f"t{number}"} for number in range(130)]

    def hold(part: list[Any], **more: Any) -> dict[str, Any]:
        held = {"settings": {"name": "n", "tasks": part}} if noun == "jobs" else {"tasks": part}
        return {f"{noun[:-1]}_id": 1, **held, **more}

    def reply(request: Received) -> Reply:
        if request.endpoint in ("list", "runs/list"):
            other = {f"{noun[:-1]}_id": 2}
            return Reply(body={noun: [hold(tasks[:100], has_more=True), other]})
        if request.query.get("page_token"):
            return Reply(body=hold(tasks[100:]))
        return Reply(body=hold(tasks[:100], next_page_token="more"))

    server = serve(reply)
    done = dbjobs(noun, "list", "--expand-tasks", "-o", "json", "--api-version", version)
    first, second = json.loads(done.stdout)
    assert len((first["settings"] if noun == "jobs" else first)["tasks"]) == 130
    assert "has_more" not in first
    assert second == {f"{noun[:-1]}_id": 2}
    assert len(server.received) == 3


def test_what_was_deleted_since_it_was_listed_is_shown_as_far_as_it_is_known(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    cut = {"run_id": 1, "tasks": [{"task_key": "a"}], "has_more": True}
    absent = Reply(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No."})
    serve(by_endpoint({"runs/list": {"runs": [cut]}, "runs/get": absent}))
    done = dbjobs("runs", "list", "--expand-tasks", "-o", "json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, [cut])


def test_pages_of_a_run_that_repeat_each_other_multiply_no_task(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    tasks = [{"task_key": "a", "run_id": 8}, {"task_key": "b", "run_id": 9}]
    pages = [{"run_id": 1, "tasks": tasks, "next_page_token": str(number)} for number in range(3)]
    serve(*(Reply(body=page) for page in pages), Reply(body={"run_id": 1}))
    done = dbjobs("runs", "get", 1, "-o", "json")
    assert json.loads(done.stdout)["tasks"] == tasks


def test_tokens_that_never_repeat_lead_to_an_end(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbjobs.api.paging.MAX_PAGES", 5)
    monkeypatch.setattr("dbjobs.api.paging.MAX_PAGES_WITHOUT_NEW_ITEMS", 5)
    numbers = count()

    def reply(request: Received) -> Reply:
        more = {"next_page_token": str(next(numbers))}
        return Reply(
            body={"run_id": 1, **more} if request.endpoint == "runs/get" else {"runs": [ROWS[0]], **more}
        )

    server = serve(reply)
    done = dbjobs("runs", "get", 1)
    assert (done.exit_code, len(server.received)) == (6, 5)
    assert "the server's answer has more than 5 pages" in done.stderr
    done = dbjobs("runs", "list", "--limit", 0, "-o", "id")
    assert (done.exit_code, done.lines) == (0, ["1"])
    assert "this list may be incomplete" in done.stderr


def list_of(number: int, tokens: list[str]) -> Reply:
    token = int(tokens[-1] or 0)
    runs = [{"run_id": 1 + index, "state": {}} for index in range(token, min(token + 25, number))]
    more = token + 25 < number
    return Reply(body={"runs": runs, "has_more": more, "next_page_token": str(token + 25) if more else ""})


@pytest.mark.parametrize(("limit", "requests"), [("7", 1), ("25", 1), ("26", 2), ("0", 4)])
@pytest.mark.parametrize("output", ["text", "jsonl", "id"])
def test_a_list_fetches_no_page_that_is_not_shown(
    dbjobs: Dbjobs, serve: Serve, output: str, limit: str, requests: int
) -> None:
    tokens: list[str] = []

    def reply(request: Received) -> Reply:
        tokens.append(request.query.get("page_token", ""))
        return list_of(100, tokens)

    serve(reply)
    done = dbjobs("runs", "list", "--limit", limit, "-o", output)
    assert done.exit_code == 0
    assert len(done.lines) == (int(limit) or 100) + (output == "text")
    assert len(tokens) == requests
