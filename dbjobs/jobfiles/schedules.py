"""Cron expressions of Quartz, and the time zones of Java.

Sources: http://www.quartz-scheduler.org/documentation/quartz-2.3.0/tutorials/crontrigger.html
and the documentation of java.util.TimeZone
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo

from dbjobs.common.nearest import did_you_mean

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True)
class CronField:
    """One of the fields of an expression: its numbers, its names, and what else it takes."""

    name: str
    least: int
    most: int
    names: Sequence[str] = ()
    special: str = r"(?!)"
    """a pattern of what only this field takes"""

    def number(self, text: str) -> int | None:
        """The number that a text means; None if it is out of range, or not a number."""
        if text in self.names:
            return self.names.index(text) + self.least
        number = int(text) if re.fullmatch(r"[0-9]{1,4}", text) else -1
        return number if self.least <= number <= self.most else None


DAY_OF_MONTH = CronField(
    "day of month", 1, 31, special=r"L(-([0-9]|[12][0-9]|30))?W?|([1-9]|[12][0-9]|3[01])W"
)
DAY_OF_WEEK = CronField("day of week", 1, 7, DAYS, special=rf"L|([1-7]|{'|'.join(DAYS)})(L|#[1-5])")
FIELDS = (
    CronField("seconds", 0, 59),
    CronField("minutes", 0, 59),
    CronField("hours", 0, 23),
    DAY_OF_MONTH,
    CronField("month", 1, 12, MONTHS),
    DAY_OF_WEEK,
    CronField("year", 1970, 2099),
)

JAVA_ZONES = {
    "ACT": "Australia/Darwin", "AET": "Australia/Sydney", "AGT": "America/Argentina/Buenos_Aires",
    "ART": "Africa/Cairo", "AST": "America/Anchorage", "BET": "America/Sao_Paulo", "BST": "Asia/Dhaka",
    "CAT": "Africa/Harare", "CNT": "America/St_Johns", "CST": "America/Chicago", "CTT": "Asia/Shanghai",
    "EAT": "Africa/Addis_Ababa", "ECT": "Europe/Paris", "IET": "America/Indiana/Indianapolis",
    "IST": "Asia/Kolkata", "JST": "Asia/Tokyo", "MIT": "Pacific/Apia", "NET": "Asia/Yerevan",
    "NST": "Pacific/Auckland", "PLT": "Asia/Karachi", "PNT": "America/Phoenix", "PRT": "America/Puerto_Rico",
    "PST": "America/Los_Angeles", "SST": "Pacific/Guadalcanal", "VST": "Asia/Ho_Chi_Minh",
}  # fmt: skip
"""The short names of Java that the time zone database does not have; see java.time.ZoneId.SHORT_IDS."""

_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(0?[0-9]|1[0-9]|2[0-3])(?::?([0-5][0-9]))?")


def find_cron_problem(expression: str) -> str | None:
    """What keeps a text from being a cron expression of Quartz, in words that follow a field's name."""
    texts = expression.upper().split()
    if len(texts) not in (6, 7):
        return f"has {len(texts)} fields where Quartz takes 6 or 7, the first of them seconds"
    for cron_field, text in zip(FIELDS, texts, strict=False):
        if problem := next(_problems_of(cron_field, text), None):
            return f"has no valid {cron_field.name}: {problem}"
    is_open = [texts[index] == "?" for index in (3, 5)]
    if all(is_open):
        return "has ? for both day of month and day of week, which can be only one of them"
    if not any(is_open):
        return "needs ? for day of month or for day of week: Quartz does not take both"
    return None


def _problems_of(cron_field: CronField, text: str) -> Iterator[str]:
    items = text.split(",")
    is_day = cron_field in (DAY_OF_MONTH, DAY_OF_WEEK)
    if text == "?":
        if not is_day:
            yield "only the two day fields take ?"
        return
    if len(items) > 1 and any(re.fullmatch(cron_field.special, item) and "#" not in item for item in items):
        yield "L and W cannot be in a list"
    if sum("#" in item for item in items) > 1:
        yield "# can be given once"
    for item in items:
        if not re.fullmatch(cron_field.special, item):
            yield from _item_problems(cron_field, item)


def _item_problems(cron_field: CronField, item: str) -> Iterator[str]:
    """A number, name, range or *, with or without a step."""
    limits = f"{cron_field.least} to {cron_field.most}"
    values, slash, step = item.partition("/")
    if slash and not re.fullmatch(r"[0-9]{1,4}", step):
        yield "a number must follow /"
    elif slash and int(step) > cron_field.most:
        yield f"the step after / is larger than {cron_field.most}"
    if values == "*" or (slash and not values):
        return
    first, dash, last = values.partition("-")
    numbers = [cron_field.number(first), cron_field.number(last) if dash else None]
    if numbers[0] is None or (dash and numbers[1] is None):
        yield f"it takes {limits}" + (
            f", {cron_field.names[0]} to {cron_field.names[-1]}" if cron_field.names else ""
        )
    elif dash and cron_field.name == "year" and int(last) < int(first):
        yield "the range ends before it begins"


def find_time_zone(name: str) -> tzinfo | None:
    """A time zone by the name that Java has for it; None if this machine does not know it."""
    from zoneinfo import ZoneInfo

    if offset := _OFFSET.fullmatch(name):
        size = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        return timezone(size if offset[1] == "+" else -size)
    if name in ("Z", "UTC", "GMT", "UT"):
        return timezone.utc
    try:
        return ZoneInfo(JAVA_ZONES.get(name, name))
    except (KeyError, ValueError, OSError):
        return None


def is_time_zone(name: str) -> bool:
    """Whether Java knows a time zone of this name; True, too, where this machine has no zone data."""
    is_known = name in JAVA_ZONES or find_time_zone(name) is not None
    return is_known or not _known_time_zones()


def explain_unknown_time_zone(name: str) -> str:
    """What is wrong with a name that is not a time zone, with the nearest one that is."""
    return f"is not a known time zone{did_you_mean(name.replace(' ', '_'), _known_time_zones(), str)}"


def _known_time_zones() -> set[str]:
    from zoneinfo import available_timezones

    return available_timezones()
