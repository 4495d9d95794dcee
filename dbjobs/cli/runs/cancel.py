"""`dbjobs runs cancel`."""

from typing import Annotated

import typer

from dbjobs.api.states import Outcome
from dbjobs.cli.changing import change_each, change_one
from dbjobs.cli.context import App
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import DryRun, OptionalRuns
from dbjobs.cli.run_lookup import ACTIVE, resolve_runs
from dbjobs.cli.wait_options import ShowOutput, WaitOptions
from dbjobs.cli.waiting import make_wait
from dbjobs.errors import DbjobsError, ExitCode
from dbjobs.output.ci_systems import CiSystem

CANCEL_SENT = "is being canceled"

WaitForEnd = Annotated[bool, typer.Option("--wait", "-w", help="Wait until the runs have ended.")]


def command(
    ctx: typer.Context, runs: OptionalRuns = None, dry_run: DryRun = False, wait: WaitForEnd = False
) -> None:
    """Cancel runs; those that have already ended are left as they are.

    \b
    Examples:
      dbjobs runs cancel 123
      dbjobs runs cancel 123 124 --wait

    With --wait, the others are waited for even if the cancel of a run fails.

    Exit codes: 0 asked for (with --wait: ended), 4 no such run.
    """
    app = app_of(ctx)
    run_ids = resolve_runs(app, runs, ACTIVE)
    api = app.api_to_change(dry_run)
    if wait and not dry_run:
        raise typer.Exit(_cancel_and_wait(app, run_ids))
    change_each(app, "run", run_ids, api.cancel_run, CANCEL_SENT, dry_run=dry_run)


def _cancel_and_wait(app: App, run_ids: list[int]) -> int:
    """Cancel all, and wait for those whose cancel was accepted; a failure gives the exit code."""
    canceled: list[int] = []

    def cancel(run_id: int) -> None:
        change_one(app, "run", run_id, app.api.cancel_run, CANCEL_SENT)
        canceled.append(run_id)

    failure: DbjobsError | None = None
    try:
        app.each(cancel, run_ids)
    except DbjobsError as error:
        app.streams.fail(error)
        failure = error
    code: int = ExitCode.SUCCESS
    if canceled:
        options = WaitOptions(poll_interval=1.0, poll_max=60.0, show_output=ShowOutput.NONE, ci=CiSystem.NONE)
        code = make_wait(app, canceled, options, just_canceled=True).run()
        if code in {outcome.value for outcome in Outcome}:  # that the runs have ended is all that is wanted
            code = ExitCode.SUCCESS
    return failure.exit_code if failure and code == ExitCode.SUCCESS else code
