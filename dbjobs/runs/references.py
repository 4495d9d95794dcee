"""What people type for a job or a run: a number, a name, a page's URL, `JOB@failed`, `@last`."""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dbjobs.common.nearest import nearest_names
from dbjobs.config.hosts import workspace_id_in
from dbjobs.errors import DbjobsError, NotFoundError, UsageError

if TYPE_CHECKING:
    from dbjobs.api.client import JobsApi

MAX_ID = 2**63 - 1
MAX_LISTED = 20
"""Jobs of one name that an error lists."""

MAX_SUGGESTED = 3
"""Names of jobs that an error suggests."""

MAX_JOBS_SEARCHED = 1_000
"""Jobs whose names are compared with one that does not exist: ten requests at most."""

SELECTORS = {
    "latest": "its newest run",
    "failed": "its newest run that failed",
    "succeeded": "its newest run that succeeded",
    "active": "its newest active run",
}
"""What may follow `JOB@`, and what it means."""

LAST = "@last"
"""The run that dbjobs last started or watched in this workspace, from this machine."""

WHAT_A_RUN_IS = (
    "give a run id, the URL of a run's page, JOB@latest, JOB@failed, JOB@succeeded, JOB@active, or @last"
)

_RUN_IN_URL = r"(?:#job/\d+/run/|/jobs/(?:\d+/)?runs/)(\d+)"
_JOB_IN_URL = r"(?:#job/|/jobs/)(\d+)"


@dataclass(frozen=True)
class RunRef:
    """A run, with the host and the workspace of its URL."""

    run_id: int
    host: str | None = None
    workspace_id: str | None = None


def split_selector(text: str) -> tuple[str, str] | None:
    """`nightly@failed` as job and selector, split at the last `@`; None if it is something else."""
    job, at, selector = text.rpartition("@")
    return (job, selector) if at and job and selector in SELECTORS else None


def parse_run_ref(text: str) -> RunRef:
    """A run id, or a run page's URL: `…/#job/J/run/R` of old, `…/jobs/J/runs/R` of today."""
    if (run_id := as_id(text)) is not None:
        return RunRef(run_id)
    found = re.search(_RUN_IN_URL, text)
    run_id = as_id(found[1]) if found else None
    if run_id is None:
        hint = WHAT_A_RUN_IS
        job_name, at, selector = text.rpartition("@")
        if at and not job_name and selector in SELECTORS:
            hint = f"name the job before {text}; the run that was last started from here is {LAST}"
        elif at and (near := nearest_names(selector, SELECTORS)):
            hint = f"did you mean {job_name or 'JOB'}@{near[0]}?"
        elif job := re.search(_JOB_IN_URL, text):
            hint = f"this is the page of a job; to see its runs: dbjobs runs list --job {job[1]}"
        elif "," in text and all(as_id(part) for part in text.strip(",").split(",")):
            hint = f"separate ids with spaces: {text.strip(',').replace(',', ' ')}"
        raise UsageError(f"{text!r} is not a run", hint=hint)
    parts = urlsplit(text if "://" in text else f"https://{text}")
    return RunRef(run_id, parts.netloc.lower(), workspace_id_in(text))


def as_id(text: str) -> int | None:
    """The id in `text`, a positive 64-bit integer; None if it is something else."""
    is_number = re.fullmatch(r"[0-9]{1,19}", text.strip())
    number = int(text) if is_number else 0
    return number if 0 < number <= MAX_ID else None


def _check_job_name(text: str) -> None:
    """Refuse what cannot be the name of a job, but was meant as something else."""
    if not text.strip():
        raise UsageError("the name of the job is empty", hint="give a job's id, or its exact name")
    if text.startswith(("http://", "https://")):
        run, job = re.search(_RUN_IN_URL, text), re.search(_JOB_IN_URL, text)
        hint = f"give the job's id: {job[1]}" if job else "give a job's id, or its exact name"
        kind = "the page of a run" if run else "a URL"
        raise UsageError(f"{text!r} is {kind}, not a job", hint=hint)
    if "," in text and all(as_id(part) for part in text.strip(",").split(",")):
        separated = text.strip(",").replace(",", " ")
        raise UsageError(f"{text!r} is not a job", hint=f"separate ids with spaces: {separated}")


def find_job(api: "JobsApi", ref: str) -> int:
    """The id of the job that an id or an exact name means; a NotFoundError names the nearest ones."""
    if (job_id := as_id(ref)) is not None:
        return job_id
    _check_job_name(ref)
    from dbjobs.api.paging import name_of  # late: completion, which needs the rest, loads no API

    names = {int(job["job_id"]): name_of(job) for job in chain.from_iterable(api.list_jobs(name=ref))}
    found = [job_id for job_id, name in names.items() if name == ref]
    if len(found) > 1:
        ids = ", ".join(map(str, found[:MAX_LISTED])) + (", …" if len(found) > MAX_LISTED else "")
        raise UsageError(f"{len(found)} jobs are named {ref!r}: {ids}", hint="choose one by its id")
    if not found:
        near = similar_job_names(api, ref, names.values())
        alike = f"there is {', '.join(map(repr, near))}; " if near else ""
        raise NotFoundError(
            f"there is no job named {ref!r}", hint=f"{alike}names must match exactly; an id works, too"
        )
    return found[0]


def similar_job_names(api: "JobsApi", name: str, known: Iterable[str] = ()) -> list[str]:
    """Names of jobs that contain a name or are similar to it, ignoring case; `known` ones are not read."""
    from dbjobs.api.paging import name_of

    names = set(known)
    with suppress(DbjobsError):  # the error about the name is enough
        names |= {name_of(job) for job in chain.from_iterable(api.list_jobs(limit=MAX_JOBS_SEARCHED))}
    names.discard("")
    containing = [one for one in sorted(names, key=str.lower) if name and name.lower() in one.lower()]
    return list(dict.fromkeys([*containing, *nearest_names(name, names, MAX_SUGGESTED)]))[:MAX_SUGGESTED]
