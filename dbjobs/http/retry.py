"""How often and how long one request is retried, as the API's documentation advises."""

import random
from dataclasses import dataclass

from dbjobs.common.deadline import seconds_left
from dbjobs.errors import UnreachableError

MAX_BACKOFF = 30.0
"""Seconds between two tries at most, unless the server or the documentation asks for more."""

MAX_RETRY_AFTER = 300.0
"""Seconds: the longest Retry-After that is respected."""

LAST_TRY = 2.0
"""Seconds left for a last try before a time limit passes."""

START_SECONDS = 900.0
"""For the request that starts a run, signing in and retries included; retries may take ten minutes."""


@dataclass(frozen=True)
class RetryPolicy:
    """How long to retry, in seconds since the first try; all pauses are in seconds, too."""

    network: float = 15.0
    """as long as there was no response: short, since the host may be misspelled"""
    server: float = 600.0
    """429 and 5xx: as long as the documentation advises"""
    server_error_pause: float = 30.0
    """at least this far apart after a 5xx"""

    def pause(
        self, error: UnreachableError, attempt: int, elapsed: float, *, has_answered: bool
    ) -> float | None:
        """How long to wait before the next try after the `attempt`th (from 1); None to give up.

        `has_answered`: the server has answered one of the tries, so it is there. A pause that would
        pass the time limit in force is cut short, so that there is one more try before it.
        """
        if not error.is_retryable:
            return None
        status = error.answer.status if error.answer else None
        if error.retry_after is not None:
            pause = min(error.retry_after + random.uniform(0, 0.5), MAX_RETRY_AFTER)  # noqa: S311 - not for security
        elif status is not None and status not in (200, 429):
            pause = self.server_error_pause
        else:
            pause = min(2.0 ** min(attempt - 1, 10) * random.uniform(0.9, 1.3), MAX_BACKOFF)  # noqa: S311 - as above
        pause = min(pause, seconds_left() - LAST_TRY)
        patience = self.server if has_answered else self.network
        return pause if pause > 0 and elapsed + pause <= patience else None


NO_RETRIES = RetryPolicy(network=0, server=0)
"""For a wait, which polls again anyway."""

SHORT_RETRIES = RetryPolicy(server=60.0)
"""For what completes a result: worth a minute, but not ten."""
