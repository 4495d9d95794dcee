"""All errors, each kind with its exit code.

An error says what happened; its hint says what to do next. `dbjobs.cli.app` prints errors and exits
with their code.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """All exit codes."""

    SUCCESS = 0
    FAULT = 1
    USAGE = 2
    CONFIG = 3
    NOT_FOUND = 4
    REFUSED = 5
    UNREACHABLE = 6

    FAILED = 10
    TIMEDOUT = 11
    CANCELED = 12
    NEVER_RAN = 13
    INTERNAL_ERROR = 14
    UPSTREAM_FAILED = 15
    EXCLUDED = 16
    SUCCESS_WITH_FAILURES = 17
    UNKNOWN_RESULT = 19

    OUTPUT = 74
    TIMEOUT = 124
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


WHEN = {
    ExitCode.SUCCESS: "done; for a wait: SUCCESS, or SUCCESS_WITH_FAILURES with a warning",
    ExitCode.FAULT: "a bug in dbjobs",
    ExitCode.USAGE: "wrong usage",
    ExitCode.CONFIG: "configuration or sign-in",
    ExitCode.NOT_FOUND: "not found: job, run, task",
    ExitCode.REFUSED: "refused by the workspace, or a job file that cannot be valid",
    ExitCode.UNREACHABLE: "unreachable: network, rate limit or server errors, after all retries",
    ExitCode.FAILED: "FAILED",
    ExitCode.TIMEDOUT: "TIMEDOUT",
    ExitCode.CANCELED: "CANCELED",
    ExitCode.NEVER_RAN: "never ran: SKIPPED, MAXIMUM_CONCURRENT_RUNS_REACHED",
    ExitCode.INTERNAL_ERROR: "INTERNAL_ERROR without a result_state",
    ExitCode.UPSTREAM_FAILED: "UPSTREAM_FAILED, UPSTREAM_CANCELED",
    ExitCode.EXCLUDED: "EXCLUDED, DISABLED, EVICTED, UPSTREAM_EVICTED",
    ExitCode.SUCCESS_WITH_FAILURES: "SUCCESS_WITH_FAILURES under `--strict`",
    ExitCode.UNKNOWN_RESULT: "finished with a result_state that dbjobs does not know",
    ExitCode.OUTPUT: "the result could not be written to stdout: the disk is full, or stdout is closed",
    ExitCode.TIMEOUT: "`--timeout` passed before the run ended",
    ExitCode.INTERRUPTED: "SIGINT (Ctrl-C)",
    ExitCode.BROKEN_PIPE: "the reader of stdout has exited, as for any process that SIGPIPE ends",
    ExitCode.TERMINATED: "SIGTERM",
}
"""When each exit code is used, for the documentation."""


@dataclass(frozen=True)
class Answer:
    """The response that caused an error: its HTTP status, and details from its body and headers."""

    status: int
    error_code: str | None = None
    message: str | None = None
    request_id: str | None = None

    @property
    def has_reason(self) -> bool:
        """True if the body is an error as the API writes it; what a proxy answers for it is not."""
        return bool(self.error_code or self.message)


class DbjobsError(Exception):
    """Base of all errors that dbjobs raises on purpose."""

    exit_code: ExitCode = ExitCode.FAULT
    transient: ClassVar[bool] = False
    """True if the same request may succeed later: the network or the service has a problem."""

    def __init__(self, message: str, *, hint: str | None = None, answer: Answer | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.answer = answer

    def __str__(self) -> str:
        """What Python shows of it; the command line shows message and hint by itself."""
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class UsageError(DbjobsError):
    """The command was called incorrectly."""

    exit_code = ExitCode.USAGE


class OutputError(DbjobsError):
    """The result could not be written to standard output."""

    exit_code = ExitCode.OUTPUT


class ConfigError(DbjobsError):
    """No host, no such profile, no credentials, a file that cannot be read."""

    exit_code = ExitCode.CONFIG


class SignInError(ConfigError):
    """The workspace did not accept the credentials (401, or 403 that names them)."""


class ToolError(SignInError):
    """A program that prints tokens, such as `az`, failed to."""


class NotTheApiError(ConfigError):
    """Something other than the Jobs API responded: a login page, a proxy's page, a redirect."""

    transient = True


class NotFoundError(DbjobsError):
    """There is no such job, run or task."""

    exit_code = ExitCode.NOT_FOUND


class RefusedError(DbjobsError):
    """The workspace refused a request (any other 4xx), or a job file is invalid."""

    exit_code = ExitCode.REFUSED


class UnreachableError(DbjobsError):
    """No usable response: network, 429, 5xx, or a body that was cut short."""

    exit_code = ExitCode.UNREACHABLE
    transient = True

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        answer: Answer | None = None,
        retry_after: float | None = None,
        is_retryable: bool = True,
    ) -> None:
        """`retry_after`: seconds to wait before the next try, if the server says so.

        `is_retryable`: False if the same request, sent at once, would fail the same way.
        """
        super().__init__(message, hint=hint, answer=answer)
        self.retry_after = retry_after
        self.is_retryable = is_retryable


class UnsentError(UnreachableError):
    """The request was not sent, so it had no effect."""


class OutcomeUnknownError(UnreachableError):
    """A change was sent and may have taken effect; no usable response says whether it did.

    The exit code is that of `cause`, the last error.
    """

    def __init__(self, cause: DbjobsError, request: str) -> None:
        super().__init__(
            f"{cause.message}; {request} may have taken effect", hint=cause.hint, answer=cause.answer
        )
        self.cause = cause
        self.exit_code = cause.exit_code
