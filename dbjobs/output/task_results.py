"""What tasks hold beside logs and errors: the other fields of get-output, and what a task's run tells."""

from collections.abc import Iterator
from typing import Any

from dbjobs.api.models import Run, TaskRun
from dbjobs.common.plain_text import clean_line
from dbjobs.http.response import Payload
from dbjobs.output.formatting import format_child, format_iterations
from dbjobs.output.serialization import to_yaml

SIGNED = ("artifacts_headers",)
"""Fields that let whoever holds them in; `-o json` has them."""


def format_task(task: TaskRun) -> Iterator[str]:
    """What a condition found, and how the iterations of a for-each task ended: no output tells that."""
    condition = task.payload.get("condition_task") or {}
    if condition.get("outcome"):
        words = (
            condition.get("left"),
            condition.get("op"),
            condition.get("right"),
            "is",
            condition["outcome"],
        )
        yield clean_line(f"condition: {' '.join(str(word) for word in words if word is not None)}")
    if iterations := format_iterations(task):
        yield f"iterations: {iterations}"
    for entry in _stats(task).get("error_message_stats") or ():
        yield clean_line(f"  {entry.get('count')}x {entry.get('error_message')}")


def _stats(task: TaskRun) -> Payload:
    return (task.payload.get("for_each_task") or {}).get("stats") or {}


def format_output_field(field: str, value: Any, child: Run | None) -> str:
    """The value of a field such as `sql_output`; a run_job task's leads to its run."""
    if field == "run_job_output" and isinstance(value, dict) and "run_id" in value:
        facts = [format_child(child) or f"run {value['run_id']}", (child and child.run_page_url) or ""]
        return clean_line(" ".join(fact for fact in facts if fact))
    return to_yaml(_without_secrets(value))


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "<hidden>" if key in SIGNED else _without_secrets(item) for key, item in value.items()}
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value
