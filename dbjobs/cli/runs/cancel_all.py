"""`dbjobs runs cancel-all`."""

from typing import Annotated

import typer

from dbjobs.cli.changing import confirm, describe_job, explain_unknown_outcome, show_answers
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import DryRun, OptionalJobRef, Yes
from dbjobs.errors import UsageError

AllQueued = Annotated[
    bool, typer.Option("--all-queued", help="Cancel the queued runs of all jobs, and leave active ones.")
]


def command(
    ctx: typer.Context,
    job: OptionalJobRef = None,
    all_queued: AllQueued = False,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Cancel all active runs of a job, or all queued runs.

    \b
    Examples:
      dbjobs runs cancel-all nightly
      dbjobs runs cancel-all --all-queued --yes

    Exit codes: 0 asked for (runs end a little later), 2 --yes is missing, 4 no such job.
    """
    app = app_of(ctx)
    if (job is None) != all_queued:
        raise UsageError("say whose runs to cancel: those of a JOB, or --all-queued")
    job_id = None if job is None else app.job_id(job)
    if job_id is None:
        runs, options = "queued runs", "--active"
        confirm(app, lambda: "cancel all queued runs", yes=yes or dry_run)
    else:
        runs, options = f"the runs of job {job_id}", f"--job {job_id} --active"
        confirm(app, lambda: f"cancel all active runs of {describe_job(app, job_id)}", yes=yes or dry_run)
    with explain_unknown_outcome(
        app, f"{runs} may have been canceled", f"to find out: {app.command_line('runs list', options)}"
    ):
        answer = app.api_to_change(dry_run).cancel_all_runs(job_id)
    if not dry_run:
        app.streams.note("asked for; the runs end a little later")
        show_answers(app, {job_id: answer})
