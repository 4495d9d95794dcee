"""`dbjobs runs diff`."""

from typing import Annotated

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.options import OptionalRun
from dbjobs.cli.run_lookup import resolve_run

OtherRun = Annotated[
    str | None,
    typer.Argument(metavar="[RUN]", help="A newer run to compare it with, named in the same way."),
]


def command(ctx: typer.Context, run: OptionalRun = None, other: OtherRun = None) -> None:
    """Show the differences between two runs.

    One RUN is compared with the last run of the same job that succeeded before it; of two, the
    second is the newer one. Settings are compared as they were when the runs ran, with their
    parameters, commit and compute; then the state and the duration of each task.

    \b
    Examples:
      dbjobs runs diff nightly@failed
      dbjobs runs diff 123 124 -o json | jq .changes

    Exit codes: 0 shown, different or not; 4 no such run, or none that succeeded before it.
    """
    from dbjobs.api.models import Run
    from dbjobs.output.structured import write_document
    from dbjobs.runs.comparison import RunComparison, find_last_good_run

    app = app_of(ctx)
    new = Run(app.api.get_run(resolve_run(app, run)))
    if other is None:
        old = find_last_good_run(app.api, new)
    else:
        old, new = new, Run(app.api.get_run(resolve_run(app, other)))
    comparison = RunComparison(old, new)
    if app.output != "text":
        write_document(app.streams, comparison.as_document(), app.output, id_key="run_id")
        return
    from dbjobs.output.terminal.run_diff import show_comparison

    show_comparison(app.streams, comparison, app.clock.now())
