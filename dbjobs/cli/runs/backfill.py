"""`dbjobs runs backfill`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbjobs.cli.context import App
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import DryRun, Force, JobRef
from dbjobs.cli.request_options import BodyOptions, ParameterOptions
from dbjobs.cli.run_requests import RunNowOptions
from dbjobs.cli.wait_options import WaitOptions, check_wait_options
from dbjobs.cli.waiting import make_wait
from dbjobs.common.deadline import time_limit
from dbjobs.errors import RefusedError, UsageError
from dbjobs.http.response import Payload
from dbjobs.http.retry import START_SECONDS
from dbjobs.output.formatting import count, format_counts

if TYPE_CHECKING:
    from dbjobs.runs.backfill import Backfill, PlannedRun
    from dbjobs.runs.parameter_sets import ParameterSet


def _set_option(name: str, help_text: str, **kwargs: Any) -> Any:
    return typer.Option(name, help=help_text, rich_help_panel="Parameter sets", **kwargs)


def _range_option(unit: str) -> Any:
    return _set_option(f"--{unit}", f"A set for each of these {unit}.", metavar="FIRST..LAST")


@dataclass(frozen=True)
class SetOptions:
    """The parameter sets to run a job with."""

    each: Annotated[
        list[str] | None,
        _set_option(
            "--each",
            "A set for each entry of a file: CSV, JSON lines or YAML; - is stdin. Several are combined.",
            metavar="FILE",
        ),
    ] = None
    hours: Annotated[str | None, _range_option("hours")] = None
    days: Annotated[str | None, _range_option("days")] = None
    weeks: Annotated[str | None, _range_option("weeks")] = None
    months: Annotated[str | None, _range_option("months")] = None
    as_names: Annotated[
        str | None,
        _set_option(
            "--as",
            "The parameter that gets the hour, day, week or month; or two, for its start and its end.",
            metavar="NAME[,NAME]",
        ),
    ] = None
    every: Annotated[
        int | None, _set_option("--every", "Intervals of N hours, days, weeks or months.", metavar="N", min=1)
    ] = None
    time_zone: Annotated[
        str | None,
        _set_option(
            "--time-zone", "The time zone of the hours, and of today  [default: UTC].", metavar="ZONE"
        ),
    ] = None
    reverse: Annotated[bool, _set_option("--reverse", "Start the last set first.")] = False

    def check(self) -> None:
        """A UsageError if the options given contradict each other."""
        ranges = [f"--{unit}" for unit, _ in self._ranges]
        if len(ranges) > 1:
            raise UsageError(f"{' and '.join(ranges)} cannot be combined")
        if not ranges and not self.each:
            raise UsageError(
                "no parameter set is given", hint="give --each FILE, or a range: --days FIRST..LAST --as NAME"
            )
        if ranges and self.as_names is None:
            raise UsageError(f"{ranges[0]} needs --as NAME, the parameter that gets its values")
        for option, value in (
            ("--as", self.as_names),
            ("--every", self.every),
            ("--time-zone", self.time_zone),
        ):
            if value is not None and not ranges:
                raise UsageError(f"{option} needs a range, such as --days FIRST..LAST")
        if (self.each or []).count("-") > 1:
            raise UsageError("--each - is given twice, and stdin can be read once")

    @property
    def _ranges(self) -> list[tuple[str, str]]:
        units = {"hours": self.hours, "days": self.days, "weeks": self.weeks, "months": self.months}
        return [(unit, text) for unit, text in units.items() if text is not None]

    def read(self, now: float) -> "list[ParameterSet]":
        """Every set of each file with every set of the others, and with every interval of the range."""
        from dbjobs.jobfiles.files import read_text
        from dbjobs.runs.parameter_sets import multiply_sets, read_sets

        groups = []
        for file in self.each or ():
            name = "stdin" if file == "-" else file
            groups.append(read_sets(read_text(file, name), name))
        for unit, text in self._ranges:
            groups.append(self._read_range(unit, text, now))
        return multiply_sets(groups)

    def fix_ranges(self, words: Sequence[str], now: float) -> tuple[str, ...]:
        """The words of a call that means the same sets tomorrow, whatever `yesterday` is then."""
        from dbjobs.runs.intervals import fix_range

        fixed = list(words)
        for unit, text in self._ranges:
            means = fix_range(text, unit, now=now, zone=self.time_zone or "UTC")
            option = f"--{unit}"
            for index, word in enumerate(words):
                if word == f"{option}={text}":
                    fixed[index] = f"{option}={means}"
                elif word == text and index and words[index - 1] == option:
                    fixed[index] = means
        return tuple(fixed)

    def _read_range(self, unit: str, text: str, now: float) -> "list[ParameterSet]":
        from dbjobs.runs.intervals import read_intervals
        from dbjobs.runs.parameter_sets import MAX_SETS

        names = [name.strip() for name in (self.as_names or "").split(",")]
        if not all(names) or len(names) > 2 or len(set(names)) < len(names):
            raise UsageError(f"--as: {self.as_names!r} is neither a name nor two names, as in START,END")
        intervals = read_intervals(
            text, unit, now=now, every=self.every or 1, zone=self.time_zone or "UTC", most=MAX_SETS + 1
        )
        if len(names) == 1:
            return [{names[0]: interval.name} for interval in intervals]
        return [{names[0]: interval.start, names[1]: interval.end} for interval in intervals]


def _run_option(name: str, help_text: str, **kwargs: Any) -> Any:
    return typer.Option(name, help=help_text, rich_help_panel="Backfill options", **kwargs)


@dataclass(frozen=True)
class BackfillOptions:
    """How the runs of a backfill are started."""

    max_parallel: Annotated[
        int | None,
        _run_option(
            "--max-parallel",
            "Run at most N sets at once  [default: the job's max_concurrent_runs].",
            metavar="N",
            min=1,
        ),
    ] = None
    max_failures: Annotated[
        int | None,
        _run_option("--max-failures", "Start no more runs once N have failed.", metavar="N", min=1),
    ] = None
    rerun_failed: Annotated[
        bool, _run_option("--rerun-failed", "Repair the runs of earlier calls that failed.")
    ] = False
    skip_existing: Annotated[
        bool,
        _run_option(
            "--skip-existing", "Leave out sets with which the job has already run, whatever the outcome."
        ),
    ] = False
    batch: Annotated[
        str | None,
        _run_option("--batch", "With another NAME, the same sets run again.", metavar="NAME"),
    ] = None


def command(
    ctx: typer.Context,
    job: JobRef,
    sets: SetOptions,
    backfill: BackfillOptions,
    body: BodyOptions,
    parameters: ParameterOptions,
    request_options: RunNowOptions,
    options: WaitOptions,
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Run a job once per parameter set, and wait for all runs.

    Each set has an idempotency token made from it: the same command again, whatever ended it,
    starts only what is missing. --dry-run shows the sets, and which runs exist.

    Values of ranges: 2026-01-31, today, yesterday or -7d; with --hours also 2026-01-31T06
    and -24h; with --weeks also 2026-W05 and -4w; with --months also 2026-01 and -3m. A
    single value is a range of its own. With --as START,END, the end is not in the interval.

    \b
    Examples:
      dbjobs runs backfill nightly --days 2026-01-01..2026-01-31 --as day
      dbjobs runs backfill nightly --days -7d..yesterday --as day --dry-run
      dbjobs runs backfill 42 --hours yesterday --as start,end --max-parallel 4
      dbjobs runs backfill 42 --each regions.csv --months -3m..-1m --as month
      dbjobs runs backfill nightly --each days.csv --rerun-failed

    Exit codes: 0 all runs succeeded, else those of `dbjobs runs wait`, of all runs together;
    5 if a set was refused and the runs of the others succeeded.
    """
    check_wait_options(ctx, options)
    sets.check()
    if backfill.rerun_failed and backfill.skip_existing:
        raise UsageError("--rerun-failed and --skip-existing cannot be combined")
    app = app_of(ctx)
    parameter_sets = sets.read(app.clock.now())
    same_command = replace(app, words=sets.fix_ranges(app.words, app.clock.now())).same_command
    file = body.open() if body.is_given else None
    with time_limit(app.clock, options.timeout) as limit:
        with time_limit(app.clock, START_SECONDS):
            job_id = app.job_id(job)
        settings = app.api.get_job(job_id)
        request = request_options.make_request(app, file, job_id, lambda: settings, force=force)
        if request.pop("idempotency_token", None):
            raise UsageError("each set has an idempotency token of its own", hint="leave it out of the file")
        planned = _plan(parameter_sets, parameters, request, settings, force=force)
        if sets.reverse:
            planned.reverse()
        if dry_run:
            _show_plan(app, settings, planned, backfill.batch or "")
            return
        if backfill.skip_existing:
            planned = _without_existing(app, settings, planned)
        started = _make_backfill(app, settings, planned, backfill)
    if planned:
        number = f"{count(len(planned), 'set')}, {started.max_parallel} at once at most"
        lines = [f"{number}; if this is interrupted, continue with:", f"  {same_command()}"]
        app.streams.note("\n".join(app.streams.wrap(app.streams.err, lines)))
    options = replace(options, timeout=limit.seconds_left)
    code = make_wait(app, [], options, backfill=started, same_command=same_command).run()
    raise typer.Exit(started.exit_code(code))


def _plan(
    sets: "Sequence[ParameterSet]",
    parameters: ParameterOptions,
    request: Payload,
    job: Payload,
    *,
    force: bool,
) -> "list[PlannedRun]":
    """A run for each set, whose values come before those of the options and of the request."""
    from dbjobs.jobfiles.parameters import check_run_parameters, merge_parameters
    from dbjobs.runs.backfill import plan_runs

    pairs = parameters.read_pairs()

    def make_body(values: "ParameterSet") -> Payload:
        chosen = parameters.choose({**pairs, **values}, lambda: job, force=force)
        body = {**request, **merge_parameters(request, chosen)}
        check_run_parameters(body, lambda: job, force=force)
        return body

    return plan_runs(sets, make_body)


def _make_backfill(
    app: App, job: Payload, planned: "Sequence[PlannedRun]", options: BackfillOptions
) -> "Backfill":
    from dbjobs.runs.backfill import Backfill, newest_start_time
    from dbjobs.runs.repairs import RepairReader

    job_id = int(job["job_id"])
    max_concurrent_runs = (job.get("settings") or {}).get("max_concurrent_runs") or 1
    return Backfill(
        app.api,
        job_id,
        planned,
        options.batch or "",
        options.max_parallel or int(max_concurrent_runs),
        newest_before=newest_start_time(app.api, job_id, must_know=options.rerun_failed),
        max_failures=options.max_failures or math.inf,
        repair_reader=RepairReader(app.api, before={}) if options.rerun_failed else None,
    )


def _without_existing(app: App, job: Payload, planned: "Sequence[PlannedRun]") -> "list[PlannedRun]":
    from dbjobs.runs.existing_runs import find_existing_runs

    existing = find_existing_runs(app.api, job, planned).that_ran
    if existing:
        states = format_counts(run.shown_state for run in existing.values())
        app.streams.note(f"left out {len(existing)} of {len(planned)} sets, which have run: {states}")
    return [one for one in planned if one.label not in existing]


def _show_plan(app: App, job: Payload, planned: "Sequence[PlannedRun]", batch: str) -> None:
    """For people, the sets and the runs that exist; for programs, the requests."""
    from dbjobs.runs.backfill import make_token
    from dbjobs.runs.existing_runs import ExistingRuns, find_existing_runs

    job_id = int(job["job_id"])
    if app.output != "text":
        for one in planned:
            app.api_to_change(True).run_now(job_id, one.body, make_token(job_id, one.body, batch))
        return
    from dbjobs.output.terminal.parameter_sets import write_plan

    existing = ExistingRuns({}, 0, is_complete=False)
    try:
        existing = find_existing_runs(app.api, job, planned)
    except RefusedError as error:  # who may start runs may not be allowed to list them
        app.streams.warn(f"which of them have run is not known: {error.message}")
    write_plan(app.streams, planned, existing, app.clock.now())
    if not existing.is_complete and existing.searched:
        app.streams.note(f"looked for existing runs among the newest {existing.searched} of the job")
