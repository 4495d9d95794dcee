"""Ranges of hours, days, weeks and months as people write them, to the intervals of time in them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Generic, TypeVar

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

T = TypeVar("T", date, datetime)


@dataclass(frozen=True)
class Interval:
    """An interval of time; `end` is not in it."""

    name: str
    """that of its hour, day, week or month"""
    start: str
    end: str


@dataclass(frozen=True)
class _Unit(Generic[T]):
    """Hours, days, weeks or months: how they are read, counted and written."""

    read: Callable[[str, bool], tuple[T, T]]
    """the first and the last one that a text means; the flag is true for the end of a range"""
    add: Callable[[T, int], T]
    write: Callable[[T], str]
    name: Callable[[T], str]

    def split(self, first_text: str, last_text: str, every: int, most: int) -> list[Interval]:
        """No more than `most` intervals."""
        (first, _), (_, last) = self.read(first_text, False), self.read(last_text, True)
        after_last = self.add(last, 1)
        intervals: list[Interval] = []
        while first < after_last and len(intervals) < most:
            end = min(self.add(first, every), after_last)
            intervals.append(Interval(self.name(first), self.write(first), self.write(end)))
            first = end
        return intervals


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
        reader = _hours(tz, now) if unit == "hours" else _dates(unit, datetime.fromtimestamp(now, tz).date())
        intervals = reader.split(first, last, every, most)
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


def _dates(unit: str, today: date) -> _Unit[date]:
    def read(text: str, _is_last: bool) -> tuple[date, date]:
        day = _read_date(text, unit, today)
        if unit == "months":
            day = day.replace(day=1)
        elif unit == "weeks":
            day -= timedelta(day.weekday())
        return day, day

    def add(day: date, number: int) -> date:
        if unit == "months":
            return _add_months(day, number)
        return day + timedelta(number if unit == "days" else 7 * number)

    return _Unit(read, add, date.isoformat, lambda day: day.isoformat()[: 7 if unit == "months" else 10])


def _add_months(day: date, number: int) -> date:
    years, month = divmod(day.month - 1 + number, 12)
    return date(day.year + years, month + 1, 1)


def _read_date(text: str, unit: str, today: date) -> date:
    """A day in the hour, day, week or month that a text means."""
    if text in ("today", "yesterday"):
        return today - timedelta(text == "yesterday")
    age = re.fullmatch(r"-([0-9]{1,6})([dwm])", text)
    if age and unit in _AGES[age[2]]:
        number = int(age[1])
        if age[2] == "m":
            return _add_months(today, -number)
        return today - timedelta(number * 7 if age[2] == "w" else number)
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


def _hours(tz: tzinfo, now: float) -> _Unit[datetime]:
    """Hours are counted in UTC, where none is missing and none comes twice."""
    this_hour = datetime.fromtimestamp(now, tz).replace(minute=0, second=0, microsecond=0)

    def read(text: str, is_last: bool) -> tuple[datetime, datetime]:
        if age := re.fullmatch(r"-([0-9]{1,6})h", text):
            found = this_hour.astimezone(timezone.utc) - int(age[1]) * _HOUR
            return found, found
        if "T" in text:
            found = _read_hour(text, tz, is_last)
            return found, found
        day = _read_date(text, "hours", this_hour.date())
        first, next_day = (
            datetime(one.year, one.month, one.day, tzinfo=tz).astimezone(timezone.utc)
            for one in (day, day + timedelta(1))
        )
        return first, next_day - _HOUR

    def write(moment: datetime) -> str:
        return moment.astimezone(tz).isoformat(timespec="minutes")

    return _Unit(read, lambda moment, number: moment + number * _HOUR, write, write)


def _read_hour(text: str, tz: tzinfo, is_last: bool) -> datetime:
    """`2026-01-31T06`, `2026-01-31T06:00` or the same with an offset, in UTC.

    Of an hour that comes twice, when clocks are set back, a range has both.
    """
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
