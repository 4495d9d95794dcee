"""Ranges of time, as people write them: which intervals they mean, across months and changes of clocks."""

from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.errors import UsageError
from dbjobs.runs.intervals import UNITS, Interval, read_intervals

NOW = datetime(2026, 3, 30, 0, 30, tzinfo=timezone.utc).timestamp()
"""A Monday; in New York it is still Sunday."""


def read(text: str, unit: str, every: int = 1, zone: str = "UTC") -> list[Interval]:
    return read_intervals(text, unit, now=NOW, every=every, zone=zone, most=10_000)


@pytest.mark.parametrize(
    ("text", "unit", "options", "starts", "end"),
    [
        ("2024-02-28..2024-03-01", "days", {}, "2024-02-28 2024-02-29 2024-03-01", "2024-03-02"),
        ("yesterday", "days", {}, "2026-03-29", "2026-03-30"),
        ("today", "days", {"zone": "America/New_York"}, "2026-03-29", "2026-03-30"),
        ("-2d..yesterday", "days", {}, "2026-03-28 2026-03-29", "2026-03-30"),
        ("-1w..-6d", "days", {}, "2026-03-23 2026-03-24", "2026-03-25"),
        ("2026-01-01..2026-01-08", "days", {"every": 3}, "2026-01-01 2026-01-04 2026-01-07", "2026-01-09"),
        ("2026-W05..2026-02-03", "weeks", {}, "2026-01-26 2026-02-02", "2026-02-09"),
        ("-2w..-1w", "weeks", {}, "2026-03-16 2026-03-23", "2026-03-30"),
        ("2025-12..2026-01", "months", {}, "2025-12-01 2026-01-01", "2026-02-01"),
        ("-13m..-12m", "months", {}, "2025-02-01 2025-03-01", "2025-04-01"),
        ("2024-02-29", "months", {}, "2024-02-01", "2024-03-01"),
        ("2026-01..2026-12", "months", {"every": 6}, "2026-01-01 2026-07-01", "2027-01-01"),
        ("-2h..-1h", "hours", {}, "2026-03-29T22:00+00:00 2026-03-29T23:00+00:00", "2026-03-30T00:00+00:00"),
        ("2026-03-29T01..2026-03-29T03", "hours", {"zone": "Europe/Berlin"},
         "2026-03-29T01:00+01:00 2026-03-29T03:00+02:00", "2026-03-29T04:00+02:00"),
        ("2026-10-25T02", "hours", {"zone": "Europe/Berlin"},
         "2026-10-25T02:00+02:00 2026-10-25T02:00+01:00", "2026-10-25T03:00+01:00"),
        ("2026-10-25T02:00+01:00", "hours", {"zone": "Europe/Berlin"},
         "2026-10-25T02:00+01:00", "2026-10-25T03:00+01:00"),
    ],
)  # fmt: skip
def test_a_range_is_split_into_intervals(
    text: str, unit: str, options: dict[str, object], starts: str, end: str
) -> None:
    intervals = read(text, unit, **options)  # type: ignore[arg-type]

    assert [interval.start for interval in intervals] == starts.split()
    assert intervals[-1].end == end
    assert [interval.end for interval in intervals[:-1]] == [one.start for one in intervals[1:]], "no gap"


def test_an_interval_has_the_name_of_its_day_hour_or_month() -> None:
    assert [read("2026-01-31", unit)[0].name for unit in UNITS] == [
        "2026-01-31T00:00+00:00",
        "2026-01-31",
        "2026-01-26",
        "2026-01",
    ]


@given(
    day=st.dates(date(1990, 1, 1), date(2037, 12, 31)),
    zone=st.sampled_from(["Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_the_hours_of_a_day_are_the_whole_day(day: date, zone: str) -> None:
    """Whatever its clocks do, no hour is missing and none comes twice."""
    hours = read(day.isoformat(), "hours", zone=zone)

    moments = [datetime.fromisoformat(hour.start) for hour in hours]
    assert {later - one for one, later in pairwise(moments)} == {timedelta(hours=1)}
    assert {moment.astimezone(ZoneInfo(zone)).date() for moment in moments} == {day}
    assert len({hour.start for hour in hours}) == len(hours)


@pytest.mark.parametrize(
    ("text", "unit", "problem"),
    [
        ("2026-01-31..2026-01-01", "days", "ends before it begins"),
        ("2026-02-30", "days", "'2026-02-30' is not a day"),
        ("2026-01-01..", "days", "'' is not a day"),
        ("-3h", "days", "'-3h' is not a day"),
        ("-3m", "days", "'-3m' is not a day"),
        ("2026-01", "weeks", "'2026-01' is not a week"),
        ("2026-W60", "weeks", "'2026-W60' is not a week"),
        ("9999-12", "months", "'9999-12' is out of range"),
        ("-999999d", "days", "out of range"),
        ("2026-01-01T06:30", "hours", "'2026-01-01T06:30' is not a full hour"),
        ("noon", "hours", "'noon' is not an hour"),
    ],
)
def test_what_is_no_range_is_refused(text: str, unit: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        read(text, unit)
    assert caught.value.hint


def test_an_hour_that_the_clocks_left_out_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no hour 2026-03-29T02 in Europe/Berlin"):
        read("2026-03-29T02", "hours", zone="Europe/Berlin")


def test_an_unknown_time_zone_names_the_nearest_one() -> None:
    with pytest.raises(UsageError, match="'Europe/Berln' is not a known time zone; did you mean"):
        read("today", "days", zone="Europe/Berln")
