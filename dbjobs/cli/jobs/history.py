"""`dbjobs jobs history`."""

from typing import Annotated

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.options import JobRef
from dbjobs.cli.showing import listed_causes, show_history, write_history

DEFAULT_RUNS = 25
"""How many runs are read unless --limit says otherwise: one page of a list."""


def _report_file(text: str) -> str:
    if not text.lower().endswith(".html"):
        raise typer.BadParameter("the history is a page of HTML: its name must end in .html")
    return text


def command(
    ctx: typer.Context,
    job: JobRef,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="Read the newest N runs; 0 reads all.")
    ] = DEFAULT_RUNS,
    report: Annotated[
        str | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Also write a report, .html.",
            show_default=False,
            parser=_report_file,
        ),
    ] = None,
) -> None:
    """Show how a job's past runs went, and since when they take longer.

    A grid shows the state and the duration of each task in each run. Below it are the changes that chance
    does not explain, the tasks that succeeded only after a retry or a repair, and the failures by cause.
    One request reads 25 runs.

    \b
    Examples:
      dbjobs jobs history nightly
      dbjobs jobs history 42 --limit 100 --report history.html
      dbjobs jobs history nightly -o json | jq .changes

    Exit codes: 0 shown, 2 the page cannot be written, 4 no such job.
    """
    from dbjobs.api.models import Run
    from dbjobs.api.paging import RunFilter
    from dbjobs.runs.history import analyze_runs
    from dbjobs.runs.references import as_id

    app = app_of(ctx)
    job_id = app.job_id(job)
    pages = app.api.list_runs(
        RunFilter(job_id=job_id), limit=limit or None, expand_tasks=True, complete=False
    )
    payloads = [run for page in pages for run in page]
    if not payloads and as_id(job) is not None:
        app.api.get_job(job_id)  # a list is empty, too, where there is no such job
    if any(run.get("has_more") for run in payloads):
        app.streams.note("of runs with more than 100 tasks, the first 100 are shown")
    history = analyze_runs(map(Run, payloads))
    if causes := listed_causes(app):
        history = causes.of_failures(history)
    show_history(app, history, job_id)
    if report and payloads:
        write_history(app, history, report)
