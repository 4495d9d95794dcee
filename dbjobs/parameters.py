"""Parameters of a run: which kind a job takes, and what people typed put into it."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dbjobs.answers import Payload
from dbjobs.errors import RefusedError, UsageError

TASK_KINDS = {
    "notebook_task": "notebook_params",
    "python_wheel_task": "python_named_params",
    "sql_task": "sql_params",
    "spark_python_task": "python_params",
    "spark_jar_task": "jar_params",
    "spark_submit_task": "spark_submit_params",
    "dbt_task": "dbt_commands",
}
"""What each type of task takes in a run-now request."""

NAMED_OPTIONS = {
    "job_parameters": "--job-param",
    "notebook_params": "--notebook-param",
    "python_named_params": "--python-named-param",
    "sql_params": "--sql-param",
}
"""The kinds that are pairs of name and value, and what names them on the command line."""

LIST_OPTIONS = {
    "python_params": "--python-param",
    "jar_params": "--jar-param",
    "spark_submit_params": "--spark-submit-param",
    "dbt_commands": "--dbt-command",
}
"""The kinds that are lists."""

KINDS = {**NAMED_OPTIONS, **LIST_OPTIONS}

LIMITED_KINDS = ("jar_params", "notebook_params", "python_params", "spark_submit_params")
MAX_BYTES = 10_000
"""How long those may be, as JSON with their name; they are ASCII, too."""

Values = dict[str, str] | list[str]


def split_pairs(pairs: Sequence[str], option: str = "--param") -> dict[str, str]:
    """`NAME=VALUE` at the first `=`; a VALUE may hold anything."""
    split = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise UsageError(f"{option} {pair!r} is not NAME=VALUE")
        split[name] = value
    return split


def text_values(values: Payload) -> dict[str, str]:
    """Values as the API wants parameters: text as it is, anything else as JSON."""
    return {
        str(name): value if isinstance(value, str) else json.dumps(value) for name, value in values.items()
    }


def choose_parameters(
    pairs: dict[str, str], by_kind: Mapping[str, Sequence[str] | None], get_job: Callable[[], Payload]
) -> Payload:
    """What was typed, under the one kind it goes to; {} without any.

    `pairs` go to the kind that the job takes, for which it is looked at; `by_kind` are
    options that name their kind. A run takes parameters of one kind.
    """
    chosen: Payload = {kind: _values(kind, texts) for kind, texts in by_kind.items() if texts}
    if pairs:
        kind = kind_of_job(get_job())
        chosen[kind] = _with_pairs(pairs, kind, chosen.get(kind))
    if len(chosen) > 1:
        raise UsageError(
            f"a run takes one kind of parameters, not {' and '.join(chosen)}",
            hint="give the job `parameters` of its own: every task can read them",
        )
    for kind, values in chosen.items():
        check_parameters(kind, values)
    return chosen


def _values(kind: str, texts: Sequence[str]) -> Values:
    return split_pairs(texts, NAMED_OPTIONS[kind]) if kind in NAMED_OPTIONS else list(texts)


def _with_pairs(pairs: dict[str, str], kind: str, values: Values | None) -> Values:
    """Named kinds take the pairs as they are; in a list, each is the text NAME=VALUE."""
    if kind in NAMED_OPTIONS:
        return {**pairs, **(values if isinstance(values, dict) else {})}
    return [*(f"{name}={value}" for name, value in pairs.items()), *(values or ())]


def kind_of_job(job: Payload) -> str:
    """The kind of parameters that a job takes, from what jobs/get tells of it.

    Its own parameters come first, then what its tasks take by name, then what they take as a list.
    """
    settings = job.get("settings") or {}
    if settings.get("parameters"):
        return "job_parameters"
    kinds = _kinds_of(settings.get("tasks") or [settings])
    named = [kind for kind in NAMED_OPTIONS if kind in kinds]
    candidates = named or [kind for kind in LIST_OPTIONS if kind in kinds]
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise UsageError(
            "--param does not fit this job: its tasks take no parameters",
            hint="give the job `parameters` of its own",
        )
    raise UsageError(
        f"--param does not fit this job: its tasks take several kinds ({', '.join(candidates)})",
        hint=f"say which: {', '.join(KINDS[kind] for kind in candidates)};"
        " or give the job `parameters` of its own",
    )


def _kinds_of(tasks: Sequence[Payload]) -> set[str]:
    """What the tasks take; a for-each task takes what the task inside it does."""
    inner = [(task.get("for_each_task") or {}).get("task") for task in tasks]
    return {
        kind
        for task in (*tasks, *inner)
        if task
        for field, kind in TASK_KINDS.items()
        if task.get(field) is not None
    }


def check_parameters(kind: str, values: Any) -> None:
    """Refuse what the API would: https://docs.databricks.com/api/workspace/jobs/runnow"""
    if kind not in LIMITED_KINDS:
        return
    text = json.dumps({kind: values}, ensure_ascii=False, separators=(",", ":"))
    if not text.isascii():
        raise RefusedError(f"{kind} may hold ASCII characters only", hint="job parameters may hold any")
    if len(text) > MAX_BYTES:
        raise RefusedError(f"{kind} has {len(text):,} bytes as JSON; the Jobs API takes {MAX_BYTES:,}")
