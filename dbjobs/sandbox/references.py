"""Dynamic value references: the value of `{{job.parameters.day}}` in a task's parameters.

The names are those of "What is a dynamic value reference?"
(docs.databricks.com/jobs/dynamic-value-references) with the older ones such as `{{run_id}}` that jobs still
use. A reference that is not known stays as it is.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbjobs.sandbox.model import TaskAttempt

_REFERENCE = re.compile(r"\{\{\s*([\w.\-]+)\s*\}\}")


def resolve(value: Any, attempt: TaskAttempt) -> Any:
    """The value with every reference in its strings replaced, at any depth."""
    return _replace(value, _names(attempt)) if "{{" in json.dumps(value) else value


def _replace(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: names.get(match[1], match[0]), value)
    if isinstance(value, list):
        return [_replace(item, names) for item in value]
    if isinstance(value, dict):
        return {key: _replace(item, names) for key, item in value.items()}
    return value


def _names(attempt: TaskAttempt) -> dict[str, str]:
    run = attempt.job_run
    started = datetime.fromtimestamp(run.begin_time / 1000, tz=timezone.utc)
    names = {
        "job.id": run.job_id,
        "job.name": run.run_name,
        "job.run_id": run.run_id,
        "job.start_time.iso_date": started.date(),
        "job.start_time.iso_datetime": started.isoformat(timespec="seconds"),
        "job.start_time.timestamp_ms": run.begin_time,
        "job.trigger.type": "one_time",
        "task.name": attempt.task_key,
        "task.run_id": attempt.run_id,
        "task.execution_count": attempt.attempt_number + 1,
        "run.id": run.run_id,
        "job_id": run.job_id,
        "run_id": attempt.run_id,
        "parent_run_id": run.run_id,
        "task_key": attempt.task_key,
        "task_retry_count": attempt.attempt_number,
        "start_date": started.date(),
        "start_time": run.begin_time,
    }
    found = {name: str(value) for name, value in names.items()}
    found.update({f"job.parameters.{name}": value for name, value in run.job_parameters.items()})
    for upstream in run.attempts.latest.values():
        found.update(_names_of_task(upstream))
    if attempt.parent:
        found["input"] = _text(attempt.input)
        if isinstance(attempt.input, dict):
            found.update({f"input.{name}": _text(value) for name, value in attempt.input.items()})
    return found


def _names_of_task(upstream: TaskAttempt) -> dict[str, str]:
    prefix = f"tasks.{upstream.task_key}"
    found = {
        f"{prefix}.run_id": str(upstream.run_id),
        f"{prefix}.execution_count": str(upstream.attempt_number + 1),
    }
    if upstream.result:
        found[f"{prefix}.result_state"] = upstream.result.lower()
    if upstream.outcome:
        found[f"{prefix}.outcome"] = upstream.outcome
    if upstream.output:
        found.update(
            {f"{prefix}.values.{name}": _text(value) for name, value in upstream.output.values.items()}
        )
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
