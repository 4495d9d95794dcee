"""`dbjobs runs export`."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbjobs.cli.context import App
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import RunArgument
from dbjobs.cli.run_lookup import resolve_run
from dbjobs.errors import UsageError
from dbjobs.output.structured import write_documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbjobs.api.models import TaskRun
    from dbjobs.http.response import Payload
    from dbjobs.notebook.exports import ExportedView

    ReadViews = Callable[[TaskRun], Iterator[ExportedView]]


class Views(str, Enum):
    """Which views of a notebook."""

    CODE = "CODE"
    DASHBOARDS = "DASHBOARDS"
    ALL = "ALL"


class Form(str, Enum):
    """What becomes of a page."""

    HTML = "html"
    IPYNB = "ipynb"
    SOURCE = "source"
    JSON = "json"


TaskKey = Annotated[str | None, typer.Option("--task", metavar="KEY", help="Only this task's notebook.")]
WhichViews = Annotated[Views, typer.Option("--views", help="What to export.")]
Format = Annotated[Form, typer.Option("--format", help="The format of the files.")]
Directory = Annotated[
    str, typer.Option("--dir", metavar="DIR", help="Where to put the files; - prints one view to stdout.")
]
Overwrite = Annotated[bool, typer.Option("--force", help="Overwrite existing files.")]


def command(
    ctx: typer.Context,
    run: RunArgument,
    task: TaskKey = None,
    views: WhichViews = Views.CODE,
    form: Format = Form.HTML,
    directory: Directory = ".",
    force: Overwrite = False,
) -> None:
    """Save a run's notebooks with their outputs, one file per view.

    It prints the paths of the files. Of each notebook task, the newest attempt is saved: as
    the page that Databricks shows (html), for Jupyter (ipynb), as source code, or as the
    data in the page (json). A page that cannot be read is saved as it is.

    \b
    Examples:
      dbjobs runs export 123
      dbjobs runs export 123 --format ipynb --dir notebooks
      dbjobs runs export 123 --task clean --format source --dir - | less

    Exit codes: 0 saved, 2 a file already exists, 4 no such run or notebook task.
    """
    from dbjobs.api.models import Run
    from dbjobs.notebook.exports import for_each_notebooks, notebook_tasks, read_views

    if directory == "-" and force:
        raise UsageError("--force overwrites files, and --dir - writes none", hint="leave --force out")
    app = app_of(ctx)
    found = Run(app.api.get_run(resolve_run(app, run)))
    for key in for_each_notebooks(found):
        app.streams.note(f"{key} runs its notebook for each input: export an iteration by its own run id")
    tasks = notebook_tasks(found, task)

    def read(task: "TaskRun") -> "Iterator[ExportedView]":
        return read_views(app.api, task, views.value, form.value, app.streams.warn)

    if directory == "-":
        _print(app, tasks, read)
    else:
        _save(app, tasks, read, Path(directory), overwrite=force)


def _print(app: App, tasks: "list[TaskRun]", read: "ReadViews") -> None:
    views = list(read(tasks[0])) if len(tasks) == 1 else []
    if len(views) != 1:
        count = len(views) or len(tasks)
        raise UsageError(f"--dir - prints one view, and there are {count}", hint="choose one with --task")
    app.streams.result_bytes(views[0].data)


def _save(app: App, tasks: "list[TaskRun]", read: "ReadViews", folder: Path, *, overwrite: bool) -> None:
    from dbjobs.common.files import safe_stem, unused_name, write_whole

    used: set[str] = set()
    saved: list[Payload] = []

    def save_views(task: "TaskRun") -> None:
        for view in read(task):
            path = folder / unused_name(safe_stem(view.title, view.extension), view.extension, used)
            write_whole(path, view.data, overwrite=overwrite, follow_links=False)
            saved.append(view.describe(str(path)))
            if app.output == "text":
                app.streams.result(str(path))

    try:
        app.each(save_views, tasks)
    finally:
        if app.output != "text":
            write_documents(app.streams, saved, app.output, id_key="run_id")
