"""The live view on a real pseudo-terminal: what stays on the screen, and how it is left."""

import io
import re
from collections.abc import Callable, Iterator

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from dbjobs.api.models import Run
from dbjobs.http.response import Payload
from dbjobs.output.terminal.live import live_view
from dbjobs.output.terminal.painter import ERASE_BELOW, Painter
from dbjobs.output.terminal.window import MAX_LENGTH
from dbjobs.runs.schedule import Schedule
from dbjobs.runs.snapshots import Ending, Snapshot
from dbjobs.runs.watching import watch_runs
from tests.output.conftest import Terminal
from tests.output.given import RUN_ID, follow, moment, nightly_tasks, payload, run, task
from tests.support.fakes import FakeClock, FetchOnly

OpenTerminal = Callable[..., Terminal]

STAGES = (
    payload("PENDING", task("a", "PENDING"), task("b", "BLOCKED", ("a",))),
    payload("RUNNING", task("a", "RUNNING", start=5), task("b", "BLOCKED", ("a",))),
    payload(
        "TERMINATED SUCCESS",
        task("a", "TERMINATED SUCCESS", start=5, end=8),
        task("b", "TERMINATED SUCCESS", ("a",), start=8, end=20),
        end=20,
    ),
)


def watch(clock: FakeClock, *stages: Payload) -> Iterator[Snapshot]:
    """A real watch of a run that goes through these stages, one a poll."""
    left = list(stages)
    schedule = Schedule(interval=5, jitter=0, tick=0.5)
    reader = FetchOnly(lambda _: Run(left.pop(0) if len(left) > 1 else left[0]))
    return watch_runs([RUN_ID], reader, clock, schedule)


def live(snapshots: Iterator[Snapshot], terminal: Terminal, clock: FakeClock) -> Snapshot:
    return follow(snapshots, terminal.streams(), "auto", clock)


def test_the_final_view_stays_behind_and_nothing_else(terminal: OpenTerminal, clock: FakeClock) -> None:
    screen = terminal()
    screen.stream.write("$ dbjobs runs wait 841275930018846\n")
    last = live(watch(clock, *STAGES), screen, clock)
    screen.stream.write("$ \n")
    assert last.ending is Ending.ALL_ENDED
    assert screen.shown == [
        "$ dbjobs runs wait 841275930018846",
        "✓ TERMINATED SUCCESS  nightly load  20s",
        "  run 841275930018846 · job 77310284417 · started 00:00:00",
        "  https://adb-1234567890123456.7.azuredatabricks.net/?o=1234567890123456#job/773",
        "  10284417/run/841275930018846",
        "",
        "  ✓ a     SUCCESS   3s",
        "  ✓ └─ b  SUCCESS  12s",
        "",
        "  2 of 2 tasks done",
        "$",
    ]
    assert not screen.screen.cursor.hidden


def test_an_unchanged_view_is_not_drawn_again(terminal: OpenTerminal, clock: FakeClock) -> None:
    screen = terminal()
    snapshot = moment(run("RUNNING", *nightly_tasks()))
    live(iter([snapshot] * 50), screen, clock)
    screen.close()
    assert screen.received.count(b"ingest") == 1 + 1  # when it came, and when the view ended


def test_the_cursor_is_hidden_only_while_it_would_flicker(terminal: OpenTerminal, clock: FakeClock) -> None:
    screen = terminal()
    live(watch(clock, *STAGES), screen, clock)
    screen.close()
    assert screen.received.count(b"\x1b[?25l") == 1
    assert screen.received.rindex(b"\x1b[?25h") > screen.received.rindex(b"tasks done")


@pytest.mark.parametrize("reason", [KeyboardInterrupt, SystemExit, GeneratorExit, RuntimeError])
def test_whatever_ends_it_the_terminal_is_left_clean(
    reason: type[BaseException], terminal: OpenTerminal, clock: FakeClock
) -> None:
    def interrupted() -> Iterator[Snapshot]:
        yield moment(run("RUNNING", *nightly_tasks()))
        raise reason

    screen = terminal()
    with pytest.raises(reason):
        live(interrupted(), screen, clock)
    screen.stream.write("interrupted: run 841275930018846 goes on\n")
    assert not screen.screen.cursor.hidden
    assert screen.shown[0].startswith("● RUNNING  nightly load")
    assert screen.shown[-2:] == [
        "  4 of 9 tasks done, 1 failed · next poll in 4s",
        "interrupted: run 841275930018846 goes on",
    ]


def test_an_interrupt_before_the_first_answer_leaves_no_trace(
    terminal: OpenTerminal, clock: FakeClock
) -> None:
    def interrupted() -> Iterator[Snapshot]:
        raise KeyboardInterrupt
        yield

    screen = terminal()
    with pytest.raises(KeyboardInterrupt):
        live(interrupted(), screen, clock)
    screen.close()
    assert screen.received == b""


@pytest.mark.parametrize("reason", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_keys_leave_no_trace_until_the_view_ends(
    reason: type[BaseException], terminal: OpenTerminal, clock: FakeClock
) -> None:
    screen = terminal()
    echoes: list[bool] = []

    def moments() -> Iterator[Snapshot]:
        yield moment(run())
        echoes.append(screen.has_echo)
        raise reason

    assert screen.has_echo
    with pytest.raises(reason):
        live(moments(), screen, clock)
    assert (echoes, screen.has_echo) == ([False], True)


@pytest.mark.parametrize("columns", [20, 40, 79, 80, 200])
def test_no_line_wraps_at_any_width(columns: int, terminal: OpenTerminal, clock: FakeClock) -> None:
    hostile = task("日本語の名前 👩‍👩‍👧 [/x]", "RUNNING", start=0, message="x\x1b[2J" * 5000)
    screen = terminal(columns=columns, lines=40)
    live(iter([moment(run("RUNNING", hostile, *nightly_tasks()))] * 3), screen, clock)
    assert sum("RUNNING  nightly" in line for line in screen.shown) == 1
    assert screen.shown[0].startswith("● RUNNING")


def test_a_view_taller_than_the_window_does_not_scroll_it(terminal: OpenTerminal, clock: FakeClock) -> None:
    def moments() -> Iterator[Snapshot]:
        for second in range(5):
            clock.time = second
            yield moment(run("RUNNING", *nightly_tasks()), elapsed=second)

    screen = terminal(lines=9)
    live(moments(), screen, clock)
    assert len(screen.shown) == 8
    assert screen.shown[-2:] == [
        "  … 4 more: 2 SUCCESS, 2 BLOCKED",
        "  4 of 9 tasks done, 1 failed · next poll in 4s",
    ]


def test_once_all_is_over_every_task_is_listed(terminal: OpenTerminal, clock: FakeClock) -> None:
    tasks = [task(f"t{n:02}", "TERMINATED SUCCESS", start=n, end=n + 1) for n in range(40)]
    stages = (
        payload("RUNNING", *tasks[:39], task("t39", "RUNNING", start=39)),
        payload("TERMINATED SUCCESS", *tasks),
    )
    screen = terminal(lines=10)
    live(watch(clock, *stages), screen, clock)
    assert [line.split()[1] for line in screen.shown if " SUCCESS  " in line and "nightly" not in line] == [
        f"t{n:02}" for n in range(40)
    ]


def test_the_view_follows_the_window(terminal: OpenTerminal, clock: FakeClock) -> None:
    screen = terminal(columns=100, lines=30)

    def resized() -> Iterator[Snapshot]:
        snapshot = moment(run("RUNNING", *nightly_tasks()))
        for size in [(100, 30), (60, 30), (120, 20), (40, 30)]:
            screen.resize(*size)
            yield snapshot

    clock.time = 125
    live(resized(), screen, clock)
    text = screen.shown
    assert sum("RUNNING  nightly load" in line for line in text) == 1
    assert max(map(len, text)) <= 40
    assert "✗  weather        FAILED              8s" in text


def test_a_frame_is_erased_from_its_first_cell_on_whatever_a_resize_does_to_its_lines(
    terminal: OpenTerminal, clock: FakeClock
) -> None:
    """Some terminals break long lines anew, some cut them: the cursor stays on the cell in any of them."""
    screen = terminal(columns=120)
    sizes = [(120, 24), (60, 24), (30, 24), (140, 24)]

    def resized() -> Iterator[Snapshot]:
        for size in sizes:
            screen.resize(*size)
            yield moment(run("RUNNING", task("a", "RUNNING", start=5), name="n" * 90))

    screen.stream.write("$ dbjobs runs wait 841275930018846\n")
    live(resized(), screen, clock)
    assert screen.shown[0] == "$ dbjobs runs wait 841275930018846"[:30]
    assert sum("● RUNNING" in line for line in screen.shown) == 1
    frames = screen.received.split(b"\x1b]777;")[2:]
    assert [ERASE_BELOW.encode() in frame for frame in frames] == [True] * 3


def test_a_hundred_tasks_take_less_than_2_kb_a_second(terminal: OpenTerminal, clock: FakeClock) -> None:
    tasks = [task(f"load_{n:03}", "RUNNING", start=n) for n in range(100)]
    screen = terminal(columns=200, lines=60)

    def ticks() -> Iterator[Snapshot]:
        for half_seconds in range(240):
            clock.time = 100 + half_seconds / 2
            state = "TERMINATED SUCCESS" if half_seconds >= 120 else "RUNNING"  # a task ends amid the wait
            yield moment(run("RUNNING", *tasks[:-1], task("load_099", state, start=99)), elapsed=clock.time)

    live(ticks(), screen, clock)
    screen.close()
    assert screen.received.count(b"load_001") == 2, "a row is written when it comes, and at the end"
    assert len(screen.received) < 120 * 2000


TEXT = st.text("ab 日é✓", max_size=12)


@given(st.lists(st.lists(TEXT, min_size=1, max_size=6), min_size=1, max_size=6))
def test_only_changes_are_written_and_the_screen_shows_the_last_frame(frames: list[list[str]]) -> None:
    screen = pyte.Screen(24, 10)
    feed = pyte.Stream(screen)
    painter = Painter(Console(file=io.StringIO(), force_terminal=True, width=24))
    feed.feed("above\r\n")
    for frame in frames:
        feed.feed(painter.draw(Text("\n".join(frame)), 24))
        shown = [line.rstrip() for line in screen.display]
        expected = ["above", *(line.rstrip() for line in frame)]
        assert shown == expected + [""] * (10 - len(expected))
        assert (screen.cursor.x, screen.cursor.y) == (0, 1)
    assert painter.draw(Text("\n".join(frames[-1])), 24) == "", "nothing has changed"


NOTIFICATION = "\x1b]9;dbjobs: ✓ SUCCESS nightly load\x1b\\".encode()


@pytest.mark.parametrize(
    ("elapsed", "has_keys", "term", "expected"),
    [
        (61, True, "xterm-256color", NOTIFICATION + b"\x07"),
        (61, True, "linux", b"\x07"),
        (60, True, "xterm-256color", b""),
        (61, False, "xterm-256color", b""),
    ],
    ids=["long", "a terminal with a bell alone", "short", "--no-input"],
)
def test_the_end_of_a_wait_of_more_than_a_minute_is_announced(
    elapsed: int, has_keys: bool, term: str, expected: bytes, terminal: OpenTerminal, clock: FakeClock
) -> None:
    screen = terminal()
    screen.environ["TERM"] = term
    with live_view(screen.streams(), clock, has_keys=has_keys) as view:
        view.show(moment(run("RUNNING")))
        view.show(moment(run("TERMINATED SUCCESS", end=9), elapsed=elapsed, ending=Ending.ALL_ENDED))
    screen.close()
    after_frame = screen.received.rsplit(b"\x1b[?25h", 1)[1]
    assert after_frame.removesuffix(b"\x1b[23;2t") == expected


def test_a_wait_that_is_interrupted_is_not_announced(terminal: OpenTerminal, clock: FakeClock) -> None:
    screen = terminal()
    with live_view(screen.streams(), clock) as view:
        view.show(moment(run("RUNNING"), elapsed=600))
    screen.close()
    assert b"\x1b]9;" not in screen.received


def test_the_title_is_set_when_it_changes(terminal: OpenTerminal, clock: FakeClock) -> None:
    screen = terminal()
    hostile = run("RUNNING", name="\x07\x1b]2;evil\x07" + "n" * 500)
    both = moment(run("RUNNING"), run("TERMINATED FAILED", run_id=5, end=9))
    live(
        iter([*[moment(run("PENDING"))] * 3, *[moment(run("RUNNING"))] * 3, moment(hostile), both]),
        screen,
        clock,
    )
    screen.close()
    titles = re.findall(rb"\x1b\]2;([^\x07]*)\x07", screen.received)
    assert [title.decode() for title in titles] == [
        "◐ PENDING nightly load",
        "● RUNNING nightly load",
        "● RUNNING " + "n" * (MAX_LENGTH - len("RUNNING \x07\x1b]2;evil\x07")),
        "2 runs: 1 RUNNING, 1 FAILED",
    ]


def test_no_color_is_still_live(terminal: OpenTerminal, clock: FakeClock) -> None:
    screen = terminal()
    screen.environ["NO_COLOR"] = "1"
    live(watch(clock, *STAGES), screen, clock)
    screen.close()
    assert b"\x1b[?25l" in screen.received
    assert b"m" not in {
        sequence[-1:] for sequence in screen.received.split(b"\x1b[")[1:] if len(sequence) < 6
    }


def test_the_address_is_a_link_to_the_whole_of_it(terminal: OpenTerminal, clock: FakeClock) -> None:
    screen = terminal(columns=40)
    live(iter([moment(run())]), screen, clock)
    screen.close()
    url = run().run_page_url or ""
    assert screen.received.count(f";{url}\x1b\\".encode()) == 3 * 2  # three lines, in each of two frames
