"""Many runs of one job at once: a page of the job's active runs has twenty-five of them.

A list may show that a run is active, but never that it has ended: a run that is not
in the list, or not completely, is read on its own.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import islice

from dbjobs.api.client import JobsApi
from dbjobs.api.models import Run
from dbjobs.api.paging import RunFilter
from dbjobs.errors import DbjobsError, UnreachableError
from dbjobs.http.response import Payload
from dbjobs.http.retry import NO_RETRIES

MIN_RUNS_PER_PAGE = 3
"""With fewer runs on a page, reading each run on its own is as cheap, and shows more."""

ROUNDS_WITHOUT_LIST = 10
"""After a list with too few of the runs: the job may have many others."""


@dataclass
class ActiveRuns:
    """The lists of the active runs of jobs, read as long as they are cheaper than single requests."""

    api: JobsApi
    _rounds_left: dict[int, int] = field(default_factory=dict)
    """by job_id, the rounds until its list is read again"""

    def find(self, job_id: int, run_ids: Collection[int]) -> dict[int, Payload] | None:
        """Those of the runs that are in the list, and active; one try. None if no list was read.

        Raises an UnreachableError; a list that is refused is left alone for a while.
        """
        self._rounds_left[job_id] = self._rounds_left.get(job_id, 0) - 1
        if self._rounds_left[job_id] >= 0 or len(run_ids) < MIN_RUNS_PER_PAGE:
            return None
        filter_ = RunFilter(job_id=job_id, active_only=True)
        pages = self.api.list_runs(filter_, expand_tasks=True, retry=NO_RETRIES, complete=False)
        found: dict[int, Payload] = {}
        number = 0
        try:
            for page in islice(pages, len(run_ids) // MIN_RUNS_PER_PAGE):
                number += 1
                found |= {run["run_id"]: run for run in page if run.get("run_id") in run_ids}
                if len(found) == len(run_ids):
                    break
        except UnreachableError:
            raise
        except DbjobsError:
            self._rounds_left[job_id] = ROUNDS_WITHOUT_LIST
            return None
        is_worthwhile = len(found) >= MIN_RUNS_PER_PAGE * number and number
        self._rounds_left[job_id] = 0 if is_worthwhile else ROUNDS_WITHOUT_LIST
        return {run_id: run for run_id, run in found.items() if not Run(run).is_ended}
