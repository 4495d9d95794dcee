"""`dbjobs runs output`."""

from typing import Annotated

import typer

from dbjobs.commands.framework import app_of
from dbjobs.commands.options import RunArgument
from dbjobs.commands.showing import show_outputs

TaskKey = Annotated[str | None, typer.Option("--task", metavar="KEY", help="Only this task's output.")]


def command(ctx: typer.Context, run: RunArgument, task: TaskKey = None) -> None:
    """Print what a run's tasks left: result, logs, error and trace, under each task's key.

    \b
    Examples:
      dbjobs runs output 123
      dbjobs runs output 123 --task clean -o json

    Exit codes: 0 printed, whatever the run's outcome; 4 no such run or task.
    """
    app = app_of(ctx)
    show_outputs(app, app.run_id(run), task)
