"""`dbjobs runs now`."""

import typer

from dbjobs.commands.changing import read_parameters
from dbjobs.commands.framework import app_of
from dbjobs.commands.options import DryRun, IdempotencyToken, JobRef, Only, Parameters, Wait, WaitOptions
from dbjobs.commands.starting import start_run


def command(
    ctx: typer.Context,
    job: JobRef,
    parameters: Parameters,
    options: WaitOptions,
    only: Only = None,
    idempotency_token: IdempotencyToken = None,
    dry_run: DryRun = False,
    wait: Wait = False,
) -> None:
    """Start a run of a job, and print the run's id.

    \b
    Examples:
      dbjobs runs now 42
      dbjobs runs now nightly -P day=2026-01-01 --wait
      run=$(dbjobs runs now nightly) && dbjobs runs wait "$run"

    Exit codes: 0 started, 4 no such job, 5 refused, 6 out of reach. With --wait, those
    of `dbjobs runs wait`.
    """
    app = app_of(ctx)
    job_id = app.job_id(job)
    api = app.api_to_change(dry_run)
    body = read_parameters(app, parameters, lambda: app.api.get_job(job_id))
    if only:
        body["only"] = only
    start_run(
        app,
        lambda token: api.run_now(job_id, body, token),
        idempotency_token,
        wait=wait,
        options=options,
        job_id=job_id,
    )
