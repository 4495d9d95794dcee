"""Many runs of one job at once: a page of the job's active runs answers for twenty-five of them.

That a run goes on may be told from such a list; that it has ended never is, so a run that is
not in the list, or not in full, is asked for by itself.
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

WORTH = 3
"""Runs that a page has to answer for: else asking for each is as cheap, and tells more."""

REST = 10
"""Rounds in which a list is left alone that was not worth it: a job may have many runs besides."""


@dataclass
class ActiveRuns:
    """The lists of the active runs of jobs; of use as long as they are cheaper than single requests."""

    api: JobsApi
    _rests: dict[int, int] = field(default_factory=dict)

    def find(self, job_id: int, wanted: Collection[int]) -> dict[int, Payload]:
        """Those of the wanted runs that are told of, and are active; one try.

        Raises an UnreachableError; a list that is refused is worth nothing.
        """
        self._rests[job_id] = self._rests.get(job_id, 0) - 1
        if self._rests[job_id] >= 0 or len(wanted) < WORTH:
            return {}
        try:
            found, pages = self._read(job_id, wanted)
        except UnreachableError:
            raise
        except DbjobsError:
            found, pages = {}, 1
        self._rests[job_id] = 0 if len(found) >= WORTH * pages else REST
        return {run_id: run for run_id, run in found.items() if not Run(run).is_ended}

    def _read(self, job_id: int, wanted: Collection[int]) -> tuple[dict[int, Payload], int]:
        """What is told of the wanted runs, and in how many pages; no more of them than are worth it."""
        filter_ = RunFilter(job_id=job_id, active_only=True)
        pages = self.api.list_runs(filter_, expand_tasks=True, retry=NO_RETRIES, complete=False)
        found: dict[int, Payload] = {}
        number = 0
        for page in islice(pages, len(wanted) // WORTH):
            number += 1
            found |= {run["run_id"]: run for run in page if run.get("run_id") in wanted}
            if len(found) == len(wanted):
                break
        return found, number
