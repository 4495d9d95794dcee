"""`dbjobs runs report`."""

from dataclasses import dataclass

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.options import RunArguments
from dbjobs.cli.run_lookup import resolve_runs
from dbjobs.cli.wait_options import CiOption, JunitOption, ReportOption, WaitOptions
from dbjobs.output.ci_systems import CiSystem


@dataclass(frozen=True)
class ReportOptions:
    """Which reports to make."""

    ci: CiOption = CiSystem.AUTO
    junit: JunitOption = None
    report: ReportOption = None


def command(ctx: typer.Context, runs: RunArguments, reports: ReportOptions) -> None:
    """Write reports of runs that ended earlier, and print their paths.

    Without --junit and --report, it prints a page of Markdown. In a CI system it also
    reports what a wait reports there at its end.

    \b
    Examples:
      dbjobs runs report 123 > run.md
      dbjobs runs report 123 --junit run.xml --report run.html

    Exit codes: 0 made, whatever the outcome; 2 a file cannot be written, 4 no such run.
    """
    from dbjobs.api.models import Run
    from dbjobs.cli.waiting import make_reporter
    from dbjobs.http.retry import SHORT_RETRIES
    from dbjobs.output.reports import render_report
    from dbjobs.runs.failures import FailureReader
    from dbjobs.runs.snapshots import Snapshot, WatchedRun

    app = app_of(ctx)
    watched = tuple(WatchedRun(run_id, Run(app.api.get_run(run_id))) for run_id in resolve_runs(app, runs))
    options = WaitOptions(ci=reports.ci, junit=reports.junit, report=reports.report)
    reporter = make_reporter(app, options, FailureReader(app.api, retry=SHORT_RETRIES))
    report = reporter.make_report(Snapshot(watched, 0.0, 0.0))
    for file, form in reporter.files:
        reporter.write_report(report, file, form)
        app.streams.result(str(file))
    if not reporter.files:
        app.streams.result(render_report(report, ".md"))
    reporter.report_to_ci(report)
