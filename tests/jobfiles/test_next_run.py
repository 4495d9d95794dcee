"""When a schedule starts its job next: Quartz's expressions, in their own zones."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.jobfiles.next_run import next_run
from dbjobs.jobfiles.schedules import JAVA_ZONES, find_time_zone, is_time_zone


def after(text: str) -> float:
    return datetime.fromisoformat(text + "+00:00").timestamp()


@pytest.mark.parametrize(
    ("expression", "now", "found"),
    [
        ("0 0 2 * * ?", "2026-01-01T01:59:59", "2026-01-01T02:00:00"),
        ("0 0 2 * * ?", "2026-01-01T02:00:00", "2026-01-02T02:00:00"),
        ("0 0 2 ? * *", "2026-01-01T02:00:00", "2026-01-02T02:00:00"),
        ("30 0/15 * * * ?", "2026-01-01T10:14:00", "2026-01-01T10:15:30"),
        ("0 5/20 9-17 * * ?", "2026-01-01T17:46:00", "2026-01-02T09:05:00"),
        ("0 0 22-2 * * ?", "2026-01-01T23:30:00", "2026-01-02T00:00:00"),
        ("0 0 9 ? * MON-FRI", "2026-01-02T10:00:00", "2026-01-05T09:00:00"),
        ("0 0 9 ? * FRI-MON", "2026-01-05T10:00:00", "2026-01-09T09:00:00"),
        ("0 0 9 ? * 1", "2026-01-01T00:00:00", "2026-01-04T09:00:00"),
        ("0 0 9 ? * L", "2026-01-01T00:00:00", "2026-01-03T09:00:00"),
        ("0 0 9 ? * 6L", "2026-01-01T00:00:00", "2026-01-30T09:00:00"),
        ("0 0 9 ? * MON#1", "2026-01-06T00:00:00", "2026-02-02T09:00:00"),
        ("0 0 9 ? * 2#5", "2026-01-01T00:00:00", "2026-03-30T09:00:00"),
        ("0 0 9 L * ?", "2026-01-01T00:00:00", "2026-01-31T09:00:00"),
        ("0 0 9 L-2 * ?", "2026-02-01T00:00:00", "2026-02-26T09:00:00"),
        ("0 0 9 LW * ?", "2026-01-01T00:00:00", "2026-01-30T09:00:00"),
        ("0 0 9 1W * ?", "2026-08-01T00:00:00", "2026-08-03T09:00:00"),
        ("0 0 9 15W * ?", "2026-08-01T00:00:00", "2026-08-14T09:00:00"),
        ("0 0 9 29 2 ?", "2026-01-01T00:00:00", "2028-02-29T09:00:00"),
        ("0 0 9 1,15 JAN,JUL ?", "2026-01-15T09:00:00", "2026-07-01T09:00:00"),
        ("0 0 9 1 1 ? 2030", "2026-01-01T00:00:00", "2030-01-01T09:00:00"),
        ("0 0 9 1 1 ? 2027/2", "2028-01-01T00:00:00", "2029-01-01T09:00:00"),
        ("0 0 9 1 1 ? 2025", "2026-01-01T00:00:00", None),
        ("0 0 9 31 2 ?", "2026-01-01T00:00:00", None),
        ("0 0 9 * *", "2026-01-01T00:00:00", None),
        ("nonsense", "2026-01-01T00:00:00", None),
    ],
)
def test_the_next_time_of_an_expression(expression: str, now: str, found: str | None) -> None:
    moment = next_run(expression, "UTC", after(now))
    assert (moment and moment.strftime("%Y-%m-%dT%H:%M:%S")) == found


@pytest.mark.parametrize(
    ("zone", "now", "found"),
    [
        ("Europe/Berlin", "2026-01-01T00:00:00", "2026-01-01T02:30:00+01:00"),
        ("Europe/Berlin", "2026-07-01T00:31:00", "2026-07-02T02:30:00+02:00"),
        ("Europe/Berlin", "2026-03-28T02:00:00", "2026-03-30T02:30:00+02:00"),
        ("Europe/Berlin", "2026-10-25T00:00:00", "2026-10-25T02:30:00+02:00"),
        ("Europe/Berlin", "2026-10-25T00:31:00", "2026-10-26T02:30:00+01:00"),
        ("PST", "2026-01-01T00:00:00", "2026-01-01T02:30:00-08:00"),
        ("GMT+5:30", "2026-01-01T00:00:00", "2026-01-02T02:30:00+05:30"),
        ("-03:00", "2026-01-01T00:00:00", "2026-01-01T02:30:00-03:00"),
        ("Nowhere/Land", "2026-01-01T00:00:00", None),
    ],
)
def test_a_schedule_keeps_to_the_clock_of_its_zone(zone: str, now: str, found: str | None) -> None:
    moment = next_run("0 30 2 * * ?", zone, after(now))
    assert (moment and moment.isoformat()) == found


def test_every_short_name_of_java_is_known() -> None:
    assert all(find_time_zone(name) and is_time_zone(name) for name in JAVA_ZONES)


_times = st.integers(int(after("2020-01-01T00:00:00")), int(after("2035-01-01T00:00:00"))).map(
    lambda seconds: datetime.fromtimestamp(seconds, timezone.utc)
)


@given(_times, st.integers(0, 59), st.integers(0, 23), st.integers(1, 7))
def test_what_is_found_is_the_first_that_fits(moment: datetime, minute: int, hour: int, weekday: int) -> None:
    found = next_run(f"0 {minute} {hour} ? * {weekday}", "UTC", moment.timestamp())

    assert found
    assert timedelta(0) < found - moment <= timedelta(days=7)
    assert (found.minute, found.hour, found.isoweekday() % 7 + 1) == (minute, hour, weekday)
