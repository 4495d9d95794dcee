"""What a request is signed in with, and the one place where that is renewed.

Credentials go into `session.auth`, for a header that was set by hand loses to a matching
entry of `.netrc`, and an auth object does not.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from requests import PreparedRequest
from requests.auth import AuthBase

from dbjobs.auth.grants import Grant
from dbjobs.common.clock import Clock
from dbjobs.errors import ConfigError, DbjobsError, SignInError, ToolError, UnreachableError, UnsentError

MOST_AHEAD = 300.0
"""Seconds before its end at which a token is renewed; Azure refuses those with less than 30 left."""

PAUSE = 30.0
"""Seconds between tries to renew a token that is still good."""


class Issuer(Protocol):
    """Gives out grants."""

    def fetch(self) -> Grant:
        """A new grant; a DbjobsError if there is none to be had."""

    def reread(self) -> bool:
        """Read the settings anew; True if they differ from those so far."""

    def describe(self) -> str:
        """The auth method in use, and where its secret stands."""

    def explain(self, error: ConfigError) -> ConfigError:
        """A refusal, with where what was sent came from."""


class Credentials(AuthBase):
    """Signs requests, in any thread; fetches and renews what that takes."""

    def __init__(self, issuer: Issuer, clock: Clock) -> None:
        self._issuer = issuer
        self._clock = clock
        self._lock = threading.Lock()
        self._sent = threading.local()
        self._grant: Grant | None = None
        self._renew_at = self._ends_at = _Moment.after(0, clock)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        grant = self._sent.grant = self.current()
        request.headers.update(grant.headers)
        return request

    def __repr__(self) -> str:
        return "Credentials(<hidden>)"

    def current(self) -> Grant:
        """The grant in force, renewed if its end is near."""
        with self._lock:
            if self._grant is None or self._ends_at.has_come(self._clock):
                return self._fetch()
            if self._renew_at.has_come(self._clock):
                return self._renew_ahead(self._grant)
            return self._grant

    def renew(self) -> bool:
        """After a refusal: read and fetch everything once more; True if that gave something else to send."""
        with self._lock:
            refused = getattr(self._sent, "grant", None)
            if self._grant is not refused:
                return True  # another thread was quicker
            with suppress(ConfigError):  # a file that is being edited
                self._issuer.reread()
            return refused is None or self._fetch().headers != refused.headers

    def explain(self, error: ConfigError) -> ConfigError:
        """The refusal, with where what was sent came from."""
        return self._issuer.explain(error)

    def describe(self) -> str:
        """The auth method in use, and where its secret stands."""
        return self._issuer.describe()

    def _renew_ahead(self, grant: Grant) -> Grant:
        """While the old one is good, a trouble with renewing is none yet."""
        try:
            return self._fetch()
        except DbjobsError as error:
            pause = error.retry_after if isinstance(error, UnreachableError) else None
            self._renew_at = _Moment.after(PAUSE if pause is None else pause, self._clock)
            return grant

    def _fetch(self) -> Grant:
        try:
            grant = self._issuer.fetch()
        except SignInError as error:
            grant = self._fetch_again(error)
        self._grant = grant
        ends = float("inf") if grant.lifetime is None else grant.lifetime
        self._ends_at = _Moment.after(ends, self._clock)
        self._renew_at = _Moment.after(ends - min(ends / 2, MOST_AHEAD), self._clock)
        return grant

    def _fetch_again(self, error: SignInError) -> Grant:
        """A secret may have been replaced where it stands; a tool that worked before may work again."""
        changed = False
        with suppress(ConfigError):
            changed = self._issuer.reread()
        if changed:
            return self._issuer.fetch()
        if isinstance(error, ToolError) and self._grant is not None:
            raise UnsentError(error.message, hint=error.hint) from None
        raise error


@dataclass(frozen=True)
class _Moment:
    """A point in time by both clocks: one stands still while the machine sleeps, the other may jump."""

    monotonic: float
    wall: float

    @classmethod
    def after(cls, seconds: float, clock: Clock) -> "_Moment":
        return cls(clock.monotonic() + seconds, clock.now() + seconds)

    def has_come(self, clock: Clock) -> bool:
        return clock.monotonic() >= self.monotonic or clock.now() >= self.wall
