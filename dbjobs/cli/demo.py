"""`dbjobs demo`."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

import dbjobs
from dbjobs.cli.framework import app_of
from dbjobs.cli.sandbox.local import new_sandbox
from dbjobs.errors import ConfigError

if TYPE_CHECKING:
    from dbjobs.api.client import JobsApi
    from dbjobs.cli.context import App
    from dbjobs.http.response import Payload

NEXT_STEPS = """
That was a real run, on this machine. What to do next:
  {dbjobs} demo                         run it again, and see its history
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

    It starts a workspace on this machine, runs the job in examples/demo there, watches it
    to its end, prints what the tasks printed, and exits with the outcome. From the second
    run on, it shows the history of the job, which is kept in the user's cache folder.

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
        poll_max=1.0,
        show_output=ShowOutput.ALL,
        on_interrupt=OnExit.CANCEL,
        ci=CiSystem.NONE,
    )
    called = app_of(ctx)
    history = _history_file()
    with new_sandbox(root, history=history) as sandbox:
        app = replace(
            called,
            options=replace(called.options, profile=None, config=None, host=None),
            environ={**called.environ, "DATABRICKS_HOST": sandbox.url, "DATABRICKS_TOKEN": sandbox.token},
        )
        job_id = _make_job(app.api, read_body(str(job), None))
        app.streams.note(f"$ dbjobs runs now {job_id} --wait --show-output all")
        run_id = int(app.api_to_change(False).run_now(job_id, {}, str(uuid4()))["run_id"])
        app.streams.result_ids(str(run_id))
        code = wait_for_runs(app, [run_id], options, just_started=True)
        _show_history(app, job_id)
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


def _history_file() -> Path | None:
    """Where the runs of earlier demos are kept; None if they cannot be."""
    from dbjobs.cli.cache import cache_folder

    file = cache_folder() / "demo-runs.jsonl"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError:
        return None
    return file


def _make_job(api: "JobsApi", body: "Payload") -> int:
    """The id of the job of an earlier demo, with these settings, or of a new one."""
    settings = {**body, "name": body["run_name"]}
    del settings["run_name"]
    for page in api.list_jobs(settings["name"], limit=1):
        for job in page:
            api.reset_job(job["job_id"], settings)
            return int(job["job_id"])
    return int(api.create_job(settings)["job_id"])


def _show_history(app: "App", job_id: int) -> None:
    """The job's history on stderr, once there is more than this run."""
    from dbjobs.api.models import Run
    from dbjobs.api.paging import RunFilter
    from dbjobs.cli.jobs.history import DEFAULT_RUNS
    from dbjobs.output.terminal.job_history import history_text
    from dbjobs.runs.history import analyze_runs

    pages = app.api.list_runs(RunFilter(job_id=job_id), limit=DEFAULT_RUNS, expand_tasks=True)
    history = analyze_runs(Run(run) for page in pages for run in page)
    if len(history.runs) > 1:
        app.streams.note(f"\n$ dbjobs jobs history {job_id}")
        app.streams.progress(history_text(app.streams, app.streams.err, history, job_id))


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
