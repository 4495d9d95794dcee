"""`dbjobs jobs unpause`."""

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.jobs.pausing import set_pause_status
from dbjobs.cli.options import DryRun, JobRefs


def command(ctx: typer.Context, jobs: JobRefs, dry_run: DryRun = False) -> None:
    """Resume the schedule, trigger or continuous runs of jobs.

    \b
    Examples:
      dbjobs jobs unpause nightly
      dbjobs jobs unpause 42 nightly --dry-run

    Exit codes: 0 unpaused (or it was before), 4 no such job, 5 nothing to unpause, or refused.
    """
    set_pause_status(app_of(ctx), jobs, "UNPAUSED", dry_run=dry_run)
