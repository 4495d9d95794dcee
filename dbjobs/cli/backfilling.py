"""`runs now JOB --each …`: a run for each of many parameter sets."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbjobs.cli.context import App
from dbjobs.cli.request_options import ParameterOptions
from dbjobs.cli.wait_options import WaitOptions
from dbjobs.cli.waiting import wait_for_runs
from dbjobs.common.deadline import time_limit
from dbjobs.errors import DbjobsError, UsageError
from dbjobs.http.response import Payload

if TYPE_CHECKING:
    from dbjobs.runs.parameter_sets import ParameterSet

CONTINUE_HINT = "the same command goes on from here: it starts only what is missing"


def _option(name: str, help_text: str, **kwargs: Any) -> Any:
    return typer.Option(name, help=help_text, rich_help_panel="Backfill options", **kwargs)


@dataclass(frozen=True)
class BackfillOptions:
    """The parameter sets to run a job with, and how."""

    each: Annotated[
        str | None,
        _option(
            "--each",
            "Start a run for each set in it: CSV, JSON lines or a YAML list; - is stdin.",
            metavar="FILE",
        ),
    ] = None
    each_day: Annotated[
        str | None,
        _option("--each-day", "Start a run for each of these days.", metavar="FIRST..LAST"),
    ] = None
    as_name: Annotated[str | None, _option("--as", "The parameter that gets the day.", metavar="NAME")] = None
    max_parallel: Annotated[
        int | None,
        _option(
            "--max-parallel",
            "So many runs at once at most  [default: the job's max_concurrent_runs].",
            metavar="N",
            min=1,
        ),
    ] = None
    batch: Annotated[
        str | None,
        _option("--batch", "Another name makes other runs of the same sets.", metavar="NAME"),
    ] = None

    @property
    def is_given(self) -> bool:
        return self.each is not None or self.each_day is not None

    def check(self, idempotency_token: str | None) -> None:
        """A UsageError if the options given contradict each other."""
        if self.each is not None and self.each_day is not None:
            raise UsageError("--each and --each-day exclude each other")
        if (self.each_day is None) != (self.as_name is None):
            raise UsageError("--each-day needs --as NAME, the parameter that gets the day, and --as needs it")
        if self.is_given and idempotency_token:
            raise UsageError(
                "each set has an idempotency token of its own", hint="--batch NAME makes other tokens"
            )
        if not self.is_given and (self.max_parallel or self.batch):
            raise UsageError("--max-parallel and --batch go with --each or --each-day")

    def read_sets(self) -> "list[ParameterSet]":
        """From the file or the range of dates; [] if neither was given."""
        if not self.is_given:
            return []
        from dbjobs.jobfiles.files import read_text
        from dbjobs.runs.parameter_sets import read_days, read_sets

        if self.each_day is not None and self.as_name is not None:
            return read_days(self.each_day, self.as_name)
        name = "stdin" if self.each == "-" else str(self.each)
        return read_sets(read_text(str(self.each), name), name)


def run_backfill(
    app: App,
    job_id: int,
    sets: "list[ParameterSet]",
    parameters: ParameterOptions,
    request: Payload,
    backfill_options: BackfillOptions,
    options: WaitOptions,
    *,
    dry_run: bool,
    force: bool = False,
) -> None:
    """Start the runs that are missing, wait for all runs together, and exit with their outcome.

    `request` is what all bodies have in common; the parameters of `sets` are added to it.
    """
    from dbjobs.jobfiles.parameters import check_run_parameters, merge_parameters
    from dbjobs.runs.backfill import Backfill, make_token, newest_start_time, plan_runs

    batch = backfill_options.batch or ""
    pairs = parameters.read_pairs()
    with time_limit(app.clock, options.timeout) as limit:
        job = app.api.get_job(job_id)

        def make_body(values: "ParameterSet") -> Payload:
            chosen = parameters.choose({**pairs, **values}, lambda: job, force=force)
            body = {**request, **merge_parameters(request, chosen)}
            check_run_parameters(body, lambda: job, force=force)
            return body

        planned = plan_runs(sets, make_body)
        if dry_run:
            for one in planned:
                app.api_to_change(True).run_now(job_id, one.body, make_token(job_id, one.body, batch))
            return
        max_parallel = (job.get("settings") or {}).get("max_concurrent_runs") or 1
        backfill = Backfill(
            app.api,
            job_id,
            planned,
            batch,
            backfill_options.max_parallel or int(max_parallel),
            newest_before=newest_start_time(app.api, job_id),
        )
    app.streams.note(
        f"{len(planned)} runs are wanted, {backfill.max_parallel} at once at most; {CONTINUE_HINT}"
    )
    try:
        code = wait_for_runs(app, [], replace(options, timeout=limit.seconds_left), backfill=backfill)
    except DbjobsError as error:
        error.hint = "; ".join(filter(None, [error.hint, CONTINUE_HINT]))
        raise
    finally:
        if backfill.uncertain:
            uncertain = "; ".join(backfill.uncertain)
            app.streams.warn(f"{uncertain} may have been started, or not; {CONTINUE_HINT}")
        if unstarted := backfill.unstarted:
            app.streams.note(f"{len(unstarted)} of {len(planned)} runs were not started; {CONTINUE_HINT}")
    raise typer.Exit(backfill.exit_code(code))
