"""When the workspace is asked for what is not known, or known for too long."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from dbjobs.cli.cache import JOBS, RUNS, Remembered, place_of, recall, write_cache
from dbjobs.cli.completion.line import Place

FRESH_FOR = {JOBS: 600.0, RUNS: 60.0}
"""Seconds for which a list is new enough."""

ASK_AGAIN_AFTER = 60.0
"""Seconds after a question; an unreachable workspace delays one completion in so many."""


def refreshed(
    place: Place, host: str, known: Remembered, what: str, is_enough: Callable[[Remembered], Any]
) -> Remembered:
    """What is known, after asking if that is due; `what`: JOBS, RUNS, or the job or run that is named."""
    now = time.time()
    asked = known["asked"]
    is_fresh = now - asked.get(what, 0) < FRESH_FOR[what] if what in FRESH_FOR else is_enough(known)
    if is_fresh or now - asked.get(f"? {what}", 0) < ASK_AGAIN_AFTER:
        return known
    recent = {key: moment for key, moment in asked.items() if now - moment < FRESH_FOR[JOBS]}
    write_cache(place_of(host), {**known, "asked": {**recent, f"? {what}": now}})
    with suppress(Exception):
        from dbjobs.cli.completion.asking import ask

        ask(place, host, what)
    return recall(host)
