"""From a profile to credentials: the auth methods that it leaves open, tried in turn."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace

from dbjobs.auth.credentials import Credentials
from dbjobs.auth.grants import Grant
from dbjobs.auth.methods import AUTH_METHODS
from dbjobs.auth.sign_in import SignIn, logger
from dbjobs.auth.workspace import workspace_headers
from dbjobs.common.clock import Clock
from dbjobs.common.hidden import hide
from dbjobs.config import Profile
from dbjobs.config.settings import SECRETS
from dbjobs.errors import ConfigError, NotTheApiError, SignInError
from dbjobs.http.session import Network

NAME_THE_WORKSPACE = (
    "if it serves several workspaces, name one: workspace_id in the profile, "
    "DATABRICKS_WORKSPACE_ID beside DATABRICKS_HOST, or ?o=ID at the end of the host"
)


class ProfileIssuer:
    """Gives out grants for one profile."""

    def __init__(self, sign_in: SignIn, read_again: Callable[[], Profile] | None = None) -> None:
        """`read_again` resolves the profile once more."""
        self.sign_in = sign_in
        self._read_again = read_again

    @property
    def _profile(self) -> Profile:
        return self.sign_in.profile

    def fetch(self) -> Grant:
        """By the first method that works; with the workspace that requests are for."""
        grant = self._fetch()
        return replace(grant, headers={**grant.headers, **workspace_headers(self.sign_in)})

    def _fetch(self) -> Grant:
        failures = []
        methods = self._profile.auth_methods
        for name in methods:
            try:
                grant = AUTH_METHODS[name].fetch(self.sign_in)
            except (SignInError, ConfigError) as error:
                if isinstance(error, NotTheApiError) or len(methods) == 1:
                    raise
                failures.append(f"{name}: {error.message}")
            else:
                self._settle(name, grant)
                return grant
        raise SignInError(
            f"no auth method works for {self.sign_in.host}: {'; '.join(failures)}",
            hint="sign in by one of them, or put credentials for the host into a profile",
        )

    def _settle(self, name: str, grant: Grant) -> None:
        """The method that worked is used from now on."""
        if len(self._profile.auth_methods) > 1:
            logger.debug("signing in by %s", name)
        self.sign_in.profile = replace(self._profile, auth_methods=(name,))
        for header, value in grant.headers.items():
            if header.endswith(("Authorization", "Token")):
                hide(value.rpartition(" ")[2])

    def reread(self) -> bool:
        """Read the settings anew; True if what may be sent differs. Another host's are not taken."""
        if self._read_again is None:
            return False
        profile = self._read_again()
        if profile.host.value != self.sign_in.host:
            return False
        before, self.sign_in.profile = self._profile, profile
        return profile.settings != before.settings or any(
            setting.reference for setting in profile.settings.values()
        )

    def describe(self) -> str:
        """The method, and where its secret stands."""
        settings = self._profile.settings
        secret = next((key for key in SECRETS if key in settings), None)
        where = f", {secret} ({settings[secret].source})" if secret else ""
        return f"{' or '.join(self._profile.auth_methods)}{where}"

    def explain(self, error: ConfigError) -> ConfigError:
        """A refusal, with what the request was signed in by and which workspace it was for."""
        hint = error.hint or "check the host"
        if isinstance(error, SignInError):
            hint += f"; signed in by {self.describe()}"
        if setting := self._profile.get("workspace_id"):
            hint += f"; for workspace {setting.value} ({setting.source})"
        elif self.sign_in.may_serve_several or isinstance(error, NotTheApiError):
            hint += f"; {NAME_THE_WORKSPACE}"
        return type(error)(error.message, hint=hint, answer=error.answer)


def credentials_for(
    profile: Profile,
    network: Network,
    clock: Clock,
    *,
    environ: Mapping[str, str] = os.environ,
    read_again: Callable[[], Profile] | None = None,
) -> Credentials:
    """Credentials for a profile's host. Nothing is fetched before the first request.

    `read_again` resolves the profile once more.
    """
    return Credentials(ProfileIssuer(SignIn(profile, network, clock, environ), read_again), clock)
