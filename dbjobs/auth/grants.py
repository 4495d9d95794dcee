"""What is sent to authenticate a request, and how it is read from the responses of token servers."""

import json
import re
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dbjobs.config.resolve import check_sendable
from dbjobs.errors import SignInError

EXPIRES_AT = ("expires_on", "expiresOn", "expires_at", "expiry")
"""What servers and programs call the time at which a token expires."""


@dataclass(frozen=True)
class Grant:
    """Headers to send with a request, and how many seconds they are valid; None: until refused."""

    headers: Mapping[str, str] = field(repr=False)
    lifetime: float | None = None


def bearer(token: str, lifetime: float | None = None) -> Grant:
    """A token, as HTTP sends it."""
    return Grant({"Authorization": f"Bearer {token}"}, lifetime)


def basic(username: str, password: str) -> Grant:
    """A name and a password, or the id and the secret of a client, as HTTP sends them."""
    pair = b64encode(f"{username}:{password}".encode()).decode()
    return Grant({"Authorization": f"Basic {pair}"})


def bearer_of(answer: Mapping[str, Any], now: float) -> Grant:
    """The grant in the response of a token server."""
    return bearer(token_of(answer), lifetime_of(answer, now))


def token_of(answer: Mapping[str, Any], key: str = "access_token") -> str:
    """The token in a response; a SignInError if there is none."""
    token = answer.get(key)
    if not isinstance(token, str) or not token:
        raise SignInError(f"the answer to the request for a token has no {key}")
    return check_sendable("token", token, "the identity provider")


def lifetime_of(answer: Mapping[str, Any], now: float) -> float | None:
    """Seconds until the token expires, in any of the known forms; None if there is none that is valid.

    `expires_in` does not depend on the clocks of either side, so it is preferred.
    """
    with suppress(KeyError, TypeError, ValueError):
        seconds = float(answer["expires_in"])
        return seconds if seconds > 0 else None
    for key in EXPIRES_AT:
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            ends = parse_expiry(answer[key])
            return max(0.0, ends - now) if ends > 0 else None  # Go's "never" is the year 1
    return None


def parse_expiry(value: Any) -> float:
    """An epoch in seconds, or a time such as `2026-01-01T12:00:00.123Z`; without a zone it is local."""
    if isinstance(value, int | float) or re.fullmatch(r"\d+(\.\d+)?", str(value)):
        return float(value)
    text = re.sub(r"(\.\d{1,6})\d*", r"\1", str(value).strip()).replace("Z", "+00:00")
    if found := re.search(r"\.(\d{1,5})(?!\d)", text):
        text = text.replace(found[0], f".{found[1]:0<6}")  # Python 3.10 wants three or six digits
    return datetime.fromisoformat(text).timestamp()


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified; {} for tokens of other kinds."""
    with suppress(ValueError, IndexError):
        payload = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return claims if isinstance(claims, dict) else {}
    return {}
