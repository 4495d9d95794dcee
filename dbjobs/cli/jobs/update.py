"""`dbjobs jobs update`."""

from typing import Annotated

import typer

from dbjobs.cli.changing import change_each, show_changes, warn_of_unexpected
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import DryRun, Force, JobRef
from dbjobs.cli.request_options import BodyOptions, JobKey, check_job_file
from dbjobs.errors import UsageError
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
    api = app.api_to_change(dry_run)
    change_each(
        app,
        "job",
        [job_id],
        lambda one: api.update_job(one, update.new_settings, update.fields_to_remove),
        "updated",
        dry_run=dry_run,
    )
    if not dry_run:
        warn_of_unexpected(app, job_id, update.unexpected_settings)
