"""Durations and times, as they are said everywhere."""

from collections.abc import Callable

import pytest

from dbjobs.output.formatting import (
    format_age,
    format_duration,
    format_moment,
    format_time_spent,
    format_utc,
)
from tests.output.given import STARTED, run


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "0s"),
        (3, "3s"),
        (59.9, "59s"),
        (60, "1m00s"),
        (125, "2m05s"),
        (3600, "1h00m"),
        (3720, "1h02m"),
        (86399, "23h59m"),
        (3 * 86400 + 4 * 3600, "3d04h"),
        (-5, "0s"),
        (None, ""),
        (float("inf"), ""),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float | None, said: str) -> None:
    assert format_duration(seconds) == said


def test_a_moment_is_absolute_and_relative(utc: Callable[[str], None]) -> None:
    at = (STARTED + 1.5) * 1000
    assert format_moment(at, STARTED + 7201) == "2026-01-01 00:00:01 (1h ago)"
    assert format_moment(at, STARTED - 60) == "2026-01-01 00:00:01 (in 1m01s)"
    utc("XYZ-02")
    assert format_moment(at, STARTED + 7201) == "2026-01-01 02:00:01 (1h ago)"


@pytest.mark.parametrize(("never", "said"), [(None, ""), (0, ""), (10**30, str(10**30))])
def test_what_is_no_moment(never: float | None, said: str) -> None:
    assert format_moment(never, STARTED) == said


def test_machines_read_utc() -> None:
    assert format_utc(STARTED + 0.1234) == "2026-01-01T00:00:00.123Z"


def test_a_run_without_figures_says_nothing_of_them() -> None:
    assert format_time_spent(run()) == ""


@pytest.mark.parametrize(
    ("seconds", "age"),
    [
        (0, "0s ago"),
        (59, "59s ago"),
        (60, "1m ago"),
        (3_599, "59m ago"),
        (3_600, "1h ago"),
        (86_399, "23h ago"),
        (86_400, "1d ago"),
        (40 * 86_400, "40d ago"),
        (-90, "in 1m30s"),
    ],
)
def test_an_age_has_one_unit(seconds: int, age: str) -> None:
    assert format_age(STARTED * 1000, STARTED + seconds) == age
