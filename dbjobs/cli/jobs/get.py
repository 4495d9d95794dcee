"""`dbjobs jobs get`."""

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.global_options import JobOutput
from dbjobs.cli.options import JobRef, Web
from dbjobs.cli.showing import show_job, show_page


def command(ctx: typer.Context, job: JobRef, output: JobOutput = None, web: Web = False) -> None:
    """Show a job and its settings.

    \b
    Examples:
      dbjobs jobs get 42
      dbjobs jobs get nightly --web
      dbjobs jobs get nightly -o yaml > job.yaml
      dbjobs jobs get nightly -o bundle > resources/nightly.job.yml

    Exit codes: 0 shown, 4 no such job.
    """
    app = app_of(ctx)
    found = app.api.get_job(app.job_id(job))
    if web:
        show_page(app, app.page_url(int(found["job_id"])))
        return
    show_job(app, found)
