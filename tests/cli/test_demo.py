"""`dbjobs demo`: a newcomer's first minute, as a real process, on a terminal and off it."""

import subprocess
import sys

from tests.support.terminal import run_in_terminal

DEMO = [sys.executable, "-m", "dbjobs", "demo"]
TASKS = ("extract", "fetch_rates", "clean_orders", "clean_customers", "check_quality", "summarise", "report")


def test_the_demo_runs_seven_tasks_prints_their_output_and_succeeds() -> None:
    done = subprocess.run(DEMO, capture_output=True, text=True, check=False, timeout=60)

    run_id, ending = done.stdout.splitlines()
    assert done.returncode == 0
    assert ending == f"{run_id}\tTERMINATED\tSUCCESS"
    for task in TASKS:
        assert f"==> {task}  SUCCESS" in done.stderr
    assert "attempt 2 <==" in done.stderr, "the bad moment of the rates service was retried"
    assert "# Daily sales" in done.stderr
    assert "usually " in done.stderr, "the end was expected from the earlier runs"
    assert "$ dbjobs jobs history" in done.stderr
    assert "summarise takes " in done.stderr, "the history has something to tell"
    assert "only the runs of the days before are made up" in done.stderr
    assert "demo --fail" in done.stderr, "it tells what to try next"


def test_on_a_terminal_the_failing_demo_leaves_the_whole_story_behind() -> None:
    screen = run_in_terminal([*DEMO, "--fail"], columns=100, lines=50)

    assert screen.exit_code == 10
    assert "✗ TERMINATED FAILED  daily sales, strict" in screen.text
    assert "BadOrdersError" in screen.text
    for task in ("summarise", "report"):
        assert f"{task} " in screen.text
    assert screen.text.count("UPSTREAM_FAILED") >= 2
    explained = screen.text.partition("$ dbjobs runs explain")[2]
    assert "your code: BadOrdersError" in explained
    assert '["--tolerated-percent","5"] →' in explained, "what has changed since the last good run"
    assert "--rerun-failed" in explained, "and the next command"
    assert screen.is_clean, "the cursor is back, and no colour is left on"


def test_the_second_demo_knows_the_first() -> None:
    ends = []
    for _ in range(2):
        done = subprocess.run(DEMO, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        ends.append(done.stderr)
    assert "succeeded      22 of 23" in ends[0]
    assert "succeeded      23 of 24" in ends[1]


def test_a_failing_demo_is_no_part_of_the_history_of_the_next_one() -> None:
    assert subprocess.run([*DEMO, "--fail"], capture_output=True, check=False, timeout=60).returncode == 10
    done = subprocess.run(DEMO, capture_output=True, text=True, check=False, timeout=60)
    assert "succeeded      22 of 23" in done.stderr
