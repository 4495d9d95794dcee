"""Checks of whole job settings, beyond single fields: tasks, what they run on, and what they refer to.

Only what the documentation rules out is an error; what may be meant is a warning. Sources:
https://docs.databricks.com/api/workspace/jobs/create and
https://docs.databricks.com/gcp/reference/jobs-2.0-api
"""

import re
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter

from dbjobs.http.response import Payload
from dbjobs.jobfiles.field_checks import check_fields, check_rules
from dbjobs.jobfiles.findings import Finding, Path, format_name, join_names, unknown_field, warning
from dbjobs.jobfiles.known_fields import LEGACY_TASK_FIELDS, TASK, fields_of
from dbjobs.jobfiles.parameters import PARAMETER_OPTIONS, limit_problem
from dbjobs.jobfiles.settings import Settings, has_string, items_of

USUAL_MAX_TASKS = 100

KEY = re.compile(r"[\w-]{1,100}", re.ASCII)
UNIQUE = {
    "tasks": "task_key",
    "job_clusters": "job_cluster_key",
    "environments": "environment_key",
    "environment_variables": "environment_variables_key",
    "parameters": "name",
}
"""Lists whose items are identified by a field."""

KEYS_WITH_RULES = ("task_key", "job_cluster_key")

CLUSTER_CHOICES = ("existing_cluster_id", "new_cluster", "job_cluster_key")
REFERENCES = {
    "job_cluster_key": "job_clusters",
    "environment_key": "environments",
    "environment_variables_key": "environment_variables",
}
"""Fields of a task that name an item of a list next to the tasks."""

CLUSTERLESS = ("condition_task", "for_each_task", "run_job_task", "sql_task", "dashboard_task", "alert_task")
"""Types that need no cluster; a pipeline may not even have one."""

COMPUTE_CHOICES = (*CLUSTER_CHOICES, "environment_key", "compute")

RELATIVE_FROM_GIT = {
    "notebook_task": ("notebook_path",),
    "spark_python_task": ("python_file",),
    "sql_task": ("file", "path"),
}
"""Where the path of a task's source is: relative in a Git repository, absolute in the workspace."""


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
            yield unknown_field(finding.path, "is a field of a task, and is not known at the top")
    for check in SETTINGS_CHECKS:
        yield from check(settings)


def known_at_all(settings: Settings) -> Iterator[Finding]:
    known = fields_of(settings.request).keys()
    if settings.content and not settings.is_legacy and known.isdisjoint(settings.content):
        yield Finding((), "has no field of job settings")


def number_of_tasks(settings: Settings) -> Iterator[Finding]:
    tasks = settings.content.get("tasks")
    count = len(tasks) if isinstance(tasks, list) else 0
    if count > USUAL_MAX_TASKS:
        problem = f"has {count} tasks; some workspaces allow only {USUAL_MAX_TASKS}"
        yield warning(("tasks",), problem)
    elif not tasks and not settings.is_legacy and not settings.is_partial:
        yield Finding(("tasks",), "is missing: there is nothing to run")
    if tasks is not None:
        for name in settings.content:
            if isinstance(name, str) and name.endswith("_task"):
                yield Finding((name,), "is given along with tasks; it belongs in one of them")


def unique_keys(settings: Settings) -> Iterator[Finding]:
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


def parameters_of_started_jobs(settings: Settings) -> Iterator[Finding]:
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


def one_type(settings: Settings) -> Iterator[Finding]:
    for path, task in settings.all_tasks:
        types = [name for name in task if str(name).endswith("_task") and task[name] is not None]
        if len(types) > 1:
            names = join_names([format_name(name) for name in types])
            yield Finding((*path, types[1]), f"is a second type: a task has one, not {names}")
        elif not types and not (settings.is_legacy and settings.is_partial):
            yield Finding(path, "has nothing to run, such as notebook_task or spark_python_task")


def one_cluster(settings: Settings) -> Iterator[Finding]:
    for path, task in settings.all_tasks:
        chosen = [name for name in CLUSTER_CHOICES if task.get(name) is not None]
        if len(chosen) > 1:
            yield Finding((*path, chosen[1]), f"is given along with {chosen[0]}; a task runs on one cluster")
        elif chosen and task.get("environment_key") is not None:
            # a cluster with a `dependency_mode` may have environments, as serverless compute does
            clusters = [cluster for _, cluster in _new_clusters(settings, path, task)]
            if not any("dependency_mode" in cluster for cluster in clusters):
                problem = f"is given along with environment_key; a serverless task takes no {chosen[0]}"
                yield Finding((*path, chosen[0]), problem)


def no_needless_cluster(settings: Settings) -> Iterator[Finding]:
    for path, task in settings.all_tasks:
        chosen = [name for name in CLUSTER_CHOICES if task.get(name) is not None][:1]
        without = [name for name in CLUSTERLESS if task.get(name) is not None][:1]
        for name in chosen:
            if task.get("pipeline_task") is not None:
                yield Finding((*path, name), "is given along with pipeline_task, which takes no cluster")
            elif without:
                yield warning((*path, name), f"is given along with {without[0]}, which needs no cluster")


def references(settings: Settings) -> Iterator[Finding]:
    for field, where in REFERENCES.items() if not settings.is_partial else ():
        names = {item[field] for _, item in items_of(settings.content, where) if has_string(item, field)}
        for path, task in settings.all_tasks:
            if has_string(task, field) and task[field] not in names:
                yield Finding((*path, field), f"is not defined in {where}")


def known_dependencies(settings: Settings) -> Iterator[Finding]:
    keys = {task["task_key"] for _, task in settings.top_tasks if has_string(task, "task_key")}
    for path, task in settings.top_tasks if not settings.is_partial else ():
        for position, dependency in items_of(task, "depends_on"):
            if has_string(dependency, "task_key") and dependency["task_key"] not in keys:
                yield Finding((*path, *position, "task_key"), "is not a task of this job")


def no_cycle(settings: Settings) -> Iterator[Finding]:
    tasks = {str(task["task_key"]): (path, task) for path, task in settings.top_tasks if "task_key" in task}
    depends_on = {
        key: [str(other.get("task_key")) for _, other in items_of(task, "depends_on")]
        for key, (_, task) in tasks.items()
    }
    try:
        TopologicalSorter(depends_on).prepare()
    except CycleError as error:
        cycle = error.args[1][::-1]  # each task depends on the next
        path, _ = tasks[cycle[0]]
        shown = " → ".join(format_name(key) for key in cycle)
        yield Finding((*path, "depends_on"), f"forms a cycle: {shown}")


def source_paths(settings: Settings) -> Iterator[Finding]:
    has_git = settings.content.get("git_source") is not None
    default = "GIT" if has_git else None if settings.is_partial else "WORKSPACE"
    for path, task in settings.all_tasks:
        for type_, steps in RELATIVE_FROM_GIT.items():
            holder = task.get(type_)
            for step in steps[:-1]:
                holder = holder.get(step) if isinstance(holder, dict) else None
            if not isinstance(holder, dict) or not has_string(holder, steps[-1]):
                continue
            file, source = holder[steps[-1]], holder.get("source")
            is_python_file = type_ == "spark_python_task"
            if source is None and not is_python_file:
                source = default  # the sandbox finds a relative Python file without `source` below its root
            if not file or "{{" in file:
                continue
            if source == "GIT" and file.startswith("/"):
                yield Finding((*path, type_, *steps), "must be relative, because it comes from Git")
            is_absolute = file.startswith("/") or (is_python_file and re.match(r"[a-z][a-z0-9+.-]*:/", file))
            if source == "WORKSPACE" and not is_absolute:
                yield Finding((*path, type_, *steps), "must begin with a slash, unless it comes from Git")


def enough_compute(settings: Settings) -> Iterator[Finding]:
    """Notebooks and Python tasks run without a cluster on serverless compute, and in the sandbox."""
    for path, task in settings.all_tasks if not settings.is_partial else ():
        if any(task.get(name) not in (None, "") for name in COMPUTE_CHOICES):
            continue
        clusters = join_names(CLUSTER_CHOICES[:2] if settings.is_legacy else CLUSTER_CHOICES, "or")
        if task.get("spark_submit_task") is not None:
            yield Finding((*path, "spark_submit_task"), "needs a new_cluster to run on")
        elif task.get("spark_jar_task") is not None:
            yield Finding(
                (*path, "spark_jar_task"), f"needs something to run on: {clusters}, or environment_key"
            )


def spark_submit(settings: Settings) -> Iterator[Finding]:
    """What a spark-submit task cannot have: https://docs.databricks.com/jobs/spark-submit"""
    for path, task in settings.all_tasks:
        if task.get("spark_submit_task") is None:
            continue
        cluster_path, cluster = next(_new_clusters(settings, path, task), (path, {}))
        if task.get("existing_cluster_id") is not None:
            yield Finding(
                (*path, "existing_cluster_id"), "cannot run spark_submit_task, which needs a new_cluster"
            )
        if task.get("libraries"):
            yield Finding(
                (*path, "libraries"), "cannot be combined with spark_submit_task; use --jars and --py-files"
            )
        if cluster.get("spark_conf"):
            yield Finding(
                (*cluster_path, "spark_conf"), "cannot be combined with spark_submit_task; use --conf"
            )
        if cluster.get("autoscale"):
            yield Finding(
                (*cluster_path, "autoscale"), "cannot be combined with spark_submit_task; use num_workers"
            )


def one_serverless_cluster(settings: Settings) -> Iterator[Finding]:
    fields = ("serverless_compute", "serverless_compute_id")
    found = [
        (*path, field)
        for path, item in items_of(settings.content, "job_clusters")
        for field in fields
        if item.get(field)
    ]
    for path in found[1:]:
        yield Finding(path, "is given twice; a job has one serverless cluster")


def condition_outcomes(settings: Settings) -> Iterator[Finding]:
    tasks = {task["task_key"]: task for _, task in settings.top_tasks if has_string(task, "task_key")}
    for path, task in settings.top_tasks:
        for position, dependency in items_of(task, "depends_on"):
            other = tasks.get(str(dependency.get("task_key")))
            if dependency.get("outcome") is not None and other and other.get("condition_task") is None:
                yield Finding((*path, *position, "outcome"), "is only for dependencies on a condition_task")


def condition_task_fields(settings: Settings) -> Iterator[Finding]:
    for path, task in settings.all_tasks if not settings.is_legacy else ():
        if task.get("condition_task") is not None:
            for field in ("max_retries", "email_notifications", "webhook_notifications"):
                value = task.get(field)
                if any(value.values()) if isinstance(value, dict) else value:
                    yield Finding(
                        (*path, field), "cannot be combined with condition_task, which does not have it"
                    )


def reserved_priority(settings: Settings) -> Iterator[Finding]:
    for path, task in settings.all_tasks:
        runtime = task.get("ai_runtime_task")
        if isinstance(runtime, dict) and runtime.get("priority_class") is not None:
            computes = [item.get("compute") for _, item in items_of(runtime, "deployments")]
            if not any(isinstance(one, dict) and one.get("provisioned_capacity_id") for one in computes):
                yield Finding(
                    (*path, "ai_runtime_task", "priority_class"), "needs a compute.provisioned_capacity_id"
                )


def _new_clusters(settings: Settings, path: Path, task: Payload) -> Iterator[tuple[Path, Payload]]:
    """The new clusters that a task may run on, its own or one of the job's, with their paths."""
    candidates = [(path, task)]
    if (key := task.get("job_cluster_key")) is not None:
        job_clusters = items_of(settings.content, "job_clusters")
        candidates += [(where, item) for where, item in job_clusters if item.get("job_cluster_key") == key]
    for where, item in candidates:
        if isinstance(cluster := item.get("new_cluster"), dict):
            yield (*where, "new_cluster"), cluster


SETTINGS_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    known_at_all,
    number_of_tasks,
    unique_keys,
    one_type,
    one_cluster,
    no_needless_cluster,
    enough_compute,
    spark_submit,
    one_serverless_cluster,
    references,
    known_dependencies,
    no_cycle,
    condition_outcomes,
    condition_task_fields,
    source_paths,
    reserved_priority,
    parameters_of_started_jobs,
)
