"""`dbjobs runs repair`."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from dbjobs.api.models import Run
from dbjobs.cli.changing import explain_unknown_outcome, hint_to_look, read_parameters
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import DryRun, Force, OptionalRun, Wait
from dbjobs.cli.request_options import ParameterOptions
from dbjobs.cli.run_lookup import ENDED, resolve_run
from dbjobs.cli.showing import show_created
from dbjobs.cli.starting import end_wait_on_signal, within_timeout
from dbjobs.cli.wait_options import WaitOptions, check_wait_options
from dbjobs.cli.waiting import make_wait
from dbjobs.common.deadline import time_limit
from dbjobs.errors import UsageError
from dbjobs.http.retry import START_SECONDS
from dbjobs.runs import waiting

if TYPE_CHECKING:
    from dbjobs.http.response import Payload


@dataclass(frozen=True)
class RerunOptions:
    """Which tasks to run again."""

    tasks: Annotated[
        list[str] | None,
        typer.Option("--rerun", metavar="TASK", help="Run this task again; may be repeated."),
    ] = None
    failed: Annotated[
        bool, typer.Option("--rerun-failed", help="Run all failed tasks again (also if no TASK is named).")
    ] = False
    dependent: Annotated[
        bool, typer.Option("--rerun-dependent", help="Also run the tasks that depend on those again.")
    ] = False


def command(
    ctx: typer.Context,
    rerun: RerunOptions,
    parameters: ParameterOptions,
    options: WaitOptions,
    run: OptionalRun = None,
    force: Force = False,
    dry_run: DryRun = False,
    wait: Wait = False,
) -> None:
    """Run tasks of an ended run again, and print the id of the repair.

    The parameters of the run are sent again, with those that you give here added.

    \b
    Examples:
      dbjobs runs repair 123
      dbjobs runs repair 123 --rerun clean --rerun-dependent --wait

    Exit codes: 0 started, 4 no such run or task, 5 refused, 6 out of reach. With
    --wait, those of `dbjobs runs wait`, judged by the newest attempts.
    """
    from dbjobs.runs.repairs import RepairReader, as_job, plan_repair

    if rerun.tasks and rerun.failed:
        raise UsageError("--rerun and --rerun-failed cannot be combined")
    check_wait_options(ctx, options, waits=wait)
    app = app_of(ctx)
    timeout = options.timeout if wait else math.inf
    with time_limit(app.clock, timeout) as lookup_limit:
        run_id = resolve_run(app, run, ENDED)
    hint = hint_to_look(app, "runs get", str(run_id))
    before: Payload = {}
    started: waiting.Wait | None = None

    def make_repair_wait(timeout: float) -> waiting.Wait:
        reader = RepairReader(app.api, before={run_id: Run(before)})
        left = replace(options, timeout=timeout)
        return make_wait(app, [run_id], left, just_started=True, repair_reader=reader)

    def find_wait() -> waiting.Wait | None:
        may_wait = wait and not started and app.transport.may_have_changed
        return make_repair_wait(options.timeout) if may_wait else started

    with end_wait_on_signal(find_wait):
        with (
            within_timeout(app, timeout, lookup_limit) as limit,
            explain_unknown_outcome(app, f"run {run_id} may have been repaired", hint),
        ):
            with time_limit(app.clock, START_SECONDS):
                before = app.api.get_run(run_id, include_history=True)
            given = read_parameters(app, parameters, lambda: as_job(before), force=force)
            body = plan_repair(before, rerun.tasks or (), given, with_dependent=rerun.dependent)
            answer = app.api_to_change(dry_run).repair_run(run_id, body)
        if not answer:  # a dry run
            return
        if not wait or app.output in ("text", "id"):
            show_created(app, answer, "repair_id")
        way_back = app.command_line("runs wait", str(run_id))
        app.streams.note(f"repair {answer['repair_id']} of run {run_id} started; to wait for it: {way_back}")
        if wait:
            started = make_repair_wait(limit.seconds_left)
            raise typer.Exit(started.run())
