"""The credentials of a profile: fetched by its auth methods, sent with each request, renewed in time.

Credentials go into `session.auth`: a matching entry of `.netrc` replaces a header that was set by
hand, and does not replace an auth object.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from requests import PreparedRequest
from requests.auth import AuthBase

from dbjobs.auth.grants import Grant
from dbjobs.auth.methods import AUTH_METHODS
from dbjobs.auth.sign_in import SignIn, logger
from dbjobs.common.clock import Clock
from dbjobs.common.hidden import hide
from dbjobs.config.resolve import Profile
from dbjobs.config.settings import SECRETS
from dbjobs.errors import (
    ConfigError,
    DbjobsError,
    NotTheApiError,
    SignInError,
    ToolError,
    UnreachableError,
    UnsentError,
)

RENEWAL_MARGIN = 300.0
"""Seconds before its end at which a token is renewed; Azure refuses those with less than 30 left."""

RENEWAL_PAUSE = 30.0
"""Seconds between tries to renew a token that is still good."""

NAME_THE_WORKSPACE = (
    "if it serves several workspaces, name one: workspace_id in the profile, "
    "DATABRICKS_WORKSPACE_ID along with DATABRICKS_HOST, or ?o=ID at the end of the host"
)


class Credentials(AuthBase):
    """Signs the requests to a profile's host, in any thread. Nothing is fetched before the first one."""

    def __init__(self, sign_in: SignIn, read_again: Callable[[], Profile] | None = None) -> None:
        """`read_again` resolves the profile once more."""
        self._sign_in = sign_in
        self._read_again = read_again
        self._clock = sign_in.clock
        self._lock = threading.Lock()
        self._sent = threading.local()
        self._grant: Grant | None = None
        self._renew_at = self._ends_at = _Moment.after(0, self._clock)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        grant = self._sent.grant = self.current()
        request.headers.update(grant.headers)
        return request

    def __repr__(self) -> str:
        return "Credentials(<hidden>)"

    def current(self) -> Grant:
        """The grant in force, renewed if its end is near; a DbjobsError if there is none to be had."""
        with self._lock:
            if self._grant is None or self._ends_at.has_come(self._clock):
                return self._renew()
            if self._renew_at.has_come(self._clock):
                try:
                    return self._renew()
                except DbjobsError as error:  # the old grant is still good
                    pause = error.retry_after if isinstance(error, UnreachableError) else None
                    self._renew_at = _Moment.after(RENEWAL_PAUSE if pause is None else pause, self._clock)
            return self._grant

    def renew(self) -> bool:
        """After a refusal: read and fetch everything once more; True if that gave something else to send."""
        with self._lock:
            refused = getattr(self._sent, "grant", None)
            if self._grant is not refused:
                return True  # another thread was quicker
            self._reread()
            return refused is None or self._renew().headers != refused.headers

    def describe(self) -> str:
        """The auth method in use, and where its secret stands."""
        profile = self._sign_in.profile
        secret = next((key for key in SECRETS if key in profile.settings), None)
        where = f", {secret} ({profile.settings[secret].source})" if secret else ""
        return f"{' or '.join(profile.auth_methods)}{where}"

    def explain(self, error: ConfigError) -> ConfigError:
        """A refusal, with what the request was signed in by and which workspace it was for."""
        hint = error.hint or "check the host"
        if isinstance(error, SignInError):
            hint += f"; signed in by {self.describe()}"
        if setting := self._sign_in.profile.get("workspace_id"):
            hint += f"; for workspace {setting.value} ({setting.source})"
        elif self._sign_in.may_serve_several or isinstance(error, NotTheApiError):
            hint += f"; {NAME_THE_WORKSPACE}"
        return type(error)(error.message, hint=hint, answer=error.answer)

    def _renew(self) -> Grant:
        """A new grant. After a failure the settings are read again, for a secret may have been replaced."""
        try:
            grant = self._fetch()
        except SignInError as error:
            if self._reread():
                grant = self._fetch()
            elif isinstance(error, ToolError) and self._grant is not None:  # it worked before
                raise UnsentError(error.message, hint=error.hint) from None
            else:
                raise
        self._grant = grant
        ends = float("inf") if grant.lifetime is None else grant.lifetime
        self._ends_at = _Moment.after(ends, self._clock)
        self._renew_at = _Moment.after(ends - min(ends / 2, RENEWAL_MARGIN), self._clock)
        return grant

    def _fetch(self) -> Grant:
        """A grant by the first auth method that works, which alone is used from now on."""
        sign_in, failures = self._sign_in, []
        names = sign_in.profile.auth_methods
        for name in names:
            try:
                grant = AUTH_METHODS[name].fetch(sign_in)
            except (SignInError, ConfigError) as error:
                if isinstance(error, NotTheApiError) or len(names) == 1:
                    raise
                failures.append(f"{name}: {error.message}")
                continue
            if len(names) > 1:
                logger.debug("signing in by %s", name)
            sign_in.profile = replace(sign_in.profile, auth_methods=(name,))
            for header, value in grant.headers.items():
                if header.endswith(("Authorization", "Token")):
                    hide(value.rpartition(" ")[2])
            return replace(grant, headers={**grant.headers, **sign_in.workspace_headers()})
        raise SignInError(
            f"no auth method works for {sign_in.host}: {'; '.join(failures)}",
            hint="sign in by one of them, or put credentials for the host into a profile",
        )

    def _reread(self) -> bool:
        """Read the settings again; True if what may be sent differs. Those of another host are not taken."""
        if self._read_again is None:
            return False
        try:
            profile = self._read_again()
        except ConfigError:  # a file that is being edited
            return False
        if profile.host.value != self._sign_in.host:
            return False
        before, self._sign_in.profile = self._sign_in.profile, profile
        return profile.settings != before.settings or any(
            setting.reference for setting in profile.settings.values()
        )


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
