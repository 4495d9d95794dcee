"""What a wait tells of expected ends and of what takes longer than usual: lines, events, live view, CI."""

import json
import re
import sys
from typing import Any

import pytest

from benchmarks.clients.planned import EPOCH, JOB_ID, RUN_ID, Task, Workspace, payload
from dbjobs.api.models import Run
from dbjobs.output.ci_systems import CiSystem
from dbjobs.output.expectations import expected_end, format_about, format_expected_end, share_done
from dbjobs.output.reporting import Reporter
from dbjobs.output.terminal.run_view import render_snapshot
from dbjobs.output.terminal.style import ASCII
from dbjobs.runs.failures import FailureReader
from dbjobs.runs.planning import Planner, ServerClock
from dbjobs.runs.schedule import Schedule
from dbjobs.runs.snapshots import Snapshot, WatchedRun
from tests.conftest import Dbjobs, Serve
from tests.output.conftest import Piped
from tests.output.given import follow
from tests.support.fakes import FakeClock, Received, Reply
from tests.support.terminal import Terminal

TASKS = [Task("ingest", 120), Task("load", 480, ("ingest",)), Task("report", 120, ("load",))]
PAST = [[Task(t.key, t.work * (0.9 + 0.01 * (7 * n % 20)), t.after) for t in TASKS] for n in range(24)]
"""Runs of about twelve minutes."""


def snapshots_of(workspace: Workspace, tick: float = 5) -> list[Snapshot]:
    workspace.watch(Schedule(is_planned=True, jitter=0, tick=tick))
    return workspace.snapshots


def at(snapshots: list[Snapshot], elapsed: float) -> Snapshot:
    return next(shot for shot in snapshots if shot.elapsed >= elapsed)


def shown(workspace: Workspace, piped: Piped, mode: str) -> list[str]:
    """The lines that stderr gets, each snapshot at its time."""
    clock = FakeClock(epoch=EPOCH)

    def by_time() -> Any:
        for shot in snapshots_of(workspace):
            clock.time = shot.elapsed
            yield shot

    follow(by_time(), piped.streams(), mode, clock)
    return piped.err.getvalue().splitlines()


ENDS = "(ends within 00:10 and 00:13)"


def generalize(text: str) -> str:
    """The text with the same end in place of each that the durations above allow."""
    return re.sub(r"\(ends 00:1[0-3][–-]00:1[0-3]\)", ENDS, text)


def test_lines_say_when_the_run_will_end_once_and_with_each_heartbeat(piped: Piped) -> None:
    lines = shown(Workspace(PAST, TASKS), piped, "lines")

    assert f"00:00:00  run {RUN_ID}  usually 12m, about 12m left {ENDS}" in map(generalize, lines)
    heartbeats = [line for line in lines if "still RUNNING" in line]
    seen = re.search(r"after (\w+), 0 of 3 tasks done, ingest for (\w+), usually", heartbeats[0])
    assert seen
    assert seen[1] == seen[2], "the task that is active has been so since the run began"
    assert f", usually 12m, about 11m left {ENDS}" in generalize(heartbeats[0])
    assert sum("usually" in line for line in lines) == 1 + len(heartbeats)


def test_a_late_run_is_told_once_with_the_task_that_is_late(piped: Piped) -> None:
    slow = [TASKS[0], Task("load", 1500, ("ingest",)), TASKS[2]]
    lines = shown(Workspace(PAST, slow), piped, "lines")

    late = [line for line in lines if "longer than" in line]
    assert len(late) == 1
    assert "longer than 95 % of the last 24 runs (usually 12m): load is late, " in late[0]
    assert " instead of 8m" in late[0]


def test_while_a_task_is_late_what_comes_after_it_is_still_expected() -> None:
    slow = [TASKS[0], Task("load", 3000, ("ingest",)), TASKS[2]]
    snapshots = snapshots_of(Workspace(PAST, slow))

    shot = at(snapshots, 2400)
    expected = expected_end(shot, shot.runs[0])
    assert expected
    assert expected.left >= 100, "report has not begun, and takes two minutes"


def test_events_have_the_expected_end_and_its_range(piped: Piped) -> None:
    slow = [TASKS[0], Task("load", 1500, ("ingest",)), TASKS[2]]
    events = [json.loads(line) for line in shown(Workspace(PAST, slow), piped, "events")]

    [first] = [event for event in events if event["event"] == "expected_end"]
    assert first["expected_end_low"] < first["expected_end"] < first["expected_end_high"]
    assert "2026-01-01T00:11" < first["expected_end"] < "2026-01-01T00:13"
    assert 690 <= first["usual_seconds"] <= 740
    beats = [event for event in events if event["event"] == "heartbeat"]
    [active] = beats[0]["active_tasks"]
    assert active == {"task_key": "ingest", "seconds": pytest.approx(60, abs=5)}
    assert all(beat["expected_end"] for beat in beats)
    [delay] = [event for event in events if event["event"] == "delay"]
    assert (delay["part"], delay["task_key"]) == ("run", "load")
    assert delay["seconds"] > delay["usual_seconds"]


def view(shot: Snapshot, width: int, **more: Any) -> list[str]:
    frame = render_snapshot(shot, width=width, height=30, now=EPOCH + shot.elapsed, **more)
    return frame.plain.split("\n")


def test_the_live_view_has_a_bar_where_there_is_room() -> None:
    shot = at(snapshots_of(Workspace(PAST, TASKS)), 360)

    wide, poor = (list(map(generalize, view(shot, 80, **more))) for more in ({}, {"glyphs": ASCII}))
    assert f"  ━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌  usually 12m, about 6m left {ENDS}" in wide
    assert f"  ==========----------  usually 12m, about 6m left {ENDS}" in poor
    assert all(line.isascii() for line in view(shot, 80, glyphs=ASCII))
    narrow = view(shot, 40)
    assert "  usually 12m" in narrow
    assert f"  about 6m left {ENDS}" in map(generalize, narrow)
    assert max(map(len, narrow)) <= 40


@pytest.mark.parametrize(("number", "left"), [(1, "12m"), (2, "10m")])
def test_one_or_two_past_runs_say_what_to_expect_but_no_range_and_nothing_is_late(
    piped: Piped, number: int, left: str
) -> None:
    slow = [TASKS[0], Task("load", 3000, ("ingest",)), TASKS[2]]
    past = [[Task("ingest", 120), Task("load", 300, ("ingest",)), Task("report", 120, ("load",))], TASKS]
    text = "\n".join(shown(Workspace(past[-number:], slow), piped, "lines"))

    assert f"run {RUN_ID}  took 12m last time, about {left} left\n" in text, "the older one took 9m"
    assert re.search(r"still RUNNING after .*, took 12m last time, about \d+m left", text)
    assert "(ends" not in text
    assert "longer than" not in text


def test_without_a_range_the_events_have_the_expected_end_alone(piped: Piped) -> None:
    events = [json.loads(line) for line in shown(Workspace([TASKS], TASKS), piped, "events")]

    [first] = [event for event in events if event["event"] == "expected_end"]
    assert "2026-01-01T00:11" < first["expected_end"] < "2026-01-01T00:13"
    assert (first["expected_end_low"], first["expected_end_high"]) == (None, None)
    assert first["usual_seconds"] == 720


def test_a_history_of_no_use_changes_nothing_of_what_is_shown(piped: Piped) -> None:
    lines = shown(Workspace([], TASKS), piped, "lines")

    assert not any("usually" in line or "longer" in line for line in lines)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "5s"), (12, "10s"), (58, "1m"), (100, "2m"), (3570, "1h"), (4300, "1h10m"), (90_000, "1d01h")],
)
def test_a_duration_is_as_precise_as_a_forecast(seconds: float, text: str) -> None:
    assert format_about(seconds) == text


def test_an_end_on_another_day_has_its_date() -> None:
    shot = next(shot for shot in snapshots_of(Workspace(PAST, TASKS)) if shot.forecasts)
    expected = expected_end(shot, shot.runs[0])
    assert expected

    ends = r"\(ends 2026-01-02 00:0[0-3]–2026-01-02 00:0[0-3]\)"
    assert re.search(ends, format_expected_end(expected, EPOCH + 86_400 - 600))


# What keeps a run waiting


def waiting(state: str, seconds: float, task: dict[str, Any]) -> Snapshot:
    """A run that has waited for so long, with a history of short queues and quick clusters."""
    past = [
        Run(
            payload(n, EPOCH - 86_400 * (n + 1), [Task("main", 600, setup=60 + n)], 2e9)
            | {"queue_duration": 1000 * n}
        )
        for n in range(10)
    ]
    queued = {"life_cycle_state": state, "queue_reason": "Queued due to reaching maximum concurrent runs"}
    run = Run(
        {
            "run_id": RUN_ID,
            "job_id": JOB_ID,
            "start_time": int(EPOCH * 1000),
            "state": queued,
            "tasks": [task],
        }
    )
    blocker = Run(payload(7, EPOCH - 3600, [Task("main", 1e6)], EPOCH))

    class Lists:
        def fetch_past_runs(self, job_id: int) -> list[Run]:
            return past

        def fetch_active_runs(self, job_id: int) -> list[Run]:
            return [run, blocker]

    planner = Planner(Lists(), ServerClock(EPOCH))
    watched = WatchedRun(RUN_ID, run)
    planner.observe(watched, seconds)
    for _ in range(3):
        planner.read_history([watched], seconds)
    return Snapshot(
        (watched,), seconds, seconds, seconds + 5,
        forecasts=planner.forecasts, server_began=planner.server.began, blockers=planner.blockers,
    )  # fmt: skip


QUEUED = {"task_key": "main", "run_id": 5, "state": {"life_cycle_state": "BLOCKED"}}
STARTING = {
    "task_key": "main", "run_id": 5, "start_time": int(EPOCH * 1000), "state": {"life_cycle_state": "PENDING"}
}  # fmt: skip


def test_a_long_queue_is_told_with_its_reason_and_the_run_that_blocks() -> None:
    text = " ".join(line.strip() for line in view(waiting("QUEUED", 300, QUEUED), 80))

    assert "queued for 5m00s, longer than all of the last 10 runs (usually 5s): " in text
    assert (
        "Queued due to reaching maximum concurrent runs; run 7 of the same job has been active for 1h05m"
        in text
    )


def test_a_cluster_that_takes_long_to_start_is_told() -> None:
    text = " ".join(line.strip() for line in view(waiting("PENDING", 300, STARTING), 80))

    assert "the cluster of main has been starting for 5m00s, longer than all of the last 10 runs" in text


@pytest.mark.parametrize(("state", "task"), [("QUEUED", QUEUED), ("PENDING", STARTING)])
def test_a_usual_wait_is_not_worth_a_word(state: str, task: dict[str, Any]) -> None:
    shot = waiting(state, 8, task)

    assert shot.forecasts
    assert not any("longer than" in line for line in view(shot, 80))


# CI systems, and the keyboard


def test_azure_shows_how_far_the_step_is(piped: Piped) -> None:
    api: Any = None
    reporter = Reporter(piped.streams(), FakeClock(), FailureReader(api), CiSystem.AZURE)
    snapshots = snapshots_of(Workspace(PAST, TASKS))
    for shot in snapshots:
        reporter.show_progress(shot)

    lines = piped.err.getvalue().splitlines()
    percents = [int(line.removeprefix("##vso[task.setprogress value=").partition(";")[0]) for line in lines]
    assert percents == sorted(set(percents)), "each once, and it never goes back"
    assert percents[0] <= 5
    assert 90 <= percents[-1] <= 99
    half = at(snapshots, 360)
    assert share_done(half) == pytest.approx(0.5, abs=0.05)
    assert "]about 6m left" in lines[percents.index(int(100 * (share_done(half) or 0)))]


def test_the_key_r_polls_at_once(serve: Serve) -> None:
    polls: list[str] = []

    def reply(request: Received) -> Reply:
        if request.endpoint == "runs/list":
            return Reply(body={"runs": []})
        polls.append(request.endpoint)
        ended = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}
        state = ended if len(polls) > 1 else {"life_cycle_state": "RUNNING"}
        return Reply(body={"run_id": 7, "job_id": 3, "run_name": "nightly", "state": state})

    serve(reply)
    screen = Terminal([sys.executable, "-m", "dbjobs", "runs", "wait", "7", "--poll-interval", "10m"])
    screen.read_until("next poll in")
    screen.type("xr")
    done = screen.wait(timeout=120)

    assert done.exit_code == 0
    assert done.is_clean
    assert len(polls) == 2


def test_the_command_asks_for_the_history_and_tells_of_it(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    workspace = Workspace(PAST, TASKS, clock=clock)  # type: ignore[arg-type]  # another fake clock
    queries: list[dict[str, str]] = []

    def reply(request: Received) -> Reply:
        if request.endpoint == "runs/get":
            return Reply(body=workspace.get_run_page(RUN_ID))
        queries.append(request.query)
        return Reply(body={"runs": next(workspace.list_runs())})

    serve(reply)
    done = dbjobs("runs", "wait", RUN_ID)

    assert done.exit_code == 0
    wanted = {"job_id": str(JOB_ID), "completed_only": "true", "expand_tasks": "true", "limit": "25"}
    assert queries == [wanted]
    assert "usually 12m, about 12m left (ends " in done.stderr
    assert len(done.stdout.splitlines()) == 1
