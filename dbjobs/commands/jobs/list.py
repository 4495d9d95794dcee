"""`dbjobs jobs list`."""

from typing import Annotated

import typer

from dbjobs.commands.framework import app_of
from dbjobs.commands.options import ExpandTasks, Limit
from dbjobs.commands.showing import show_jobs

Name = Annotated[
    str | None,
    typer.Option(
        "--name", metavar="NAME", help="Only jobs of this name, in whatever case.", show_default=False
    ),
]


def command(
    ctx: typer.Context, name: Name = None, limit: Limit = None, expand_tasks: ExpandTasks = False
) -> None:
    """List jobs, the newest first.

    \b
    Examples:
      dbjobs jobs list
      dbjobs jobs list --name nightly -o id
      dbjobs jobs list --expand-tasks -o jsonl | jq .settings.tasks

    Exit codes: 0 listed, 6 out of reach; rows that came before an error are printed.
    """
    app = app_of(ctx)
    wants_tasks = expand_tasks or app.output == "text"  # the table tells how many there are
    pages = app.api.list_jobs(name, limit=limit or None, expand_tasks=wants_tasks)
    show_jobs(app, pages, with_tasks=expand_tasks)
