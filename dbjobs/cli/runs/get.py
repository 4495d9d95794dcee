"""`dbjobs runs get`."""

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.options import RunArgument
from dbjobs.cli.showing import show_run


def command(ctx: typer.Context, run: RunArgument) -> None:
    """Show a run, its state and its tasks.

    \b
    Examples:
      dbjobs runs get 123
      dbjobs runs get 123 -o json | jq .state

    Exit codes: 0 shown, whatever the run's outcome; 4 no such run.
    """
    app = app_of(ctx)
    show_run(app, app.api.get_run(app.run_id(run)))
