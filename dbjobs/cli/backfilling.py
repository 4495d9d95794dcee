"""`runs now JOB --each …`: a run for each of many sets of parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbjobs.api.models import Run
from dbjobs.cli.context import App
from dbjobs.cli.request_options import ParameterOptions
from dbjobs.cli.wait_options import WaitOptions
from dbjobs.cli.waiting import wait_for_runs
from dbjobs.common.deadline import time_limit
from dbjobs.errors import DbjobsError, ExitCode, RefusedError, UsageError
from dbjobs.http.response import Payload
from dbjobs.http.retry import NO_RETRIES
from dbjobs.output.progress import mode_of
from dbjobs.runs.reader import RunReader

if TYPE_CHECKING:
    from dbjobs.runs.backfill import Backfill, Values, Wanted
    from dbjobs.runs.watching import Snapshot, WatchedRun

GO_ON = "the same command goes on from here: it starts only what is missing"


def _option(name: str, help_text: str, **kwargs: Any) -> Any:
    return typer.Option(
        name, help=help_text, show_default=False, rich_help_panel="Backfill options", **kwargs
    )


@dataclass(frozen=True)
class Each:
    """The sets of parameters to run a job with."""

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
        """A UsageError if what was given does not go together."""
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

    def read(self) -> "list[Values]":
        """The sets."""
        from dbjobs.jobfiles.files import read_text
        from dbjobs.runs.backfill import read_days, read_sets

        if self.each_day is not None and self.as_name is not None:
            return read_days(self.each_day, self.as_name)
        name = "stdin" if self.each == "-" else str(self.each)
        return read_sets(read_text(str(self.each), name), name)


def run_each(
    app: App,
    job_id: int,
    each: Each,
    sets: "Sequence[Values]",
    parameters: ParameterOptions,
    common: Payload,
    options: WaitOptions,
    *,
    dry_run: bool,
    force: bool = False,
) -> None:
    """Start what is missing of the runs, watch all of them together, and exit with their outcome.

    `common` is what every request holds; the parameters of `sets` come on top.
    """
    with time_limit(app.clock, options.timeout) as limit:
        job = app.api.get_job(job_id)
        wanted = _want(sets, parameters, common, job, force=force)
        if dry_run:
            _print_requests(app, job_id, wanted, each.batch or "")
            return
        backfill = _backfill(app, job, wanted, each)
    options = replace(options, timeout=limit.seconds_left)
    note = f"{len(wanted)} runs are wanted, {backfill.most_active} at once at most; {GO_ON}"
    app.streams.note(note)
    pending_starts = _Told(app, options, backfill)
    try:
        code = wait_for_runs(
            app,
            [],
            options,
            pending_starts=pending_starts,
            summarize=pending_starts.summarize,
        )
    except DbjobsError as error:
        error.hint = "; ".join(filter(None, [error.hint, GO_ON]))
        raise
    finally:
        _tell_what_is_missing(app, backfill)
    raise typer.Exit(_exit_code(backfill, code))


def _want(
    sets: "Sequence[Values]", parameters: ParameterOptions, common: Payload, job: Payload, *, force: bool
) -> "list[Wanted]":
    from dbjobs.jobfiles.parameters import check_run_parameters, merge_parameters
    from dbjobs.runs.backfill import want_each

    pairs = parameters.read_pairs()

    def make_body(values: Mapping[str, str]) -> Payload:
        chosen = parameters.choose({**pairs, **values}, lambda: job, force=force)
        body = {**common, **merge_parameters(common, chosen)}
        check_run_parameters(body, lambda: job, force=force)
        return body

    return want_each(sets, make_body)


def _print_requests(app: App, job_id: int, wanted: "list[Wanted]", batch: str) -> None:
    from dbjobs.runs.backfill import make_token

    api = app.api_to_change(True)
    for one in wanted:
        api.run_now(job_id, one.body, make_token(job_id, one.body, batch))


def _backfill(app: App, job: Payload, wanted: "list[Wanted]", each: Each) -> "Backfill":
    from dbjobs.runs.backfill import Backfill

    job_id, reader = int(job["job_id"]), RunReader(app.api)

    def start(body: Payload, token: str) -> int:
        return int(app.api.run_now(job_id, body, token, NO_RETRIES)["run_id"])

    def look(run_id: int) -> Run | None:
        try:
            return reader.fetch(run_id)
        except DbjobsError:  # the watch asks again, and knows what it means
            return None

    return Backfill(
        wanted,
        job_id,
        each.batch or "",
        each.max_parallel or int((job.get("settings") or {}).get("max_concurrent_runs") or 1),
        start,
        look,
        lambda label, error: app.streams.warn(f"{label} was refused: {error.message}"),
        newest_before=_newest_start(app, job_id),
    )


def _newest_start(app: App, job_id: int) -> int:
    """When the job's newest run started, in epoch milliseconds; 0 if there was none."""
    from dbjobs.api.paging import RunFilter

    try:
        pages = list(app.api.list_runs(RunFilter(job_id=job_id), limit=1))
    except RefusedError:  # who may start runs may not be allowed to list them
        return 0
    return max((int(run.get("start_time") or 0) for page in pages for run in page), default=0)


@dataclass
class _Told:
    """The pending_starts of a backfill, whose ids go to stdout as they come."""

    app: App
    options: WaitOptions
    backfill: "Backfill"

    @property
    def waiting(self) -> int:
        return self.backfill.waiting

    @property
    def started(self) -> "Sequence[WatchedRun]":
        return self.backfill.started

    @property
    def uncertain(self) -> "Sequence[str]":
        return self.backfill.uncertain

    @property
    def not_started(self) -> Mapping[str, str]:
        return self.backfill.not_started

    def find_uncertain(self, label: str) -> "WatchedRun":
        return self.backfill.find_uncertain(label)

    def start_next(self, active: int) -> "WatchedRun | None":
        watched = self.backfill.start_next(active)
        if watched and self.app.output in ("text", "id") and not self._is_drawn_over:
            self.app.streams.result_ids(str(watched.run_id))
        return watched

    @property
    def _is_drawn_over(self) -> bool:
        """A line of stdout would stand amid the live view; it shows the ids itself."""
        streams = self.app.streams
        return mode_of(self.options.progress.value, streams) == "live" and streams.is_terminal(streams.out)

    def summarize(self, snapshot: "Snapshot") -> str:
        """The table of all sets."""
        from dbjobs.output.terminal.parameter_sets import render_parameter_sets

        backfill = self.backfill
        return render_parameter_sets(
            self.app.streams, snapshot, backfill.unstarted, backfill.refused, self.app.clock.now()
        )


def _tell_what_is_missing(app: App, backfill: "Backfill") -> None:
    """What was not started, and what may have been; the latter with --quiet, too."""
    if backfill.uncertain:
        app.streams.warn(f"{'; '.join(backfill.uncertain)} may have been started, or not; {GO_ON}")
    if unstarted := backfill.unstarted:
        app.streams.note(f"{len(unstarted)} of {len(backfill.wanted)} runs were not started; {GO_ON}")


def _exit_code(backfill: "Backfill", code: int) -> int:
    """The outcome of the runs, `code`; if they went well, what kept others from being started."""
    refusal = next(iter(backfill.refused.values()), None)
    return refusal.exit_code if refusal and code == ExitCode.SUCCESS else code
