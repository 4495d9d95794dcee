"""Exporting the notebooks of a run: which tasks have views, and each view as the contents of a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dbjobs.api.client import JobsApi
from dbjobs.api.models import Run, TaskRun
from dbjobs.api.paging import Warn
from dbjobs.errors import NotFoundError
from dbjobs.http.response import Payload
from dbjobs.notebook import NotebookError, convert_page


@dataclass(frozen=True)
class ExportedView:
    """One view of a task's notebook, in the form that was asked for, or as the page that it came in."""

    task: TaskRun
    name: str
    type: str
    """NOTEBOOK or DASHBOARD"""
    data: bytes
    extension: str

    @property
    def title(self) -> str:
        """The task's key and the view's name: tasks may share a notebook, and a notebook have dashboards."""
        names = dict.fromkeys(name for name in (self.task.task_key, self.name) if name)
        return "-".join(names)

    def describe(self, path: str) -> Payload:
        """A saved view, for programs."""
        return {
            "task_key": self.task.task_key,
            "run_id": self.task.run_id,
            "name": self.name,
            "type": self.type,
            "path": path,
        }


def notebook_tasks(run: Run, task_key: str | None = None) -> list[TaskRun]:
    """The newest attempts at the tasks that have a notebook, or at the one of that key.

    A task without a type may have one.
    """
    tasks = []
    for task in run.output_runs:
        fields: dict[str, Any] = {**task.payload, **(task.payload.get("task") or {})}
        types = [name for name, value in fields.items() if name.endswith("_task") and value is not None]
        if not types or "notebook_task" in types:
            tasks.append(task)
    found = [task for task in tasks if task_key in (None, task.task_key)]
    if found:
        return found
    keys = ", ".join(task.task_key for task in tasks)
    if task_key is None or not keys:
        raise NotFoundError(f"run {run.run_id} has no notebook task", hint="only notebooks can be exported")
    raise NotFoundError(
        f"run {run.run_id} has no notebook task {task_key!r}", hint=f"its notebook tasks: {keys}"
    )


def for_each_notebooks(run: Run) -> list[str]:
    """The keys of tasks that run a notebook for each of their inputs; each iteration is a run of its own."""
    loops = {task.task_key: task.payload.get("for_each_task") or {} for task in run.output_runs}
    return [key for key, loop in loops.items() if "notebook_task" in (loop.get("task") or {})]


def read_views(
    api: JobsApi, task: TaskRun, views_to_export: str, form: str, warn: Warn
) -> Iterator[ExportedView]:
    """The views of a task (CODE, DASHBOARDS or ALL) in a form; `warn` is called if one stays a page."""
    if task.run_id is None:
        raise NotFoundError(f"task {task.task_key} never ran: there is nothing to export")
    views = api.export_run(task.run_id, views_to_export).get("views") or []
    if not views:
        warn(f"task {task.task_key} has no such view")
    for view in views:
        name, kind, page = (str(view.get(field) or "") for field in ("name", "type", "content"))
        problem = f"a {kind.lower()} has no cells" if kind not in ("", "NOTEBOOK") else ""
        try:
            data, extension = convert_page(page, "html" if problem else form)
        except NotebookError as error:
            problem = str(error)
            data, extension = convert_page(page, "html")
        if problem and form != "html":
            warn(f"{name} is saved as a page: {problem}")
        yield ExportedView(task, name, kind, data, extension)
