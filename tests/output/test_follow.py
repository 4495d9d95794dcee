"""Which way progress is shown, and what lines and events tell."""

import json
import math
import re
from collections.abc import Callable, Iterator

import pytest

from dbjobs.api.models import Run
from dbjobs.common.hidden import hide
from dbjobs.errors import Answer, NotFoundError, UnreachableError
from dbjobs.http.response import Payload
from dbjobs.output.progress import TICKS, ProgressMode, resolve_mode
from dbjobs.output.streams import Streams
from dbjobs.runs.schedule import Schedule
from dbjobs.runs.snapshots import Ending, Snapshot, WatchedRun
from dbjobs.runs.watching import watch_runs
from tests.output.conftest import Piped, Terminal
from tests.output.given import RUN_ID, follow, no_answer, payload, run, task
from tests.support.fakes import FakeClock, FetchOnly

Stage = Payload | Exception


def watch(
    clock: FakeClock, *stages: Stage, run_ids: tuple[int, ...] = (RUN_ID,), tick: float = 5.0
) -> Iterator[Snapshot]:
    """A real watch: each poll of a run meets the next of these stages."""
    left = {run_id: list(stages) for run_id in run_ids}

    def fetch(run_id: int) -> Run:
        stage = left[run_id].pop(0) if len(left[run_id]) > 1 else left[run_id][0]
        if isinstance(stage, Exception):
            raise stage
        return Run({**stage, "run_id": run_id})

    return watch_runs(
        list(run_ids), FetchOnly(fetch), clock, Schedule(interval=5, maximum=5, jitter=0, tick=tick)
    )


def lines_of(piped: Piped) -> list[str]:
    return piped.err.getvalue().splitlines()


def events_of(piped: Piped) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines_of(piped)]


RETRIED: tuple[Payload, ...] = (
    payload("PENDING", task("clean_a", "PENDING"), task("report", "BLOCKED", ("clean_a",)), start=0),
    payload(
        "RUNNING",
        task("clean_a", "RUNNING", start=4, message="In run"),
        task("report", "BLOCKED", ("clean_a",)),
    ),
    payload(
        "RUNNING",
        task("clean_a", "TERMINATED FAILED", start=4, end=6, message="Workload failed"),
        task("clean_a", "RUNNING", start=7, attempt=1, message="In run"),
        task("report", "BLOCKED", ("clean_a",)),
    ),
    payload(
        "TERMINATED SUCCESS",
        task("clean_a", "TERMINATED FAILED", start=4, end=6, message="Workload failed"),
        task("clean_a", "TERMINATED SUCCESS", start=7, end=11, attempt=1),
        task("report", "TERMINATED SUCCESS", ("clean_a",), start=11, end=14),
        end=14,
    ),
)


def _parent_and_child() -> list[Snapshot]:
    """A task that runs another job: first that run goes on, then it fails."""
    parent = run("RUNNING", task("call", "RUNNING", start=0))
    going, failed = (run(state, run_id=99, name="hourly load", end=end) for state, end in CHILD_STATES)
    return [
        Snapshot((WatchedRun(RUN_ID, parent, {"call": child}),), elapsed=0, last_contact=0, next_poll=5)
        for child in (going, failed)
    ]


CHILD_STATES: tuple[tuple[str, float | None], ...] = (("RUNNING", None), ("TERMINATED FAILED", 30))


class TestTheWay:
    @pytest.mark.parametrize(
        ("progress", "mode"),
        [("auto", "lines"), ("live", "lines"), ("lines", "lines"), ("events", "events"), ("none", "none")],
    )
    def test_off_a_terminal(self, progress: str, mode: str, piped: Piped) -> None:
        assert resolve_mode(ProgressMode(progress), piped.streams()) == mode

    def test_on_a_terminal(self, terminal: Callable[..., Terminal]) -> None:
        screen = terminal()
        assert resolve_mode(ProgressMode.AUTO, screen.streams()) == "live"
        assert resolve_mode(ProgressMode.LINES, screen.streams()) == "lines"
        assert (
            resolve_mode(ProgressMode.AUTO, Streams(err=screen.stream, environ={"TERM": "dumb"})) == "lines"
        )
        assert resolve_mode(ProgressMode.AUTO, Streams(err=screen.stream, environ={}, quiet=True)) == "none"
        assert (
            resolve_mode(ProgressMode.AUTO, Streams(err=screen.stream, environ={}, verbose=True)) == "lines"
        )

    def test_ticks_are_as_short_as_the_way_needs(self, piped: Piped) -> None:
        assert TICKS[resolve_mode(ProgressMode.NONE, piped.streams())] == math.inf
        assert TICKS[resolve_mode(ProgressMode.EVENTS, piped.streams())] <= 60

    def test_quiet_says_nothing_and_gives_the_end(self, piped: Piped, clock: FakeClock) -> None:
        last = follow(watch(clock, *RETRIED), piped.streams(quiet=True), "lines", clock)
        assert last.ending is Ending.ALL_ENDED
        assert lines_of(piped) == []

    def test_quiet_leaves_events_to_the_program_that_asked_for_them(
        self, piped: Piped, clock: FakeClock
    ) -> None:
        follow(watch(clock, *RETRIED), piped.streams(quiet=True), "events", clock)
        assert json.loads(lines_of(piped)[-1])["event"] == "end"


class TestLines:
    def test_a_line_a_change(self, piped: Piped, clock: FakeClock) -> None:
        follow(watch(clock, *RETRIED), piped.streams(), "lines", clock)
        assert lines_of(piped) == [
            "00:00:00  run 841275930018846  PENDING  nightly load",
            "00:00:00    clean_a  PENDING",
            "00:00:05  run 841275930018846  RUNNING",
            "00:00:05    clean_a  RUNNING",
            "00:00:10    clean_a  FAILED  2s  Workload failed",
            "00:00:10    clean_a  RUNNING  attempt 2",
            "00:00:15    clean_a  SUCCESS  4s  attempt 2",
            "00:00:15    report   SUCCESS  3s",
            "00:00:15  run 841275930018846  TERMINATED SUCCESS  14s",
        ]

    def test_times_are_those_of_the_place(
        self, piped: Piped, clock: FakeClock, utc: Callable[[str], None]
    ) -> None:
        utc("XYZ-05:30")
        follow(watch(clock, payload("TERMINATED SUCCESS", end=9)), piped.streams(), "lines", clock)
        assert lines_of(piped) == ["05:30:00  run 841275930018846  TERMINATED SUCCESS  nightly load  9s"]

    def test_a_run_joined_late_tells_what_is_active_or_went_wrong(
        self, piped: Piped, clock: FakeClock
    ) -> None:
        tasks = (
            task("done", "TERMINATED SUCCESS", start=0, end=1),
            task("bad", "TERMINATED FAILED", start=0, end=3, message="boom"),
            task("busy", "RUNNING", start=0),
            task("later", "BLOCKED", ("busy",)),
        )
        snapshots = watch(clock, payload("RUNNING", *tasks))
        follow(iter([next(snapshots)]), piped.streams(), "lines", clock)
        assert lines_of(piped) == [
            "00:00:00  run 841275930018846  RUNNING  nightly load",
            "00:00:00    bad    FAILED  3s  boom",
            "00:00:00    busy   RUNNING",
        ]

    def test_a_heartbeat_each_minute_without_news(self, piped: Piped, clock: FakeClock) -> None:
        tasks = task("a", "TERMINATED SUCCESS", start=0, end=1), task("b", "RUNNING", start=1)
        stages = [payload("RUNNING", *tasks)] * 27
        follow(watch(clock, *stages, payload("TERMINATED SUCCESS", end=130)), piped.streams(), "lines", clock)
        assert lines_of(piped)[2:] == [
            "00:01:00  run 841275930018846  still RUNNING after 1m00s, 1 of 2 tasks done, b for 59s",
            "00:02:00  run 841275930018846  still RUNNING after 2m00s, 1 of 2 tasks done, b for 1m59s",
            "00:02:15  run 841275930018846  TERMINATED SUCCESS  2m10s",
        ]

    def test_contact_is_lost_once_and_comes_back_once(self, piped: Piped, clock: FakeClock) -> None:
        stages: list[Stage] = [payload("RUNNING"), *[no_answer()] * 14, payload("RUNNING"), RETRIED[-1]]
        follow(watch(clock, *stages), piped.streams(), "lines", clock)
        assert lines_of(piped)[1:4] == [
            "00:00:05  no contact for 5s, last seen RUNNING: "
            "connection refused by adb-1234567890123456.7.azuredatabricks.net:443",
            "00:01:05  no contact for 1m05s, last seen RUNNING",
            "00:01:15  contact is restored",
        ]

    def test_a_run_that_is_gone(self, piped: Piped, clock: FakeClock) -> None:
        gone = NotFoundError("Run 841275930018846 does not exist.", answer=Answer(404, "NOT_FOUND"))
        follow(watch(clock, payload("RUNNING"), gone), piped.streams(), "lines", clock)
        assert lines_of(piped)[-2:] == [
            "00:00:05  run 841275930018846 cannot be read, trying again, last seen RUNNING",
            "00:00:35  run 841275930018846  cannot be read",
        ]

    def test_the_run_that_a_task_started_is_told_of(self, piped: Piped, clock: FakeClock) -> None:
        follow(iter(_parent_and_child()), piped.streams(), "lines", clock)
        assert lines_of(piped)[1:] == [
            "00:00:00    call  RUNNING",
            "00:00:00    call  RUNNING  run 99  hourly load",
            "00:00:00    call  TERMINATED FAILED  run 99  hourly load  30s",
        ]

    def test_of_several_runs_each_line_says_which(self, piped: Piped, clock: FakeClock) -> None:
        done = task("main", "TERMINATED SUCCESS", start=0, end=5)
        stages = (
            payload("RUNNING", task("main", "RUNNING", start=0)),
            payload("TERMINATED SUCCESS", done, end=5),
        )
        follow(watch(clock, *stages, run_ids=(7, 12)), piped.streams(), "lines", clock)
        assert lines_of(piped)[:4] == [
            "00:00:00  run 7  RUNNING  nightly load",
            "00:00:00  run 7  main  RUNNING",
            "00:00:00  run 12  RUNNING  nightly load",
            "00:00:00  run 12  main  RUNNING",
        ]

    def test_nothing_is_cut_or_coloured_or_takes_effect(self, piped: Piped, clock: FakeClock) -> None:
        message = "[red]" + "x" * 500 + "\x1b[31m\u202e end"
        follow(
            watch(clock, payload("TERMINATED FAILED", message=message, end=1)), piped.streams(), "auto", clock
        )
        assert lines_of(piped) == [
            "00:00:00  run 841275930018846  TERMINATED FAILED  nightly load  1s  [red]" + "x" * 500 + " end"
        ]

    def test_colour_where_it_is_asked_for(self, piped: Piped, clock: FakeClock) -> None:
        piped.environ["FORCE_COLOR"] = "1"
        follow(watch(clock, payload("TERMINATED SUCCESS", end=1)), piped.streams(), "auto", clock)
        assert re.search(r"\x1b\[[\d;]+mTERMINATED SUCCESS\x1b\[0m", piped.err.getvalue())

    def test_what_must_stay_hidden_stays_hidden(self, piped: Piped, clock: FakeClock) -> None:
        streams = piped.streams()
        hide("dapi12345678")
        follow(
            watch(clock, payload("TERMINATED FAILED", message="bad: dapi12345678")), streams, "lines", clock
        )
        assert lines_of(piped)[0].endswith("bad: <hidden>")


class TestEvents:
    def test_every_event_has_the_same_fields(self, piped: Piped, clock: FakeClock) -> None:
        follow(watch(clock, *RETRIED), piped.streams(), "events", clock)
        fields = ["ts", "event", "run_id", "task_key", "life_cycle_state", "result_state", "message"]
        assert all(list(event)[:7] == fields for event in events_of(piped))

    def test_the_story_of_a_run(self, piped: Piped, clock: FakeClock) -> None:
        follow(watch(clock, *RETRIED), piped.streams(), "events", clock)
        events = events_of(piped)
        assert [
            (event["event"], event["task_key"], event["life_cycle_state"], event["result_state"])
            for event in events
        ] == [
            ("run_state", None, "PENDING", None),
            ("task_state", "clean_a", "PENDING", None),
            ("task_state", "report", "BLOCKED", None),
            ("run_state", None, "RUNNING", None),
            ("task_state", "clean_a", "RUNNING", None),
            ("task_state", "clean_a", "TERMINATED", "FAILED"),
            ("task_state", "clean_a", "RUNNING", None),
            ("task_state", "clean_a", "TERMINATED", "SUCCESS"),
            ("task_state", "report", "TERMINATED", "SUCCESS"),
            ("run_state", None, "TERMINATED", "SUCCESS"),
            ("end", None, "TERMINATED", "SUCCESS"),
        ]
        assert events[3]["ts"] == "2026-01-01T00:00:05.000Z"
        assert events[6]["attempt_number"] == 1
        assert events[-1]["outcome"] == "SUCCESS"
        assert events[-1]["ending"] == "all_ended"
        assert {event["run_id"] for event in events} == {RUN_ID}

    def test_heartbeats_and_contact(self, piped: Piped, clock: FakeClock) -> None:
        main = task("main", "RUNNING", start=0)
        trouble = UnreachableError("no answer in 60 s")
        stages: list[Stage] = [*[payload("RUNNING", main)] * 14, trouble, trouble, RETRIED[-1]]
        follow(watch(clock, *stages), piped.streams(), "events", clock)
        events = [
            event for event in events_of(piped) if event["event"] not in ("run_state", "task_state", "end")
        ]
        assert [event["event"] for event in events] == ["heartbeat", "contact_lost", "contact_restored"]
        assert (events[0]["elapsed_seconds"], events[0]["tasks_done"], events[0]["tasks"]) == (60.0, 0, 1)
        assert (events[1]["message"], events[1]["seconds_without_contact"]) == ("no answer in 60 s", 5.0)

    def test_each_of_several_runs_has_an_end(self, piped: Piped, clock: FakeClock) -> None:
        follow(watch(clock, *RETRIED, run_ids=(7, 12)), piped.streams(), "events", clock)
        assert [event["run_id"] for event in events_of(piped) if event["event"] == "end"] == [7, 12]

    def test_a_run_that_is_gone(self, piped: Piped, clock: FakeClock) -> None:
        gone = NotFoundError("Run 841275930018846 does not exist.", answer=Answer(404, "NOT_FOUND"))
        follow(watch(clock, payload("RUNNING"), gone), piped.streams(), "events", clock)
        assert [event["event"] for event in events_of(piped)] == [
            "run_state",
            "contact_lost",
            "run_gone",
            "end",
        ]
        assert events_of(piped)[2]["message"] == "Run 841275930018846 does not exist."

    def test_the_run_that_a_task_started(self, piped: Piped, clock: FakeClock) -> None:
        follow(iter(_parent_and_child()), piped.streams(), "events", clock)
        child = [event for event in events_of(piped) if event["event"] == "child_state"]
        assert [(event["task_key"], event["child_run_id"], event["result_state"]) for event in child] == [
            ("call", 99, None),
            ("call", 99, "FAILED"),
        ]

    def test_an_event_is_one_line_whatever_the_message(self, piped: Piped, clock: FakeClock) -> None:
        message = "one\ntwo\x1b[2J\u2028three\x85four"
        follow(watch(clock, payload("TERMINATED FAILED", message=message)), piped.streams(), "events", clock)
        assert len(piped.err.getvalue().splitlines()) == 2
        assert "\x1b" not in piped.err.getvalue()
        assert events_of(piped)[0]["message"] == message
