"""`dbjobs jobs create`."""

import typer

from dbjobs.commands.framework import app_of
from dbjobs.commands.options import Body, DryRun
from dbjobs.commands.showing import show_created
from dbjobs.spec import job_settings


def command(ctx: typer.Context, body: Body, dry_run: DryRun = False) -> None:
    """Create a job from a file, and print its id.

    The file holds job settings in JSON or YAML, bare or as `dbjobs jobs get -o yaml`
    printed them.

    \b
    Examples:
      dbjobs jobs create -f job.yaml
      job=$(dbjobs jobs create -f job.yaml)
      dbjobs jobs get 42 -o json | dbjobs jobs create -f -

    Exit codes: 0 created, 5 refused, 6 out of reach. If the connection breaks after
    sending, the job is not sent again, for that might make a second one.
    """
    app = app_of(ctx)
    settings = job_settings(body.read())
    show_created(app, app.api_to_change(dry_run).create_job(settings), "job_id")
