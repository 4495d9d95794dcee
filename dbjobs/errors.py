"""What can go wrong, each kind with its exit code.

An error says what happened; its hint says what to do next. Nothing here prints:
`dbjobs.cli` turns an error into words and an exit code, in one place.
"""

from dataclasses import dataclass
from typing import ClassVar

from dbjobs.exit_codes import ExitCode


@dataclass(frozen=True)
class Answer:
    """The server's part in an error: HTTP status, and what its body and headers told."""

    status: int
    error_code: str | None = None
    message: str | None = None
    request_id: str | None = None


class DbjobsError(Exception):
    """Base of all errors that dbjobs raises on purpose."""

    exit_code: ExitCode = ExitCode.FAULT
    passing: ClassVar[bool] = False
    """True if waiting may cure it: the network, or the service, is having a moment."""

    def __init__(self, message: str, *, hint: str | None = None, answer: Answer | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.answer = answer


class UsageError(DbjobsError):
    """The command was called in a way that cannot work."""

    exit_code = ExitCode.USAGE


class OutputError(DbjobsError):
    """Standard output did not take the result."""

    exit_code = ExitCode.OUTPUT


class ConfigError(DbjobsError):
    """No host, no such profile, no credentials, a file that cannot be read."""

    exit_code = ExitCode.CONFIG


class SignInError(ConfigError):
    """The workspace did not accept the credentials (401, or 403 that names them)."""


class ToolError(SignInError):
    """A program that hands out tokens, such as `az`, did not."""


class NotTheApiError(ConfigError):
    """Something else than the Jobs API answered: a login page, a proxy's page, a redirect."""

    passing = True


class NotFoundError(DbjobsError):
    """There is no such job, run or task."""

    exit_code = ExitCode.NOT_FOUND


class RefusedError(DbjobsError):
    """The workspace understood, and declined (any other 4xx); or a job file cannot be valid."""

    exit_code = ExitCode.REFUSED


class UnreachableError(DbjobsError):
    """No usable answer: network, 429, 5xx, or a body that was cut short."""

    exit_code = ExitCode.UNREACHABLE
    passing = True

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        answer: Answer | None = None,
        retry_after: float | None = None,
        is_retryable: bool = True,
    ) -> None:
        """`retry_after`: seconds the server wants to be left alone, if it said so.

        `is_retryable`: False if the same request, sent at once, would fail the same way.
        """
        super().__init__(message, hint=hint, answer=answer)
        self.retry_after = retry_after
        self.is_retryable = is_retryable


class UnsentError(UnreachableError):
    """No connection came about: the request has certainly had no effect."""


class OutcomeUnknownError(UnreachableError):
    """A change was sent and may have taken effect; no usable answer says whether it did.

    It leaves with the exit code of what ended the tries, its `cause`.
    """

    def __init__(self, cause: DbjobsError, request: str) -> None:
        super().__init__(
            f"{cause.message}; {request} may have taken effect", hint=cause.hint, answer=cause.answer
        )
        self.cause = cause
        self.exit_code = cause.exit_code
