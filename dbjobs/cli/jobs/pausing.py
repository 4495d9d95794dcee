"""Pausing what starts a job by itself, and starting it again: what `jobs pause` and `jobs unpause` share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dbjobs.cli.changing import apply_to_each, change_one, format_job
from dbjobs.cli.context import App
from dbjobs.errors import RefusedError

if TYPE_CHECKING:
    from dbjobs.http.response import Payload

STARTERS = ("schedule", "trigger", "continuous")
"""The settings that start a job by themselves; each has a `pause_status` of its own."""


def set_pause_status(app: App, refs: Sequence[str], status: str, *, dry_run: bool) -> None:
    """Set it for every job; one that cannot be changed keeps none of the others from it."""
    done = status.lower()

    def change(job_id: int) -> "Payload":
        job = app.api.get_job(job_id)
        settings = job.get("settings") or {}
        starters = {kind: settings[kind] for kind in STARTERS if settings.get(kind)}
        if not starters:
            raise RefusedError(
                f"{format_job(job)} has no schedule, trigger or continuous setting that could be {done}",
                hint=f"its active runs are canceled by {app.command_line('runs cancel-all', str(job_id))}"
                if status == "PAUSED"
                else None,
            )
        changed = {
            kind: {**starter, "pause_status": status}
            for kind, starter in starters.items()
            if (starter.get("pause_status") or "UNPAUSED") != status
        }
        if not changed:
            app.streams.note(f"{format_job(job)} is {done} already")
            return {}
        api = app.api_to_change(dry_run)
        kinds = " and ".join(changed)
        told = "" if dry_run else f"{kinds} {done}"
        return change_one(app, "job", job_id, lambda one: api.update_job(one, changed, []), told)

    apply_to_each(app, app.job_ids(refs), change, dry_run=dry_run)
