"""Finding the run that is meant by an id, a URL, `JOB@failed` or `@last`, or choosing one."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from urllib.parse import urlsplit

import typer

from dbjobs.api.models import Run
from dbjobs.api.paging import RunFilter
from dbjobs.cli.cache import read_last_run
from dbjobs.cli.context import App
from dbjobs.errors import ConfigError, ExitCode, NotFoundError, UsageError
from dbjobs.runs.references import LAST, SELECTORS, WHAT_A_RUN_IS, parse_run_ref, split_selector

MAX_RUNS_SEARCHED = 1_000
"""Runs of a job that are looked at for the newest that failed or succeeded: forty requests."""

MAX_CHOICES = 20
"""Runs that are listed for a choice."""

ANY_RUN = RunFilter()
ACTIVE = RunFilter(active_only=True)
ENDED = RunFilter(completed_only=True)


def resolve_run(app: App, ref: str | None, listed: RunFilter = ANY_RUN) -> int:
    """The id of the run that a reference means; if there is none, of one that is chosen on the terminal.

    `listed`: which runs there are to choose from.
    """
    found = resolve_runs(app, None if ref is None else [ref], listed)
    if len(found) != 1:
        raise UsageError(f"this takes one run, and {len(found)} were given")
    return found[0]


def resolve_runs(app: App, refs: Sequence[str] | None, listed: RunFilter = ANY_RUN) -> list[int]:
    """The same for several references, `-` for those on stdin; in the order given, each once."""
    if not refs:
        return [_choose_run(app, listed)]
    return list(dict.fromkeys(_look_up(app, ref) for ref in read_stdin_refs(refs)))


def read_stdin_refs(refs: Sequence[str]) -> list[str]:
    """The references, with those on stdin instead of `-`."""
    texts = [*chain.from_iterable(sys.stdin.read().split() if ref == "-" else [ref] for ref in refs)]
    if not texts:
        raise UsageError("no run was given: stdin is empty")
    return texts


def _look_up(app: App, ref: str) -> int:
    """The id of the run that a reference means, in this workspace."""
    if ref == LAST:
        run_id = read_last_run(app.profile.address)
        if run_id is None:
            raise NotFoundError(
                f"{LAST}: no run was started or watched in {app.profile.host.value} from this machine yet",
                hint=WHAT_A_RUN_IS,
            )
        app.streams.note(f"{LAST} is run {run_id}")
        return run_id
    if selected := split_selector(ref):
        return _newest_run(app, ref, *selected)
    run = parse_run_ref(ref)
    if run.host and run.host != urlsplit(app.profile.host.value).netloc:
        raise ConfigError(
            f"that run is at {run.host}, but this is {app.profile.host.value}",
            hint="choose the profile of the run's workspace with --profile",
        )
    workspace_id = app.profile.workspace_id
    if run.workspace_id and workspace_id and run.workspace_id != workspace_id:
        raise ConfigError(
            f"that run is in workspace {run.workspace_id}, but this is workspace {workspace_id}",
            hint="choose the profile of the run's workspace with --profile",
        )
    return run.run_id


def _newest_run(app: App, ref: str, job: str, selector: str) -> int:
    """The newest run of a job that is `latest`, `failed`, `succeeded` or `active`."""
    job_id = app.job_id(job)
    listed = {"latest": ANY_RUN, "active": ACTIVE}.get(selector, ENDED)
    wanted = RunFilter(is_failed=selector == "failed", is_good=selector == "succeeded")
    most = 1 if listed is not ENDED else MAX_RUNS_SEARCHED
    from dbjobs.output.formatting import format_age, format_state

    number = 0
    for payload in chain.from_iterable(app.api.list_runs(replace(listed, job_id=job_id), limit=most)):
        number += 1
        if wanted.matches(payload):
            run = Run(payload)
            age = format_age(run.start_time, app.clock.now())
            facts = ", ".join(filter(None, [format_state(run), age and f"started {age}"]))
            app.streams.note(f"{ref} is run {run.run_id} ({facts})")
            return run.run_id
    kind = SELECTORS[selector].removeprefix("its newest ")
    searched = f" among its newest {number}" if number == MAX_RUNS_SEARCHED else ""
    raise NotFoundError(
        f"job {job_id} has no {kind}{searched}",
        hint=f"its runs: {app.command_line('runs list', f'--job {job_id}')}",
    )


def _choose_run(app: App, listed: RunFilter) -> int:
    from dbjobs.cli.changing import is_attended
    from dbjobs.cli.showing import listed_causes

    if not is_attended(app):
        raise UsageError("RUN is missing, and there is no terminal to choose one on", hint=WHAT_A_RUN_IS)
    causes = listed_causes(app)
    pages = app.api.list_runs(listed, limit=MAX_CHOICES, expand_tasks=causes is not None, complete=False)
    runs = [Run(run) for run in chain.from_iterable(pages)]
    if not runs:
        kind = "active runs" if listed.active_only else "runs"
        raise NotFoundError(f"there are no {kind} to choose from", hint=WHAT_A_RUN_IS)
    from dbjobs.output.terminal.choice import choose_run

    chosen = choose_run(app.streams, runs, app.clock.now(), causes.of_runs(runs) if causes else {})
    if chosen is None:
        app.streams.note("no run was chosen")
        raise typer.Exit(ExitCode.INTERRUPTED)
    return chosen.run_id
