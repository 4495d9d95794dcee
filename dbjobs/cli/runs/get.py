"""`dbjobs runs get`."""

import typer

from dbjobs.api.models import Run
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import OptionalRun, Web
from dbjobs.cli.run_lookup import resolve_run
from dbjobs.cli.showing import show_page, show_run


def command(ctx: typer.Context, run: OptionalRun = None, web: Web = False) -> None:
    """Show a run, its state and its tasks.

    \b
    Examples:
      dbjobs runs get 123
      dbjobs runs get nightly@latest
      dbjobs runs get nightly@failed --web
      dbjobs runs get 123 -o json | jq .state

    Exit codes: 0 shown, whatever the run's outcome; 4 no such run.
    """
    app = app_of(ctx)
    run_id = resolve_run(app, run)
    if web:
        show_page(app, Run(app.api.get_run_page(run_id, None)).run_page_url)
        return
    has_repairs = app.output == "text" and app.api.version != "2.0"  # programs get the plain answer
    show_run(app, app.api.get_run(run_id, include_history=has_repairs))
