"""`dbjobs jobs delete`."""

from functools import partial

import typer

from dbjobs.cli.changing import change_each, confirm, describe_job
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import DryRun, JobRefs, Yes


def command(ctx: typer.Context, jobs: JobRefs, yes: Yes = False, dry_run: DryRun = False) -> None:
    """Delete jobs; their active runs continue.

    \b
    Examples:
      dbjobs jobs delete 42
      dbjobs jobs delete 42 nightly --yes
      dbjobs jobs list --match test- -o id | dbjobs jobs delete - --yes

    Exit codes: 0 deleted (or it was before), 2 --yes is missing, 4 no such job.
    """
    app = app_of(ctx)
    job_ids = app.job_ids(jobs)
    which = map(partial(describe_job, app), job_ids)
    confirm(app, lambda: f"delete {', '.join(which)}", yes=yes or dry_run)
    change_each(app, "job", job_ids, app.api_to_change(dry_run).delete_job, "deleted", dry_run=dry_run)
