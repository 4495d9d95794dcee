"""The exit codes of dbjobs: what a script learns without reading a word."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The table of the command-line contract."""

    SUCCESS = 0
    FAULT = 1
    """a fault of dbjobs itself"""
    USAGE = 2
    CONFIG = 3
    """configuration or sign-in: no host, no credentials, 401"""
    NOT_FOUND = 4
    REFUSED = 5
    """any other 4xx; a job file that cannot be valid"""
    UNREACHABLE = 6
    """network, 429 or 5xx beyond all retries; contact lost in a wait"""

    FAILED = 10
    TIMEDOUT = 11
    CANCELED = 12
    NEVER_RAN = 13
    """SKIPPED, MAXIMUM_CONCURRENT_RUNS_REACHED"""
    INTERNAL_ERROR = 14
    """INTERNAL_ERROR without a result_state"""
    UPSTREAM_FAILED = 15
    """UPSTREAM_FAILED, UPSTREAM_CANCELED"""
    EXCLUDED = 16
    """EXCLUDED, DISABLED, EVICTED, UPSTREAM_EVICTED"""
    SUCCESS_WITH_FAILURES = 17
    """only under --strict"""
    UNKNOWN_RESULT = 19
    """finished with a result_state that dbjobs does not know"""

    TIMEOUT = 124
    """--timeout passed before the run ended"""
    INTERRUPTED = 130
    """SIGINT"""
    BROKEN_PIPE = 141
    """the reader of stdout left, as for any process that SIGPIPE ends"""
    TERMINATED = 143
    """SIGTERM"""
