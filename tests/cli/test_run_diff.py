"""`runs diff`: what two runs ran with, and how each of them went."""

import json
from typing import Any

import pytest

from tests.conftest import Dbjobs, Serve
from tests.support.fakes import FakeClock, Received, Reply
from tests.support.payloads import JOB_ID, run, task

NOW = 1_767_225_600_000
MINUTE = 60_000


def one(run_id: int, result: str, minutes_ago: int, lasted: int, *tasks: Any, **more: Any) -> dict[str, Any]:
    start = NOW - minutes_ago * MINUTE
    times = {"start_time": start, "end_time": start + lasted * MINUTE}
    return run("TERMINATED", result, *tasks, run_id=run_id, **times, **more)


def notebook(key: str, result: str, lasted: int, **more: Any) -> dict[str, Any]:
    times: dict[str, Any] = {"start_time": NOW, "end_time": NOW + lasted * MINUTE}
    settings = {"notebook_task": {"notebook_path": f"/{key}"}, "max_retries": 0, **more}
    return task(key, "TERMINATED", result, **times, **settings)


OLD = one(
    5, "SUCCESS", 300, 10,
    notebook("load", "SUCCESS", 4),
    notebook("gone", "SUCCESS", 1),
    job_parameters=[{"name": "day", "value": "2025-12-31"}],
    git_source={"git_url": "https://x", "git_branch": "main", "git_snapshot": {"used_commit": "aaa"}},
)  # fmt: skip
NEW = one(
    8, "FAILED", 60, 15,
    notebook("load", "FAILED", 6, max_retries=2),
    notebook("new\x1b[2J", "SUCCESS", 1),
    job_parameters=[{"name": "day", "value": "2026-01-01"}],
    git_source={"git_url": "https://x", "git_branch": "main", "git_snapshot": {"used_commit": "bbb"}},
)  # fmt: skip
ONE_TIME = {**NEW, "run_type": "SUBMIT_RUN"}
RUNS = [NEW, one(7, "CANCELED", 120, 1), one(6, "FAILED", 180, 1), OLD, one(4, "SUCCESS", 400, 9)]


def workspace(runs: list[dict[str, Any]]) -> Any:
    def reply(request: Received) -> Reply:
        if request.endpoint == "runs/list":
            return Reply(body={"runs": [{k: v for k, v in run.items() if k != "tasks"} for run in runs]})
        found = [run for run in runs if str(run["run_id"]) == request.query["run_id"]]
        return Reply(body=found[0]) if found else Reply(400, {"message": "Run 9 does not exist."})

    return reply


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_a_run_is_compared_with_the_last_good_one_before_it(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, version: str
) -> None:
    serve(workspace(RUNS))

    done = dbjobs("runs", "diff", 8, "--api-version", version)

    assert (done.exit_code, done.stderr) == (0, "")
    assert [" ".join(line.split()) for line in done.lines] == [
        "run 5 → run 8",
        f"job nightly ({JOB_ID})",
        "state TERMINATED SUCCESS → TERMINATED FAILED",
        "started 2025-12-31 19:00:00 (5h ago) → 2025-12-31 23:00:00 (1h ago)",
        "duration 10m00s → 15m00s (+50 %)",
        "",
        '~ parameters.day: "2025-12-31" → "2026-01-01"',
        '~ git_source.commit: "aaa" → "bbb"',
        "~ tasks[load].max_retries: 0 → 2",
        '- tasks[gone].task_key: "gone"',
        '- tasks[gone].notebook_task.notebook_path: "/gone"',
        '+ tasks[new].task_key: "new\\u001b[2J"',
        '+ tasks[new].notebook_task.notebook_path: "/new\\u001b[2J"',
        "",
        "TASK STATE DURATION CHANGE",
        "load SUCCESS → FAILED 4m00s → 6m00s +50 %",
        "new - → SUCCESS - → 1m00s",
        "gone SUCCESS → - 1m00s → -",
    ]


def test_the_same_for_programs(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(workspace(RUNS))

    found = json.loads(dbjobs("runs", "diff", 8, "-o", "json").stdout)

    assert (found["old"]["run_id"], found["new"]["run_id"], found["new"]["seconds"]) == (5, 8, 900)
    assert {"path": "git_source.commit", "old": "aaa", "new": "bbb"} in found["changes"]
    gone = next(change for change in found["changes"] if change["path"] == "tasks[gone].task_key")
    assert "new" not in gone
    assert [one["task_key"] for one in found["tasks"]] == ["load", "new\x1b[2J", "gone"]
    assert found["tasks"][2]["new"] is None
    assert dbjobs("runs", "diff", 8, "-o", "id").stdout == "8\n"


def test_two_runs_are_compared_in_the_order_given(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(workspace(RUNS))

    done = dbjobs("runs", "diff", 8, 5)

    assert done.lines[0] == "run 8 → run 5"
    assert '~ git_source.commit: "bbb" → "aaa"' in done.lines
    assert [request.endpoint for request in server.received] == ["runs/get", "runs/get"]


def test_runs_that_ran_with_the_same_say_so(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(workspace(RUNS))
    done = dbjobs("runs", "diff", 4, 7)
    assert "no difference in settings, parameters, commit and compute" in done.lines


@pytest.mark.parametrize(
    ("runs", "error"),
    [
        (RUNS[:3], f"no run of job {JOB_ID} succeeded before run 8, among 1,000 at most"),
        ([ONE_TIME], "run 8 is a one-time run, so there is no earlier one of its job"),
    ],
    ids=["never succeeded", "one-time"],
)  # fmt: skip
def test_where_there_is_nothing_to_compare_with_it_says_so(
    dbjobs: Dbjobs, serve: Serve, runs: list[dict[str, Any]], error: str
) -> None:
    serve(workspace(runs))
    done = dbjobs("runs", "diff", 8)
    assert done.exit_code in (2, 4)
    assert done.stderr.splitlines() == [
        f"error: {error}",
        "hint: give the run to compare it with, the older one first: dbjobs runs diff RUN RUN",
    ]
