"""`dbjobs runs now`."""

import typer

from dbjobs.commands.backfilling import Each, run_each
from dbjobs.commands.changing import read_parameters
from dbjobs.commands.framework import app_of
from dbjobs.commands.options import DryRun, IdempotencyToken, JobRef, Only, Wait
from dbjobs.commands.request_options import Parameters
from dbjobs.commands.starting import start_run
from dbjobs.commands.wait_options import WaitOptions, check_wait_options


def command(
    ctx: typer.Context,
    job: JobRef,
    parameters: Parameters,
    options: WaitOptions,
    each: Each,
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
      dbjobs runs now nightly --each-day 2026-01-01..2026-01-31 --as day

    With --each or --each-day it starts a run for each set of parameters and waits for all
    of them; the same command again starts only what is missing.

    Exit codes: 0 started, 4 no such job, 5 refused, 6 out of reach. With --wait, those
    of `dbjobs runs wait`.
    """
    app = app_of(ctx)
    each.check(idempotency_token)
    check_wait_options(ctx, options, waits=wait or each.is_given)
    job_id = app.job_id(job)
    common = {"only": only} if only else {}
    if each.is_given:
        run_each(app, job_id, each, parameters, common, options, dry_run=dry_run)
        return
    api = app.api_to_change(dry_run)
    body = {**read_parameters(app, parameters, lambda: app.api.get_job(job_id)), **common}
    start_run(
        app,
        lambda token: api.run_now(job_id, body, token),
        idempotency_token,
        wait=wait,
        options=options,
        job_id=job_id,
    )
