"""`dbjobs runs list`."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from dbjobs.api.client import RUNS_PAGE
from dbjobs.api.paging import RunFilter
from dbjobs.api.states import RESULT_STATES, TRIGGERS
from dbjobs.cli.context import App
from dbjobs.cli.framework import app_of
from dbjobs.cli.options import ExpandTasks, Limit, known_value, parse_when
from dbjobs.cli.showing import listed_causes, show_list
from dbjobs.errors import UsageError

RUN_TYPES = ("JOB_RUN", "SUBMIT_RUN", "WORKFLOW_RUN")

CLOCK_TOLERANCE = 600
"""Seconds by which the clock of this machine may be behind that of the workspace."""

DEFAULT_LIMIT = 20
"""How many runs are listed unless --limit says otherwise."""


def _text(name: str, metavar: str, help_text: str) -> Any:
    return typer.Option(name, metavar=metavar, help=help_text)


@dataclass(frozen=True)
class RunFilterOptions:
    """Which runs to list."""

    job: Annotated[str | None, _text("--job", "JOB", "Only runs of this job.")] = None
    active: Annotated[bool, typer.Option("--active", help="Only runs that have not ended.")] = False
    completed: Annotated[bool, typer.Option("--completed", help="Only runs that have ended.")] = False
    failed: Annotated[
        bool, typer.Option("--failed", help="Only runs that failed, timed out or ended in an error.")
    ] = False
    result: Annotated[
        str | None, _text("--result", "STATE", "Only runs with this result, such as SUCCESS or CANCELED.")
    ] = None
    user: Annotated[
        str | None, _text("--user", "NAME", "Only runs that this user or service principal started.")
    ] = None
    trigger: Annotated[
        str | None,
        _text("--trigger", "TYPE", "Only runs with this trigger, such as PERIODIC or ONE_TIME."),
    ] = None
    run_type: Annotated[
        str | None, _text("--run-type", "TYPE", "Only JOB_RUN, SUBMIT_RUN or WORKFLOW_RUN.")
    ] = None
    since: Annotated[str | None, _text("--since", "WHEN", "Only runs that started then or later.")] = None
    until: Annotated[str | None, _text("--until", "WHEN", "Only runs that started then or earlier.")] = None

    def read(self, app: App) -> RunFilter:
        """The filter of these options; names are looked up, and times parsed."""
        if self.active and self.completed:
            raise UsageError("--active and --completed cannot be combined", hint="leave both out to list all")
        if self.failed and self.result is not None:
            raise UsageError("--failed and --result cannot be combined", hint="leave one of them out")
        if self.active and (self.failed or self.result is not None):
            option = "--failed" if self.failed else "--result"
            raise UsageError(
                f"--active and {option} cannot be combined: a run has a result once it has ended"
            )
        now = app.clock.now()
        since, until = parse_when("--since", self.since, now), parse_when("--until", self.until, now)
        if since is not None and until is not None and since > until:
            raise UsageError("--since is later than --until, so there can be no such run")
        if since is not None and since > (now + CLOCK_TOLERANCE) * 1000:
            raise UsageError("--since is in the future, so there can be no such run")
        run_type = self.run_type and known_value("--run-type", self.run_type, RUN_TYPES)
        result = self.result and known_value("--result", self.result, tuple(RESULT_STATES))
        trigger = self.trigger and known_value("--trigger", self.trigger, TRIGGERS)
        return RunFilter(
            job_id=app.job_id(self.job) if self.job is not None else None,
            active_only=self.active or None,
            completed_only=self.completed or self.failed or result is not None or None,
            run_type=run_type,
            start_time_from=since,
            start_time_to=until,
            is_failed=self.failed,
            result_state=result,
            user=self.user,
            trigger=trigger,
        )


def command(
    ctx: typer.Context, filters: RunFilterOptions, limit: Limit = None, expand_tasks: ExpandTasks = False
) -> None:
    """List runs, the latest first: 20 unless --limit is given.

    WHEN is a time such as 2026-01-31T12:00 (local, unless it names its zone), an age
    such as 90m, 2h or 7d, or an epoch in milliseconds. The API does not filter by result, user
    and trigger, so these read the list to its end or to the limit; --since ends it earlier.

    \b
    Examples:
      dbjobs runs list --job nightly --since 7d --limit 0
      dbjobs runs list --active -o id | dbjobs runs wait -
      dbjobs runs list --failed --since 1d
      dbjobs runs list --user ann --trigger ONE_TIME

    Exit codes: 0 listed, 6 out of reach; rows that came before an error are printed.
    """
    app = app_of(ctx)
    rows = DEFAULT_LIMIT if limit is None else limit
    run_filter, causes = filters.read(app), listed_causes(app)
    # the tasks of one page cost no request, and say whose output has the cause of a failure
    has_tasks = causes is not None and 0 < rows <= RUNS_PAGE and not run_filter.is_sparse
    pages = app.api.list_runs(
        run_filter, limit=rows or None, expand_tasks=expand_tasks or has_tasks, complete=expand_tasks
    )
    number = show_list(app, "run", pages, causes, with_tasks=expand_tasks)
    if number == DEFAULT_LIMIT and limit is None and app.output == "text":
        app.streams.note(f"these are the newest {number}; --limit 0 lists all")
