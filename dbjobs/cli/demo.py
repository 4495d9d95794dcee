"""`dbjobs demo`."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

import dbjobs
from dbjobs.cli.framework import app_of
from dbjobs.cli.sandbox.local import new_sandbox
from dbjobs.errors import ConfigError

NEXT_STEPS = """
That was a real run, on this machine. To go on:
  {dbjobs} demo --fail                  see how a failure is reported
  {dbjobs} sandbox serve --root {root}  serve this workspace until Ctrl-C; then, in a second shell:
  {dbjobs} runs submit -f {job} --wait"""


def command(
    ctx: typer.Context,
    fail: Annotated[
        bool, typer.Option("--fail", help="Run the pipeline on data that it must reject.")
    ] = False,
) -> None:
    """Run a small pipeline of real Python tasks, and watch it.

    It starts a workspace on this machine, submits the job in examples/demo, watches it
    to its end, prints what the tasks printed, and exits with the outcome.

    \b
    Examples:
      dbjobs demo
      dbjobs demo --fail

    Exit codes: 0 the run succeeded, 10 it failed (with --fail).
    """
    # late, for every --help of the root loads this module
    from dbjobs.cli.wait_options import OnExit, ShowOutput, WaitOptions
    from dbjobs.cli.waiting import wait_for_runs
    from dbjobs.jobfiles.files import read_body
    from dbjobs.output.ci_systems import CiSystem

    root = examples_folder() / "demo"
    job = root / ("fail.yaml" if fail else "job.yaml")
    options = WaitOptions(
        poll_interval=0.5,
        poll_max=1.0,
        show_output=ShowOutput.ALL,
        on_interrupt=OnExit.CANCEL,
        ci=CiSystem.NONE,
    )
    called = app_of(ctx)
    with new_sandbox(root) as sandbox:
        app = replace(
            called,
            options=replace(called.options, profile=None, config=None, host=None),
            environ={**called.environ, "DATABRICKS_HOST": sandbox.url, "DATABRICKS_TOKEN": sandbox.token},
        )
        app.streams.note(f"$ dbjobs runs submit -f {_shortest(job)} --wait --show-output all")
        run_id = int(app.api_to_change(False).submit_run(read_body(str(job), None), str(uuid4()))["run_id"])
        app.streams.result_ids(str(run_id))
        code = wait_for_runs(app, [run_id], options, just_started=True)
        # in a virtual environment that is not on the path, dbjobs is typed with its folder
        program = Path(sys.argv[0]).absolute()
        needs_folder = program.name == "dbjobs" and shutil.which("dbjobs") != str(program)
        app.streams.note(
            NEXT_STEPS.format(
                dbjobs=_shortest(program) if needs_folder else "dbjobs",
                root=_shortest(root),
                job=_shortest(job),
            )
        )
    raise typer.Exit(code)


def examples_folder() -> Path:
    """`examples/`, in the installed package or beside it in a checkout."""
    package = Path(dbjobs.__file__).parent
    for folder in (package / "examples", package.parent / "examples"):
        if folder.is_dir():
            return folder
    raise ConfigError("the examples are not installed", hint="get them with the sources of dbjobs")


def _shortest(path: Path) -> str:
    """The path as it is shortest to type from the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
