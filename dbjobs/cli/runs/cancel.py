"""`dbjobs runs cancel`."""

from typing import Annotated

import typer

from dbjobs.cli.changing import change_each
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import DryRun, RunArguments
from dbjobs.cli.wait_options import Ci, ShowOutput, WaitOptions
from dbjobs.cli.waiting import wait_for_runs

WaitForEnd = Annotated[bool, typer.Option("--wait", "-w", help="Wait until the runs have ended.")]


def command(
    ctx: typer.Context, runs: RunArguments, dry_run: DryRun = False, wait: WaitForEnd = False
) -> None:
    """Cancel runs; those that have ended already stay as they are.

    \b
    Examples:
      dbjobs runs cancel 123
      dbjobs runs cancel 123 124 --wait

    Exit codes: 0 asked for (with --wait: ended), 4 no such run.
    """
    app = app_of(ctx)
    run_ids = app.run_ids(runs)
    api = app.api_to_change(dry_run)
    if not wait or dry_run:
        change_each(app, "run", run_ids, api.cancel_run, "is being canceled", dry_run=dry_run)
    else:
        app.each(api.cancel_run, run_ids)
        options = WaitOptions(poll_interval=1.0, show_output=ShowOutput.NONE, ci=Ci.NONE)
        raise typer.Exit(wait_for_runs(app, run_ids, options, any_outcome=True))
