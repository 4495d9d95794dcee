"""`dbjobs runs delete`."""

import typer

from dbjobs.cli.changing import change_each, confirm
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import DryRun, RunArguments, Yes
from dbjobs.cli.run_lookup import resolve_runs
from dbjobs.output.formatting import count


def command(ctx: typer.Context, runs: RunArguments, yes: Yes = False, dry_run: DryRun = False) -> None:
    """Delete runs that have ended, with their output.

    \b
    Examples:
      dbjobs runs delete 123
      dbjobs runs list --completed --until 30d --limit 0 -o id |
          dbjobs runs delete - --yes

    Exit codes: 0 deleted, 2 --yes is missing, 4 no such run, 5 refused: a run is active.
    """
    app = app_of(ctx)
    run_ids = resolve_runs(app, runs)
    ids = ", ".join(map(str, run_ids))
    confirm(app, lambda: f"delete {count(len(run_ids), 'run')}: {ids}", yes=yes or dry_run)
    change_each(app, "run", run_ids, app.api_to_change(dry_run).delete_run, "deleted", dry_run=dry_run)
