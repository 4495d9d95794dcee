"""The live view of a backfill: where it is, what failed and why, and when it will end."""

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.api.models import Run
from dbjobs.output.terminal.run_view import render_snapshot
from dbjobs.output.terminal.style import ASCII, UNICODE
from dbjobs.runs.cause_groups import group_by_cause
from dbjobs.runs.failures import FailedTask
from dbjobs.runs.snapshots import Ending, PlannedSets, Snapshot, WatchedRun
from tests.output.given import STARTED, payload, task

STATES = {
    "✓": "TERMINATED SUCCESS",
    "!": "TERMINATED SUCCESS_WITH_FAILURES",
    "✗": "TERMINATED FAILED",
    "■": "TERMINATED CANCELED",
    "–": "SKIPPED",
    "●": "RUNNING",
    "○": "QUEUED",
}

LOOKUP_ERROR = "KeyError: 'FR'"


def backfill(
    symbols: str,
    *,
    elapsed: float = 725.0,
    ending: Ending | None = None,
    labels: list[str] | None = None,
    errors: dict[int, str] | None = None,
) -> Snapshot:
    """A backfill of days, each in the state of its symbol; `errors` has what the failed ones raised."""
    names = labels or [f"day={date(2026, 1, 1) + timedelta(number)}" for number in range(len(symbols))]
    runs: list[WatchedRun] = []
    read: dict[int, FailedTask] = {}
    for number, symbol in enumerate(symbols):
        if symbol in STATES:
            run = _run(number, symbol)
            runs.append(WatchedRun(run.run_id, run, label=names[number]))
            error = (errors or {}).get(number, LOOKUP_ERROR)
            read |= {one.run_id or 0: FailedTask("load", one, {"error": error}) for one in run.failed_tasks}
    return Snapshot(
        tuple(runs),
        elapsed,
        elapsed,
        None if ending else elapsed + 4,
        ending,
        unstarted=0 if ending else symbols.count("·"),
        server_began=STARTED,
        sets=PlannedSets(
            names,
            max_parallel=10,
            refused={names[n]: "the day is closed" for n, symbol in enumerate(symbols) if symbol == "R"},
        ),
        failure_groups=group_by_cause((one.run for one in runs if one.run), read),
    )


def _run(number: int, symbol: str) -> Run:
    start = number // 10 * 60.0
    end = start + 60 if symbol in "✓!✗■–" else None
    one = task("load", STATES[symbol], start=start, end=end)
    load = {**one, "run_id": 10 * (1000 + number)}
    return Run(payload(STATES[symbol], load, run_id=1000 + number, start=start, end=end))


def draw(snapshot: Snapshot, width: int, height: int, *, is_ascii: bool = False) -> str:
    glyphs = ASCII if is_ascii else UNICODE
    frame = render_snapshot(snapshot, width=width, height=height, now=STARTED + 725, glyphs=glyphs)
    return frame.plain


MIDWAY = "✓✓✓✗✓✓✓✓✓✓✓✓✓✗✓✓!✓–✓✓✓✓✗✓✓R✓✓✓✓✓✗■✓✓✓✓●●●●●●●●○○" + "·" * 42


@pytest.mark.parametrize("width", [40, 80])
def test_sets_that_have_no_line_of_their_own_are_a_grid(
    width: int, looks_like: Callable[[str, str], None]
) -> None:
    looks_like(draw(backfill(MIDWAY, errors={32: "disk full"}), width, 23), f"sets_{width}")


def test_a_few_sets_have_a_line_each() -> None:
    text = draw(backfill("✓✗●·"), 80, 23)

    assert [line.split()[:2] for line in text.splitlines() if "day=" in line] == [
        ["✓", "day=2026-01-01"],
        ["✗", "day=2026-01-02"],
        ["●", "day=2026-01-03"],
    ]
    assert "✗ 1 set: your code: KeyError: 'FR'  2026-01-02" in text
    assert "· 1 to start" in text


def test_the_filter_shows_the_failed_and_active_sets_by_name() -> None:
    snapshot = backfill("✓" * 50 + "✗✗" + "●●●" + "·" * 20)
    frame = render_snapshot(snapshot, width=80, height=23, now=STARTED + 725, has_filter=True).plain

    shown = re.findall(r"[✗●] day=(\S+)", frame)
    assert shown == ["2026-02-20", "2026-02-21", "2026-02-22", "2026-02-23", "2026-02-24"]
    assert "50 SUCCESS" in frame, "the others are counted"


def test_a_backfill_of_many_sets_stays_a_grid_once_it_has_ended() -> None:
    """The last frame may have hundreds of lines, and a row for each set would push the failures away."""
    snapshot = backfill("✓" * 59 + "✗", ending=Ending.ALL_ENDED)

    assert len(draw(snapshot, 80, 200).splitlines()) < 10


def test_sets_that_will_not_be_started_are_named() -> None:
    text = draw(backfill("✓" * 40 + "·" * 3, ending=Ending.TIMEOUT), 80, 24)

    assert "· 3 sets not started  2026-02-10, 2026-02-11 and 2026-02-12" in text


def test_of_more_rows_than_lines_those_around_what_is_running_are_shown() -> None:
    symbols = "✓" * 1500 + "✗" + "✓" * 499 + "●" * 100 + "·" * 2900
    text = draw(backfill(symbols), 80, 24)

    assert "5000 sets of nightly load" in text
    assert "✓ 1999 succeeded  ✗ 1 failed  ● 100 running  · 2900 to start" in text
    assert "before: " in text
    assert "after: " in text
    assert text.count("●") == 1 + 100, "the key, and one a set"
    above, below = (int(word.split()[-1]) for word in (text.split(" before")[0], text.split(" after")[0]))
    drawn = sum(line.count(symbol) for line in text.splitlines() if line[:4] == "  20" for symbol in "✓✗●·")
    assert above + drawn + below == 5000, "every set is drawn or counted"


def test_without_utf_8_every_state_has_its_own_ascii_symbol() -> None:
    text = draw(backfill("✓✗●○R·" * 40), 80, 24, is_ascii=True)

    assert text.isascii()
    row = next(line for line in text.splitlines() if line.startswith("  2026-01-01"))
    assert row.split()[1].startswith("+x>.R_")


@given(
    st.text("✓!✗■–●○R·", min_size=2, max_size=300),
    st.integers(1, 200),
    st.integers(1, 60),
    st.sampled_from([None, Ending.ALL_ENDED, Ending.TIMEOUT]),
)
def test_a_frame_fits_whatever_the_sets_and_the_window(
    symbols: str, width: int, height: int, ending: Ending | None
) -> None:
    text = draw(backfill(symbols, ending=ending), width, height)

    assert len(text.splitlines()) <= height
    assert max(map(len, text.splitlines())) <= width


def test_names_that_are_long_wide_or_hostile_stay_in_their_places() -> None:
    labels = [f"region=日本{'x' * 90}\x1b[31m{number}, day=2026-01-{number:02}" for number in range(60)]
    text = draw(backfill("✓" * 30 + "✗" * 10 + "●" * 5 + "·" * 15, labels=labels), 60, 20)

    assert "\x1b" not in text
    assert all(len(line) <= 60 for line in text.splitlines())


def test_what_failed_alike_is_told_once_with_the_sets_it_hit() -> None:
    errors = {2: "ValueError: day 17 is out of range", 5: "ValueError: day 18 is out of range"}
    text = draw(backfill("✓✓✗✓✗✗✗✗✗✗" + "●" * 40, errors=errors), 100, 24)

    assert (
        "✗ 5 sets: your code: KeyError: 'FR'  2026-01-05, 2026-01-07, 2026-01-08, 2026-01-09 and 1 more"
        in text
    )
    assert "✗ 2 sets: your code: ValueError: day 17 is out of range  2026-01-03 and 2026-01-06" in text
