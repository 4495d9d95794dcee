"""`dbjobs runs now`."""

import math
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Annotated

import typer

from dbjobs.cli.backfilling import BackfillOptions, run_backfill
from dbjobs.cli.changing import read_parameters
from dbjobs.cli.context import App
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import DryRun, Force, IdempotencyToken, JobRef, Only, Wait, Web, known_value
from dbjobs.cli.request_options import BodyOptions, ParameterOptions
from dbjobs.cli.starting import start_run
from dbjobs.cli.wait_options import WaitOptions, check_wait_options
from dbjobs.common.deadline import time_limit
from dbjobs.errors import UsageError
from dbjobs.http.response import Payload
from dbjobs.http.retry import START_SECONDS

if TYPE_CHECKING:
    from dbjobs.jobfiles.files import JobFile

PERFORMANCE_TARGETS = ("PERFORMANCE_OPTIMIZED", "STANDARD", "COST_OPTIMIZED")

PerformanceTarget = Annotated[
    str | None,
    typer.Option(
        "--performance-target",
        metavar="TARGET",
        help="How serverless tasks run: PERFORMANCE_OPTIMIZED, STANDARD or COST_OPTIMIZED.",
    ),
]
Queue = Annotated[
    bool | None,
    typer.Option(
        "--queue/--no-queue",
        help="Queue the run, or skip it, if it cannot start at once  [default: what the job says].",
    ),
]


def command(
    ctx: typer.Context,
    job: JobRef,
    body: BodyOptions,
    parameters: ParameterOptions,
    options: WaitOptions,
    backfill: BackfillOptions,
    only: Only = None,
    queue: Queue = None,
    performance_target: PerformanceTarget = None,
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
      dbjobs runs now nightly --each-day 2026-01-01..2026-01-31 --as day
      dbjobs runs now nightly -f run-now.json --no-queue
      dbjobs runs now nightly --web

    With --each or --each-day it starts a run for each set of parameters and waits for all
    of them; the same command again starts only what is missing.

    Exit codes: 0 started, 4 no such job or task, 5 refused, 6 out of reach. With --wait, those
    of `dbjobs runs wait`.
    """
    from dbjobs.jobfiles.parameters import check_run_parameters, check_task_keys, merge_parameters

    app = app_of(ctx)
    backfill.check(idempotency_token)
    check_wait_options(ctx, options, waits=wait or backfill.is_given)
    if web and backfill.is_given:
        raise UsageError("--web opens the page of one run, and a backfill starts many")
    target = performance_target and known_value(
        "--performance-target", performance_target, PERFORMANCE_TARGETS, force=force
    )
    sets = backfill.read_sets()
    file = body.open() if body.is_given else None
    given = {
        "only": only or None,
        "queue": None if queue is None else {"enabled": queue},
        "performance_target": target,
        "idempotency_token": idempotency_token,
    }

    @cache
    def get_job() -> Payload:
        with time_limit(app.clock, START_SECONDS):
            return app.api.get_job(job_id)

    with time_limit(app.clock, options.timeout if wait or backfill.is_given else math.inf) as limit:
        with time_limit(app.clock, START_SECONDS):
            job_id = app.job_id(job)
        request = _make_request(app, file, job_id, given, force=force)
        if request.get("only") and not force:
            check_task_keys(request["only"], get_job())
        token = request.pop("idempotency_token", None)
        if not backfill.is_given:
            request |= merge_parameters(request, read_parameters(app, parameters, get_job, force=force))
            check_run_parameters(request, get_job, force=force)
    if backfill.is_given:
        if token:
            raise UsageError("each set has an idempotency token of its own", hint="leave it out of the file")
        options = replace(options, timeout=limit.seconds_left)
        run_backfill(app, job_id, sets, parameters, request, backfill, options, dry_run=dry_run, force=force)
        return
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


def _make_request(app: App, file: "JobFile | None", job_id: int, given: Payload, *, force: bool) -> Payload:
    """The request without the job's id: the file, with the given options in place of its fields."""
    overrides = {name: value for name, value in given.items() if value is not None}
    if file is None:
        return overrides
    from dbjobs.jobfiles.files import prepare_run_now

    ready = prepare_run_now(file, job_id, overrides, force=force)
    for warning in ready.warnings:
        app.streams.warn(warning)
    return {name: value for name, value in ready.body.items() if name != "job_id"}
