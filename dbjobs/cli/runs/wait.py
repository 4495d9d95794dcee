"""`dbjobs runs wait`."""

from dataclasses import replace

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.options import OptionalRuns
from dbjobs.cli.run_lookup import ACTIVE, read_stdin_refs, resolve_runs
from dbjobs.cli.wait_options import WaitOptions, check_wait_options
from dbjobs.cli.waiting import make_wait
from dbjobs.common.deadline import time_limit


def command(ctx: typer.Context, options: WaitOptions, runs: OptionalRuns = None) -> None:
    """Wait for runs to end, and exit with their outcome.

    Ctrl-C ends the wait; the run continues, unless --on-interrupt cancel is given. With several runs, the
    most severe outcome decides.

    \b
    Examples:
      dbjobs runs wait 123
      dbjobs runs wait 123 124 --timeout 2h --on-timeout cancel
      dbjobs runs wait - < run_ids.txt
      dbjobs runs wait nightly@active
      dbjobs runs wait 123 --repair 2

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
    refs = read_stdin_refs(runs) if runs else None  # reading takes as long as whoever writes
    with time_limit(app.clock, options.timeout) as limit:
        run_ids = resolve_runs(app, refs, ACTIVE)
    left = replace(options, timeout=limit.seconds_left)
    raise typer.Exit(make_wait(app, run_ids, left).run())
