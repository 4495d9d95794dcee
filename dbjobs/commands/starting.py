"""Starting a run, once: what `runs now` and `runs submit` share."""

from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import typer

from dbjobs.answers import Payload
from dbjobs.commands.changing import fate_told
from dbjobs.commands.wait_options import WaitOptions
from dbjobs.commands.waiting import INVISIBLE_FOR, wait_for_runs
from dbjobs.context import App
from dbjobs.errors import DbjobsError
from dbjobs.interrupts import interruptible
from dbjobs.models import Run
from dbjobs.render.plain import write_document
from dbjobs.retrying import NO_RETRIES


def start_run(
    app: App,
    start: Callable[[str], Payload],
    token: str | None,
    *,
    wait: bool,
    options: WaitOptions,
    job_id: int | None = None,
) -> None:
    """Call `start` with an idempotency token, print the run's id at once, and wait if that was asked."""
    token = token or str(uuid4())
    hint = f"the same command with --idempotency-token {token} never starts a second run"
    with interruptible():
        with fate_told(app.streams, hint, "the run may have been started all the same"):
            answer = start(token)
        if not answer:  # a dry run
            return
        run_id = int(answer["run_id"])
        if app.output in ("text", "id"):
            app.streams.result(str(run_id))
        elif not wait:
            write_document(app.streams, answer, app.output)
        _tell_way_back(app, run_id, job_id, wait=wait)
        if wait:
            raise typer.Exit(wait_for_runs(app, [run_id], options, grace=INVISIBLE_FOR))


def _tell_way_back(app: App, run_id: int, job_id: int | None, *, wait: bool) -> None:
    """Where to look and how to come back, before anything else can happen."""
    page = None if wait and not job_id else _page_of(app, run_id, job_id)  # a wait shows the page anyway
    purpose = "should this wait end early" if wait else "to wait for it"
    app.streams.note(f"run {run_id} started{(page and f': {page}') or ''}")
    app.streams.note(f"{purpose}: {app.command_line('runs wait', str(run_id))}")


def _page_of(app: App, run_id: int, job_id: int | None) -> str | None:
    """The URL of the run's page; a run without a job of its own is asked for it, if that goes well."""
    if job_id:
        return f"{app.profile.host.value}/jobs/{job_id}/runs/{run_id}"
    if app.streams.quiet:
        return None
    with suppress(DbjobsError):
        return Run(app.api.get_run_page(run_id, None, NO_RETRIES).payload).run_page_url
    return None
