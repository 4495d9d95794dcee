"""Starting a run exactly once, for `runs now`, `runs submit` and `runs rerun`."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from uuid import uuid4

import typer

from dbjobs.api.models import Run
from dbjobs.cli.changing import explain_unknown_outcome
from dbjobs.cli.context import App
from dbjobs.cli.showing import show_page
from dbjobs.cli.wait_options import OnExit, WaitOptions
from dbjobs.cli.waiting import make_reporter, make_wait
from dbjobs.common.deadline import Deadline, time_limit
from dbjobs.common.signals import Interrupted, interruptible
from dbjobs.errors import DbjobsError, ExitCode, OutcomeUnknownError, UnreachableError
from dbjobs.http.response import Payload
from dbjobs.http.retry import LAST_TRY, NO_RETRIES, START_SECONDS
from dbjobs.output.formatting import format_duration
from dbjobs.output.structured import write_document
from dbjobs.runs.failures import FailureReader
from dbjobs.runs.waiting import Wait

ID_SECONDS = 30.0
"""To find out which run was started, after a signal."""

PAGE_SECONDS = 10.0
"""To find out the URL of a run's page: nothing depends on it."""


def start_run(
    app: App,
    start: Callable[[str], Payload],
    token: str | None,
    *,
    wait: bool,
    options: WaitOptions,
    in_force: Deadline | None = None,
    job_id: int | None = None,
    more_words: Sequence[str] = (),
    web: bool = False,
) -> None:
    """Call `start` with an idempotency token, print the run's id at once, and wait if that was asked.

    `in_force`: the limit of --timeout, if something was read within it before. `more_words`: what the
    call needs in addition to its words to be the same again.
    """
    new_token = str(uuid4())
    again = app.same_command(*more_words, *([] if token else ["--idempotency-token", new_token]))
    token = token or new_token
    listed = f"--job {job_id} --limit 5" if job_id else "--run-type SUBMIT_RUN --limit 5"
    hint = (
        f"to get its id, without starting a second run: {again}\n"
        f"to look for it: {app.command_line('runs list', listed)}"
    )
    run_id: int | None = None
    started: Wait | None = None

    def find_wait() -> Wait | None:
        found = (run_id or _find_run(app, lambda: start(token), options)) if wait and not started else None
        return make_wait(app, [found], options, just_started=True) if found else started

    with end_wait_on_signal(find_wait):
        with (
            within_timeout(app, options.timeout if wait else math.inf, in_force) as limit,
            explain_unknown_outcome(app, "the run may have been started", hint),
        ):
            with time_limit(app.clock, START_SECONDS):
                answer = start(token)
            if not answer:  # a dry run
                return
            run_id = int(answer["run_id"])
            if app.output in ("text", "id"):
                app.streams.result_ids(str(run_id))
            elif not wait:
                write_document(app.streams, answer, app.output)
        app.remember_run(run_id)
        _show_started(app, run_id, job_id, wait=wait)
        if web and job_id:
            show_page(app, app.page_url(job_id, run_id), is_result=False)
        if wait:
            left = replace(options, timeout=limit.seconds_left)
            started = make_wait(app, [run_id], left, just_started=True)
            raise typer.Exit(started.run())
        make_reporter(app, options, FailureReader(app.api)).begin([run_id])


@contextmanager
def end_wait_on_signal(find_wait: Callable[[], Wait | None]) -> Iterator[None]:
    """End the wait for what is started inside as --on-interrupt says, at whatever moment a signal comes.

    `find_wait` returns that wait, even if the signal came before there was one.
    """
    with interruptible():
        try:
            yield
        except Interrupted as interrupt:
            wait = find_wait()
            if wait is None or wait.has_ended:
                raise
            raise typer.Exit(wait.run(interrupt)) from None


def _find_run(app: App, start_again: Callable[[], Payload], options: WaitOptions) -> int | None:
    """The id of a run that may have been started, if it is to be canceled: the same token gives it."""
    if options.on_interrupt is OnExit.DETACH or not app.transport.may_have_changed:
        return None
    app.streams.note(f"asking for the run's id to cancel it, for {ID_SECONDS:.0f} s at most")
    try:
        with time_limit(app.clock, ID_SECONDS):
            run_id = int(start_again()["run_id"])
    except DbjobsError as error:
        app.streams.fail(error)
        return None
    if app.output in ("text", "id"):
        app.streams.result_ids(str(run_id))
    return run_id


@contextmanager
def within_timeout(app: App, timeout: float, in_force: Deadline | None = None) -> Iterator[Deadline]:
    """The time limit of --timeout; if it ends the tries, the exit code is that of --timeout.

    `in_force`: this limit, if something was done within it before.
    """
    with time_limit(app.clock, in_force.seconds_left if in_force else timeout) as limit:
        try:
            yield limit
        except OutcomeUnknownError as error:
            if limit.seconds_left <= LAST_TRY and isinstance(error.cause, UnreachableError):
                error.message += f", and --timeout {format_duration(timeout)} has passed"
                error.exit_code = ExitCode.TIMEOUT
            raise


def _show_started(app: App, run_id: int, job_id: int | None, *, wait: bool) -> None:
    """Where the run is, and how to wait for it."""
    page = None
    if job_id:
        page = app.page_url(job_id, run_id)
    elif not wait and not app.streams.quiet:  # a wait shows the page anyway
        with suppress(DbjobsError), time_limit(app.clock, PAGE_SECONDS):
            page = Run(app.api.get_run_page(run_id, None, NO_RETRIES)).run_page_url
    purpose = "if this wait ends early" if wait else "to wait for it"
    app.streams.note(f"run {run_id} started{f': {page}' if page else ''}")
    app.streams.note(f"{purpose}: {app.command_line('runs wait', str(run_id))}")
