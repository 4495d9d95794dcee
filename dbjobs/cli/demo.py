"""`dbjobs demo`."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

import dbjobs
from dbjobs.cli.context import App
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
    app = app_of(ctx)
    root = examples_folder() / "demo"
    job = root / ("fail.yaml" if fail else "job.yaml")
    with new_sandbox(root) as sandbox:
        code = _run(_with_sandbox(app, sandbox.url, sandbox.token), job)
        app.streams.note(NEXT_STEPS.format(dbjobs=_program(), root=_shortest(root), job=_shortest(job)))
    raise typer.Exit(code)


def _run(app: App, job: Path) -> int:
    # late, for every --help of the root loads this module
    from dbjobs.cli.wait_options import OnExit, ShowOutput, WaitOptions
    from dbjobs.cli.waiting import wait_for_runs
    from dbjobs.jobfiles.files import read_body
    from dbjobs.output.ci_systems import CiSystem

    app.streams.note(f"$ dbjobs runs submit -f {_shortest(job)} --wait --show-output all")
    run_id = int(app.api_to_change(False).submit_run(read_body(str(job), None), str(uuid4()))["run_id"])
    app.streams.result_ids(str(run_id))
    options = WaitOptions(
        poll_interval=0.5,
        poll_max=1.0,
        show_output=ShowOutput.ALL,
        on_interrupt=OnExit.CANCEL,
        ci=CiSystem.NONE,
    )
    return wait_for_runs(app, [run_id], options, just_started=True)


def _with_sandbox(app: App, host: str, token: str) -> App:
    """The same call, with the sandbox for its workspace."""
    options = replace(app.options, profile=None, config=None, host=None)
    environ = {**app.environ, "DATABRICKS_HOST": host, "DATABRICKS_TOKEN": token}
    return replace(app, options=options, environ=environ)


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


def _program() -> str:
    """What to type for dbjobs: in a virtual environment that is not on the path it needs its folder."""
    called = Path(sys.argv[0])
    is_on_path = shutil.which("dbjobs") == str(called.absolute())
    return "dbjobs" if is_on_path or called.name != "dbjobs" else _shortest(called.absolute())
