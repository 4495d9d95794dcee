"""Parameters of a run: which kind a job takes, and the request fields for what users typed."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from dbjobs.common.nearest import did_you_mean
from dbjobs.errors import NotFoundError, RefusedError, UsageError
from dbjobs.http.response import Payload

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

PARAMETER_OPTIONS = {**NAMED_OPTIONS, **LIST_OPTIONS}

NO_PARAMETERS = "give the job `parameters` of its own"

LIMITED_KINDS = ("jar_params", "notebook_params", "python_params", "spark_submit_params")
MAX_PARAMETER_BYTES = 10_000
"""How long those may be, as JSON with their name; they are ASCII, too."""

MAX_TOKEN_LENGTH = 64
"""Characters of an idempotency token."""

Values = dict[str, str] | list[str]


def split_pairs(pairs: Sequence[str], option: str = "--param") -> dict[str, str]:
    """`NAME=VALUE` at the first `=`; a VALUE may contain anything."""
    split: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise UsageError(f"{option} {pair!r} is not NAME=VALUE")
        if name in split:
            raise UsageError(f"{option} gives {name!r} twice", hint="give each parameter once")
        split[name] = value
    return split


def as_parameter_strings(values: Payload, source: str) -> dict[str, str]:
    """Values as the API wants parameters: text as it is, numbers and booleans as in JSON.

    `source` is what an error calls the file.
    """
    if "job_id" in values or any(isinstance(values.get(kind), dict | list) for kind in PARAMETER_OPTIONS):
        raise UsageError(
            f"{source} is a whole run-now request, not parameters",
            hint="dbjobs runs now JOB -f FILE sends such a request",
        )
    for name, value in values.items():
        if value is None or isinstance(value, dict | list):
            kind = {type(None): "empty", dict: "a mapping", list: "a list"}[type(value)]
            raise UsageError(
                f"{source}: the parameter {name!r} is {kind}, and must be a string",
                hint="put the value in quotes",
            )
    return {
        str(name): value if isinstance(value, str) else json.dumps(value) for name, value in values.items()
    }


def choose_parameters(
    pairs: dict[str, str],
    by_kind: Mapping[str, Sequence[str] | None],
    get_job: Callable[[], Payload],
    *,
    force: bool = False,
) -> Payload:
    """What was typed, under the one kind it goes to; {} without any.

    `pairs` go to the kind that the job takes; `by_kind` are options that name their kind. A run
    takes parameters of one kind. What the job does not take is refused, unless `force` is set.
    """
    chosen: Payload = {
        kind: split_pairs(texts, NAMED_OPTIONS[kind]) if kind in NAMED_OPTIONS else list(texts)
        for kind, texts in by_kind.items()
        if texts
    }
    get_job = cache(get_job)
    if pairs:
        kind = kind_of_job(get_job())
        if kind in NAMED_OPTIONS:
            chosen[kind] = {**pairs, **chosen.get(kind, {})}
        else:  # in a list, each is the string NAME=VALUE
            listed = [f"{name}={value}" for name, value in pairs.items()]
            chosen[kind] = [*listed, *chosen.get(kind, ())]
    check_run_parameters(chosen, get_job, force=force)
    return chosen


def merge_parameters(old: Payload, new: Payload) -> Payload:
    """New parameters over older ones: names of one kind add up, all else is replaced."""
    merged = {
        kind: {**old[kind], **values}
        if isinstance(values, dict) and isinstance(old.get(kind), dict)
        else values
        for kind, values in new.items()
    }
    return merged or old


def check_run_parameters(body: Payload, get_job: Callable[[], Payload], *, force: bool = False) -> None:
    """Refuse the parameters in a request if they are of several kinds, too long, or not for the job."""
    kinds = [kind for kind in PARAMETER_OPTIONS if body.get(kind)]
    if len(kinds) > 1:
        raise UsageError(
            f"a run takes one kind of parameters, not {' and '.join(kinds)}",
            hint="give the job `parameters` of its own: every task can read them",
        )
    for kind in kinds:
        if problem := limit_problem(kind, body[kind]):
            raise RefusedError(f"{kind} {problem}")
        if not force:
            _check_that_job_takes(kind, body[kind], get_job())


def check_task_keys(keys: Sequence[str], job: Payload) -> None:
    """Refuse keys of tasks that the job does not have; a `+` before or after a key is not part of it."""
    tasks = (job.get("settings") or {}).get("tasks") or ()
    known = [str(task.get("task_key")) for task in tasks]
    for key in keys if known else ():
        if key.strip("+") not in known:
            raise NotFoundError(
                f"job {job['job_id']} has no task {key.strip('+')!r}{did_you_mean(key.strip('+'), known)}",
                hint=f"its tasks are {', '.join(known)}; --force sends others anyway",
            )


def _check_that_job_takes(kind: str, values: Values, job: Payload) -> None:
    """Refuse what cannot take effect: a kind that no task takes, a name that the job does not declare.

    A notebook takes any name, for its widgets are not known here.
    """
    settings = job.get("settings") or {}
    declared = [str(parameter.get("name")) for parameter in settings.get("parameters") or ()]
    taken = _kinds_of(settings.get("tasks") or [settings]) | ({"job_parameters"} if declared else set())
    label = f"job {job['job_id']}" if "job_id" in job else "the job"
    if kind not in taken:
        takers = "declares no parameters" if kind == "job_parameters" else f"has no task that takes {kind}"
        options = ", ".join(option for other, option in PARAMETER_OPTIONS.items() if other in taken)
        raise UsageError(f"{label} {takers}", hint=f"it takes {options}" if options else NO_PARAMETERS)
    if kind == "job_parameters":
        for name in values:
            if name not in declared:
                raise UsageError(
                    f"{label} has no parameter {name!r}{did_you_mean(name, declared)}",
                    hint=f"its parameters are {', '.join(declared)}; --force sends others anyway",
                )


def kind_of_job(job: Payload) -> str:
    """The kind of parameters that a job takes, from what jobs/get returned.

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
            hint=NO_PARAMETERS,
        )
    raise UsageError(
        f"--param does not fit this job: its tasks take several kinds ({', '.join(candidates)})",
        hint=f"choose one of {', '.join(PARAMETER_OPTIONS[kind] for kind in candidates)};"
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


def limit_problem(kind: str, values: Any) -> str | None:
    """What the API refuses about parameters of a kind, for the end of a sentence; None if it takes them.

    Source: https://docs.databricks.com/api/workspace/jobs/runnow
    """
    if kind not in LIMITED_KINDS:
        return None
    text = json.dumps({kind: values}, ensure_ascii=False, separators=(",", ":"))
    if not text.isascii():
        return "may contain only ASCII characters; job parameters may contain any"
    if len(text) > MAX_PARAMETER_BYTES:
        return f"has {len(text):,} bytes as JSON; the Jobs API takes {MAX_PARAMETER_BYTES:,}"
    return None
