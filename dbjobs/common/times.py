"""Points in time as people write them: an ISO time, an epoch in milliseconds, or an age."""

import re
from datetime import datetime

from dbjobs.common.durations import parse_duration

EARLIEST_MS = 946_684_800_000
"""The year 2000: a smaller number is a mistake."""


def parse_time(text: str, now: float) -> int:
    """Epoch milliseconds; `now` is in seconds. Raises ValueError for anything else.

    A time without a zone is local.
    """
    written = text.strip()
    if re.fullmatch(r"[0-9]+", written):
        if int(written) < EARLIEST_MS:
            raise ValueError(
                f"{written} is an epoch in milliseconds before 2000; an age has a unit, as in {written}m"
            )
        return int(written)
    try:
        if re.search("[smhdw]$", written):  # an age has a unit
            return int((now - parse_duration(written)) * 1000)
        # Python before 3.11 does not know the Z of UTC.
        return int(datetime.fromisoformat(re.sub("[zZ]$", "+00:00", written)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is not a time such as 2026-01-31T12:00, an age such as 2h or 7d,"
            " or an epoch in milliseconds"
        ) from None
