"""Job files, and what becomes of them."""

import json
from typing import Any

import pytest

from dbjobs.common.documents import read_document
from dbjobs.errors import RefusedError
from dbjobs.jobfiles.files import JobFile, PreparedRequest, prepare_request

TASK = {"task_key": "a", "notebook_task": {"notebook_path": "/a"}}
CLUSTER = {"spark_version": "15.4.x-scala2.12", "node_type_id": "m5.large", "num_workers": 1}
JOB = {"name": "nightly", "tasks": [TASK]}


def ready(
    text: str | dict[str, Any], request: str = "create", version: str = "2.2", **more: Any
) -> PreparedRequest:
    """What becomes of a job file."""
    text = text if isinstance(text, str) else json.dumps(text)
    return prepare_request(JobFile("job.yaml", read_document(text)), request, version, **more)


def refusal(text: str | dict[str, Any], request: str = "create", version: str = "2.2", **more: Any) -> str:
    """What is said of a job file that is not sent."""
    with pytest.raises(RefusedError) as caught:
        ready(text, request, version, **more)
    return caught.value.message


def said_of(text: str, request_for: str, version: str, job_id: int | None) -> str:
    """What is said of a job file that may be sent: nothing if it is."""
    try:
        ready(text, request_for, version, job_id=job_id)
    except RefusedError as error:
        return error.message
    return ""
