"""Durations as people write them: `90`, `1.5s`, `10m`, `1h30m`, `2d`."""

import re

MAX_SECONDS = 366 * 86400.0
"""Runs are deleted much earlier, and no clock sleeps forever."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_NUMBER = r"\d+(?:\.\d+)?"
_PART = re.compile(rf"({_NUMBER})\s*(ms|s|m|h|d|w)\s*", re.ASCII)
_PARTS = re.compile(f"(?:{_PART.pattern})+", re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds; a bare number is seconds. Raises ValueError for anything else."""
    written = text.strip()
    if re.fullmatch(_NUMBER, written, re.ASCII):
        written += "s"
    if not _PARTS.fullmatch(written):
        raise ValueError(f"{text!r} is not a duration such as 90s, 10m, 2h or 1h30m")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(written))
    if seconds > MAX_SECONDS:
        raise ValueError(f"{text!r} is longer than any run")
    return seconds
