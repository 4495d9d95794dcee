"""`dbjobs jobs list`."""

from functools import partial
from typing import Annotated

import typer

from dbjobs.api.paging import name_of, take
from dbjobs.cli.context import App
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import ExpandTasks, Limit
from dbjobs.cli.showing import show_list
from dbjobs.errors import DbjobsError, UsageError

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
MAX_SEARCHED = 500
"""How many of the newest jobs are searched for a similar name."""


def command(
    ctx: typer.Context,
    name: Name = None,
    match: Match = None,
    limit: Limit = None,
    expand_tasks: ExpandTasks = False,
) -> None:
    """List jobs, the newest first.

    \b
    Examples:
      dbjobs jobs list
      dbjobs jobs list --name nightly -o id
      dbjobs jobs list --match sales
      dbjobs jobs list --expand-tasks -o jsonl | jq .settings.tasks

    Exit codes: 0 listed, 6 out of reach; rows that came before an error are printed.
    """
    if name is not None and match is not None:
        raise UsageError("give either --name or --match")
    app = app_of(ctx)
    wants_tasks = expand_tasks or app.output == "text"  # the table shows how many there are
    list_jobs = partial(app.api.list_jobs, expand_tasks=wants_tasks, complete=expand_tasks)
    if match is None:
        pages = list_jobs(name, limit=limit or None)
    else:
        matching = ([job for job in page if match.lower() in name_of(job).lower()] for page in list_jobs())
        pages = take(matching, limit or None)
    number = show_list(app, "job", pages, with_tasks=expand_tasks)
    if name is not None and not number:
        app.streams.note(
            f"--name is exact, and no job is named {name!r}{_similar_names(app, name)}; try --match"
        )


def _similar_names(app: App, name: str) -> str:
    """The names that are similar to the given one or contain it; empty if they cannot be read."""
    from difflib import get_close_matches

    try:
        names = {name_of(job) for page in app.api.list_jobs(limit=MAX_SEARCHED) for job in page} - {""}
    except DbjobsError:
        return ""
    by_lower = {one.lower(): one for one in sorted(names, key=str.lower)}
    near = [one for one in by_lower if name.lower() in one] if name else []
    near += get_close_matches(name.lower(), by_lower)
    nearest = ", ".join(repr(by_lower[one]) for one in dict.fromkeys(near[:3]))
    return f"; there is {nearest}" if nearest else ""
