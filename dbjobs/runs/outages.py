"""Errors during a wait: outages to live through, or refusals by the API itself.

A proxy's page, an empty body or a status that the Jobs API does not use comes from something in
between, and says nothing about a run. Only the API's own refusal does, and even that is asked for
more than once before it is believed: the service is eventually consistent.
"""

from dbjobs.errors import DbjobsError, SignInError, UnreachableError

REFUSAL_STATUSES = (400, 401, 403, 404)

REFUSALS_NEEDED = 3
"""How often a refusal is seen before it counts."""

REFUSAL_SECONDS = 30.0
"""Seconds from the first such refusal to the one that counts, at least."""

REFUSAL_PAUSE = 15.0
"""Seconds until a refusal is looked at again, at most."""

SERVER_ERROR_PAUSE = 30.0
"""Seconds between tries after a 5xx, as the API's documentation asks."""

MAX_REQUESTED_PAUSE = 300.0
"""Seconds: a server that asks for a longer pause gets a request anyway."""


def is_refusal(error: DbjobsError) -> bool:
    """True if the API itself answered, and declined."""
    answer = error.answer
    if error.transient or answer is None or answer.status not in REFUSAL_STATUSES:
        return False
    return isinstance(error, SignInError) or answer.has_reason


def is_shared(error: DbjobsError | None) -> bool:
    """True if a request about another run would fail alike: a dead network, or a rate limit."""
    return isinstance(error, UnreachableError) and (error.answer is None or error.answer.status == 429)


def may_differ(error: DbjobsError) -> bool:
    """True if the same request for another run may well succeed: only this one failed."""
    return error.transient and (error.answer is None or error.answer.status != 429)


def pause_after(error: DbjobsError) -> float:
    """The pause, in seconds, that the server asks for."""
    if isinstance(error, UnreachableError) and error.retry_after is not None:
        return min(error.retry_after, MAX_REQUESTED_PAUSE)
    is_server_error = error.answer is not None and error.answer.status >= 500
    return SERVER_ERROR_PAUSE if is_server_error else 0.0
