"""From the answer of whoever gives out tokens to what is sent with a request."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from dbjobs.auth.credentials import Grant
from dbjobs.config.resolve import checked
from dbjobs.errors import SignInError


def bearer(token: str, lifetime: float | None = None) -> Grant:
    """A token as HTTP carries it."""
    return Grant({"Authorization": f"Bearer {token}"}, lifetime)


def bearer_of(answer: Mapping[str, Any]) -> Grant:
    """The grant in a token server's answer."""
    return bearer(token_of(answer), lifetime_of(answer))


def token_of(answer: Mapping[str, Any], key: str = "access_token") -> str:
    """The token in an answer; a SignInError if there is none."""
    token = answer.get(key)
    if not isinstance(token, str) or not token:
        raise SignInError(f"the answer to the request for a token has no {key}")
    return checked("token", token, "the identity provider")


def lifetime_of(answer: Mapping[str, Any]) -> float | None:
    """`expires_in`, in seconds; some servers send it as text. None if it makes no sense."""
    with suppress(KeyError, TypeError, ValueError):
        seconds = float(answer["expires_in"])
        return seconds if seconds > 0 else None
    return None
