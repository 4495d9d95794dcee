"""`--repair`: what is run again by itself and what is not, how often, and that it is told."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.conftest import Dbjobs, Serve
from tests.support.fakes import FakeClock, Reply
from tests.support.repairable import RUN_ID, RepairableRun

GOOD, LOST, CODE = {"load": "success"}, {"load": "lost cluster"}, {"load": "code"}
BUSY = Reply(503, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "back soon"})
REFUSED = Reply(400, {"error_code": "INVALID_STATE", "message": "This run cannot be repaired."})


def passes(*names: str) -> list[dict[str, str]]:
    return [{"load": name} for name in names]


@pytest.mark.parametrize(
    ("options", "given", "exit_code", "repairs", "told"),
    [
        pytest.param("", passes("lost cluster", "success"), 0, 1, "repaired once: load: the platform"),
        pytest.param("", passes("network", "success"), 0, 1, "load: probably the platform (network)"),
        pytest.param("", passes("code"), 10, 0, "not repaired: load: your code: KeyError: 'day'"),
        pytest.param("", passes("memory"), 10, 0, "not repaired: load: probably the platform (cluster): "),
        pytest.param("", passes("timed out"), 11, 0, "not repaired: load: canceled by its time limit"),
        pytest.param("", passes("canceled"), 12, 0, "not repaired: it was canceled"),
        pytest.param("", passes("lost cluster", "code"), 10, 1, "not repaired: load: your code: KeyError"),
        pytest.param("", passes("lost cluster"), 10, 2, "not repaired: it was repaired 2 times"),
        pytest.param("any", passes("code", "success"), 0, 1, "repaired once: load: your code: KeyError"),
        pytest.param("any", passes("timed out", "success"), 0, 1, "repaired once"),
        pytest.param("any", passes("canceled"), 12, 0, "not repaired: it was canceled"),
        pytest.param("any", passes("code"), 10, 2, "not repaired: it was repaired 2 times"),
        pytest.param(
            "", [{"load": "lost cluster", "clean": "code"}], 10, 0, "not repaired: clean: your code"
        ),
        pytest.param(
            "any", [{"load": "code", "clean": "canceled"}], 10, 0, "not repaired: clean: canceled by a user"
        ),
        pytest.param("", passes("success"), 0, 0, "43 (nightly): TERMINATED SUCCESS"),
    ],
)  # fmt: skip
def test_what_is_repaired_and_how_often(
    dbjobs: Dbjobs,
    serve: Serve,
    clock: FakeClock,
    options: str,
    given: list[dict[str, str]],
    exit_code: int,
    repairs: int,
    told: str,
) -> None:
    workspace = RepairableRun(clock, given)
    serve(workspace.reply)
    more = ["--repair-on", options] if options else []
    done = dbjobs("runs", "wait", RUN_ID, "--repair", 2, *more)
    assert (done.exit_code, workspace.repairs) == (exit_code, repairs), done.stderr
    assert told in done.stderr
    assert done.lines[-1].startswith("43\tTERMINATED\t")
    pauses = [
        later - earlier - 10 for earlier, later in zip(workspace.began, workspace.began[1:], strict=False)
    ]
    assert all(at_least <= pause for at_least, pause in zip((30, 60), pauses, strict=False)), pauses


@pytest.mark.parametrize(
    ("faults", "has_effect", "repairs"),
    [
        pytest.param([Reply(reset=True)], True, 1, id="it took effect, and the answer was lost"),
        pytest.param([Reply(reset=True)], False, 1, id="the request was lost"),
        pytest.param([Reply(reset=True)] * 3, False, 1, id="several requests were lost"),
        pytest.param([BUSY], True, 1, id="it took effect, and the service failed"),
        pytest.param([Reply(429, {}, {"Retry-After": "40"})], False, 1, id="a rate limit"),
        pytest.param([Reply(200, "<html>", {"Content-Type": "text/html"})], True, 1, id="a page"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shows_after", [0.0, 20.0])
def test_a_lost_answer_never_doubles_a_repair(
    dbjobs: Dbjobs,
    serve: Serve,
    clock: FakeClock,
    faults: list[Reply | None],
    has_effect: bool,
    repairs: int,
    shows_after: float,
) -> None:
    workspace = RepairableRun(
        clock,
        [LOST, GOOD],
        faults={"runs/repair": faults},
        has_effect=has_effect,
        shows_after=shows_after,
        lasts=30,
    )
    serve(workspace.reply)
    done = dbjobs("runs", "wait", RUN_ID, "--repair", 3)
    assert (done.exit_code, workspace.repairs) == (0, repairs), done.stderr
    assert done.lines == [f"{RUN_ID}\tTERMINATED\tSUCCESS"]


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ([REFUSED], "not repaired: the workspace refused that: This run cannot be repaired."),
        ([BUSY] * 99, "not repaired: it shows no repair, and the request failed"),
        ([Reply(429, {"error_code": "REQUEST_LIMIT_EXCEEDED"})] * 99, "not repaired: "),
    ],
    ids=["refused", "an outage of repairs", "a rate limit without end"],
)
def test_a_repair_that_cannot_be_had_leaves_the_outcome_of_the_run(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, faults: list[Reply | None], told: str
) -> None:
    workspace = RepairableRun(clock, [LOST, GOOD], faults={"runs/repair": faults}, has_effect=False)
    serve(workspace.reply)
    done = dbjobs("runs", "wait", RUN_ID, "--repair", 1, "--max-outage", "2m")
    assert (done.exit_code, workspace.repairs) == (10, 0), done.stderr
    assert told in done.stderr
    assert clock.time < 600


def test_a_cause_that_cannot_be_read_is_read_later(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    faults: dict[str, list[Reply | None]] = {"runs/get-output": [BUSY, BUSY, BUSY]}
    workspace = RepairableRun(clock, [{"load": "network"}, GOOD], faults=faults)
    serve(workspace.reply)
    done = dbjobs("runs", "wait", RUN_ID, "--repair", 1)
    assert (done.exit_code, workspace.repairs) == (0, 1), done.stderr
    assert "whether to repair it is not known yet: the server is not ready: back soon" in done.stderr


def test_version_2_0_has_no_repairs(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    workspace = RepairableRun(clock, [LOST, GOOD])
    serve(workspace.reply)
    done = dbjobs("runs", "wait", RUN_ID, "--repair", 1, "--api-version", "2.0")
    assert (done.exit_code, workspace.repairs) == (10, 0)
    assert "not repaired: Jobs API 2.0 has no repairs" in done.stderr


@pytest.mark.parametrize(
    ("options", "exit_code"),
    [
        (["--timeout", "40s"], 10),
        (["--timeout", "65s"], 124),
        (["--timeout", "65s", "--on-timeout", "cancel"], 124),
    ],
    ids=["in the pause", "in the repair", "in the repair, to cancel it"],
)  # fmt: skip
def test_the_time_limit_holds(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, options: list[str], exit_code: int
) -> None:
    workspace = RepairableRun(clock, [LOST, GOOD], lasts=20)
    serve(workspace.reply)
    done = dbjobs("runs", "wait", RUN_ID, "--repair", 1, *options, "--poll-interval", "5s")
    assert done.exit_code == exit_code, done.stderr
    if exit_code == 10:
        assert workspace.repairs == 0
        assert clock.time == pytest.approx(40, abs=5)
        assert "not repaired: the wait ended before" in done.stderr
        assert "reattach" not in done.stderr
    else:
        assert workspace.repairs == 1
        assert clock.time == pytest.approx(65, abs=5)
        assert "the time limit has passed" in done.stderr
    canceled = [request for request in workspace.requests if request.endpoint == "runs/cancel"]
    assert len(canceled) == ("cancel" in options)


@pytest.mark.parametrize("on_interrupt", ["detach", "cancel"])
def test_a_signal_in_the_pause_leaves_a_run_that_has_ended(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, on_interrupt: str
) -> None:
    workspace = RepairableRun(clock, [LOST, GOOD])
    serve(workspace.reply)
    clock.at[25.0] = lambda: signal.raise_signal(signal.SIGINT)
    done = dbjobs("runs", "wait", RUN_ID, "--repair", 1, "--on-interrupt", on_interrupt)
    assert (done.exit_code, workspace.repairs) == (130, 0)
    assert "run 43 has ended, and is not repaired any more" in done.stderr
    assert "still running" not in done.stderr
    assert "runs/cancel" not in [request.endpoint for request in workspace.requests]


@pytest.mark.parametrize("on_interrupt", ["detach", "cancel"])
@pytest.mark.parametrize("has_effect", [True, False])
def test_a_signal_while_a_repair_is_requested_says_that_it_may_have_started(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, on_interrupt: str, has_effect: bool
) -> None:
    workspace = RepairableRun(clock, [LOST, GOOD], faults={"runs/repair": [Reply(hang=True)]})
    workspace.has_effect = has_effect
    workspace.on_repair = lambda: os.kill(os.getpid(), signal.SIGINT)
    serve(workspace.reply)
    done = dbjobs("runs", "wait", RUN_ID, "--repair", 1, "--on-interrupt", on_interrupt)
    assert done.exit_code == 130
    assert "run 43 may have been repaired" in done.stderr
    canceled = [request for request in workspace.requests if request.endpoint == "runs/cancel"]
    assert len(canceled) == (on_interrupt == "cancel")
    if on_interrupt == "detach":
        assert "run 43 may still be running, and nothing was canceled" in done.stderr


def test_a_wait_that_is_called_again_goes_on_where_the_first_one_was(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    """Killed in the first repair: the second call waits for that, and repairs once more at most."""
    workspace = RepairableRun(clock, [LOST])
    serve(workspace.reply)
    workspace.on_repair = lambda: clock.at.setdefault(43.0, lambda: signal.raise_signal(signal.SIGTERM))
    assert dbjobs("runs", "wait", RUN_ID, "--repair", 2).exit_code == 143
    assert workspace.repairs == 1
    workspace.on_repair = lambda: None
    done = dbjobs("runs", "wait", RUN_ID, "--repair", 2)
    assert (done.exit_code, workspace.repairs) == (10, 2), done.stderr
    assert dbjobs("runs", "wait", RUN_ID, "--repair", 2).exit_code == 10
    assert workspace.repairs == 2


def test_a_repair_by_command_does_not_count(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    workspace = RepairableRun(clock, [LOST])
    serve(workspace.reply)
    clock.sleep(60)
    done = dbjobs("runs", "repair", RUN_ID, "--wait", "--repair", 2)
    assert (done.exit_code, workspace.repairs) == (10, 3), done.stderr


def test_somebody_else_may_repair_the_run_in_the_pause(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    workspace = RepairableRun(clock, [LOST, GOOD])
    serve(workspace.reply)
    clock.at[20.0] = lambda: workspace.began.append(clock.time)
    done = dbjobs("runs", "wait", RUN_ID, "--repair", 1)
    assert (done.exit_code, workspace.repairs) == (0, 1), done.stderr
    assert "runs/repair" not in [request.endpoint for request in workspace.requests]


def test_events_tell_each_step(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    serve(RepairableRun(clock, [LOST, GOOD]).reply)
    done = dbjobs("runs", "wait", RUN_ID, "--repair", 2, "--progress", "events")
    events = [json.loads(line) for line in done.stderr.splitlines()]
    told = [event for event in events if event["event"] == "repair"]
    assert [(one["repair_state"], one["repair_number"], one["most_repairs"]) for one in told] == [
        ("planned", 1, 2),
        ("started", 1, 2),
    ]
    assert told[0]["seconds"] == pytest.approx(30, abs=1)
    assert "Cluster 1 was terminated" in told[0]["message"]


def test_reports_ci_and_webhooks_tell_of_repairs(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, tmp_path: Path
) -> None:
    workspace = RepairableRun(clock, [LOST, CODE])
    server = serve(workspace.reply)
    files = [tmp_path / name for name in ("run.xml", "run.html", "run.md")]
    summary = tmp_path / "summary"
    hook = serve(Reply())
    done = dbjobs(
        "runs", "wait", RUN_ID, "--repair", 2,
        "--junit", files[0], "--report", files[1], "--report", files[2],
        "--notify", f"{hook.url}/hook",
        "--ci", "github", DATABRICKS_HOST=server.url, GITHUB_STEP_SUMMARY=str(summary),
    )  # fmt: skip
    assert done.exit_code == 10
    for text in (*(file.read_text() for file in files), summary.read_text(), done.stderr):
        assert "epaired once: load: the platform" in text
        assert "ot repaired: load: your code: KeyError" in text
    assert "::warning title=nightly%3A repairs::" in done.stderr
    assert [line.partition(":")[0] for line in hook.received[0].body["runs"][0]["repairs"]] == [
        "repaired once",
        "not repaired",
    ]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--repair-on", "any"], "--repair-on needs --repair"),
        (["--repair", "0"], "--repair"),
    ],
)
def test_what_cannot_take_effect_is_refused(dbjobs: Dbjobs, options: list[str], problem: str) -> None:
    done = dbjobs("runs", "wait", RUN_ID, *options)
    assert done.exit_code == 2
    assert problem in done.stderr


@pytest.mark.parametrize("start", [0.1, 60.0, 12_345.6, 1e9 + 0.3])
def test_the_pause_ends_whenever_the_wait_began(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, start: float
) -> None:
    """Sums of times are rounded: the moment of a repair has come, though its number is a trifle greater."""
    clock.time = start
    for _ in range(5):
        workspace = RepairableRun(clock, [LOST, GOOD], began=[clock.time])
        serve(workspace.reply)
        done = dbjobs("runs", "wait", RUN_ID, "--repair", 1)
        assert (done.exit_code, workspace.repairs) == (0, 1), done.stderr
        assert len(workspace.requests) < 30
