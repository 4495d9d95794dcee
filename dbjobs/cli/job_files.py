"""Job files on their way into a request: what `-f` named, checked before anything is sent."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dbjobs.cli.context import App
from dbjobs.http.response import Payload

if TYPE_CHECKING:
    from dbjobs.jobfiles.files import JobFile, PreparedRequest


def make_body(
    app: App,
    file: "JobFile",
    request: str,
    *,
    job_id: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    force: bool = False,
) -> Payload:
    """What to send for a request (create, reset or submit), checked; warnings go to stderr.

    `job_id` is the job that is to be changed; `overrides` replace what the file says;
    `force` sends what is merely unknown.
    """
    return check_file(app, file, request, job_id=job_id, overrides=overrides, force=force).body


def check_file(app: App, file: "JobFile", request: str, **options: Any) -> "PreparedRequest":
    """The same with the fields that an update removes."""
    from dbjobs.jobfiles.files import prepare_request

    ready = prepare_request(file, request, app.profile.api_version.value, **options)
    for warning in ready.warnings:
        app.streams.warn(warning)
    if ready.note:
        app.streams.note(ready.note)
    return ready
