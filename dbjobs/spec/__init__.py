"""Job files: read, unwrapped, checked, and brought into the form of an API version."""

from dbjobs.spec.files import (
    JobFile,
    Ready,
    make_ready,
    make_run_request,
    read_body,
    read_job_file,
    read_text,
)

__all__ = ["JobFile", "Ready", "make_ready", "make_run_request", "read_body", "read_job_file", "read_text"]
