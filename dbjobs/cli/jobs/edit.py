"""`dbjobs jobs edit`."""

from pathlib import Path

import typer

from dbjobs.cli.changing import (
    change_each,
    confirm,
    format_job,
    is_attended,
    show_changes,
    warn_of_unexpected,
)
from dbjobs.cli.context import App
from dbjobs.cli.editor import edit_file, read_draft, write_draft
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import DryRun, Force, JobRef, Yes
from dbjobs.cli.request_options import check_job_file
from dbjobs.errors import DbjobsError, RefusedError
from dbjobs.http.response import Payload
from dbjobs.jobfiles.differences import ABSENT, differences
from dbjobs.output.serialization import to_yaml

HEADER = """\
# The settings of {job}, as YAML. Save the file and leave the editor to send them:
# they replace all settings of the job. If nothing is changed, nothing is sent.
"""


def command(
    ctx: typer.Context, job: JobRef, yes: Yes = False, force: Force = False, dry_run: DryRun = False
) -> None:
    """Change the settings of a job in your editor, as YAML.

    The editor is $VISUAL, else $EDITOR. What changes is shown, and checked like a job file, before it
    is sent. If it is refused, or if somebody else has changed the job meanwhile, your edit is kept in
    a file.

    \b
    Examples:
      dbjobs jobs edit nightly
      EDITOR='code --wait' dbjobs jobs edit nightly --dry-run

    Exit codes: 0 sent, or nothing was changed; 4 no such job; 5 refused, or changed meanwhile.
    """
    app = app_of(ctx)
    job_id = app.job_id(job)
    before = app.api.get_job(job_id)
    path = write_draft(f"dbjobs-job-{job_id}", _draft_of(before))
    is_done = False
    try:
        settings = _edit(app, before, path, force=force)
        if settings is not None:
            show_changes(app, differences(before.get("settings") or {}, settings), dry_run=dry_run)
            _send(app, before, settings, yes=yes, dry_run=dry_run)
        is_done = settings is None or not dry_run
    except DbjobsError as error:
        again = app.command_line("jobs reset", f"{job_id} -f {path}")
        kept = f"your edit is kept; to send it once it is fixed: {again}"
        error.hint = "\n".join(filter(None, [error.hint, kept]))
        raise
    finally:
        if is_done or read_draft(path) in ("", _draft_of(before)):
            path.unlink(missing_ok=True)
        else:
            app.streams.note(f"your edit is in {path}")


def _draft_of(job: Payload) -> str:
    return HEADER.format(job=format_job(job)) + to_yaml(job.get("settings") or {})


def _edit(app: App, before: Payload, path: Path, *, force: bool) -> Payload | None:
    """The settings that were written, checked; None if nothing was changed."""
    from dbjobs.jobfiles.files import read_job_file

    while True:
        edit_file(path, app.environ)
        lines = read_draft(path).splitlines()
        if all(not line.strip() or line.startswith("#") for line in lines):
            app.streams.note("the file is empty, so nothing was changed")
            return None
        try:
            file = read_job_file(str(path), None)
            prepared = check_job_file(app, file, "reset", job_id=before["job_id"], force=force)
        except DbjobsError as error:
            if not is_attended(app):
                raise
            app.streams.fail(error)
            confirm(app, lambda: "edit it again", yes=False)
            continue
        if not any(differences(before.get("settings") or {}, prepared.body)):
            app.streams.note("nothing was changed")
            return None
        return prepared.body


def _send(app: App, before: Payload, settings: Payload, *, yes: bool, dry_run: bool) -> None:
    job_id = before["job_id"]
    if not yes and not dry_run and is_attended(app):
        confirm(app, lambda: f"change {format_job(before)}", yes=False)
    now = app.api.get_job(job_id)
    if meanwhile := list(differences(before.get("settings") or {}, now.get("settings") or {})):
        paths = ", ".join(change.path for change in meanwhile)
        raise RefusedError(
            f"{format_job(before)} was changed by somebody else while you edited it: {paths}",
            hint="merge these changes into your edit; --dry-run of the next command shows the result",
        )
    api = app.api_to_change(dry_run)
    change_each(app, "job", [job_id], lambda one: api.reset_job(one, settings), "changed", dry_run=dry_run)
    if not dry_run:
        warn_of_unexpected(
            app, job_id, lambda kept: (one for one in differences(settings, kept) if one.old is not ABSENT)
        )
