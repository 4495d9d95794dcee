"""Arguments and options that several commands take.

Those that every command takes are in `global_options`; groups of options are in
`request_options` and `wait_options`, so that only the commands that take them load them.
"""

from collections.abc import Sequence
from typing import Annotated

import typer

from dbjobs.common.nearest import did_you_mean
from dbjobs.errors import RefusedError, UsageError

JobRef = Annotated[str, typer.Argument(metavar="JOB", help="A job id, or a job's exact name.")]
OptionalJobRef = Annotated[
    str | None, typer.Argument(metavar="[JOB]", help="A job id, or a job's exact name.")
]
JobRefs = Annotated[list[str], typer.Argument(metavar="JOB...", help="Job ids, exact names, or - for stdin.")]
_ONE_RUN = "A run id, a run page's URL, JOB@latest (failed, succeeded, active), or @last"
_RUNS = "Run ids, run pages' URLs, JOB@latest (failed, succeeded, active), @last, or - for ids on stdin"

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help=f"{_ONE_RUN}.")]
RunArguments = Annotated[list[str], typer.Argument(metavar="RUN...", help=f"{_RUNS}.")]
OptionalRun = Annotated[
    str | None,
    typer.Argument(metavar="[RUN]", help=f"{_ONE_RUN}; left out on a terminal, it is chosen there."),
]
OptionalRuns = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RUN]...", help=f"{_RUNS}; left out on a terminal, one is chosen there."),
]


def _check_token(token: str | None) -> str | None:
    from dbjobs.jobfiles.parameters import MAX_TOKEN_LENGTH

    if token and len(token) > MAX_TOKEN_LENGTH:
        raise RefusedError(f"--idempotency-token has more than {MAX_TOKEN_LENGTH} characters")
    return token


Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="TASK", help="Run only this task; may be repeated."),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=0, help="List N rows at most; 0 lists all."),
]
ExpandTasks = Annotated[bool, typer.Option("--expand-tasks", help="Include tasks (at most 100 per row).")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the request without sending it.")]
IdempotencyToken = Annotated[
    str | None,
    typer.Option(
        "--idempotency-token",
        metavar="TOKEN",
        callback=_check_token,
        help="Start at most one run for this token  [default: a new one].",
    ),
]
Wait = Annotated[bool, typer.Option("--wait", "-w", help="Wait for the run, and exit with its outcome.")]
Force = Annotated[
    bool,
    typer.Option(
        "--force", help="Send fields, values and names that dbjobs does not know; limits still apply."
    ),
]


Web = Annotated[bool, typer.Option("--web", help="Open the page in a browser; without one, print its URL.")]


def known_value(option: str, word: str, known: Sequence[str], *, force: bool = False) -> str:
    """A value of an enum of the API, in capitals; an unknown one is refused, with the nearest known value."""
    if force or word.upper() in known:
        return word.upper()
    raise UsageError(f"{option}: {word!r} is not one of {', '.join(known)}{did_you_mean(word, known)}")


def parse_when(option: str, text: str | None, now: float) -> int | None:
    """The time that an option gives, in epoch milliseconds; None if it is not given."""
    from dbjobs.common.times import parse_time

    try:
        return None if text is None else parse_time(text, now)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
