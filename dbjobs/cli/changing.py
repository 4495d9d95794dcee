"""Shared by commands that change something: confirmation, results, unknown outcomes."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import typer

from dbjobs.api.paging import name_of
from dbjobs.cli.context import App
from dbjobs.cli.request_options import ParameterOptions
from dbjobs.common.signals import Interrupted, interruptible
from dbjobs.errors import DbjobsError, ExitCode, OutcomeUnknownError, UsageError
from dbjobs.http.response import Payload
from dbjobs.jobfiles.differences import Difference
from dbjobs.output.differences import render_changes
from dbjobs.output.serialization import is_utf8
from dbjobs.output.structured import write_document, write_documents


def confirm(app: App, describe: Callable[[], str], *, yes: bool) -> None:
    """Ask on a terminal, unless --yes was given; elsewhere there is nobody to ask, so it must be given.

    `describe` says what is about to be done, such as `delete job 42 (nightly)`; it is called
    only if somebody is asked.
    """
    if yes:
        return
    if not is_attended(app):
        raise UsageError(
            "this needs --yes, because there is no terminal to ask on", hint="nothing was changed"
        )
    app.streams.ask(f"{describe()}? [y/N] ")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        app.streams.note("nothing was changed")
        raise typer.Exit(ExitCode.INTERRUPTED)


def is_attended(app: App) -> bool:
    """True if there is a terminal to ask and answer questions on."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, app.streams.err))


def describe_job(app: App, job_id: int) -> str:
    """`job 42 (nightly)`, for a question; fails if there is no such job."""
    return format_job(app.api.get_job(job_id))


def format_job(job: Payload) -> str:
    """`job 42 (nightly)`, or `job 42` if it has no name."""
    name = name_of(job)
    return f"job {job['job_id']} ({name})" if name else f"job {job['job_id']}"


def read_parameters(
    app: App, parameters: ParameterOptions, get_job: Callable[[], Payload], *, force: bool = False
) -> Payload:
    """The parameters that were given, by kind; --verbose shows the kind."""
    body = parameters.read(get_job, force=force)
    for kind in body:
        app.streams.detail(f"the parameters go as {kind}")
    return body


def show_changes(app: App, changes: Iterable[Difference], *, dry_run: bool) -> None:
    """Show the settings that will change; that is the result of a dry run, unless it is for programs."""
    is_result = dry_run and app.output == "text"
    stream = app.streams.out if is_result else app.streams.err
    text = render_changes(changes, is_ascii=not is_utf8(stream)) or "no setting changes"
    if is_result:
        app.streams.result(text)
    else:
        app.streams.note(text)


def warn_of_unexpected(
    app: App, job_id: int, find_unexpected: Callable[[Payload], Iterable[Difference]]
) -> None:
    """Read a job that was just changed, and warn of settings that the server did not keep as sent."""
    try:
        kept = app.api.get_job(job_id).get("settings") or {}
    except DbjobsError as error:
        app.streams.warn(f"the job could not be read again, to see what the server kept: {error.message}")
        return
    if text := render_changes(find_unexpected(kept), is_ascii=not is_utf8(app.streams.err)):
        app.streams.warn(f"the server did not keep what it was sent:\n{text}")


def change_each(
    app: App, noun: str, ids: Sequence[int], change: Callable[[int], Payload], done: str, *, dry_run: bool
) -> None:
    """Change every `job` or `run`, even if some fail, and note what was `done`."""
    told = "" if dry_run else done
    apply_to_each(app, ids, lambda one: change_one(app, noun, one, change, told), dry_run=dry_run)


def apply_to_each(app: App, ids: Sequence[int], change: Callable[[int], Payload], *, dry_run: bool) -> None:
    """Make a change to each of them, even if some fail, and show the API's responses, which it returns."""
    answers: dict[int | None, Payload] = {}

    def keep_answer(one: int) -> None:
        answers[one] = change(one)

    try:
        app.each(keep_answer, ids)
    finally:
        if not dry_run:
            show_answers(app, answers, is_list=len(ids) > 1)


def change_one(app: App, noun: str, one: int, change: Callable[[int], Payload], done: str) -> Payload:
    """Change one, and note what was `done`, or that the outcome is unknown."""
    effect = f"{noun} {one} may have been {done.rpartition(' ')[2]}"
    with explain_unknown_outcome(app, effect, hint_to_look(app, f"{noun}s get", str(one))):
        answer = change(one)
    if done:
        app.streams.note(f"{noun} {one} {done}")
    return answer


def show_answers(app: App, answers: Mapping[int | None, Payload], *, is_list: bool = False) -> None:
    """The ids of what was changed, or the API's responses; as text, the notes say it all.

    The id None means the whole workspace.
    """
    if app.output == "id":
        for one in filter(None, answers):
            app.streams.result_ids(str(one))
    elif app.output != "text" and is_list:
        write_documents(app.streams, answers.values(), app.output)
    elif app.output != "text":
        for answer in answers.values():
            write_document(app.streams, answer, app.output)


@contextmanager
def explain_unknown_outcome(app: App, effect: str, how_to_find_out: str) -> Iterator[None]:
    """Say how to find out what happened if a change inside ends without a known outcome.

    `effect` is what may have happened, such as `job 42 may have been reset`.
    """
    with interruptible(once=True):
        try:
            yield
        except OutcomeUnknownError as error:
            error.message = f"{error.cause.message}; {effect}"
            error.hint = "\n".join(filter(None, [how_to_find_out, error.cause.hint]))
            raise
        except Interrupted:
            if app.transport.may_have_changed:
                app.streams.warn(f"interrupted while sending, so {effect}; {how_to_find_out}")
            raise


def hint_to_look(app: App, command: str, arguments: str) -> str:
    """The hint after a change whose outcome is unknown: how to see what it did."""
    return f"check before you send it again: {app.command_line(command, arguments)}"
