"""The rules that job settings have to keep, beyond the kinds of their fields.

Only what the documentation rules out is an error; what may be meant is a warning. Limits:
https://docs.databricks.com/api/workspace/jobs/create and
https://docs.databricks.com/gcp/reference/jobs-2.0-api
"""

import re
from collections.abc import Callable, Iterator

from dbjobs.http.response import Payload
from dbjobs.jobfiles.field_checks import check_fields, check_rules
from dbjobs.jobfiles.findings import Finding, Path, unknown_field, warning
from dbjobs.jobfiles.known_fields import LEGACY_TASK_FIELDS, TASK, fields_of
from dbjobs.jobfiles.parameters import PARAMETER_OPTIONS, limit_problem
from dbjobs.jobfiles.settings import Settings, items_of
from dbjobs.jobfiles.task_checks import TASK_RULES

USUAL_MAX_TASKS = 100

KEY = re.compile(r"[\w-]{1,100}", re.ASCII)
UNIQUE = {
    "tasks": "task_key",
    "job_clusters": "job_cluster_key",
    "environments": "environment_key",
    "environment_variables": "environment_variables_key",
    "parameters": "name",
}
"""Lists whose items are told apart by a field."""

KEYS_WITH_RULES = ("task_key", "job_cluster_key")


def check_settings(content: Payload, request: str) -> Iterator[Finding]:
    """All that is wrong or odd about settings for a request: create, reset, update or submit."""
    settings = Settings(content, request)
    fields = fields_of(request)
    if settings.is_legacy:
        fields = fields.with_fields({name: TASK[name] for name in LEGACY_TASK_FIELDS})
        yield from check_rules(content, TASK.name, ())
    for finding in check_fields(content, fields):
        name = str(finding.path[0]) if finding.known and len(finding.path) == 1 else ""
        if name not in TASK:
            yield finding
        elif not name.endswith("_task"):  # those are an error anyway
            yield unknown_field(finding.path, "is a field of a task, and is not known beside tasks")
    for rule in RULES:
        yield from rule(settings)


def _known_at_all(settings: Settings) -> Iterator[Finding]:
    known = fields_of(settings.request).keys()
    if settings.content and not settings.is_legacy and known.isdisjoint(settings.content):
        yield Finding((), "has no field of job settings")


def _number_of_tasks(settings: Settings) -> Iterator[Finding]:
    tasks = settings.content.get("tasks")
    count = len(tasks) if isinstance(tasks, list) else 0
    if count > USUAL_MAX_TASKS:
        problem = f"holds {count} tasks; some workspaces allow {USUAL_MAX_TASKS} only"
        yield warning(("tasks",), problem)
    elif not tasks and not settings.is_legacy and not settings.is_partial:
        yield Finding(("tasks",), "is missing: there is nothing to run")
    if tasks is not None:
        for name in settings.content:
            if isinstance(name, str) and name.endswith("_task"):
                yield Finding((name,), "is given along with tasks; it belongs in one of them")


def _unique_keys(settings: Settings) -> Iterator[Finding]:
    for field, key in UNIQUE.items():
        seen: dict[str, Path] = {}
        for path, item in items_of(settings.content, field):
            name = item.get(key)
            if isinstance(name, str):
                if name in seen:
                    yield Finding((*path, key), f"is the same as that of {field}[{seen[name][1]}]")
                elif key in KEYS_WITH_RULES and not KEY.fullmatch(name):
                    yield Finding((*path, key), "must be 1 to 100 ASCII letters, digits, - or _")
                seen.setdefault(name, path)


def _parameters_of_started_jobs(settings: Settings) -> Iterator[Finding]:
    """Those for a run: of one kind only, and for some kinds small and ASCII."""
    for path, task in settings.all_tasks:
        started = task.get("run_job_task")
        given = started if isinstance(started, dict) else {}
        kinds = [kind for kind in PARAMETER_OPTIONS if given.get(kind)]
        for kind in kinds:
            if problem := limit_problem(kind, given[kind]):
                yield Finding((*path, "run_job_task", kind), problem)
        if len(kinds) > 1:
            yield Finding(
                (*path, "run_job_task", kinds[1]),
                f"is given along with {kinds[0]}; a run takes one kind of parameters",
            )


RULES: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _known_at_all,
    _number_of_tasks,
    _unique_keys,
    *TASK_RULES,
    _parameters_of_started_jobs,
)
