"""`dbjobs jobs pause`."""

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.jobs.pausing import set_pause_status
from dbjobs.cli.options import DryRun, JobRefs


def command(ctx: typer.Context, jobs: JobRefs, dry_run: DryRun = False) -> None:
    """Pause the schedule, trigger or continuous runs of jobs.

    Active runs continue, and runs can be started by hand.

    \b
    Examples:
      dbjobs jobs pause nightly
      dbjobs jobs list --match sales -o id | dbjobs jobs pause -

    Exit codes: 0 paused (or it was before), 4 no such job, 5 nothing to pause, or refused.
    """
    set_pause_status(app_of(ctx), jobs, "PAUSED", dry_run=dry_run)
