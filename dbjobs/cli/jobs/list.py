"""`dbjobs jobs list`."""

from functools import partial
from itertools import chain
from typing import Annotated

import typer

from dbjobs.api.paging import Pages, name_of, take
from dbjobs.cli.context import App
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import ExpandTasks, Limit, parse_when
from dbjobs.cli.showing import listed_causes, show_list
from dbjobs.errors import UsageError
from dbjobs.runs.references import similar_job_names

Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="NAME",
        help="Only jobs with exactly this name, ignoring case.",
    ),
]
Match = Annotated[
    str | None,
    typer.Option(
        "--match",
        metavar="TEXT",
        help="Only jobs whose name contains this text, ignoring case.",
    ),
]
Runs = Annotated[
    bool, typer.Option("--runs", help="Show the last runs of each job, what runs now, and its next run.")
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="With --runs: read all runs that started then or later."),
]


def command(
    ctx: typer.Context,
    name: Name = None,
    match: Match = None,
    limit: Limit = None,
    expand_tasks: ExpandTasks = False,
    runs: Runs = False,
    since: Since = None,
) -> None:
    """List jobs, the newest first.

    With --runs, failing jobs come first, then those that run: each with a strip of its last runs
    (the newest on the right), what runs now and how long that usually takes, and when it runs
    next, in the zone of its schedule. The newest 500 runs of the workspace are read; --since reads
    all that started since then.

    \b
    Examples:
      dbjobs jobs list --runs
      dbjobs jobs list --runs --since 7d --match sales
      dbjobs jobs list
      dbjobs jobs list --name nightly -o id
      dbjobs jobs list --match sales
      dbjobs jobs list --expand-tasks -o jsonl | jq .settings.tasks

    Exit codes: 0 listed, 6 out of reach; rows that came before an error are printed.
    """
    if name is not None and match is not None:
        raise UsageError("give either --name or --match")
    if runs and expand_tasks:
        raise UsageError("--runs and --expand-tasks cannot be combined")
    if since is not None and not runs:
        raise UsageError("--since needs --runs", hint="add --runs, or leave --since out")
    app = app_of(ctx)
    if runs:
        _list_with_runs(app, name, match, limit, since)
        return
    wants_tasks = expand_tasks or app.output == "text"  # the table shows how many there are
    list_jobs = partial(app.api.list_jobs, expand_tasks=wants_tasks, complete=expand_tasks)
    pages = _matching(list_jobs(), match) if match is not None else list_jobs(name, limit=limit or None)
    pages = take(pages, limit or None)
    number = show_list(app, "job", pages, with_tasks=expand_tasks)
    if name is not None and not number:
        similar = ", ".join(map(repr, similar_job_names(app.api, name)))
        there_is = f"; there is {similar}" if similar else ""
        app.streams.note(f"--name is exact, and no job is named {name!r}{there_is}; try --match")


def _matching(pages: Pages, text: str) -> Pages:
    """The jobs whose names contain a text, in whatever case."""
    return ([job for job in page if text.lower() in name_of(job).lower()] for page in pages)


def _list_with_runs(
    app: App, name: str | None, match: str | None, limit: int | None, since: str | None
) -> None:
    """The overview of jobs and their runs."""
    from dbjobs.output.formatting import format_moment
    from dbjobs.output.structured import write_documents
    from dbjobs.runs.overview import MAX_ENDED, make_overview, read_workspace_runs

    start = parse_when("--since", since, app.clock.now())
    pages = app.api.list_jobs(name)
    jobs = list(chain.from_iterable(_matching(pages, match) if match is not None else pages))
    found = read_workspace_runs(app.api, start)
    now = app.clock.now()
    overview = make_overview(jobs, found, now)[: limit or None]
    if app.output != "text":
        documents = (one.as_document() for one in overview)
        write_documents(app.streams, documents, app.output, id_key="job_id")
        return
    from dbjobs.output.terminal.overview import show_overview

    if overview:
        causes = listed_causes(app)
        last_runs = [job.ended[0] for job in overview if job.ended]
        show_overview(app.streams, overview, now, causes.of_runs(last_runs) if causes else {})
    else:
        app.streams.note("no jobs")
    if found.earliest:
        reach = format_moment(found.earliest, now)
        app.streams.note(f"the newest {MAX_ENDED} runs were read, back to {reach}; --since reads further")
