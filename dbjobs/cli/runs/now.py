"""`dbjobs runs now`."""

import math
from functools import cache, partial

import typer

from dbjobs.cli.changing import read_parameters
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import DryRun, Force, IdempotencyToken, JobRef, Wait, Web
from dbjobs.cli.request_options import BodyOptions, ParameterOptions
from dbjobs.cli.run_requests import RunNowOptions
from dbjobs.cli.starting import start_run
from dbjobs.cli.wait_options import WaitOptions, check_wait_options
from dbjobs.common.deadline import time_limit
from dbjobs.http.response import Payload
from dbjobs.http.retry import START_SECONDS


def command(
    ctx: typer.Context,
    job: JobRef,
    body: BodyOptions,
    parameters: ParameterOptions,
    request_options: RunNowOptions,
    options: WaitOptions,
    idempotency_token: IdempotencyToken = None,
    force: Force = False,
    dry_run: DryRun = False,
    wait: Wait = False,
    web: Web = False,
) -> None:
    """Start a run of a job, and print the run's id.

    -f FILE is the body of a run-now request; options replace its fields. Parameters and
    tasks are checked against the job.

    \b
    Examples:
      dbjobs runs now 42
      dbjobs runs now nightly -P day=2026-01-01 --wait
      run=$(dbjobs runs now nightly) && dbjobs runs wait "$run"
      dbjobs runs now nightly -f run-now.json --no-queue
      dbjobs runs now nightly --web

    `dbjobs runs backfill` starts a run for each of many sets of parameters.

    Exit codes: 0 started, 4 no such job or task, 5 refused, 6 out of reach. With --wait, those
    of `dbjobs runs wait`.
    """
    from dbjobs.jobfiles.parameters import check_run_parameters, merge_parameters

    check_wait_options(ctx, options, waits=wait)
    app = app_of(ctx)
    file = body.open() if body.is_given else None

    @cache
    def get_job() -> Payload:
        with time_limit(app.clock, START_SECONDS):
            return app.api.get_job(job_id)

    with time_limit(app.clock, options.timeout if wait else math.inf) as limit:
        with time_limit(app.clock, START_SECONDS):
            job_id = app.job_id(job)
        request = request_options.make_request(
            app, file, job_id, get_job, force=force, idempotency_token=idempotency_token
        )
        token = request.pop("idempotency_token", None)
        request |= merge_parameters(request, read_parameters(app, parameters, get_job, force=force))
        check_run_parameters(request, get_job, force=force)
    api = app.api_to_change(dry_run)
    start_run(
        app,
        partial(api.run_now, job_id, request),
        token,
        wait=wait,
        options=options,
        in_force=limit,
        job_id=job_id,
        web=web,
    )
