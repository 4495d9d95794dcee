"""Starting a run, once: what `runs now` and `runs submit` share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

from dbjobs.answers import Payload
from dbjobs.commands.options import WaitOptions
from dbjobs.commands.waiting import INVISIBLE_FOR, wait_for_runs
from dbjobs.context import App
from dbjobs.errors import UnreachableError, UnsentError
from dbjobs.interrupts import Interrupted, interruptible
from dbjobs.render.plain import write_document
from dbjobs.render.streams import Streams


def start_run(
    app: App, start: Callable[[str], Payload], token: str | None, *, wait: bool, options: WaitOptions
) -> None:
    """Call `start` with an idempotency token, print the run's id at once, and wait if that was asked."""
    token = token or str(uuid4())
    with interruptible(), _fate_told(app.streams, token):
        answer = start(token)
    if not answer:  # a dry run
        return
    run_id = int(answer["run_id"])
    if app.output in ("text", "id"):
        app.streams.result(str(run_id))
    elif not wait:
        write_document(app.streams, answer, app.output)
    if wait:
        app.streams.note(f"run {run_id} started; should this wait end early: {_way_back(app, run_id)}")
        wait_for_runs(app, [run_id], options, grace=INVISIBLE_FOR)
    app.streams.note(f"run {run_id} started; to wait for it: {_way_back(app, run_id)}")


def _way_back(app: App, run_id: int) -> str:
    return app.command_line("runs wait", str(run_id))


@contextmanager
def _fate_told(streams: Streams, token: str) -> Iterator[None]:
    """If it is not known whether the run was started, say how to ask without starting a second."""
    hint = f"the same command with --idempotency-token {token} never starts a second run"
    try:
        yield
    except UnsentError:
        raise
    except UnreachableError as error:
        error.message += "; the run may have been started all the same"
        error.hint = hint
        raise
    except Interrupted:
        streams.warn(f"interrupted while the run was being started, so it may go on; {hint}")
        raise
