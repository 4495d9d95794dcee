"""When a schedule starts its job next, computed as Quartz does: in the schedule's own time zone.

Source: http://www.quartz-scheduler.org/documentation/quartz-2.3.0/tutorials/crontrigger.html
"""

import re
from calendar import monthrange
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import product

from dbjobs.jobfiles.schedules import FIELDS, CronField, find_cron_problem, find_time_zone

MAX_DAYS = 366 * 9
"""A 29th of February may be so far away; a schedule without a day until then has none."""


def next_run(expression: str, zone_name: str, after: float) -> datetime | None:
    """The first time after an epoch in seconds, in the zone; None if there is none, or it cannot be told."""
    zone = find_time_zone(zone_name)
    if zone is None or find_cron_problem(expression):
        return None
    texts = [*expression.upper().split(), "*"][:7]
    seconds, minutes, hours, _, months, _, years = (
        _numbers(text, field) for text, field in zip(texts, FIELDS, strict=True)
    )
    start = datetime.fromtimestamp(after, zone)
    for offset in range(MAX_DAYS):
        day = start.date() + timedelta(days=offset)
        if day.year in years and day.month in months and _is_day(day, texts[3], texts[5]):
            hours_left = [hour for hour in sorted(hours) if offset or hour >= start.hour]
            for hour, minute, second in product(hours_left, sorted(minutes), sorted(seconds)):
                found = datetime.combine(day, time(hour, minute, second), zone)
                if found.timestamp() > after and _exists(found):
                    return found
    return None


def _exists(moment: datetime) -> bool:
    """False for a time that the clock leaves out when it is put forward."""
    back = datetime.fromtimestamp(moment.timestamp(), moment.tzinfo)
    return back.replace(tzinfo=None, fold=0) == moment.replace(tzinfo=None, fold=0)


def _numbers(text: str, field: CronField) -> set[int]:
    """The numbers that a field means; those of days that depend on the month are found by `_is_day`."""
    return {number for item in text.split(",") for number in _numbers_of(item, field)}


def _numbers_of(item: str, field: CronField) -> Iterable[int]:
    values, slash, step = item.partition("/")
    first, dash, last = values.partition("-")
    begin = field.number(first) if first not in ("", "*", "?") else field.least
    if begin is None:  # `L`, `15W`, `2#1`
        return ()
    end = begin
    if dash:
        end = field.number(last) or field.least
    elif slash or first in ("*", "?"):
        end = field.most
    if end < begin:  # `FRI-MON`, `22-2`
        end += field.most - field.least + 1
    size = field.most - field.least + 1
    every = range(begin, end + 1, max(1, int(step or 1)))
    return ((number - field.least) % size + field.least for number in every)


def _is_day(day: date, of_month: str, of_week: str) -> bool:
    """Whether both day fields take a day; `?` takes any."""
    in_month = of_month == "?" or day.day in {
        number for item in of_month.split(",") for number in _days_of_month(item, day)
    }
    weekday = day.isoweekday() % 7 + 1  # Sunday is 1
    return in_month and (
        of_week == "?" or any(_is_weekday(item, day, weekday) for item in of_week.split(","))
    )


def _days_of_month(item: str, day: date) -> Iterator[int]:
    last = monthrange(day.year, day.month)[1]
    special = re.fullmatch(r"(?:L(?:-(\d+))?|(\d+))(W?)", item)
    if not special or (special[2] and not special[3]):
        yield from _numbers(item, FIELDS[3])
        return
    wanted = int(special[2]) if special[2] else last - int(special[1] or 0)
    if 1 <= wanted <= last:
        yield _nearest_weekday(day.replace(day=wanted), last) if special[3] else wanted


def _nearest_weekday(day: date, last: int) -> int:
    """From Monday to Friday, within the month."""
    if day.isoweekday() == 6:
        return day.day - 1 if day.day > 1 else 3
    if day.isoweekday() == 7:
        return day.day + 1 if day.day < last else last - 2
    return day.day


def _is_weekday(item: str, day: date, weekday: int) -> bool:
    if item == "L":
        return weekday == 7
    name, mark, number = re.fullmatch(r"([^L#]*)(L|#|)(\d*)", item).groups()  # type: ignore[union-attr]
    if not mark:
        return weekday in _numbers(item, FIELDS[5])
    is_that_weekday = weekday == FIELDS[5].number(name)
    if mark == "L":
        return is_that_weekday and day.day + 7 > monthrange(day.year, day.month)[1]
    return is_that_weekday and (day.day - 1) // 7 + 1 == int(number)
