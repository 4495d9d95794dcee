"""What is told of outputs, failures and endings."""

from textwrap import dedent
from typing import Any

from dbjobs.errors import NotFoundError
from dbjobs.output.task_outputs import render_failure, render_output, render_summary
from dbjobs.runs.failures import FailedTask
from dbjobs.runs.snapshots import Ending, Snapshot, WatchedRun
from tests.output.given import HOST, moment, nightly_tasks, no_answer, run, task, task_run

CLEAN = task_run("clean_a", "TERMINATED SUCCESS", start=0, end=2)
FAILED = task_run(
    "clean_b",
    "TERMINATED FAILED",
    start=0,
    end=2,
    attempt=1,
    message="Workload failed",
    run_page_url=f"{HOST}/#run/9",
)
TRACE = (
    "Traceback (most recent call last):\n"
    + "".join(f"  line {n}\n" for n in range(30))
    + "ValueError: no rows"
)


def test_all_of_an_output_under_its_task() -> None:
    output = {"logs": "one\ntwo\n", "notebook_output": {"result": "42"}, "metadata": {}}
    assert render_output(CLEAN, output) == "==> clean_a  SUCCESS  2s <==\nresult: 42\nlogs:\none\ntwo\n\n"


def test_no_output_is_said() -> None:
    assert render_output(CLEAN, {}) == "==> clean_a  SUCCESS  2s <==\n(no output)\n\n"


def test_what_the_service_cut_is_marked() -> None:
    output = {
        "notebook_output": {"result": "a" * 10, "truncated": True},
        "logs": "z\nz",
        "logs_truncated": True,
        "error": "boom",
        "error_trace": "trace",
    }
    assert render_output(FAILED, output) == dedent(f"""\
        ==> clean_b  FAILED  2s  attempt 2 <==
        result: aaaaaaaaaa
        (truncated: these are the first 5 MB; all of it: {HOST}/#run/9)
        logs:
        z
        z
        (truncated: these are the last 5 MB; all of it: {HOST}/#run/9)
        error: boom
        error_trace: trace

        """)


def test_outputs_of_other_task_types_are_shown_as_they_are() -> None:
    output = {"run_job_output": {"run_id": 99}, "info": "see there"}
    assert "run_job_output: run 99\ninfo: see there" in render_output(CLEAN, output)


def test_nothing_in_an_output_takes_effect() -> None:
    text = render_output(
        CLEAN, {"logs": "a\x1b[31mb\x1b[0m\x1b[2J\rc\x07\u202e", "error_trace": "\x9b2Jx[/red]"}
    )
    assert text.splitlines()[1:] == ["logs:", "ab", "c", "error_trace: x[/red]", ""]


def test_a_failure_shows_the_error_and_the_tail_of_its_trace() -> None:
    output = {"error": "ValueError: no rows", "error_trace": TRACE, "logs": "noise"}
    assert render_failure(FailedTask("clean_b", FAILED, output), tail_lines=3) == dedent(f"""\
        task clean_b: FAILED, attempt 2, 2s
          your code: ValueError: no rows
          trace, the last 3 of 32 lines:
              line 28
              line 29
            ValueError: no rows
          {HOST}/#run/9

        """)


def test_without_a_trace_the_tail_of_the_logs_has_to_do() -> None:
    text = render_failure(FailedTask("clean_b", FAILED, {"error": "exit code 1", "logs": "one\ntwo"}))
    assert "  logs:\n    one\n    two\n" in text


def test_without_any_output_the_state_message_has_to_do() -> None:
    assert render_failure(FailedTask("clean_b", FAILED)) == (
        f"task clean_b: FAILED, attempt 2, 2s\n  Workload failed\n  {HOST}/#run/9\n\n"
    )


def ended(*runs: object) -> Snapshot:
    return moment(*runs, ending=Ending.ALL_ENDED)  # type: ignore[arg-type]


def test_the_sum_of_a_failed_run() -> None:
    shown = run("TERMINATED FAILED", *nightly_tasks(), end=125, queue_duration=3000)
    assert render_summary(ended(shown)) == dedent(f"""\
        run 841275930018846 (nightly load): TERMINATED FAILED after 2m05s
          spent on: queue 3s
          tasks: 3 BLOCKED, 2 SUCCESS, 1 RUNNING, 1 FAILED, 1 UPSTREAM_FAILED, 1 QUEUED
          failed: weather
          url: {shown.run_page_url}""")


def test_the_time_of_several_tasks_is_added_up_and_said_to_be() -> None:
    parts: dict[str, Any] = {"setup_duration": 1000, "execution_duration": 60_000}
    shown = run(
        "TERMINATED SUCCESS",
        task("a", "TERMINATED SUCCESS", **parts),
        task("b", "TERMINATED SUCCESS", **parts),
        end=9,
    )
    assert (
        "  spent on: setup 2s, execution 2m00s (sum of 2 task runs)"
        in render_summary(ended(shown)).splitlines()
    )


def test_a_run_that_was_left_alone_is_not_called_over() -> None:
    shown = run("RUNNING")
    timeout = moment(shown, elapsed=90, ending=Ending.TIMEOUT)
    assert render_summary(timeout).splitlines()[0] == (
        "run 841275930018846 (nightly load): still RUNNING after waiting 1m30s"
    )
    lost = moment(shown, elapsed=900, silent_for=620, trouble=no_answer(), ending=Ending.CONTACT_LOST)
    assert render_summary(lost).splitlines()[0] == (
        "run 841275930018846 (nightly load): last seen RUNNING; contact lost 10m20s ago"
    )


def test_a_run_that_is_gone() -> None:
    gone = WatchedRun(42, error=NotFoundError("Run 42 does not exist."), is_lost=True)
    seen = WatchedRun(43, run("RUNNING"), error=gone.error, is_lost=True)
    assert render_summary(Snapshot((gone, seen), 5, 5, ending=Ending.ALL_ENDED)).splitlines() == [
        "run 42: never seen",
        "run 43: last seen RUNNING",
    ], "why is told as an error"
