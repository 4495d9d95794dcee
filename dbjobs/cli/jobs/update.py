"""`dbjobs jobs update`."""

from typing import Annotated

import typer

from dbjobs.cli.changing import (
    explain_unknown_outcome,
    hint_to_look,
    show_answers,
    show_changes,
    warn_of_changes,
)
from dbjobs.cli.framework import app_of
from dbjobs.cli.job_files import check_job_file
from dbjobs.cli.options import DryRun, Force, JobRef
from dbjobs.cli.request_options import BodyOptions, JobKey
from dbjobs.errors import DbjobsError, UsageError
from dbjobs.jobfiles.differences import differences

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Set a field, as in schedule.pause_status=PAUSED or tasks[clean].max_retries=2;"
        " VALUE is YAML; may be repeated.",
    ),
]
Remove = Annotated[
    list[str] | None,
    typer.Option(
        "--remove",
        metavar="FIELD",
        help="Remove a field of the job, tasks/KEY or job_clusters/KEY; may be repeated.",
    ),
]


def command(
    ctx: typer.Context,
    job: JobRef,
    body: BodyOptions,
    assignments: Set = None,
    fields_to_remove: Remove = None,
    job_key: JobKey = None,
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Change some settings of a job, and leave the others.

    The changes are shown first. Fields of a file replace those of the job; its tasks and
    job_clusters replace those of the same key, and the fields in its fields_to_remove are
    removed. What the API would refuse is refused. Afterwards the job is read again, to
    check that the server kept what it was sent.

    \b
    Examples:
      dbjobs jobs update nightly --set schedule.pause_status=PAUSED
      dbjobs jobs update 42 --set max_concurrent_runs=3 --remove tasks/old
      dbjobs jobs update 42 -f changes.yaml --dry-run

    Exit codes: 0 done, 4 no such job, 5 refused, 6 out of reach.
    """
    from dbjobs.jobfiles.updates import plan_update

    app = app_of(ctx)
    if not (body.is_given or assignments or fields_to_remove):
        raise UsageError("give what to change: -f FILE, --set PATH=VALUE or --remove FIELD")
    file = body.open_job(job_key) if body.is_given else None
    job_id = app.job_id(job)
    changes = check_job_file(app, file, "update", job_id=job_id, force=force) if file else None
    settings = app.api.get_job(job_id).get("settings") or {}
    update = plan_update(
        settings,
        changes.body if changes else {},
        assignments or [],
        [*(changes.fields_to_remove if changes else ()), *(fields_to_remove or ())],
        force=force,
    )
    for warning in update.warnings:
        app.streams.warn(warning)
    show_changes(app, differences(settings, update.expected), dry_run=dry_run)
    with explain_unknown_outcome(
        app, f"job {job_id} may have been updated", hint_to_look(app, "jobs get", str(job_id))
    ):
        answer = app.api_to_change(dry_run).update_job(job_id, update.new_settings, update.fields_to_remove)
    if not dry_run:
        app.streams.note(f"job {job_id} updated")
        try:
            settings = app.api.get_job(job_id).get("settings") or {}
        except DbjobsError as error:
            app.streams.warn(f"the job could not be read again, to see what the server kept: {error.message}")
        else:
            warn_of_changes(app, update.unexpected_settings(settings))
        show_answers(app, {job_id: answer})
