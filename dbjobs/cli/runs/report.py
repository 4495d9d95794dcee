"""`dbjobs runs report`."""

from dataclasses import dataclass

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.options import RunArguments
from dbjobs.cli.wait_options import Ci, CiSystem, JunitFile, ReportFiles, WaitOptions


@dataclass(frozen=True)
class Wanted:
    """Which reports to make."""

    ci: CiSystem = Ci.AUTO
    junit: JunitFile = None
    report: ReportFiles = None


def command(ctx: typer.Context, runs: RunArguments, wanted: Wanted) -> None:
    """Make reports of runs that ended earlier, and print their paths.

    Without --junit and --report, it prints a page of Markdown. In a CI system it also says
    what a wait says there at its end.

    \b
    Examples:
      dbjobs runs report 123 > run.md
      dbjobs runs report 123 --junit run.xml --report run.html

    Exit codes: 0 made, whatever the outcome; 2 a file cannot be written, 4 no such run.
    """
    from dbjobs.api.models import Run
    from dbjobs.cli.reporting import Teller, files_of
    from dbjobs.output.reports import render_report
    from dbjobs.runs.outputs import OutputCache
    from dbjobs.runs.snapshots import Snapshot, WatchedRun

    app = app_of(ctx)
    watched = tuple(WatchedRun(run_id, Run(app.api.get_run(run_id))) for run_id in app.run_ids(runs))
    options = WaitOptions(ci=wanted.ci, junit=wanted.junit, report=wanted.report)
    teller = Teller(app, options, OutputCache(app.api, app.streams.warn))
    report = teller.make_report(Snapshot(watched, 0.0, 0.0))
    for file, form in files_of(options):
        teller.write_report(report, file, form)
        app.streams.result(str(file))
    if not files_of(options):
        app.streams.result(render_report(report, ".md"))
    teller.tell_pipeline(report)
