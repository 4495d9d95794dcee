"""`dbjobs runs wait`."""

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.options import OptionalRuns
from dbjobs.cli.run_lookup import ACTIVE, resolve_runs
from dbjobs.cli.wait_options import WaitOptions, check_wait_options
from dbjobs.cli.waiting import wait_for_runs


def command(ctx: typer.Context, options: WaitOptions, runs: OptionalRuns = None) -> None:
    """Wait for runs to end, and exit with their outcome.

    Ctrl-C leaves the wait; the run goes on, unless --on-interrupt cancel. Of several
    runs, the gravest outcome decides.

    \b
    Examples:
      dbjobs runs wait 123
      dbjobs runs wait 123 124 --timeout 2h --on-timeout cancel
      dbjobs runs wait - < run_ids.txt
      dbjobs runs wait nightly@active

    \b
    Exit codes:
      0  SUCCESS, SUCCESS_WITH_FAILURES    14  INTERNAL_ERROR without a result
      6  contact lost                      15  UPSTREAM_FAILED, UPSTREAM_CANCELED
     10  FAILED                            16  EXCLUDED, DISABLED
     11  TIMEDOUT                          17  SUCCESS_WITH_FAILURES (--strict)
     12  CANCELED                          19  an unknown result
     13  SKIPPED: it never ran            124  --timeout passed
    """
    check_wait_options(ctx, options)
    app = app_of(ctx)
    raise typer.Exit(wait_for_runs(app, resolve_runs(app, runs, ACTIVE), options))
