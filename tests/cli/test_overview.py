"""`jobs list --runs`: every job at a glance, from the lists of the workspace."""

import json
from typing import Any

import pytest

from dbjobs.api.models import Run
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.overview import render_overview
from dbjobs.runs.overview import WorkspaceRuns, make_overview
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import FakeClock, Received, Reply
from tests.support.payloads import run

NOW = 1_767_225_600_000
"""The fake clock's beginning, Thursday 2026-01-01T00:00Z."""
MINUTE = 60_000


def job(job_id: int, name: str, **settings: Any) -> dict[str, Any]:
    return {"job_id": job_id, "settings": {"name": name, **settings}}


def ended(job_id: int, result: str, minutes_ago: int, lasted: int = 10, message: str = "") -> dict[str, Any]:
    start = NOW - minutes_ago * MINUTE
    times = {"start_time": start, "end_time": start + lasted * MINUTE, "run_type": "JOB_RUN"}
    one = run("TERMINATED", result, run_id=job_id * 10_000 + minutes_ago, job_id=job_id, **times)
    one["state"]["state_message"] = message
    return one


def active(job_id: int, state: str, minutes_ago: int) -> dict[str, Any]:
    start = NOW - minutes_ago * MINUTE
    return run(state, None, run_id=job_id * 10_000, job_id=job_id, start_time=start, run_type="JOB_RUN")


CRON = {"quartz_cron_expression": "0 30 2 * * ?", "timezone_id": "Europe/Berlin", "pause_status": "UNPAUSED"}
JOBS = [
    job(1, "quiet"),
    job(2, "nightly", schedule=CRON),
    job(3, "hourly", schedule={**CRON, "pause_status": "PAUSED"}),
    job(4, "files", trigger={"file_arrival": {"url": "s3://x"}, "pause_status": "UNPAUSED"}),
    job(5, "stream", continuous={"pause_status": "PAUSED"}),
    job(6, "odd", schedule={**CRON, "timezone_id": "Nowhere/Land"}),
    job(7, "queue"),
]
RUNS = [
    ended(2, "FAILED", 30, message="no rows\nat all"),
    ended(4, "SUCCESS", 40, lasted=8),
    ended(2, "SUCCESS", 1500),
    ended(4, "SUCCESS", 1600, lasted=12),
    ended(4, "SUCCESS", 1700, lasted=10),
    ended(3, "CANCELED", 1800),
    active(4, "RUNNING", 15),
    active(7, "QUEUED", 3),
]


def workspace(jobs: list[dict[str, Any]], runs: list[dict[str, Any]], size: int = 25) -> Any:
    """Lists of jobs and runs in pages, filtered as the API filters them."""

    def reply(request: Received) -> Reply:
        noun = "jobs" if request.endpoint == "list" else "runs"
        items = jobs
        if noun == "runs":
            is_active = bool(request.query.get("active_only"))
            earliest = int(request.query.get("start_time_from", 0))
            items = [one for one in runs if ("result_state" not in one["state"]) == is_active]
            items = [one for one in items if one["start_time"] >= earliest]
        start = int(request.query.get("page_token") or request.query.get("offset") or 0)
        wanted = int(request.query.get("limit") or 0) or 100
        page = items[start : start + min(wanted, 100 if noun == "jobs" else size)]
        end = start + len(page)
        more = {"next_page_token": str(end)} if end < len(items) and "2.0" not in request.path else {}
        return Reply(body={noun: page, "has_more": end < len(items) and "2.0" not in request.path, **more})

    return reply


def cells(text: str) -> list[list[str]]:
    import re

    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_failing_jobs_come_first_with_their_cause_and_then_those_that_run(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, version: str
) -> None:
    server = serve(workspace(JOBS, RUNS))

    done = dbjobs("jobs", "list", "--runs", "--api-version", version)

    assert (done.exit_code, done.stderr) == (0, "")
    assert cells(done.stdout) == [
        ["NAME", "RUNS", "LAST", "NOW", "NEXT", "JOB ID", "MESSAGE"],
        ["nightly", "✓✗", "FAILED 20m ago", "in 1h30m, Thu 02:30 Europe/Berlin", "2", "no rows at all"],
        ["queue", "○ QUEUED", "7"],
        ["files", "✓✓✓", "SUCCESS 32m ago", "● 15m00s, usually 10m00s", "file_arrival", "4"],
        ["hourly", "■", "CANCELED 1d ago", "schedule paused", "3"],
        ["quiet", "1"],
        ["stream", "continuous paused", "5"],
        ["odd", "not known", "6"],
    ]
    assert len(server.received) == 3


@pytest.mark.parametrize("width", [60, 80, 100, 139])
def test_a_narrow_terminal_has_what_runs_now_and_next_in_short(width: int) -> None:
    ended_runs = [Run(one) for one in RUNS if "result_state" in one["state"]]
    active_runs = [Run(one) for one in RUNS if "result_state" not in one["state"]]
    of_job = {job_id: [run for run in ended_runs if run.job_id == job_id] for job_id in (2, 4)}
    runs = WorkspaceRuns(of_job, {4: active_runs[:1]}, None)
    overview = make_overview(JOBS, runs, NOW / 1000)

    lines = [line.plain for line in render_overview(overview, Canvas(now=NOW / 1000, width=width))]

    assert max(map(len, lines)) <= width
    assert all(word in lines[1] for word in ("nightly", "✓✗", "FAILED 20m ago"))
    assert ("in 1h30m" in lines[1]) == (width >= 80)
    assert "● 15m00s of 10m00s" in lines[2]
    assert ("no rows" in lines[1]) == (width >= 80)


def test_the_same_for_programs(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    serve(workspace(JOBS, RUNS))

    done = dbjobs("jobs", "list", "--runs", "-o", "json")

    by_name = {one["name"]: one for one in json.loads(done.stdout)}
    nightly, files = by_name["nightly"], by_name["files"]
    assert nightly["is_failing"]
    assert nightly["next_run_local"] == "2026-01-01T02:30:00+01:00"
    assert nightly["next_run"] == NOW + 90 * MINUTE
    assert [one["result_state"] for one in nightly["last_runs"]] == ["FAILED", "SUCCESS"]
    assert nightly["last_runs"][0]["message"] == "no rows\nat all"
    assert (files["seconds_so_far"], files["usual_seconds"], files["starts_by"]) == (900, 600, "file_arrival")
    assert by_name["hourly"]["is_paused"]
    assert by_name["hourly"]["next_run"] is None
    assert dbjobs("jobs", "list", "--runs", "-o", "id").lines[:2] == ["2", "7"]


def test_a_thousand_jobs_take_no_request_each(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    jobs = [job(job_id, f"job {job_id}") for job_id in range(1, 1001)]
    runs = [ended(one % 1000 + 1, "SUCCESS", one) for one in range(1, 1001)]
    server = serve(workspace(jobs, runs))

    done = dbjobs("jobs", "list", "--runs", "--limit", 5)

    assert len(done.lines) == 6
    assert len(server.received) == 10 + 1 + 20
    assert done.stderr == (
        "the newest 500 runs were read, back to 2025-12-31 15:40:00 (8h ago); --since reads further\n"
    )


def test_since_reads_all_that_started_since_then(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    runs = [ended(1, "SUCCESS", one) for one in range(1, 801)]
    server = serve(workspace([job(1, "a")], runs))

    done = dbjobs("jobs", "list", "--runs", "--since", "10h", "-o", "json")

    assert (done.exit_code, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)[0]["last_runs"]) == 600
    assert server.received[2].query["start_time_from"] == str(NOW - 600 * MINUTE)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--match", "LY"], ["nightly", "hourly"]),
        (["--limit", "1"], ["nightly"]),
        (["--limit", "0", "--match", "q"], ["queue", "quiet"]),
    ],
    ids=str,
)
def test_some_of_the_jobs(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, options: list[str], names: list[str]
) -> None:
    serve(workspace(JOBS, RUNS))
    done = dbjobs("jobs", "list", "--runs", *options, "-o", "json")
    assert [one["name"] for one in json.loads(done.stdout)] == names


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--since", "1d"], "error: --since needs --runs\nhint: add --runs, or leave --since out\n"),
        (["--runs", "--expand-tasks"], "error: --runs and --expand-tasks cannot be combined\n"),
    ],
)
def test_what_cannot_take_effect_is_refused(dbjobs: Dbjobs, options: list[str], error: str) -> None:
    done = dbjobs("jobs", "list", *options)
    assert (done.exit_code, done.stderr) == (2, error)


def test_a_workspace_without_jobs(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(workspace([], []))
    done = dbjobs("jobs", "list", "--runs")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "no jobs\n")
