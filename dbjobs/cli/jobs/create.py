"""`dbjobs jobs create`."""

import shlex

import typer

from dbjobs.cli.changing import explain_unknown_outcome, hint_to_look
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import DryRun, Force
from dbjobs.cli.request_options import BodyOptions, JobKey, check_job_file
from dbjobs.cli.showing import show_created


def command(
    ctx: typer.Context,
    body: BodyOptions,
    job_key: JobKey = None,
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Create a job from a file, and print its id.

    The file has job settings in JSON or YAML, bare or as `dbjobs jobs get -o yaml`
    printed them, or a bundle's (resources.jobs.NAME). It is checked before anything is sent.

    \b
    Examples:
      dbjobs jobs create -f job.yaml
      job=$(dbjobs jobs create -f job.yaml)
      dbjobs jobs get 42 -o json | dbjobs jobs create -f -
      dbjobs jobs create -f databricks.yml --job-key nightly

    Exit codes: 0 created, 5 refused, 6 out of reach. If the connection breaks after
    sending, the job is not sent again, for that might make a second one.
    """
    app = app_of(ctx)
    settings = check_job_file(app, body.open_job(job_key), "create", force=force).body
    newest = f"--name {shlex.quote(str(settings['name']))}" if settings.get("name") else "--limit 5"
    with explain_unknown_outcome(
        app, "the job may have been created", hint_to_look(app, "jobs list", newest)
    ):
        answer = app.api_to_change(dry_run).create_job(settings)
    show_created(app, answer, "job_id")
