"""Ranges of hours, days, weeks and months as people write them, to the intervals of time in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from itertools import islice

from dbjobs.errors import UsageError
from dbjobs.jobfiles.schedules import explain_unknown_time_zone

UNITS = ("hours", "days", "weeks", "months")

_EXAMPLES = {
    "hours": "2026-01-31T06, or 2026-01-31T00..2026-01-31T23, yesterday, -24h..-1h",
    "days": "2026-01-31, or 2026-01-01..2026-01-31, yesterday, -7d..yesterday",
    "weeks": "2026-W05, or 2026-01-05..2026-02-01, -4w..-1w",
    "months": "2026-01, or 2025-01..2025-12, -3m..-1m",
}
_AGES = {"h": ("hours",), "d": UNITS, "w": UNITS, "m": ("months",)}
"""By the letter of an age such as `-7d`, the units that may be counted in it."""

_HOUR = timedelta(hours=1)

MAX_FIXED = 1_000_000
"""Hours of a century, which are made only to know the first and the last one."""


@dataclass(frozen=True)
class Interval:
    """An interval of time; `end` is not in it."""

    name: str
    """that of its hour, day, week or month"""
    start: str
    end: str


def read_intervals(
    text: str, unit: str, *, now: float, every: int = 1, zone: str = "UTC", most: int
) -> list[Interval]:
    """The intervals of `FIRST..LAST`, or of a single value: `every` this many units, up to the end of LAST.

    `now` is in epoch seconds. Hours are those of the time zone, across the changes of its clocks; so are
    the days that `today` and `yesterday` mean. No more than `most` are made.
    """
    first, dots, last = (part.strip() for part in text.partition(".."))
    if not dots:
        last = first
    tz = _time_zone(zone)
    try:
        if unit == "hours":
            found = _split_hours(first, last, every, tz, now)
        else:
            found = _split_dates(first, last, every, unit, datetime.fromtimestamp(now, tz).date())
        intervals = list(islice(found, most))
    except (ValueError, OverflowError) as error:
        problem = str(error) if isinstance(error, _UnreadableError) else f"{text!r} is out of range"
        raise UsageError(f"--{unit}: {problem}", hint=f"give {_EXAMPLES[unit]}") from None
    if not intervals:
        raise UsageError(f"--{unit}: {text!r} ends before it begins", hint="give the first one first")
    return intervals


def fix_range(text: str, unit: str, *, now: float, zone: str = "UTC") -> str:
    """The same range at any later time: `2026-01-24..2026-01-30` for `-7d..yesterday`."""
    if not re.search(r"(^|\.\.)\s*(-|today|yesterday)", text):
        return text
    intervals = read_intervals(text, unit, now=now, zone=zone, most=MAX_FIXED)
    first, last = intervals[0].name, intervals[-1].name
    return first if first == last else f"{first}..{last}"


class _UnreadableError(ValueError):
    """A text that means no time; its message is for the user."""


def _time_zone(name: str) -> tzinfo:
    if name == "UTC":  # known even where the machine has no zone data
        return timezone.utc
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UsageError(f"--time-zone: {name!r} {explain_unknown_time_zone(name)}") from None


def _split_dates(first: str, last: str, every: int, unit: str, today: date) -> Iterator[Interval]:
    start, last_start = (_first_of(_read_date(text, unit, today), unit) for text in (first, last))
    stop = _add(last_start, 1, unit)
    while start < stop:
        end = min(_add(start, every, unit), stop)
        name = start.isoformat()[: 7 if unit == "months" else 10]
        yield Interval(name, start.isoformat(), end.isoformat())
        start = end


def _first_of(day: date, unit: str) -> date:
    """The first day of the month or, a Monday, of the week that a day is in."""
    if unit == "months":
        return day.replace(day=1)
    return day - timedelta(day.weekday()) if unit == "weeks" else day


def _add(day: date, number: int, unit: str) -> date:
    if unit != "months":
        return day + timedelta(number * 7 if unit == "weeks" else number)
    years, month = divmod(day.month - 1 + number, 12)
    return date(day.year + years, month + 1, 1)


def _read_date(text: str, unit: str, today: date) -> date:
    """A day in the hour, day, week or month that a text means."""
    if text in ("today", "yesterday"):
        return today - timedelta(text == "yesterday")
    age = re.fullmatch(r"-([0-9]{1,6})([dwm])", text)
    if age and unit in _AGES[age[2]]:
        return _add(today, -int(age[1]), {"d": "days", "w": "weeks", "m": "months"}[age[2]])
    try:
        if unit == "weeks" and (week := re.fullmatch(r"([0-9]{4})-W([0-9]{2})", text)):
            return date.fromisocalendar(int(week[1]), int(week[2]), 1)
        if unit == "months" and re.fullmatch(r"[0-9]{4}-[0-9]{2}", text):
            return date.fromisoformat(f"{text}-01")
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _UnreadableError(f"{text!r} is not {'an' if unit == 'hours' else 'a'} {unit[:-1]}")


def _split_hours(first: str, last: str, every: int, tz: tzinfo, now: float) -> Iterator[Interval]:
    """Hours are counted in UTC, where none is missing and none comes twice."""
    this_hour = datetime.fromtimestamp(now, tz).replace(minute=0, second=0, microsecond=0)
    start = _read_hour(first, this_hour, tz, is_last=False)
    stop = _read_hour(last, this_hour, tz, is_last=True) + _HOUR
    while start < stop:
        end = min(start + every * _HOUR, stop)
        name, written_end = (one.astimezone(tz).isoformat(timespec="minutes") for one in (start, end))
        yield Interval(name, name, written_end)
        start = end


def _read_hour(text: str, this_hour: datetime, tz: tzinfo, *, is_last: bool) -> datetime:
    """`2026-01-31T06`, `2026-01-31T06:00`, the same with an offset, or an age, in UTC; of a day, its first or
    last one.

    Of an hour that comes twice, when clocks are set back, a range has both.
    """
    if age := re.fullmatch(r"-([0-9]{1,6})h", text):
        return this_hour.astimezone(timezone.utc) - int(age[1]) * _HOUR
    if "T" not in text:
        day = _read_date(text, "hours", this_hour.date()) + timedelta(is_last)
        midnight = datetime(day.year, day.month, day.day, tzinfo=tz)
        return midnight.astimezone(timezone.utc) - is_last * _HOUR
    found = re.fullmatch(r"([0-9-]{10}T[0-9]{2})(?::00)?(Z|[+-][0-9]{2}:[0-9]{2})?", text)
    try:
        naive = datetime.fromisoformat(f"{found[1]}:00") if found else None
    except ValueError:
        naive = None
    if found is None or naive is None:
        raise _UnreadableError(f"{text!r} is not a full hour")
    if offset := found[2]:
        written = f"{found[1]}:00{offset.replace('Z', '+00:00')}"
        return datetime.fromisoformat(written).astimezone(timezone.utc)
    moment = naive.replace(tzinfo=tz, fold=is_last).astimezone(timezone.utc)
    if moment.astimezone(tz).replace(tzinfo=None) != naive:
        raise _UnreadableError(f"there is no hour {text} in {tz}: clocks were set forward")
    return moment
