"""The state of many jobs at a glance: the last runs of each, what runs now, and when it runs next.

All of it is read from the lists of the workspace, not job by job, so that a thousand jobs take no more
requests than their own list and that of their runs have pages.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import chain

from dbjobs.api.client import JobsApi
from dbjobs.api.models import Run
from dbjobs.api.paging import RunFilter, name_of
from dbjobs.api.states import Phase
from dbjobs.http.response import Payload
from dbjobs.jobfiles.next_run import next_run
from dbjobs.runs.forecasts import FEWEST_RUNS, choose_past_runs, measure_past_run

MAX_ENDED = 500
"""Ended runs of the workspace that are read unless a time is given: twenty requests."""

MAX_ACTIVE = 1_000


@dataclass(frozen=True)
class WorkspaceRuns:
    """The runs of all jobs of a workspace, by job_id, the newest first."""

    ended: Mapping[int, Sequence[Run]]
    active: Mapping[int, Sequence[Run]]
    earliest: int | None
    """the start of the oldest ended run that was read, if there may be older ones"""


def read_workspace_runs(api: JobsApi, since: int | None) -> WorkspaceRuns:
    """Those that started since a time (epoch milliseconds), or the newest MAX_ENDED; and the active ones."""
    active_filter = RunFilter(active_only=True, run_type="JOB_RUN")
    active = [Run(run) for run in chain.from_iterable(api.list_runs(active_filter, limit=MAX_ACTIVE))]
    ended_filter = RunFilter(completed_only=True, run_type="JOB_RUN", start_time_from=since)
    limit = MAX_ENDED if since is None else None
    ended = [Run(run) for run in chain.from_iterable(api.list_runs(ended_filter, limit=limit))]
    is_cut = limit is not None and len(ended) >= limit
    return WorkspaceRuns(_by_job(ended), _by_job(active), ended[-1].start_time if is_cut else None)


def _by_job(runs: Iterable[Run]) -> dict[int, list[Run]]:
    by_job: dict[int, list[Run]] = {}
    for run in runs:
        if run.job_id is not None:
            by_job.setdefault(run.job_id, []).append(run)
    return by_job


@dataclass(frozen=True)
class JobOverview:
    """One job: its settings as a list shows them, and its runs, the newest first."""

    job: Payload
    ended: Sequence[Run]
    active: Sequence[Run]
    now: float

    @property
    def job_id(self) -> int:
        return int(self.job["job_id"])

    @property
    def name(self) -> str:
        return name_of(self.job) or "Untitled"

    @property
    def _settings(self) -> Payload:
        return self.job.get("settings") or {}

    @property
    def is_failing(self) -> bool:
        """Whether the newest run that has an outcome went wrong."""
        return bool(self.ended and self.ended[0].outcome and self.ended[0].outcome.is_failure)

    @cached_property
    def usual_seconds(self) -> float | None:
        """The median of how long runs like the active one took; None if there are too few to tell."""
        like = self.active[0] if self.active else Run({"run_id": 0})
        past = [measure_past_run(run).total for run in choose_past_runs(self.ended, like)]
        return statistics.median(past) if len(past) >= FEWEST_RUNS else None

    @property
    def seconds_so_far(self) -> float | None:
        """How long the oldest active run has been going; None if none is running."""
        running = [run for run in self.active if run.phase is Phase.ACTIVE]
        return running[-1].seconds_at(self.now * 1000) if running else None

    @property
    def is_paused(self) -> bool:
        kinds = (self._settings.get(kind) or {} for kind in ("schedule", "trigger", "continuous"))
        return any(kind.get("pause_status") == "PAUSED" for kind in kinds)

    @property
    def starts_by(self) -> str:
        """What starts the job: `schedule`, `continuous`, or a kind of trigger; empty if nothing does."""
        for kind in ("schedule", "continuous"):
            if self._settings.get(kind):
                return kind
        trigger = self._settings.get("trigger") or {}
        return next((str(kind) for kind, settings in trigger.items() if isinstance(settings, dict)), "")

    @cached_property
    def next_run(self) -> datetime | None:
        """In the schedule's time zone; None if there is no schedule, it is paused, or it cannot be told."""
        schedule = self._settings.get("schedule") or {}
        expression, zone = schedule.get("quartz_cron_expression"), schedule.get("timezone_id")
        if not expression or not zone or self.is_paused:
            return None
        return next_run(expression, zone, self.now)

    def as_document(self) -> Payload:
        """For programs; times are epoch milliseconds, as in the API, durations seconds."""
        return {
            "job_id": self.job_id,
            "name": name_of(self.job),
            "is_failing": self.is_failing,
            "last_runs": [_as_document(run) for run in self.ended],
            "active_runs": [_as_document(run) for run in self.active],
            "seconds_so_far": self.seconds_so_far,
            "usual_seconds": self.usual_seconds,
            "starts_by": self.starts_by or None,
            "is_paused": self.is_paused,
            "next_run": int(self.next_run.timestamp() * 1000) if self.next_run else None,
            "next_run_local": self.next_run.isoformat() if self.next_run else None,
            "timezone_id": (self._settings.get("schedule") or {}).get("timezone_id"),
        }


def _as_document(run: Run) -> Payload:
    fields = ("run_id", "start_time", "end_time", "trigger", "run_page_url")
    states = {"life_cycle_state": run.life_cycle_state, "result_state": run.result_state}
    return {**{field: run.payload.get(field) for field in fields}, **states, "message": run.message}


def make_overview(jobs: Iterable[Payload], runs: WorkspaceRuns, now: float) -> list[JobOverview]:
    """Failing jobs first, then those that run, then the others; of each, those with the newest runs first."""
    overviews = [
        JobOverview(job, runs.ended.get(int(job["job_id"]), ()), runs.active.get(int(job["job_id"]), ()), now)
        for job in jobs
    ]

    def rank(one: JobOverview) -> tuple[int, int]:
        newest = max((run.start_time or 0 for run in (*one.active[:1], *one.ended[:1])), default=0)
        return (0 if one.is_failing else 1 if one.active else 2 if one.ended else 3), -newest

    return sorted(overviews, key=rank)
