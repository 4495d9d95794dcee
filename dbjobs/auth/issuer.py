"""From a profile to credentials: the ways that it leaves open, tried in turn."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from requests.auth import AuthBase

from dbjobs.http.response import Payload, read_answer
from dbjobs.auth.credentials import Credentials, Grant
from dbjobs.common.clock import Clock
from dbjobs.config import Profile
from dbjobs.config.hosts import is_databricks, origin_of, serves_one_workspace
from dbjobs.config.settings import SECRETS
from dbjobs.config.ways import WAYS
from dbjobs.errors import (
    ConfigError,
    DbjobsError,
    NotTheApiError,
    SignInError,
    UnreachableError,
    UnsentError,
)
from dbjobs.http.session import Network, Wire

Tell = Callable[[str], None]

NAME_THE_WORKSPACE = (
    "if it serves several workspaces, name one: workspace_id in the profile, "
    "DATABRICKS_WORKSPACE_ID beside DATABRICKS_HOST, or ?o=ID at the end of the host"
)

FETCHERS = {
    "pat": "stored.fetch_token",
    "basic": "stored.fetch_password",
    "oauth-m2m": "oauth.fetch_for_service_principal",
    "env-oidc": "identity.fetch_from_variable",
    "file-oidc": "identity.fetch_from_file",
    "github-oidc": "identity.fetch_by_github",
    "azure-client-secret": "azure.fetch_for_service_principal",
    "azure-msi": "azure.fetch_for_machine",
    "netrc": "stored.fetch_from_netrc",
    "azure-cli": "tools.fetch_by_azure_cli",
    "databricks-cli": "tools.fetch_by_databricks_cli",
}
"""Where each way is done; a room is entered when its way is taken."""


def _fetcher(way: str) -> "Callable[[SignIn], Grant]":
    module, _, name = FETCHERS[way].partition(".")
    fetcher: Callable[[SignIn], Grant] = getattr(import_module(f"dbjobs.auth.{module}"), name)
    return fetcher


@dataclass
class SignIn:
    """One profile's signing in: what it gives, and the means to ask for tokens."""

    profile: Profile
    network: Network
    clock: Clock
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    read_again: Callable[[], Profile] | None = None
    hide: Tell = lambda text: None
    detail: Tell = lambda text: None

    @property
    def host(self) -> str:
        return self.profile.host.value

    @cached_property
    def host_metadata(self) -> dict[str, Any]:
        """What the host says of itself; {} if it says nothing."""
        from dbjobs.auth.workspace import read_host_metadata

        return read_host_metadata(self)

    @property
    def may_serve_several(self) -> bool:
        """True for hosts of Databricks that several workspaces may share."""
        return is_databricks(self.host) and not serves_one_workspace(self.host)

    def read(self, key: str) -> str:
        """A setting's text; a secret is hidden from all output from now on."""
        text = self.profile.read(key)
        if key in SECRETS:
            self.hide(text)
        return text

    def get(self, key: str) -> str | None:
        return self.read(key) if self.profile.get(key) else None

    def fetch(self) -> Grant:
        """By the first way that works; with the workspace that requests are for."""
        from dbjobs.auth.workspace import workspace_headers

        grant = self._fetch()
        return replace(grant, headers={**grant.headers, **workspace_headers(self)})

    def _fetch(self) -> Grant:
        failures = []
        for way in self.profile.ways:
            try:
                grant = _fetcher(way)(self)
            except (SignInError, ConfigError) as error:
                if isinstance(error, NotTheApiError) or len(self.profile.ways) == 1:
                    raise
                failures.append(f"{way}: {error.message}")
            else:
                self._settle(way, grant)
                return grant
        raise SignInError(
            f"no way to sign in to {self.host} works: {'; '.join(failures)}",
            hint="sign in by one of them, or put credentials for the host into a profile",
        )

    def _settle(self, way: str, grant: Grant) -> None:
        """The way that worked is the way from now on."""
        if len(self.profile.ways) > 1:
            self.detail(f"signing in by {way}")
        self.profile = replace(self.profile, ways=(way,))
        for name, value in grant.headers.items():
            if name.endswith(("Authorization", "Token")):
                self.hide(value.rpartition(" ")[2])

    def reread(self) -> bool:
        """Read the settings anew; True if what may be sent differs. Another host's are not taken."""
        if self.read_again is None:
            return False
        profile = self.read_again()
        if profile.host.value != self.host:
            return False
        before, self.profile = self.profile, profile
        return profile.settings != before.settings or any(
            setting.reference for setting in profile.settings.values()
        )

    def describe(self) -> str:
        """The way, and where its secret stands."""
        secret = next((key for key in SECRETS if key in self.profile.settings), None)
        where = f", {secret} ({self.profile.settings[secret].source})" if secret else ""
        return f"{' or '.join(self.profile.ways)}{where}"

    def explain(self, error: ConfigError) -> ConfigError:
        """A refusal, with what the request was signed in by and which workspace it was for."""
        hint = error.hint or "check the host"
        if isinstance(error, SignInError):
            hint += f"; signed in by {self.describe()}"
        if setting := self.profile.get("workspace_id"):
            hint += f"; for workspace {setting.value} ({setting.source})"
        elif self.may_serve_several or isinstance(error, NotTheApiError):
            hint += f"; {NAME_THE_WORKSPACE}"
        return type(error)(error.message, hint=hint, answer=error.answer)

    def ask(
        self,
        method: str,
        url: str,
        *,
        auth: AuthBase | None = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        is_direct: bool = False,
    ) -> Payload:
        """Ask an identity provider, once: whoever wants to send a request tries again if that may help."""
        is_workspace = origin_of(url) == origin_of(self.host)
        network = self.network if is_workspace else replace(self.network, client_cert=None)
        try:
            answer = Wire(auth, network, is_direct=is_direct).send(method, url, data=form, headers=headers)
            self.detail(f"{method} {url.partition('?')[0]} → {answer.status}")
            return read_answer(answer)
        except DbjobsError as error:
            raise self._in_words(error, urlsplit(url).netloc) from None

    def _in_words(self, error: DbjobsError, provider: str) -> DbjobsError:
        """What a failed question means for signing in; a network's trouble stays one that may pass."""
        if isinstance(error, UnreachableError):
            return UnsentError(
                f"cannot sign in: {error.message}",
                hint=error.hint,
                answer=error.answer,
                retry_after=error.retry_after,
            )
        if isinstance(error, NotTheApiError):
            hint = f"check the host; {provider} was asked for a token"
            return NotTheApiError(f"cannot sign in: {error.message}", hint=hint, answer=error.answer)
        if error.answer is None:
            return error
        words = (error.answer.message or error.message).strip().splitlines()[0]
        return SignInError(f"{provider} gave no token: {words}", hint=self.check_hint(), answer=error.answer)

    def check_hint(self) -> str:
        """Where to look when a provider refuses."""
        keys = [key for way in self.profile.ways for key in WAYS[way] if key in self.profile.settings]
        return "check " + " and ".join(f"{key} ({self.profile.settings[key].source})" for key in keys)


def sign_in(
    profile: Profile,
    network: Network,
    clock: Clock,
    *,
    environ: Mapping[str, str] = os.environ,
    read_again: Callable[[], Profile] | None = None,
    hide: Tell = lambda text: None,
    detail: Tell = lambda text: None,
) -> Credentials:
    """Credentials for a profile's host. Nothing is fetched before the first request.

    `read_again` resolves the profile once more; `hide` hears of every secret before it is used.
    """
    return Credentials(SignIn(profile, network, clock, environ, read_again, hide, detail), clock)
