"""`dbjobs runs output`."""

from typing import Annotated

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.options import OptionalRun
from dbjobs.cli.run_lookup import resolve_run
from dbjobs.cli.showing import show_outputs

TaskKey = Annotated[
    str | None,
    typer.Option("--task", metavar="KEY", help="Only this task's output; KEY[0] is a for-each task's first."),
]
Follow = Annotated[
    bool, typer.Option("--follow", help="Wait, and print each task's output when the task has ended.")
]


def command(
    ctx: typer.Context, run: OptionalRun = None, task: TaskKey = None, follow: Follow = False
) -> None:
    """Print the outputs of a run: results, logs, errors, traces.

    With -o json, the outputs are printed by task key; with --task, the API's response is printed
    as it is.

    The API has no output for a task that is still running. With --follow, each output is printed as soon
    as its task has ended, until the run ends; notes say where logs are delivered meanwhile, if they are.
    Ctrl-C ends it; the run continues.

    \b
    Examples:
      dbjobs runs output 123
      dbjobs runs output nightly@failed
      dbjobs runs output 123 --task clean -o json
      dbjobs runs output 123 --follow

    Exit codes: 0 printed, whatever the run's outcome; 4 no such run or task.
    """
    from dbjobs.api.models import Run
    from dbjobs.errors import NotFoundError
    from dbjobs.runs.outputs import follow_outputs, read_outputs

    app = app_of(ctx)
    run_id = resolve_run(app, run)
    if follow:
        show_outputs(app, follow_outputs(app.api, run_id, app.clock, task))
        return
    found = Run(app.api.get_run(run_id))
    if not found.output_runs:
        reason = f"ended before any task started: {found.message or found.shown_state}"
        if task is not None:
            raise NotFoundError(f"run {run_id} {reason}")
        app.streams.note(f"no output: run {run_id} {reason}")
    show_outputs(app, read_outputs(app.api, found, task), is_one_task=task is not None)
