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
That was a real run, on this machine; only the runs of the days before are made up. What to do next:
  {dbjobs} {other}
  {dbjobs} sandbox serve --root {root}
    serves this workspace until Ctrl-C; then, in a second shell:
  {dbjobs} runs submit -f {job} --wait"""

OTHER_DEMO = {
    False: "demo --fail\n    changes a setting, and shows how the failure is reported",
    True: "demo\n    shows the run that succeeds, and the history of the job",
}


def command(
    ctx: typer.Context,
    fail: Annotated[
        bool, typer.Option("--fail", help="Run the pipeline on data that it must reject.")
    ] = False,
) -> None:
    """Run a small pipeline of real Python tasks, and watch it.

    It starts a workspace on this machine, runs the job in examples/demo there, watches it to
    its end, and exits with the outcome. Then it shows the history of the job, or with --fail why the
    run failed and what to do. The job has made-up runs of the days before; the runs of the demo are
    added to them, and kept in the user's cache folder.

    \b
    Examples:
      dbjobs demo
      dbjobs demo --fail

    Exit codes: 0 the run succeeded, 10 it failed (with --fail).
    """
    # late, for every --help of the root loads this module
    from dbjobs.cli.wait_options import OnExit, ShowOutput, WaitOptions
    from dbjobs.cli.waiting import make_wait
    from dbjobs.output.ci_systems import CiSystem

    root = examples_folder() / "demo"
    job = root / ("fail.yaml" if fail else "job.yaml")
    shown = ShowOutput.FAILED if fail else ShowOutput.ALL
    options = WaitOptions(
        poll_max=1.0,
        show_output=shown,
        on_interrupt=OnExit.CANCEL,
        ci=CiSystem.NONE,
    )
    called = app_of(ctx)
    called.streams.note("setting up a workspace on this machine, and in it a job with made-up past runs")
    earlier_runs = str(root / "earlier-runs.yaml")
    with new_sandbox(root, earlier_runs, history=None if fail else _history_file()) as sandbox:
        app = replace(
            called,
            options=replace(called.options, profile=None, config=None, host=None),
            environ={**called.environ, "DATABRICKS_HOST": sandbox.url, "DATABRICKS_TOKEN": sandbox.token},
        )
        job_id = _make_job(app.api, _read_settings(root / "job.yaml"))
        if fail:
            app.streams.note(
                f"$ dbjobs jobs reset {job_id} -f {_shortest(job)} --yes   # tolerates no bad order"
            )
            app.api.reset_job(job_id, _read_settings(job))
        app.streams.note(f"$ dbjobs runs now {job_id} --wait --show-output {shown.value}")
        run_id = int(app.api_to_change(False).run_now(job_id, {}, str(uuid4()))["run_id"])
        app.streams.result_ids(str(run_id))
        code = make_wait(app, [run_id], options, just_started=True).run()
        if fail:
            _explain(app, run_id)
        else:
            _show_history(app, job_id)
        # in a virtual environment that is not on the path, dbjobs is typed with its folder
        program = Path(sys.argv[0]).absolute()
        needs_folder = program.name == "dbjobs" and shutil.which("dbjobs") != str(program)
        app.streams.note(
            NEXT_STEPS.format(
                other=OTHER_DEMO[fail],
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


def _make_job(api: "JobsApi", settings: "Payload") -> int:
    """The id of the job of an earlier demo, with these settings, or of a new one."""
    for page in api.list_jobs(settings["name"], limit=1):
        for job in page:
            api.reset_job(job["job_id"], settings)
            return int(job["job_id"])
    return int(api.create_job(settings)["job_id"])


def _read_settings(file: Path) -> "Payload":
    """The settings of a job with the tasks of a one-time run."""
    from dbjobs.jobfiles.files import read_body

    body = read_body(str(file), None)
    return {"name": body["run_name"], **{name: body[name] for name in body if name != "run_name"}}


def _explain(app: "App", run_id: int) -> None:
    """Why the run failed, on stderr."""
    from dbjobs.api.models import Run
    from dbjobs.output.explanation import render_explanation
    from dbjobs.runs.explain import explain_run
    from dbjobs.runs.failures import FailureReader

    app.streams.note(f"\n$ dbjobs runs explain {run_id}")
    explanation = explain_run(app.api, Run(app.api.get_run(run_id)), FailureReader(app.api, is_quiet=True))
    app.streams.progress(render_explanation(explanation, app.streams, app.command_line, app.clock.now()))


def _show_history(app: "App", job_id: int) -> None:
    """The job's history on stderr."""
    from dbjobs.api.models import Run
    from dbjobs.api.paging import RunFilter
    from dbjobs.cli.jobs.history import DEFAULT_RUNS
    from dbjobs.cli.showing import listed_causes
    from dbjobs.output.terminal.job_history import history_text
    from dbjobs.runs.history import analyze_runs

    pages = app.api.list_runs(RunFilter(job_id=job_id), limit=DEFAULT_RUNS, expand_tasks=True)
    history = analyze_runs(Run(run) for page in pages for run in page)
    if causes := listed_causes(app):
        history = causes.of_failures(history)
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
