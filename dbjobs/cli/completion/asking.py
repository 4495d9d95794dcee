"""Asking the workspace while somebody waits at the prompt: one request, and not for long.

Only with a token that is at hand: nobody wants to wait for an identity provider, or to unlock a
password manager, for a completion. Other auth methods live on what commands have seen.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

from dbjobs.api.client import JOBS_PAGE, RUNS_PAGE, JobsApi
from dbjobs.api.paging import RunFilter
from dbjobs.api.transport import Transport
from dbjobs.cli.cache import JOBS, RUNS, place_of
from dbjobs.cli.completion.line import Place
from dbjobs.cli.context import App, GlobalOptions
from dbjobs.cli.references import as_id, parse_run_ref
from dbjobs.errors import UnreachableError
from dbjobs.http.response import Payload
from dbjobs.http.retry import NO_RETRIES, Retrying
from dbjobs.http.shapes import Fields

PATIENCE = 0.8
"""Seconds for the answer."""


class AskingOnce(Transport):
    """Sends one request, once."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._has_asked = False

    def get(
        self,
        path: str,
        query: Mapping[str, Any],
        retrying: Retrying | None = None,
        *,
        shape: Fields | None = None,
    ) -> Payload:
        if self._has_asked:
            raise UnreachableError("one request is enough")
        self._has_asked = True
        return self._transport.get(path, query, NO_RETRIES, shape=shape)


def ask(place: Place, host: str, what: str) -> None:
    """Ask for the jobs, the runs, or the job or run that the line names; what comes in time is kept."""
    app = _app(place)
    if not _is_at_hand(app) or place_of(app.profile.address) != place_of(host):
        return
    api = JobsApi(AskingOnce(app.transport), app.profile.api_version.value)
    thread = Thread(target=_send, args=(_question(place, api, what),), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    app.remember()


def _send(question: Callable[[], object]) -> None:
    with suppress(Exception):
        question()


def _app(place: Place) -> App:
    given = place.values
    config = given.get("--config")
    return App(
        GlobalOptions(
            profile=given.get("--profile"),
            config=Path(config) if config else None,
            host=given.get("--host"),
            api_version=given.get("--api-version"),
            quiet=True,
        )
    )


def _is_at_hand(app: App) -> bool:
    """True if the token stands in the configuration, a variable or a file."""
    token = app.profile.get("token")
    is_read_here = token and (token.reference is None or token.reference.kind in ("env", "file"))
    return bool(is_read_here) and app.profile.auth_methods == ("pat",)


def _question(place: Place, api: JobsApi, what: str) -> Callable[[], object]:
    if what == JOBS:
        return lambda: next(iter(api.list_jobs(limit=JOBS_PAGE)))
    if what == RUNS:
        return lambda: next(iter(api.list_runs(RunFilter(), limit=RUNS_PAGE)))
    if not place.node["arguments"][0]["metavar"].startswith("JOB"):
        run_id = parse_run_ref(what).run_id
        return lambda: api.get_run(run_id)
    job_id = as_id(what)
    if job_id is not None:
        return lambda: api.get_job(job_id)
    return lambda: next(iter(api.list_jobs(name=what, expand_tasks=True)))
