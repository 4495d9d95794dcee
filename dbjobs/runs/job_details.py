"""What stands about a job elsewhere than in its settings: its last runs, and who may do what with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain

from dbjobs.api.client import JobsApi
from dbjobs.api.models import Run
from dbjobs.api.paging import RunFilter
from dbjobs.errors import DbjobsError
from dbjobs.http.response import Payload
from dbjobs.http.retry import NO_RETRIES
from dbjobs.runs.causes import Cause
from dbjobs.runs.listed_causes import ListedCauses

LAST_RUNS = 10


@dataclass(frozen=True)
class JobDetails:
    """As far as it can be read; a `…_problem` says what kept it from being read."""

    url: str
    runs: tuple[Run, ...] = ()
    """the newest first"""
    causes: Mapping[int, Cause] = field(default_factory=dict)
    """by run_id, why runs failed"""
    runs_problem: str = ""
    permissions: Payload | None = None
    permissions_problem: str = ""


def read_job_details(api: JobsApi, job_id: int, url: str, causes: ListedCauses | None) -> JobDetails:
    """Two requests, and those for causes; what a server or a permission withholds is not an error."""
    runs: tuple[Run, ...] = ()
    permissions: Payload | None = None
    runs_problem = permissions_problem = ""
    try:
        listed = api.list_runs(
            RunFilter(job_id=job_id),
            limit=LAST_RUNS,
            expand_tasks=causes is not None,
            complete=False,
            retry=NO_RETRIES,
        )
        runs = tuple(Run(run) for run in chain.from_iterable(listed))
    except DbjobsError as error:
        runs_problem = error.message
    try:
        permissions = api.get_job_permissions(job_id, NO_RETRIES)
    except DbjobsError as error:
        permissions_problem = error.message
    known = causes.of_runs(runs) if causes else {}
    return JobDetails(url, runs, known, runs_problem, permissions, permissions_problem)
