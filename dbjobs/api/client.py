"""The Jobs API: one method per endpoint, dict in, dict out, in versions 2.0, 2.1 and 2.2.

Source: https://docs.databricks.com/api/workspace/jobs
"""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeAlias

from dbjobs.api.paging import Pages, RunFilter, Warn, list_items, name_of, read_pages, take
from dbjobs.api.shapes import JOB_PERMISSIONS
from dbjobs.errors import NotFoundError, OutcomeUnknownError, UnreachableError, UsageError
from dbjobs.http.response import Payload
from dbjobs.http.retry import RetryPolicy

PAGED_ARRAYS = ("tasks", "job_clusters", "job_parameters", "repair_history", "iterations")
"""The arrays that runs/get sends in pages, 100 elements at a time."""

PAGED_SETTINGS = ("tasks", "job_clusters", "parameters", "environments")
"""The arrays that jobs/get sends in pages, inside `settings`."""

JOBS_PAGE = 100
RUNS_PAGE = 25
"""The largest pages that 2.1 and 2.2 document; a `limit` of 0 asks runs/list of 2.0 for its largest."""

MAX_TASKS_IN_2_1 = 100


class Transport(Protocol):
    """Sends requests to one workspace."""

    @property
    def version(self) -> str:
        """The version of the Jobs API: 2.0, 2.1 or 2.2."""

    def send(
        self,
        method: str,
        endpoint: str,
        content: Payload,
        *,
        repeatable: bool = False,
        retry: RetryPolicy | None = None,
    ) -> Payload:
        """Send the query of a GET, or the body of a POST, and return the payload of the response.

        `repeatable`: sending it twice does what sending it once does, as with every GET.
        """


class JobsApi:
    """The endpoints of one workspace."""

    def __init__(self, transport: Transport, warn: Warn = lambda text: None) -> None:
        """`warn` is called when an answer may be incomplete."""
        self._send = transport.send
        self.version = transport.version
        self._warn = warn

    def create_job(self, settings: Payload) -> Payload:
        """→ `{"job_id"}`. There is no idempotency token: sending it twice would create two jobs."""
        return self._send("POST", "create", settings)

    def get_job(self, job_id: int) -> Payload:
        """→ the job with its `settings`, all pages merged."""
        job = merge_pages(self._pages("get", {"job_id": job_id}))
        self._warn_if_truncated(job.get("settings") or {})
        return job

    def get_job_permissions(self, job_id: int, retry: RetryPolicy | None = None) -> Payload:
        """→ `access_control_list`: who may do what with a job. It is the same in all versions."""
        return self._send("GET", f"{JOB_PERMISSIONS}/{job_id}", {}, retry=retry)

    def list_jobs(
        self,
        name: str | None = None,
        *,
        limit: int | None = None,
        expand_tasks: bool = False,
        complete: bool = True,
    ) -> Pages:
        """Jobs, the newest first: all of them, or those with a name, ignoring case; at most `limit`.

        `complete`: whether to read in full the jobs of which the list has only the first tasks.
        2.0 has no filter by name, and returns all jobs at once.
        """
        size = min(limit or JOBS_PAGE, JOBS_PAGE)
        query = {"name": name, "limit": size, "expand_tasks": expand_tasks or None}
        pages = self._list("list", {} if self.version == "2.0" else query, "job")
        if name is not None:  # ignoring case, as the filter of the API does
            pages = ([job for job in page if name_of(job).lower() == name.lower()] for page in pages)
        pages = take(pages, limit)
        return self._completed(pages) if expand_tasks and complete else pages

    def reset_job(self, job_id: int, new_settings: Payload) -> Payload:
        """→ `{}`. Replaces all settings."""
        return self._send("POST", "reset", {"job_id": job_id, "new_settings": new_settings})

    def update_job(self, job_id: int, new_settings: Payload, fields_to_remove: list[str]) -> Payload:
        """→ `{}`. Replaces top-level fields; tasks and job_clusters are merged by key."""
        body = {"job_id": job_id, "new_settings": new_settings, "fields_to_remove": fields_to_remove}
        return self._send("POST", "update", {key: value for key, value in body.items() if value})

    def delete_job(self, job_id: int) -> Payload:
        """→ `{}`, for a job that is deleted already, too."""
        return self._delete("delete", {"job_id": job_id})

    def run_now(
        self,
        job_id: int,
        parameters: Payload,
        idempotency_token: str,
        retry: RetryPolicy | None = None,
    ) -> Payload:
        """→ `{"run_id", "number_in_job"}`. The token makes it safe to send twice: one run is started."""
        body = {"job_id": job_id, **parameters, "idempotency_token": idempotency_token}
        return self._send("POST", "run-now", body, repeatable=True, retry=retry)

    def submit_run(self, body: Payload, idempotency_token: str) -> Payload:
        """→ `{"run_id"}`. The token makes it safe to send twice: one run is started."""
        body = {**body, "idempotency_token": idempotency_token}
        return self._send("POST", "runs/submit", body, repeatable=True)

    def list_runs(
        self,
        run_filter: RunFilter,
        *,
        limit: int | None = None,
        expand_tasks: bool = False,
        retry: RetryPolicy | None = None,
        complete: bool = True,
    ) -> Pages:
        """Runs, the latest first, at most `limit`. 2.0 has no filter by time, and always shows its one task.

        `complete`: whether to read in full the runs of which the list has only the first tasks.
        """
        is_small = limit is not None and limit <= RUNS_PAGE and not run_filter.is_sparse
        if self.version == "2.0":
            query = {
                **run_filter.query("2.0"),
                "limit": limit if is_small and not run_filter.has_times else 0,
            }
            return take(run_filter.apply(self._list("runs/list", query, "run", retry)), limit)
        query = {**run_filter.query(self.version), "limit": limit if is_small else RUNS_PAGE}
        query["expand_tasks"] = expand_tasks or None
        runs = take(run_filter.apply(self._list("runs/list", query, "run", retry)), limit)
        return self._completed(runs) if expand_tasks and complete else runs

    def get_run(
        self, run_id: int, retry: RetryPolicy | None = None, *, include_history: bool = False
    ) -> Payload:
        """→ the run with its `tasks`, all pages merged; with its `repair_history` if `include_history`."""
        query = {"run_id": run_id, "include_history": include_history or None}
        run = merge_pages(self._pages("runs/get", query, retry))
        self._warn_if_truncated(run)
        return run

    def get_run_page(self, run_id: int, page_token: str | None, retry: RetryPolicy | None = None) -> Payload:
        """→ one page of a run, with the `next_page_token` of the next one."""
        return self._page("runs/get", {"run_id": run_id, "page_token": page_token}, retry)

    def get_run_output(self, run_id: int, retry: RetryPolicy | None = None) -> Payload:
        """→ logs, error, result of a task run; the API refuses the id of a job run."""
        return self._send("GET", "runs/get-output", {"run_id": run_id}, retry=retry)

    def export_run(self, run_id: int, views_to_export: str) -> Payload:
        """→ `views` of a notebook task's run: CODE, DASHBOARDS or ALL, each a page of HTML."""
        query = {"run_id": run_id, "views_to_export": views_to_export}
        return self._send("GET", "runs/export", query)

    def cancel_run(self, run_id: int, retry: RetryPolicy | None = None) -> Payload:
        """→ `{}`. Asynchronous; does nothing to a run that has ended."""
        return self._send("POST", "runs/cancel", {"run_id": run_id}, repeatable=True, retry=retry)

    def cancel_all_runs(self, job_id: int | None) -> Payload:
        """→ `{}`. Cancels the active runs of a job; with None, the queued runs of all jobs. Asynchronous."""
        body: Payload = {"all_queued_runs": True} if job_id is None else {"job_id": job_id}
        return self._send("POST", "runs/cancel-all", body, repeatable=True)

    def delete_run(self, run_id: int) -> Payload:
        """→ `{}`. Refused while the run is active."""
        return self._delete("runs/delete", {"run_id": run_id})

    def repair_run(self, run_id: int, body: Payload, retry: RetryPolicy | None = None) -> Payload:
        """→ `{"repair_id"}`. There is no idempotency token: sending it twice may rerun the tasks twice."""
        if self.version == "2.0":
            raise UsageError("Jobs API 2.0 has no runs/repair", hint="use --api-version 2.1 or 2.2")
        body = {"run_id": run_id, **body}
        return self._send("POST", "runs/repair", body, retry=retry)

    def _warn_if_truncated(self, holder: Payload) -> None:
        """2.1 leaves out all tasks after the first 100, and does not say so."""
        if self.version == "2.1" and len(holder.get("tasks") or ()) >= MAX_TASKS_IN_2_1:
            self._warn(f"Jobs API 2.1 shows {MAX_TASKS_IN_2_1} tasks at most: there may be more in 2.2")

    def _delete(self, endpoint: str, body: Payload) -> Payload:
        """A 404 on a second try means that the first one deleted it."""
        try:
            return self._send("POST", endpoint, body, repeatable=True)
        except OutcomeUnknownError as error:
            if isinstance(error.cause, NotFoundError) and error.answer and error.answer.has_reason:
                return {}
            raise

    def _list(self, endpoint: str, query: Payload, noun: str, retry: RetryPolicy | None = None) -> Pages:
        def fetch(position: Payload) -> Payload:
            return self._send("GET", endpoint, {**query, **position}, retry=retry)

        return list_items(fetch, noun, self._warn)

    def _completed(self, pages: Pages) -> Pages:
        """Read in full the items of which the list has only the first 100 tasks, as `has_more` says."""
        for page in pages:
            for item in page:
                if item.get("has_more"):
                    try:
                        if "run_id" in item:
                            run = self.get_run(item["run_id"])
                            item.update({name: run[name] for name in PAGED_ARRAYS if run.get(name)})
                        else:
                            settings = self.get_job(item["job_id"]).get("settings") or {}
                            complete = {name: settings[name] for name in PAGED_SETTINGS if settings.get(name)}
                            item["settings"] = {**(item.get("settings") or {}), **complete}
                    except NotFoundError:  # deleted since
                        continue
                    del item["has_more"]
            yield page

    def _pages(self, endpoint: str, query: Payload, retry: RetryPolicy | None = None) -> Iterator[Payload]:
        return read_pages(lambda position: self._page(endpoint, {**query, **position}, retry))

    def _page(self, endpoint: str, query: Payload, retry: RetryPolicy | None) -> Payload:
        page = self._send("GET", endpoint, query, retry=retry)
        for noun in ("run", "job"):
            requested, found = query.get(f"{noun}_id"), page.get(f"{noun}_id")
            if requested is not None and found is not None and found != requested:
                raise UnreachableError(
                    f"the server's answer is about {noun} {found}, not {noun} {requested}", is_retryable=False
                )
        return page


def merge_pages(pages: Iterable[Payload]) -> Payload:
    """Merge the pages of a run or of a job; elements that are on several pages count once."""
    whole, *others = pages
    whole.pop("prev_page_token", None)
    whole.pop("next_page_token", None)
    seen: dict[str, set[Identity]] = {}
    for page in others:
        _extend(whole, page, PAGED_ARRAYS, seen)
        if settings := page.get("settings"):
            _extend(whole.setdefault("settings", {}), settings, PAGED_SETTINGS, seen)
    return whole


Identity: TypeAlias = tuple[Any, ...]

IDENTIFYING_FIELDS = (
    "run_id", "task_key", "attempt_number", "id", "job_cluster_key", "environment_key", "name"
)  # fmt: skip
"""Each element of a paged array has some of them, and no two elements have the same."""


def _extend(whole: Payload, page: Payload, arrays: tuple[str, ...], seen: dict[str, set[Identity]]) -> None:
    for array in arrays:
        if page.get(array):
            elements = whole.setdefault(array, [])
            known = seen.setdefault(array, set(map(_identity, elements)))
            new = [element for element in page[array] if _identity(element) not in known]
            elements.extend(new)
            known.update(map(_identity, new))


def _identity(element: Payload) -> Identity:
    identity = tuple(element.get(field) for field in IDENTIFYING_FIELDS)
    return identity if any(value is not None for value in identity) else (id(element),)
