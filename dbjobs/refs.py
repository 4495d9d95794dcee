"""What people type for a job or a run: a number, a name, a page's URL."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from dbjobs.errors import NotFoundError, UsageError

MAX_ID = 2**63 - 1
MOST_NAMED = 20
"""So many jobs of one name are listed."""

_RUN_IN_URL = r"(?:#job/\d+/run/|/jobs/(?:\d+/)?runs/)(\d+)"


@dataclass(frozen=True)
class RunRef:
    """A run, and the host that its URL named."""

    run_id: int
    host: str | None = None


def parse_run_ref(text: str) -> RunRef:
    """A run id, or a run page's URL: `…/#job/J/run/R` of old, `…/jobs/J/runs/R` of today."""
    if (run_id := as_id(text)) is not None:
        return RunRef(run_id)
    found = re.search(_RUN_IN_URL, text)
    run_id = as_id(found[1]) if found else None
    if run_id is None:
        raise UsageError(f"{text!r} is not a run", hint="give a run id, or the URL of a run's page")
    parts = urlsplit(text if "://" in text else f"https://{text}")
    return RunRef(run_id, parts.netloc.lower())


def as_id(text: str) -> int | None:
    """The id that `text` is, a positive 64-bit integer; None if it is none."""
    is_number = re.fullmatch(r"[0-9]{1,19}", text.strip())
    number = int(text) if is_number else 0
    return number if 0 < number <= MAX_ID else None


def choose_job(name: str, jobs: Iterable[dict[str, Any]]) -> int:
    """The id of the one job that bears the name exactly, among those that a server lists for it."""
    if not name.strip():
        raise UsageError("an empty name is no job", hint="give a job's id, or its exact name")
    names = {int(job["job_id"]): str((job.get("settings") or {}).get("name") or "") for job in jobs}
    found = [job_id for job_id, own_name in names.items() if own_name == name]
    if len(found) > 1:
        ids = ", ".join(map(str, found[:MOST_NAMED])) + (", …" if len(found) > MOST_NAMED else "")
        raise UsageError(f"{len(found)} jobs are named {name!r}: {ids}", hint="say which by its id")
    if not found:
        alike = next((f"there is {own_name!r}; " for own_name in names.values()), "")
        hint = f"{alike}names are exact; an id works, too"
        raise NotFoundError(f"there is no job named {name!r}", hint=hint)
    return found[0]
