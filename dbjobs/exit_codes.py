"""The exit codes of dbjobs: what a script learns without reading a word."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The table of the command-line contract."""

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
    ExitCode.FAULT: "a fault of dbjobs itself",
    ExitCode.USAGE: "wrong usage",
    ExitCode.CONFIG: "configuration or sign-in",
    ExitCode.NOT_FOUND: "not found: job, run, task",
    ExitCode.REFUSED: "refused by the workspace, or a job file that cannot be valid",
    ExitCode.UNREACHABLE: "out of reach: network, rate limit or server errors beyond all retries",
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
    ExitCode.BROKEN_PIPE: "the reader of stdout left, as for any process that SIGPIPE ends",
    ExitCode.TERMINATED: "SIGTERM",
}
"""When each is used, in the words of the documents."""
