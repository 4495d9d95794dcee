"""The rules that tasks have to keep: what they run, on what, and after what.

Source: https://docs.databricks.com/api/workspace/jobs/create
"""

from collections.abc import Iterator

from dbjobs.answers import Payload
from dbjobs.spec.findings import Finding, list_names, show_name, warning
from dbjobs.spec.settings import Settings, as_whole, is_text, items_of

REQUIRED = {
    "notebook_task": ("notebook_path",),
    "spark_python_task": ("python_file",),
    "pipeline_task": ("pipeline_id",),
    "run_job_task": ("job_id",),
    "python_wheel_task": ("package_name", "entry_point"),
    "condition_task": ("op", "left", "right"),
    "for_each_task": ("inputs", "task"),
    "dbt_task": ("commands",),
    "sql_task": ("warehouse_id",),
}
CLUSTER_CHOICES = ("existing_cluster_id", "new_cluster", "job_cluster_key")
REFERENCES = {"job_cluster_key": "job_clusters", "environment_key": "environments"}
"""Fields of a task that name an item of a list beside the tasks."""

CLUSTERLESS = ("condition_task", "for_each_task", "run_job_task", "sql_task", "dashboard_task", "alert_task")
"""Types that no cluster runs; for a pipeline it is even refused."""


def one_type(settings: Settings) -> Iterator[Finding]:
    for path, task in settings.all_tasks:
        types = _types_of(task)
        if len(types) > 1:
            names = list_names([show_name(name) for name in types])
            yield Finding((*path, types[1]), f"is one type too many: a task has one, not {names}")
        elif not types and not (settings.is_legacy and settings.is_partial):
            yield Finding(path, "says nothing to run, such as notebook_task or spark_python_task")


def _types_of(task: Payload) -> list[str]:
    """What a task says it runs, new types of Databricks among them."""
    return [name for name in task if str(name).endswith("_task") and task[name] is not None]


def required_fields(settings: Settings) -> Iterator[Finding]:
    for path, task in settings.all_tasks:
        for name in _types_of(task):
            for field in REQUIRED.get(name, ()):
                if isinstance(task[name], dict) and task[name].get(field) is None:
                    yield Finding((*path, name, field), "is missing")


def one_cluster(settings: Settings) -> Iterator[Finding]:
    for path, task in settings.all_tasks:
        chosen = [name for name in CLUSTER_CHOICES if task.get(name) is not None]
        if len(chosen) > 1:
            yield Finding((*path, chosen[1]), f"stands beside {chosen[0]}; a task runs on one cluster")
        elif chosen and task.get("environment_key") is not None and not _has_environments(settings, task):
            problem = f"stands beside environment_key; a serverless task takes no {chosen[0]}"
            yield Finding((*path, chosen[0]), problem)


def no_needless_cluster(settings: Settings) -> Iterator[Finding]:
    for path, task in settings.all_tasks:
        chosen = [name for name in CLUSTER_CHOICES if task.get(name) is not None][:1]
        without = [name for name in CLUSTERLESS if task.get(name) is not None][:1]
        for name in chosen:
            if task.get("pipeline_task") is not None:
                yield Finding((*path, name), "stands beside pipeline_task, which takes no cluster")
            elif without:
                yield warning((*path, name), f"stands beside {without[0]}, which needs no cluster")


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
        names = {item[field] for _, item in items_of(settings.content, where) if is_text(item, field)}
        for path, task in settings.all_tasks:
            if is_text(task, field) and task[field] not in names:
                yield Finding((*path, field), f"names nothing in {where}")


def known_dependencies(settings: Settings) -> Iterator[Finding]:
    keys = {task["task_key"] for _, task in settings.top_tasks if is_text(task, "task_key")}
    for path, task in settings.top_tasks if not settings.is_partial else ():
        for place, dependency in items_of(task, "depends_on"):
            if is_text(dependency, "task_key") and dependency["task_key"] not in keys:
                yield Finding((*path, *place, "task_key"), "names no task of this job")


def no_circle(settings: Settings) -> Iterator[Finding]:
    tasks = {task["task_key"]: (path, task) for path, task in settings.top_tasks if is_text(task, "task_key")}
    depends_on = {
        key: [
            one["task_key"]
            for _, one in items_of(task, "depends_on")
            if is_text(one, "task_key") and one["task_key"] in tasks
        ]
        for key, (_, task) in tasks.items()
    }
    if circle := find_circle(depends_on):
        path, _ = tasks[circle[0]]
        shown = " → ".join(show_name(key) for key in [*circle, circle[0]])
        yield Finding((*path, "depends_on"), f"leads in a circle: {shown}")


def find_circle(depends_on: dict[str, list[str]]) -> list[str]:
    """Keys that wait for each other, each for the next; empty if there are none."""
    done: set[str] = set()
    for start, others in depends_on.items():
        trail = {start: iter(others)} if start not in done else {}
        while trail:
            key = next(reversed(trail))
            following = next(trail[key], None)
            if following is None:
                done.add(key)
                del trail[key]
            elif following in trail:
                keys = list(trail)
                return keys[keys.index(following) :]
            elif following not in done:
                trail[following] = iter(depends_on.get(following, ()))
    return []


def notebook_paths(settings: Settings) -> Iterator[Finding]:
    has_git = settings.content.get("git_source") is not None
    for path, task in settings.all_tasks:
        notebook = task.get("notebook_task")
        if not isinstance(notebook, dict) or not is_text(notebook, "notebook_path"):
            continue
        source = notebook.get("source") or ("GIT" if has_git else None)
        is_known = source == "WORKSPACE" or (source is None and not settings.is_partial)
        if is_known and not notebook["notebook_path"].startswith(("/", "{{")):
            problem = "has to begin with a slash, unless the notebook comes from Git"
            yield Finding((*path, "notebook_task", "notebook_path"), problem)


def autoscaling(settings: Settings) -> Iterator[Finding]:
    for path, holder in [*settings.all_tasks, *items_of(settings.content, "job_clusters")]:
        cluster = holder.get("new_cluster")
        scale = cluster.get("autoscale") if isinstance(cluster, dict) else None
        if not isinstance(scale, dict):
            continue
        least, most = as_whole(scale.get("min_workers")), as_whole(scale.get("max_workers"))
        if least is not None and most is not None and most <= least:
            here = (*path, "new_cluster", "autoscale", "max_workers")
            yield Finding(here, "has to be greater than min_workers")
