"""Every --wait: the options, as the wait and its display take them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dbjobs.cli.context import App
from dbjobs.cli.wait_options import OnExit, RepairOn, WaitOptions
from dbjobs.output.progress import ProgressMode
from dbjobs.output.reporting import Reporter, report_files
from dbjobs.output.wait_display import WaitDisplay
from dbjobs.runs.failures import FailureReader
from dbjobs.runs.reader import RunReader
from dbjobs.runs.schedule import Schedule
from dbjobs.runs.snapshots import WatchedRun
from dbjobs.runs.waiting import Wait

if TYPE_CHECKING:
    from dbjobs.runs.auto_repair import AutoRepair
    from dbjobs.runs.backfill import Backfill
    from dbjobs.runs.repairs import RepairReader


def make_wait(
    app: App,
    run_ids: Sequence[int],
    options: WaitOptions,
    *,
    just_started: bool = False,
    just_canceled: bool = False,
    repair_reader: "RepairReader | None" = None,
    backfill: "Backfill | None" = None,
    same_command: Callable[..., str] = str,
) -> Wait:
    """The wait for the runs, with all that shows it.

    `just_started`: the runs exist for certain, though the server may not show them yet.
    `just_canceled`: their cancels were accepted.
    `repair_reader`: what reads these runs, which are being repaired.
    `backfill`: the runs that are started during the wait; `same_command` makes the command that
    continues it, with more options.
    """
    app.streams.keep_results()
    for run_id in run_ids[-1:]:
        app.remember_run(run_id)
    failures = FailureReader(app.api)
    repair_reader = repair_reader or (backfill.repair_reader if backfill else None)
    auto_repair = make_auto_repair(app, options, failures, repair_reader)
    reader = auto_repair.reader if auto_repair else repair_reader or RunReader(app.api)
    display = WaitDisplay(
        app.streams,
        app.clock,
        make_reporter(app, options, failures, backfill),
        failures,
        app.command_line,
        output=app.output,
        progress=options.progress,
        show_output=options.show_output.value,
        backfill=backfill,
        same_command=same_command,
        canceled=set(run_ids) if just_canceled else None,
        no_input=options.no_input,
        earlier_attempts=reader.earlier_attempts,
    )
    return Wait(
        reader,
        app.clock,
        display,
        replace(make_schedule(options), tick=display.tick).capped(display.longest_pause),
        {run_id: WatchedRun(run_id, is_known=just_started) for run_id in run_ids},
        backfill,
        auto_repair,
        cancels_on_timeout=options.on_timeout is OnExit.CANCEL,
        cancels_on_interrupt=options.on_interrupt is OnExit.CANCEL,
        is_strict=options.strict,
    )


def make_auto_repair(
    app: App, options: WaitOptions, failures: FailureReader, reader: "RepairReader | None"
) -> "AutoRepair | None":
    """What repairs failed runs, if --repair was given. `reader`: what their command reads them with."""
    if not options.repair:
        return None
    from dbjobs.runs.auto_repair import AutoRepair
    from dbjobs.runs.repairs import RepairReader

    return AutoRepair(
        reader or RepairReader(app.api, before={}),
        failures,
        options.repair,
        is_any=options.repair_on is RepairOn.ANY,
        is_strict=options.strict,
        max_outage=options.max_outage,
    )


def make_schedule(options: WaitOptions) -> Schedule:
    """Planned from the history of the runs' jobs, unless the options say how long to pause."""
    schedule = Schedule(
        is_planned=options.poll_interval is None,
        timeout=options.timeout,
        max_outage=options.max_outage,
        fail_fast=options.fail_fast,
    )
    if options.poll_interval is not None:
        maximum = options.poll_interval if options.poll_max is None else options.poll_max
        return replace(schedule, interval=options.poll_interval, maximum=maximum, reads_history=True)
    if options.poll_max is not None:
        longest = options.poll_max
        interval, maximum = min(schedule.interval, longest), longest
        longest_planned = min(schedule.longest_planned, longest)
        return replace(schedule, interval=interval, maximum=maximum, longest_planned=longest_planned)
    return schedule


def make_reporter(
    app: App, options: WaitOptions, failures: FailureReader, backfill: "Backfill | None" = None
) -> Reporter:
    """What reports to the CI system and writes the report files that the options name."""
    return Reporter(
        app.streams,
        app.clock,
        failures,
        options.ci,
        report_files(options.junit, options.report),
        pending_starts=backfill,
        is_strict=options.strict,
        notify_url=options.notify,
        trace_target=options.trace,
        has_groups=options.progress not in (ProgressMode.EVENTS, ProgressMode.NONE),
    )
