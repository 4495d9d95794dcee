"""What people type for a job or a run: a number, a name, a page's URL."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from dbjobs.errors import UsageError

MAX_ID = 2**63 - 1
_RUN_IN_URL = re.compile(r"(?:#job/\d+/run/|/jobs/(?:\d+/)?runs/)(\d+)")


@dataclass(frozen=True)
class RunRef:
    """A run, and the host that its URL named."""

    run_id: int
    host: str | None = None


def parse_run_ref(text: str) -> RunRef:
    """A run id, or a run page's URL: `…/#job/J/run/R` of old, `…/jobs/J/runs/R` of today."""
    if (run_id := as_id(text)) is not None:
        return RunRef(run_id)
    found = _RUN_IN_URL.search(text)
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
