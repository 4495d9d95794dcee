"""One POST to a URL that the user has given, such as a webhook's: tried a few times, and never an error."""

from collections.abc import Container, Mapping
from urllib.parse import parse_qsl, urlsplit

from dbjobs.common.clock import Clock
from dbjobs.common.deadline import seconds_left, time_limit
from dbjobs.common.hidden import hide
from dbjobs.errors import DbjobsError, UnreachableError

SECONDS = 15.0
"""For all tries; a wait that was interrupted has less."""

SECONDS_IF_INTERRUPTED = 3.0
PAUSES = (1.0, 3.0)
"""Seconds before the second and the third try."""

MIN_SECRET_LENGTH = 16
"""Shorter parts of a URL are words, such as `databricks`, which would be hidden everywhere."""


def check_url(text: str) -> str:
    """The URL, whose secret parts are hidden from now on. A ValueError, without the text, if it is no URL."""
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_url = False
    if not is_url:
        raise ValueError("it takes a URL that begins with https:// or http://")
    values = [value for _, value in parse_qsl(parts.query)]
    after_host = parts._replace(scheme="", netloc="").geturl()
    for secret in (after_host, *parts.path.split("/"), *values):
        if len(secret) >= MIN_SECRET_LENGTH:
            hide(secret)
    return text


def deliver(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    clock: Clock,
    *,
    retried: Container[int],
    may_wait: bool = True,
) -> str:
    """Send it once; tried again where it was not delivered. Returns why it was not, or nothing.

    `retried`: the HTTP statuses after which another try makes sense.
    """
    from dbjobs.http.session import HttpSession

    host = urlsplit(url).hostname
    session = HttpSession()
    problem = "there was no time left"
    with time_limit(clock, SECONDS if may_wait else SECONDS_IF_INTERRUPTED):
        for pause in (*PAUSES, 0.0):
            try:
                response = session.send("POST", url, data=body, headers=headers)
            except DbjobsError as error:
                problem = error.message
                is_final = not (isinstance(error, UnreachableError) and error.is_retryable)
            else:
                if 200 <= response.status < 300:
                    return ""
                problem = f"{host} answered with HTTP {response.status}"
                is_final = response.status not in retried
            if is_final or not pause or seconds_left() <= pause:
                break
            clock.sleep(pause)
    return problem
