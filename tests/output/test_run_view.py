"""The live view, as pictures: what somebody who waits sees at each moment."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len

from dbjobs.api.models import Run
from dbjobs.errors import NotFoundError
from dbjobs.output.formatting import format_duration
from dbjobs.output.terminal.run_view import render_snapshot
from dbjobs.output.terminal.style import ASCII, UNICODE, Glyphs
from dbjobs.runs.cause_signs import Category
from dbjobs.runs.causes import Cause
from dbjobs.runs.snapshots import Ending, NotRepaired, PlannedRepair, RepairStage, Snapshot, WatchedRun
from tests.output.given import HOST, RUN_ID, STARTED, moment, nightly_tasks, no_answer, run, task, wide_tasks

LooksLike = Callable[[str, str], None]


def draw(snapshot: Snapshot, width: int = 80, height: int = 24, glyphs: Glyphs = UNICODE) -> str:
    """The frame as text, after checking what holds for every frame: it fits."""
    now = STARTED + snapshot.elapsed
    text = render_snapshot(snapshot, width=width, height=height, now=now, glyphs=glyphs).plain
    lines = text.split("\n")
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width
    return text


def ended(run: Run) -> Snapshot:
    return moment(run, ending=Ending.ALL_ENDED)


@pytest.mark.parametrize(
    ("width", "height", "glyphs", "view"),
    [
        (80, 24, UNICODE, "midway_80"),
        (40, 30, UNICODE, "midway_40"),
        (200, 24, UNICODE, "midway_200"),
        (80, 24, ASCII, "midway_ascii"),
        (80, 12, UNICODE, "midway_folded"),
    ],
)
def test_a_run_midway(width: int, height: int, glyphs: Glyphs, view: str, looks_like: LooksLike) -> None:
    looks_like(draw(moment(run("RUNNING", *nightly_tasks())), width, height, glyphs), view)


def test_a_run_that_is_over_says_where_its_time_went(looks_like: LooksLike) -> None:
    tasks = (
        task(
            "extract", "TERMINATED SUCCESS", start=5, end=60, setup_duration=20_000, execution_duration=35_000
        ),
        task("load", "TERMINATED SUCCESS", ("extract",), start=60, end=90, execution_duration=30_000),
    )
    looks_like(draw(ended(run("TERMINATED SUCCESS", *tasks, end=90, queue_duration=5000))), "over")


def test_a_failed_run_shows_its_message(looks_like: LooksLike) -> None:
    failed = task("main", "TERMINATED FAILED", start=5, end=60, message="Workload failed")
    message = "Task main failed with message: Workload failed, see run output for details."
    looks_like(draw(ended(run("INTERNAL_ERROR FAILED", failed, end=61, message=message))), "failed")


def test_without_contact_the_view_tells_what_it_saw_last_and_stands_still(looks_like: LooksLike) -> None:
    snapshot = moment(
        run("RUNNING", task("main", "RUNNING", start=5)),
        elapsed=250,
        silent_for=125,
        next_poll_in=30,
        trouble=no_answer(),
    )
    looks_like(draw(snapshot), "no_contact_80")
    looks_like(draw(snapshot, width=40), "no_contact_40")


def test_before_the_first_answer_nothing_is_claimed() -> None:
    unseen = Snapshot((WatchedRun(42),), elapsed=0.5, last_contact=0, next_poll=5.5)
    assert draw(unseen).split() == ["?", "run", "42", "not", "seen", "yet", "next", "poll", "in", "5s"]


def test_a_run_that_is_gone_is_not_called_failed() -> None:
    gone = WatchedRun(42, error=NotFoundError("Run 42 does not exist."), is_lost=True)
    assert draw(Snapshot((gone,), 1, 0, ending=Ending.ALL_ENDED)) == "! run 42  Run 42 does not exist."


def test_a_run_of_api_2_0_has_no_tasks() -> None:
    lines = draw(moment(run("RUNNING"))).splitlines()
    assert lines[0] == "● RUNNING  nightly load  2m05s"
    assert lines[-1] == "  next poll in 4s"


def test_six_rows_are_for_the_tasks_that_run_or_failed() -> None:
    lines = draw(moment(run("RUNNING", *nightly_tasks())), height=5).splitlines()
    assert lines[0].startswith("● RUNNING  nightly load")
    assert [line.split()[1] for line in lines[1:3]] == ["clean_customers", "weather"]
    assert "4 of 9 tasks done, 1 failed" in lines[-1]
    assert not any("https://" in line or "job 77" in line for line in lines)


def test_columns_stay_where_they_are_while_states_change() -> None:
    states = ("PENDING", "RUNNING", "TERMINATING", "TERMINATED FAILED", "TERMINATED CANCELED")
    columns = set()
    for elapsed, state in enumerate(states, 9):
        tasks = (
            task("main", state, start=0, end=7200 if "ED" in state else None, message="why"),
            task("b", "BLOCKED"),
        )
        row = next(
            line
            for line in draw(moment(run("RUNNING", *tasks), elapsed=elapsed)).splitlines()
            if "main" in line
        )
        columns.add(row.index("why"))
    assert len(columns) == 1


def test_a_queued_run_says_for_how_long_and_why() -> None:
    queued = run("QUEUED", message="The job is at its limit of 1 concurrent run", start=125)
    for seconds in (125, 125.5, 185):
        lines = draw(moment(queued, elapsed=seconds)).splitlines()
        assert lines[0] == f"○ QUEUED  nightly load  waiting for {format_duration(seconds - 125)}"
        assert "  The job is at its limit of 1 concurrent run" in lines
        assert "waiting since 00:02:05" in lines[1]


@pytest.mark.parametrize(("width", "height"), [(120, 24), (120, 6), (80, 24), (80, 9), (40, 24)])
def test_of_several_runs_the_failed_one_says_why_and_where(width: int, height: int) -> None:
    failed = run("TERMINATED FAILED", task("load", "TERMINATED FAILED", run_id=7), run_id=99, end=9)
    watched = WatchedRun(99, failed, causes={7: "KeyError: 'amount'"})
    active = WatchedRun(RUN_ID, run("RUNNING", *nightly_tasks()))
    text = draw(Snapshot((active, watched), 125, 125, 129), width=width, height=height)
    lines = text.splitlines()
    row = next(index for index, line in enumerate(lines) if re.match(r" *✗ (nightly load +)?99 ", line))
    assert "".join(line.strip() for line in lines[row + 1 :]).startswith(failed.run_page_url or "?")
    assert text.count("KeyError: 'amount'") == 1


def test_a_queued_one_of_several_runs_says_for_how_long_and_why() -> None:
    queued = run("QUEUED", task("a", "BLOCKED"), run_id=99, start=120, message="The job is at its limit")
    for seconds, waiting in ((120, "0s"), (125, "5s")):
        text = draw(moment(run("RUNNING"), queued, elapsed=seconds), width=100)
        assert f"QUEUED               waiting for {waiting}: The job is at its limit" in text
        narrow = draw(moment(run("RUNNING"), queued, elapsed=seconds), width=70).splitlines()
        assert f"    waiting for {waiting}: The job is at its limit" in narrow, "below, where it is whole"
    queued = run("QUEUED", run_id=99, status={"queue_details": {"code": "MAX_CONCURRENT_RUNS_REACHED"}})
    assert "waiting for 2m05s: MAX_CONCURRENT_RUNS_REACHED" in draw(moment(run("RUNNING"), queued), width=120)


def test_40_columns_and_6_rows_have_room_for_what_runs_and_what_failed() -> None:
    lines = draw(moment(run("RUNNING", *nightly_tasks())), width=40, height=5).splitlines()
    assert [line.split()[1] for line in lines[1:3]] == ["clean_customers", "weather"]
    assert lines[-1] == "  4 of 9 tasks done, 1 failed"


def test_1500_tasks_fit_a_terminal_with_what_matters_in_sight(looks_like: LooksLike) -> None:
    looks_like(draw(moment(run("RUNNING", *wide_tasks(1500)))), "wide_80")


def test_several_runs_show_their_active_and_failed_tasks(looks_like: LooksLike) -> None:
    runs = moment(
        run("RUNNING", *nightly_tasks()),
        run("RUNNING", *wide_tasks(30), run_id=99, name="hourly load"),
        run("TERMINATED SUCCESS", run_id=100, name="x" * 60, end=50),
        elapsed=300,
    )
    looks_like(draw(runs), "several_80")
    looks_like(draw(runs, width=40), "several_40")
    looks_like(draw(runs, height=6), "several_low")


def test_more_runs_than_lines_are_counted() -> None:
    runs = [run("TERMINATED SUCCESS", run_id=n, end=9) for n in range(100, 160)]
    text = draw(moment(*runs, run("RUNNING", run_id=7)), height=10)
    assert "61 runs  60 SUCCESS, 1 RUNNING" in text
    assert re.search(r"● nightly load +7 +RUNNING", text)
    assert "… 56 more runs: 56 SUCCESS" in text


@pytest.mark.parametrize("height", range(1, 16))
@pytest.mark.parametrize("width", [1, 2, 5, 13, 20, 40, 59, 60, 80, 200])
def test_every_frame_fits_its_window(width: int, height: int) -> None:
    for snapshot in (
        moment(run("RUNNING", *nightly_tasks())),
        moment(run("RUNNING", *nightly_tasks()), trouble=no_answer(), silent_for=90),
        moment(run("RUNNING", *nightly_tasks()), run("TERMINATED FAILED", *wide_tasks(30), run_id=5)),
    ):
        draw(snapshot, width, height)
        draw(snapshot, width, height, ASCII)


def test_addresses_are_whole_however_narrow_the_window() -> None:
    snapshot = moment(run())
    text = draw(snapshot, width=30)
    assert f"{HOST}/?o=1234567890123456#job/77310284417/run/{RUN_ID}" in text.replace("\n  ", "")


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("[dev ann] nightly", "[dev ann] nightly"),
        ("[/x] [red]load[/]", "[/x] [red]load[/]"),
        (":smile: {name} %s", ":smile: {name} %s"),
        ("a\x1b[31mred\x1b[2J\x1b]0;title\x07b", "aredb"),
        ("up\x9b2Adown\x08\x07", "updown"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("two\r\nlines\tand a tab", "two lines and a tab"),
        ("日本語の名前", "日本語の名前"),
        ("👩‍👩‍👧 family", "👩👩👧 family"),
    ],
)
def test_names_and_messages_are_text_and_nothing_else(hostile: str, shown: str) -> None:
    text = draw(moment(run("RUNNING", task(hostile, "RUNNING", start=0, message=hostile), name=hostile)), 200)
    title, row = text.splitlines()[0], next(line for line in text.splitlines() if line.startswith("  ● "))
    assert title == f"● RUNNING  {shown}  2m05s"
    assert row == f"  ● {shown}  RUNNING       2m05s  {shown}"


def test_tasks_that_do_many_things_say_how_far_they_are() -> None:
    stats = {"total_iterations": 5000, "completed_iterations": 12, "failed_iterations": 3}
    loop = task("loop", "RUNNING", start=0, for_each_task={"stats": {"task_run_stats": stats}})
    call = task("call", "RUNNING", start=0)
    child = run("RUNNING", task("a", "TERMINATED SUCCESS"), task("b", "RUNNING"), run_id=99)
    snapshot = Snapshot((WatchedRun(RUN_ID, run("RUNNING", loop, call), {"call": child}),), 125, 125, 129)
    text = draw(snapshot)
    assert "● loop  RUNNING       2m05s  12 of 5000 iterations done, 3 failed" in text
    assert "● call  RUNNING       2m05s  run 99 RUNNING, 1 of 2 tasks done" in text


def test_a_line_of_a_megabyte_is_cut() -> None:
    huge = "x" * 1_000_000
    view = draw(moment(run("RUNNING", task("main", "RUNNING", start=0, message=huge))))
    row = next(line for line in view.splitlines() if "main" in line)
    assert row.startswith("  ● main  RUNNING       2m05s  xxxx")
    assert row.endswith("x…")


def test_states_that_nobody_knows_yet_are_shown_as_they_are() -> None:
    text = draw(moment(run("HIBERNATING", task("main", "TERMINATED NEARLY", start=0, end=5))))
    assert "● HIBERNATING  nightly load" in text
    assert "? main  NEARLY" in text


def test_no_two_looks_differ_by_colour_alone() -> None:
    ended = ("TERMINATED SUCCESS", "TERMINATED FAILED", "TERMINATED CANCELED", "SKIPPED")
    states = ("QUEUED", "PENDING", "RUNNING", *ended)
    assert len({draw(moment(run(state)))[0] for state in states}) == len(states)
    assert {draw(moment(run(state)), glyphs=ASCII)[0] for state in states} == set(".o>+x#-")


def test_tasks_in_a_circle_and_orphans_are_shown_too() -> None:
    text = draw(
        moment(
            run(
                "RUNNING",
                task("a", "BLOCKED", ("b",)),
                task("b", "BLOCKED", ("a",)),
                task("c", "BLOCKED", ("c", "nowhere")),
            )
        )
    )
    assert sorted(re.findall(r"○ \W*(\w)", text)) == ["a", "b", "c"]


def test_a_chain_of_tasks_does_not_leave_the_window() -> None:
    chain = [task("t0", "BLOCKED"), *(task(f"t{n}", "BLOCKED", (f"t{n - 1}",)) for n in range(1, 40))]
    assert draw(moment(run("RUNNING", *chain)), height=60).count("BLOCKED") == 40


LOST = Cause(Category.PLATFORM, "cluster", "Cluster 1 was terminated", tasks=("load",))
STARTED_REPAIR = PlannedRepair(RepairStage.STARTED, at=125, number=1, most=2, causes=(LOST,))


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (
            {"repair": PlannedRepair(RepairStage.PLANNED, at=153, number=1, most=2, causes=(LOST,))},
            "repair 1 of 2 in 28s: load: the platform (cluster): Cluster 1 was terminated",
        ),
        (
            {"repair": PlannedRepair(RepairStage.IN_DOUBT, 153, 1, 2, (LOST,), error="no answer")},
            "repair 1 of 2 may have started, looking again: no answer",
        ),
        ({"repair": STARTED_REPAIR}, "repair 1 of 2 started"),
        ({"not_repaired": NotRepaired("it was canceled")}, "not repaired: it was canceled"),
        ({"repairs": (STARTED_REPAIR,)}, "repaired once: load: the platform (cluster)"),
    ],
)
@pytest.mark.parametrize("number", [1, 2])
def test_an_automatic_repair_is_shown(state: dict[str, Any], shown: str, number: int) -> None:
    """Of one run below its title, of several in its row."""
    failed = run("TERMINATED FAILED", task("load", "TERMINATED FAILED", start=5, end=60), end=90)
    watched = replace(WatchedRun(RUN_ID, failed), **state)
    others = [WatchedRun(RUN_ID + 1, run("RUNNING"))] * (number - 1)
    frame = draw(replace(moment(failed), runs=(watched, *others)), width=140)
    if number == 1 or "repairs" not in state:  # a row has no room for what is over
        assert (shown if number == 1 else shown[:20]) in frame
