"""`dbjobs jobs reset`."""

import typer

from dbjobs.cli.changing import change_each, confirm, format_job, show_changes
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import DryRun, Force, JobRef, Yes
from dbjobs.cli.request_options import BodyOptions, JobKey, check_job_file
from dbjobs.jobfiles.differences import differences


def command(
    ctx: typer.Context,
    job: JobRef,
    body: BodyOptions,
    job_key: JobKey = None,
    yes: Yes = False,
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Replace all settings of a job with those of a file.

    The changes are shown first. The file is as for `dbjobs jobs create`, or what
    `dbjobs jobs get -o yaml` printed.

    \b
    Examples:
      dbjobs jobs get nightly -o yaml > job.yaml
      dbjobs jobs reset nightly -f job.yaml --dry-run
      dbjobs jobs reset nightly -f job.yaml --yes

    Exit codes: 0 done, 2 --yes is missing, 4 no such job, 5 refused, 6 out of reach.
    """
    app = app_of(ctx)
    file = body.open_job(job_key)
    job_id = app.job_id(job)
    settings = check_job_file(app, file, "reset", job_id=job_id, force=force).body
    current = app.api.get_job(job_id)
    show_changes(app, differences(current.get("settings") or {}, settings), dry_run=dry_run)
    confirm(app, lambda: f"replace all settings of {format_job(current)}", yes=yes or dry_run)
    api = app.api_to_change(dry_run)
    change_each(app, "job", [job_id], lambda one: api.reset_job(one, settings), "reset", dry_run=dry_run)
