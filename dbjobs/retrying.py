"""How long one request is tried again, by the rules of the API's documentation."""

import random
from dataclasses import dataclass

from dbjobs.errors import UnreachableError


@dataclass(frozen=True)
class Retrying:
    """How long to try again, in seconds since the first try; all pauses are seconds as well."""

    network: float = 15.0
    """connections that fail before any answer: short, for it may as well be a mistyped host"""
    server: float = 600.0
    """429 and 5xx: as long as the documentation advises"""
    server_error_pause: float = 30.0
    """at least this far apart after a 5xx; a 503 often clears sooner"""

    def pause(
        self, error: UnreachableError, attempt: int, elapsed: float, *, has_answered: bool
    ) -> float | None:
        """How long to wait before the next try after the `attempt`th (from 1); None to give up.

        `has_answered`: the server has answered one of the tries, so it is there.
        """
        backoff = min(2.0 ** (attempt - 1), 30.0) * random.uniform(0.9, 1.3)  # noqa: S311 - spreads load, guards nothing
        status = error.answer.status if error.answer else None
        if error.retry_after is not None:
            backoff = error.retry_after + random.uniform(0, 0.5)  # noqa: S311 - as above
        elif status is not None and status not in (200, 429, 503):
            backoff = self.server_error_pause
        patience = self.server if has_answered else self.network
        return backoff if elapsed + backoff <= patience else None


NO_RETRIES = Retrying(network=0, server=0)
"""For a wait: it polls again anyway, and says so."""
