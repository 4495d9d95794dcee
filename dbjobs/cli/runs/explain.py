"""`dbjobs runs explain`."""

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.options import OptionalRun
from dbjobs.cli.run_lookup import resolve_run


def command(ctx: typer.Context, run: OptionalRun = None) -> None:
    """Explain why a run failed, and what to do next.

    The verdict comes first: your code, the platform (cluster, quota, network, storage),
    permissions, configuration, canceled by someone or something, or never started. Then the
    innermost cause, through for-each iterations and the runs of run-job tasks; whether earlier runs of
    the job failed in the same way; what has changed since the last good one; and the next command, with
    its reason. If several causes are possible, it says so.

    \b
    Examples:
      dbjobs runs explain 123
      dbjobs runs explain nightly@failed
      dbjobs runs explain 123 -o json | jq -r '.causes[].line'

    Exit codes: 0 explained, whatever the run's outcome; 4 no such run.
    """
    from dbjobs.api.models import Run
    from dbjobs.http.retry import SHORT_RETRIES
    from dbjobs.output.explanation import render_explanation
    from dbjobs.output.structured import write_document
    from dbjobs.runs.explain import as_document, explain_run
    from dbjobs.runs.failures import FailureReader

    app = app_of(ctx)
    found = Run(app.api.get_run(resolve_run(app, run)))
    reader = FailureReader(app.api, is_quiet=True, retry=SHORT_RETRIES)
    explanation = explain_run(app.api, found, reader)
    if app.output != "text":
        write_document(app.streams, as_document(explanation), app.output, id_key="run_id")
        return
    app.streams.result(render_explanation(explanation, app.streams, app.command_line, app.clock.now()))
