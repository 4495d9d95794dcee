"""The rules that tasks have to keep: what they run, on what, and after what.

Source: https://docs.databricks.com/api/workspace/jobs/create
"""

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from dbjobs.http.response import Payload
from dbjobs.jobfiles.findings import Finding, Path, format_name, join_names, warning
from dbjobs.jobfiles.settings import Settings, has_string, items_of

CLUSTER_CHOICES = ("existing_cluster_id", "new_cluster", "job_cluster_key")
REFERENCES = {
    "job_cluster_key": "job_clusters",
    "environment_key": "environments",
    "environment_variables_key": "environment_variables",
}
"""Fields of a task that name an item of a list beside the tasks."""

CLUSTERLESS = ("condition_task", "for_each_task", "run_job_task", "sql_task", "dashboard_task", "alert_task")
"""Types that no cluster runs; for a pipeline it is even refused."""


COMPUTE_CHOICES = (*CLUSTER_CHOICES, "environment_key", "compute")

RELATIVE_FROM_GIT = {
    "notebook_task": ("notebook_path",),
    "spark_python_task": ("python_file",),
    "sql_task": ("file", "path"),
}
"""Where the path of a task's source is: relative in a Git repository, absolute in the workspace."""


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
        elif chosen and task.get("environment_key") is not None and not _has_environments(settings, task):
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


def _has_environments(settings: Settings, task: Payload) -> bool:
    """Clusters with a `dependency_mode` may have environments, as serverless compute does."""
    clusters = [task] + [
        item
        for _, item in items_of(settings.content, "job_clusters")
        if item.get("job_cluster_key") == task.get("job_cluster_key")
    ]
    specs = (item.get("new_cluster") for item in clusters)
    return any(isinstance(spec, dict) and "dependency_mode" in spec for spec in specs)


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
    for path, task in settings.all_tasks:
        for type_, steps in RELATIVE_FROM_GIT.items():
            holder = task.get(type_)
            for step in steps[:-1]:
                holder = holder.get(step) if isinstance(holder, dict) else None
            if not isinstance(holder, dict) or not has_string(holder, steps[-1]):
                continue
            problem = _path_problem(settings, type_, holder, holder[steps[-1]], has_git=has_git)
            if problem:
                yield Finding((*path, type_, *steps), problem)


def _path_problem(settings: Settings, type_: str, holder: Payload, file: str, *, has_git: bool) -> str | None:
    """A relative Python file without `source` is left alone: the sandbox looks for it below its root."""
    source = holder.get("source")
    if source is None and type_ != "spark_python_task":
        source = "GIT" if has_git else None if settings.is_partial else "WORKSPACE"
    if "{{" in file or not file:
        return None
    if (
        source == "WORKSPACE"
        and not file.startswith("/")
        and not (type_ == "spark_python_task" and re.match(r"[a-z][a-z0-9+.-]*:/", file))
    ):
        return "must begin with a slash, unless it comes from Git"
    if source == "GIT" and file.startswith("/"):
        return "must be relative, for it comes from Git"
    return None


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
        cluster, cluster_path = _cluster_of(settings, path, task)
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


def _cluster_of(settings: Settings, path: Path, task: Payload) -> tuple[Payload, Path]:
    """The new cluster that a task runs on, its own or one of the job's, and where it is described."""
    candidates = [(path, task)]
    if (key := task.get("job_cluster_key")) is not None:
        job_clusters = items_of(settings.content, "job_clusters")
        candidates += [(where, item) for where, item in job_clusters if item.get("job_cluster_key") == key]
    for where, holder in candidates:
        if isinstance(cluster := holder.get("new_cluster"), dict):
            return cluster, (*where, "new_cluster")
    return {}, path


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


TASK_RULES = (
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
)
