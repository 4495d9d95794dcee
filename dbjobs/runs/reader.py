"""Reading runs again and again, at little cost: what a watch fetches with.

A run of 1,500 tasks comes in 15 pages, of which most have nothing new to say. A page whose
tasks have all ended is kept, and not asked for again until the run itself has ended: then
everything is read once more, so that the end is determined from current answers only.

Many runs of one job are looked up in the list of its active runs, a page for twenty-five of
them. A run that has left the list, and now and then every other one, is read by itself.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from dbjobs.api.client import JobsApi, merge_pages
from dbjobs.api.models import Run, TaskRun
from dbjobs.api.paging import RunFilter, read_pages
from dbjobs.errors import DbjobsError
from dbjobs.http.response import Payload
from dbjobs.http.retry import NO_RETRIES
from dbjobs.runs.active_runs import ActiveRuns

KEPT_FOR = 20
"""Polls after which kept pages are read again: a retry may put new attempts into old pages."""

LISTED_FOR = 40
"""Polls of which one reads the run itself, whatever the list says: lists may lag behind."""

REQUESTS_PER_LISTED_RUN = 1 / 25 + 1 / LISTED_FOR
"""In a round of polls of many runs of one job, on average."""

PAST_RUNS = 25
"""Of a job's history, as many as one page has."""

MOST_CHILDREN = 25
"""Runs of run_job tasks that are read in a round: they are an extra, and each is a request."""


@dataclass
class RunReader:
    """Fetches runs and, of their run_job tasks, the runs that those started."""

    api: JobsApi
    earlier_attempts: set[int | None] = field(default_factory=set)
    """the run_ids of attempts that are known from before: their failures are not new"""
    _kept: dict[int, dict[str, Payload]] = field(default_factory=dict)
    _reads: dict[int, int] = field(default_factory=dict)
    _child_ids: dict[int, int] = field(default_factory=dict)
    _active_runs: dict[int, tuple[int, int]] = field(default_factory=dict)
    """by run_id, the job_id, and how many attempts at tasks were seen"""
    _listed: dict[int, Payload] = field(default_factory=dict)
    _tasks: dict[int, list[Payload]] = field(default_factory=dict)
    """by run_id, the tasks of a run of several pages, as last seen"""
    _children_left: int = MOST_CHILDREN

    def __post_init__(self) -> None:
        self._active = ActiveRuns(self.api)

    def prepare(self, run_ids: Sequence[int]) -> bool:
        """Look at many at once, where that is cheaper; `fetch` then answers from it, once each.

        True if the workspace has answered.
        """
        self._listed.clear()
        self._children_left = MOST_CHILDREN
        by_job: dict[int, set[int]] = {}
        for run_id in run_ids:
            job_id, _ = self._active_runs.get(run_id, (0, 0))
            if job_id and (self._reads[run_id] + run_id) % LISTED_FOR:
                by_job.setdefault(job_id, set()).add(run_id)
        has_answered = False
        for job_id, wanted in by_job.items():
            found = self._active.find(job_id, wanted)
            has_answered = has_answered or found is not None
            self._listed |= found or {}
        return has_answered

    def fetch(self, run_id: int) -> Run:
        """The run with its tasks; one try, for a watch asks again anyway."""
        reads = self._reads[run_id] = self._reads.get(run_id, 0) + 1
        listed = self._listed.pop(run_id, None)
        if listed:
            _, attempts = self._active_runs[run_id]  # a list may leave out what the run itself has
            if not listed.get("has_more") and len(listed.get("tasks") or ()) >= attempts:
                return Run(listed)
        if reads % KEPT_FOR == 0:
            self._kept.pop(run_id, None)
        try:
            run = self._read(run_id)
        except DbjobsError:
            self._kept.pop(run_id, None)
            raise
        if run.is_ended and self._kept.get(run_id):
            del self._kept[run_id]
            with suppress(
                DbjobsError
            ):  # an end that was seen counts, whatever keeps it from being read again
                again = self._read(run_id)
                run = run if again.page_error and not run.page_error else again
        self._active_runs.pop(run_id, None)
        if not run.is_ended and run.job_id:
            self._active_runs[run_id] = run.job_id, len(run.attempts)
        return run

    def _read(self, run_id: int) -> Run:
        """All pages; if one after the first fails, the run has its tasks as last seen."""
        kept = self._kept.pop(run_id, {})
        fresh: dict[str, Payload] = {}

        def fetch(position: Payload) -> Payload:
            token = position.get("page_token")
            if token is None:
                return self.api.get_run_page(run_id, None, NO_RETRIES)
            fresh[token] = kept.get(token) or self.api.get_run_page(run_id, token, NO_RETRIES)
            return fresh[token]

        pages: list[Payload] = []
        page_error = None
        try:
            for page in read_pages(fetch):
                pages.append(page)
        except DbjobsError as error:
            if not pages:
                raise
            page_error = error  # the token may have grown too old, so no page is kept
        else:
            self._kept[run_id] = {
                token: page
                for token, page in fresh.items()
                if all(TaskRun(task).is_ended for task in page.get("tasks") or ())
            }
        payload = merge_pages(pages)
        if page_error:
            tasks = payload.get("tasks") or []
            fresh_ids = {task.get("run_id") for task in tasks}
            seen = [task for task in self._tasks.get(run_id, []) if task.get("run_id") not in fresh_ids]
            payload["tasks"] = [*tasks, *seen]
        if len(pages) > 1 or page_error:
            self._tasks[run_id] = payload.get("tasks") or []
        return Run(payload, page_error)

    def fetch_past_runs(self, job_id: int) -> list[Run]:
        """The last completed runs of a job, with their tasks, as far as one page goes; one try."""
        return self._fetch_page(RunFilter(job_id=job_id, completed_only=True))

    def fetch_active_runs(self, job_id: int) -> list[Run]:
        """The newest active runs of a job, as far as one page goes; one try."""
        return self._fetch_page(RunFilter(job_id=job_id, active_only=True))

    def _fetch_page(self, run_filter: RunFilter) -> list[Run]:
        pages = self.api.list_runs(
            run_filter, limit=PAST_RUNS, expand_tasks=True, retry=NO_RETRIES, complete=False
        )
        return [Run(payload) for payload in next(pages, [])]

    def fetch_children(self, run: Run) -> dict[str, Run]:
        """By task_key, the runs of its run_job tasks, as far as they can be had: they are an extra."""
        found = {}
        for task in run.tasks:
            if task.is_run_job and task.run_id and not task.is_ended and self._children_left > 0:
                self._children_left -= 1
                with suppress(DbjobsError, KeyError, TypeError, ValueError):
                    if task.run_id not in self._child_ids:
                        output = self.api.get_run_output(task.run_id, NO_RETRIES)
                        self._child_ids[task.run_id] = int(output["run_job_output"]["run_id"])
                    child_id = self._child_ids[task.run_id]
                    found[task.task_key] = Run(self.api.get_run_page(child_id, None, NO_RETRIES))
        return found
