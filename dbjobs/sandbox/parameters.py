"""What run-now and runs/submit take beside the settings: parameters, a choice of tasks, an idempotency
token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dbjobs.sandbox.fields import mapping, text_map, texts
from dbjobs.sandbox.refusal import invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbjobs.sandbox.model import Json

MAX_TOKEN_CHARACTERS = 64
MAX_PARAMETER_BYTES = 10_000

_LIMITED = ("jar_params", "notebook_params", "python_params", "spark_submit_params")
"""ASCII only, and up to 10,000 bytes as JSON."""

PARAMETER_KINDS: dict[str, Callable[[Json, str], Any]] = {
    "job_parameters": text_map,
    "notebook_params": text_map,
    "python_named_params": text_map,
    "sql_params": text_map,
    "pipeline_params": mapping,
    "jar_params": texts,
    "python_params": texts,
    "spark_submit_params": texts,
    "dbt_commands": texts,
}


def idempotency_token(body: Json) -> str | None:
    token = body.get("idempotency_token")
    if token and (not isinstance(token, str) or len(token) > MAX_TOKEN_CHARACTERS):
        raise invalid(f"idempotency_token may have {MAX_TOKEN_CHARACTERS} characters at most.")
    return token or None


def read(body: Json) -> Json:
    """The parameters of run-now, by kind; one kind at most."""
    given = {kind: read_kind(body, kind) for kind, read_kind in PARAMETER_KINDS.items() if body.get(kind)}
    if len(given) > 1:
        raise invalid(f"A run takes one kind of parameters, not several: {', '.join(sorted(given))}.")
    for kind, value in given.items():
        _check_parameters(kind, value)
    return given


def _check_parameters(kind: str, value: Any) -> None:
    if kind in _LIMITED and not json.dumps(value, ensure_ascii=False).isascii():
        raise invalid(f"{kind} may hold ASCII characters only.")
    if kind in _LIMITED and len(json.dumps({kind: value})) > MAX_PARAMETER_BYTES:
        raise invalid(f"{kind} may have {MAX_PARAMETER_BYTES} bytes as JSON at most.")


def only(body: Json, tasks: list[Json]) -> list[str]:
    """The `only` of run-now: task keys, perhaps with a `+` before or behind."""
    chosen = texts(body, "only")
    keys = {task["task_key"] for task in tasks}
    for item in chosen:
        if item.strip("+") not in keys:
            raise invalid(f"Task {item.strip('+')} does not exist in the job.")
    return chosen
