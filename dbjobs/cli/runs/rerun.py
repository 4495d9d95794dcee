"""`dbjobs runs rerun`."""

import math
from collections.abc import Callable
from functools import cache, partial
from typing import TypeAlias

import typer

from dbjobs.api.models import Run
from dbjobs.cli.changing import read_parameters
from dbjobs.cli.context import App
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import DryRun, Force, IdempotencyToken, OptionalRun, Wait
from dbjobs.cli.request_options import ParameterOptions
from dbjobs.cli.run_lookup import resolve_run
from dbjobs.cli.starting import start_run
from dbjobs.cli.wait_options import WaitOptions, check_wait_options
from dbjobs.common.deadline import time_limit
from dbjobs.errors import NotFoundError
from dbjobs.http.response import Payload
from dbjobs.http.retry import START_SECONDS
from dbjobs.output.formatting import format_state

Prepared: TypeAlias = tuple[Callable[[str], Payload], int | None, str]
"""What starts the run, given an idempotency token; its job; and with what, in words that follow the run."""


def command(
    ctx: typer.Context,
    parameters: ParameterOptions,
    options: WaitOptions,
    run: OptionalRun = None,
    idempotency_token: IdempotencyToken = None,
    force: Force = False,
    dry_run: DryRun = False,
    wait: Wait = False,
) -> None:
    """Repeat a run with its parameters, and print the id of the new run.

    Parameters that you give here are added. A run of a job is started with the job's current settings; a
    one-time run is submitted again with the settings of its tasks, as far as a run shows them: not its
    time limit, notifications and access control.

    \b
    Examples:
      dbjobs runs rerun 123
      dbjobs runs rerun nightly@failed -P day=2026-01-01 --wait
      dbjobs runs rerun @last --dry-run

    Exit codes: 0 started, 4 no such run or job, 5 refused, 6 out of reach. With --wait, those
    of `dbjobs runs wait`.
    """
    from dbjobs.runs.reruns import check_repeatable

    check_wait_options(ctx, options, waits=wait)
    app = app_of(ctx)
    with time_limit(app.clock, options.timeout if wait else math.inf) as limit:
        run_id = resolve_run(app, run)
        with time_limit(app.clock, START_SECONDS):
            before = app.api.get_run(run_id)
        check_repeatable(before)
        prepare = _prepare_submit if Run(before).is_one_time else _prepare_run_now
        start, job_id, told = prepare(app, before, parameters, dry_run=dry_run, force=force)
    app.streams.note(f"repeats run {run_id} ({Run(before).run_name}, {format_state(Run(before))}){told}")
    start_run(
        app,
        start,
        idempotency_token,
        wait=wait,
        options=options,
        in_force=limit,
        job_id=job_id,
        more_words=[str(run_id)] if run is None else [],
    )


def _prepare_run_now(
    app: App, before: Payload, parameters: ParameterOptions, *, dry_run: bool, force: bool
) -> "Prepared":
    """Run-now with the parameters of before; the job has to take them still."""
    from dbjobs.jobfiles.parameters import check_run_parameters, merge_parameters
    from dbjobs.runs.repairs import parameters_of

    job_id = int(before["job_id"])

    @cache
    def get_job() -> Payload:
        try:
            with time_limit(app.clock, START_SECONDS):
                return app.api.get_job(job_id)
        except NotFoundError as error:
            error.message = f"the job of run {before['run_id']} no longer exists: {error.message}"
            raise

    given = read_parameters(app, parameters, get_job, force=force)
    request = merge_parameters(parameters_of(before), given)
    check_run_parameters(request, get_job, force=force)
    api = app.api_to_change(dry_run)
    return partial(api.run_now, job_id, request), job_id, _format_parameters(request)


def _prepare_submit(
    app: App, before: Payload, parameters: ParameterOptions, *, dry_run: bool, force: bool
) -> Prepared:
    """Runs/submit with the tasks of before."""
    from dbjobs.runs.repairs import as_job
    from dbjobs.runs.reruns import plan_submit

    given = read_parameters(app, parameters, lambda: as_job(before), force=force)
    request = plan_submit(before, given, app.api.version)
    api = app.api_to_change(dry_run)
    return partial(api.submit_run, request), None, _format_parameters(given)


def _format_parameters(request: Payload) -> str:
    """` with day=2026-01-01`; nothing without parameters."""
    texts: list[str] = []
    for values in request.values():
        is_named = isinstance(values, dict)
        texts += [f"{name}={value}" for name, value in values.items()] if is_named else map(str, values)
    return f" with {', '.join(texts)}" if texts else ""
