"""Parameters of a run: which kind a job takes, and NAME=VALUE pairs put into it."""

import json
from collections.abc import Sequence

from dbjobs.answers import Payload
from dbjobs.errors import UsageError

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

NAMED_KINDS = ("job_parameters", "notebook_params", "python_named_params", "sql_params")
"""The kinds that are pairs of name and value; the others are lists."""


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


def kind_of_job(job: Payload) -> str:
    """The kind of named parameters that a job takes, from what jobs/get tells of it."""
    settings = job.get("settings") or {}
    if settings.get("parameters"):
        return "job_parameters"
    tasks = settings.get("tasks") or [settings]
    kinds = {kind for task in tasks for field, kind in TASK_KINDS.items() if task.get(field) is not None}
    named = [kind for kind in NAMED_KINDS if kind in kinds]
    if len(named) == 1:
        return named[0]
    problem = (
        f"its tasks take several kinds ({', '.join(named)})" if named else "its tasks take no NAME=VALUE"
    )
    raise UsageError(f"--param does not fit this job: {problem}", hint="give the job `parameters` of its own")
