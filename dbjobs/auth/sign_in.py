"""What auth methods work with: the settings of a profile, and requests to token servers."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dbjobs.common.clock import Clock
from dbjobs.common.hidden import hide
from dbjobs.config.hosts import is_databricks, is_loopback, origin_of, serves_one_workspace
from dbjobs.config.resolve import Profile, check_sendable
from dbjobs.config.settings import FAMILIES, SECRETS
from dbjobs.errors import ConfigError, DbjobsError, NotTheApiError, SignInError, UnreachableError, UnsentError
from dbjobs.http.response import Payload, read_response

if TYPE_CHECKING:
    from dbjobs.http.session import HttpSession, Network

HOST_METADATA = "/.well-known/databricks-config"
"""The metadata of a host: `workspace_id`, `account_id`, `oidc_endpoint`, and more.

Source: https://docs.databricks.com/dev-tools/auth/unified-auth and the official SDKs
"""

WORKSPACE_HEADER = "X-Databricks-Workspace-Id"

logger = logging.getLogger(__name__)


@dataclass
class SignIn:
    """The settings of one profile, and requests to token servers."""

    profile: Profile
    network: "Network"
    clock: Clock
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @property
    def host(self) -> str:
        return self.profile.host.value

    @property
    def may_serve_several(self) -> bool:
        """True for hosts of Databricks that several workspaces may share."""
        return is_databricks(self.host) and not serves_one_workspace(self.host)

    @cached_property
    def host_metadata(self) -> dict[str, Any]:
        """The metadata of the host; {} if it has none, or something else answers."""
        try:
            return self.ask("GET", self.host + HOST_METADATA)
        except ConfigError:
            return {}

    @property
    def account_id(self) -> str | None:
        """The account of the workspace; None if it is not known."""
        return self.get("account_id") or self.host_metadata.get("account_id")

    def workspace_headers(self) -> dict[str, str]:
        """The header that names the workspace of a request; {} if the host has only one.

        Without a setting, a host that may serve several workspaces is asked for its default.
        """
        workspace_id = self.profile.workspace_id
        if not workspace_id and self.may_serve_several:
            found = self.host_metadata.get("workspace_id")
            workspace_id = check_sendable("workspace_id", str(found), self.host) if found else None
        return {WORKSPACE_HEADER: workspace_id} if workspace_id else {}

    def read(self, key: str) -> str:
        """The value of a setting; a secret is hidden from all output from now on."""
        text = self.profile.read(key)
        if key in SECRETS:
            hide(text)
        return text

    def get(self, key: str) -> str | None:
        return self.read(key) if self.profile.get(key) else None

    def check_encrypted(self, url: str, name: str, what: str) -> None:
        """Refuse a URL to which, or from which, a secret would be sent unencrypted."""
        if not url.startswith("https://") and not is_loopback(url):
            raise ConfigError(f"{name} would get {what} unencrypted", hint="it begins with https://")

    def ask(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        is_direct: bool = False,
    ) -> Payload:
        """The payload of a token server's response, tried once: the request that needs it is retried.

        `is_direct`: without any proxy.
        """
        try:
            session = self.session_for(url, is_direct=is_direct)
            answer = session.send(method, url, data=form, headers=headers)
            logger.debug("%s %s → %s", method, url.partition("?")[0], answer.status)
            return read_response(answer)
        except DbjobsError as error:
            provider = urlsplit(url).netloc
            failure = f"cannot sign in: {error.message}"
            if isinstance(error, UnreachableError):  # the request that needs the token is retried
                raise UnsentError(
                    failure, hint=error.hint, answer=error.answer, retry_after=error.retry_after
                ) from None
            if isinstance(error, NotTheApiError):
                hint = f"check the host; {provider} was asked for a token"
                raise NotTheApiError(failure, hint=hint, answer=error.answer) from None
            if error.answer is None:
                raise
            settings = self.profile.settings
            found = [f"{key} ({settings[key].source})" for key in settings if key in FAMILIES]
            hint = f"check {' and '.join(found) or 'who is signed in'}"
            reason = (error.answer.message or error.message).strip().splitlines()[0]
            raise SignInError(f"{provider} gave no token: {reason}", hint=hint, answer=error.answer) from None

    def session_for(self, url: str, *, is_direct: bool = False) -> "HttpSession":
        """A session without credentials; only that with the workspace sends the client certificate."""
        from dbjobs.http.session import HttpSession

        is_workspace = origin_of(url) == origin_of(self.host)
        network = self.network if is_workspace else replace(self.network, client_cert=None)
        return HttpSession(None, network, is_direct=is_direct)
