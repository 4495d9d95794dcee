"""The runs that a job already has with the parameters of planned ones: found in its list of runs.

The list does not show idempotency tokens, so runs are compared by their parameters, whoever started them.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbjobs.api.client import JobsApi
from dbjobs.api.models import Run
from dbjobs.api.paging import RunFilter
from dbjobs.api.states import Outcome
from dbjobs.http.response import Payload
from dbjobs.jobfiles.parameters import PARAMETER_OPTIONS
from dbjobs.runs.backfill import PlannedRun

RUNS_PER_REQUEST = 25


@dataclass(frozen=True)
class ExistingRuns:
    """Those among the newest runs of a job that have the parameters of planned runs."""

    by_label: Mapping[str, Run]
    """of several, the newest"""
    searched: int
    """how many of the job's newest runs were compared"""
    is_complete: bool
    """whether these are all runs of the job"""

    @property
    def that_ran(self) -> dict[str, Run]:
        """Without those that were skipped."""
        return {label: run for label, run in self.by_label.items() if run.outcome is not Outcome.NEVER_RAN}


def find_existing_runs(api: JobsApi, job: Payload, planned: Sequence[PlannedRun]) -> ExistingRuns:
    """One request for each 25 planned runs, and one more."""
    declared = (job.get("settings") or {}).get("parameters") or []
    defaults = {item["name"]: str(item.get("default", "")) for item in declared}
    limit = RUNS_PER_REQUEST * (math.ceil(len(planned) / RUNS_PER_REQUEST) + 1)
    pages = api.list_runs(RunFilter(job_id=int(job["job_id"])), limit=limit)
    runs = [Run(payload) for page in pages for payload in page]
    newest: dict[str, Run] = {}
    for run in runs:
        by_kind = run.payload.get("overriding_parameters") or {}
        newest.setdefault(_to_key(run.job_parameters, by_kind, defaults), run)
    keys = {one.label: _to_key(one.body.get("job_parameters") or {}, one.body, defaults) for one in planned}
    found = {label: newest[key] for label, key in keys.items() if key in newest}
    return ExistingRuns(found, len(runs), len(runs) < limit)


def _to_key(job_parameters: Mapping[str, Any], by_kind: Payload, defaults: Mapping[str, str]) -> str:
    """The same for the same parameters; a job with parameters of its own hands these to its tasks."""
    if defaults or job_parameters:
        return json.dumps({**defaults, **job_parameters}, sort_keys=True)
    return json.dumps(
        {kind: by_kind[kind] for kind in PARAMETER_OPTIONS if by_kind.get(kind)}, sort_keys=True
    )
