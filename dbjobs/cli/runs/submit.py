"""`dbjobs runs submit`."""

from functools import partial
from typing import Annotated

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.options import DryRun, Force, IdempotencyToken, Wait
from dbjobs.cli.request_options import BodyOptions, check_job_file
from dbjobs.cli.starting import start_run
from dbjobs.cli.wait_options import WaitOptions, check_wait_options

RunName = Annotated[
    str | None,
    typer.Option("--run-name", metavar="NAME", help="Name the run; replaces the name in the file."),
]


def command(
    ctx: typer.Context,
    body: BodyOptions,
    options: WaitOptions,
    run_name: RunName = None,
    idempotency_token: IdempotencyToken = None,
    force: Force = False,
    dry_run: DryRun = False,
    wait: Wait = False,
) -> None:
    """Run tasks once, without creating a job, and print the run's id.

    The file is checked before anything is sent.

    \b
    Examples:
      dbjobs runs submit -f run.yaml --wait
      dbjobs runs submit -f - --run-name adhoc < run.json

    Exit codes: 0 started, 5 refused, 6 out of reach. With --wait, those of
    `dbjobs runs wait`.
    """
    check_wait_options(ctx, options, waits=wait)
    app = app_of(ctx)
    given = {"run_name": run_name, "idempotency_token": idempotency_token}
    overrides = {name: value for name, value in given.items() if value}
    request = check_job_file(app, body.open(), "submit", overrides=overrides, force=force).body
    api = app.api_to_change(dry_run)
    token = request.get("idempotency_token")
    start_run(app, partial(api.submit_run, request), token, wait=wait, options=options)
