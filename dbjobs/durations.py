"""Durations as people write them: `90`, `1.5s`, `10m`, `1h30m`, `2d`."""

import math
import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)?\s*", re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds; a bare number is seconds. Raises ValueError for anything else."""
    parts = _PART.findall(text)
    units = [unit for _, unit in parts]
    is_whole = bool(parts) and re.fullmatch(f"(?:{_PART.pattern})+", text.strip(), re.ASCII)
    if not is_whole or ("" in units and len(units) > 1):
        raise ValueError(f"{text!r} is not a duration such as 90s, 10m, 2h or 1h30m")
    seconds = sum(float(number) * _UNITS[unit or "s"] for number, unit in parts)
    if not math.isfinite(seconds):
        raise ValueError(f"{text!r} is longer than any run")
    return seconds
