"""The Jobs API: a method an endpoint, dict in, dict out, in versions 2.0, 2.1 and 2.2.

Source: https://docs.databricks.com/api/workspace/jobs
"""

from collections.abc import Iterator, Mapping
from typing import Any

from dbjobs.answers import Payload
from dbjobs.transport import Retrying, Transport

PAGED_ARRAYS = ("tasks", "job_clusters", "job_parameters", "repair_history", "iterations")
"""What runs/get sends in pages, 100 elements at a time."""

PAGED_SETTINGS = ("tasks", "job_clusters", "parameters", "environments")
"""What jobs/get sends in pages, inside `settings`."""


class JobsApi:
    """The endpoints of one workspace."""

    def __init__(self, transport: Transport, version: str = "2.2") -> None:
        self._transport = transport
        self.version = version

    def create_job(self, settings: Payload) -> Payload:
        """→ `{"job_id"}`. Carries no token: a second sending would make a second job."""
        return self._post("create", settings, repeatable=False)

    def get_job(self, job_id: int) -> Payload:
        """→ the job with its `settings`, all pages in one."""
        pages = self._pages("get", {"job_id": job_id})
        job = next(pages)
        for page in pages:
            _extend(job, page, PAGED_ARRAYS)
            _extend(job.setdefault("settings", {}), page.get("settings") or {}, PAGED_SETTINGS)
        return job

    def list_jobs(self, name: str | None = None) -> Iterator[Payload]:
        """Every job, or those of an exact name; 2.0 has no such filter, so it is applied here as well."""
        for page in self._pages("list", {"name": None if self.version == "2.0" else name}):
            for job in page.get("jobs") or ():
                if name is None or job.get("settings", {}).get("name") == name:
                    yield job

    def run_now(self, job_id: int, parameters: Payload, idempotency_token: str) -> Payload:
        """→ `{"run_id", "number_in_job"}`. The token makes it safe to send again: one run is launched."""
        body = {"job_id": job_id, **parameters, "idempotency_token": idempotency_token}
        return self._post("run-now", body, repeatable=True)

    def submit_run(self, body: Payload, idempotency_token: str) -> Payload:
        """→ `{"run_id"}`. The token makes it safe to send again: one run is launched."""
        return self._post("runs/submit", {**body, "idempotency_token": idempotency_token}, repeatable=True)

    def get_run(self, run_id: int, retrying: Retrying | None = None) -> Payload:
        """→ the run with its `tasks`, all pages in one."""
        pages = self._pages("runs/get", {"run_id": run_id}, retrying)
        run = next(pages)
        for page in pages:
            _extend(run, page, PAGED_ARRAYS)
        return run

    def get_run_output(self, run_id: int, retrying: Retrying | None = None) -> Payload:
        """→ logs, error, result of a task run; the id of a job run is refused."""
        return self._transport.get(self._path("runs/get-output"), {"run_id": run_id}, retrying)

    def cancel_run(self, run_id: int) -> Payload:
        """→ `{}`. Asynchronous; does nothing to a run that has ended."""
        return self._post("runs/cancel", {"run_id": run_id}, repeatable=True)

    def _path(self, endpoint: str) -> str:
        return f"/api/{self.version}/jobs/{endpoint}"

    def _post(self, endpoint: str, body: Payload, *, repeatable: bool) -> Payload:
        return self._transport.post(self._path(endpoint), body, repeatable=repeatable)

    def _pages(
        self, endpoint: str, query: Mapping[str, Any], retrying: Retrying | None = None
    ) -> Iterator[Payload]:
        """Follow `next_page_token` to the end: an empty one, or one that came before, leads nowhere."""
        seen: set[str] = set()
        token: str | None = None
        while True:
            page = self._transport.get(self._path(endpoint), {**query, "page_token": token}, retrying)
            token = page.pop("next_page_token", None)
            page.pop("prev_page_token", None)
            yield page
            if not token or token in seen:
                return
            seen.add(token)


def _extend(whole: Payload, page: Payload, arrays: tuple[str, ...]) -> None:
    for array in arrays:
        if page.get(array):
            whole.setdefault(array, []).extend(page[array])
