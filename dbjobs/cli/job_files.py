"""Checking a job file before anything is sent."""

from typing import TYPE_CHECKING, Any

from dbjobs.cli.context import App

if TYPE_CHECKING:
    from dbjobs.jobfiles.files import JobFile, PreparedRequest


def check_job_file(app: App, file: "JobFile", request: str, **options: Any) -> "PreparedRequest":
    """What to send for a request (create, reset, update or submit), checked; warnings go to stderr.

    The options are those of `prepare_request`.
    """
    from dbjobs.jobfiles.files import prepare_request

    prepared = prepare_request(file, request, app.profile.api_version.value, **options)
    for warning in prepared.warnings:
        app.streams.warn(warning)
    if prepared.note:
        app.streams.note(prepared.note)
    return prepared
