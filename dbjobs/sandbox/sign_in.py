"""Signing in: the sandbox's own token, and those that the token endpoint gives out for it.

The sandbox's token is also the secret of every client (OAuth M2M), and the subject token that is exchanged.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from typing import TYPE_CHECKING

from dbjobs.sandbox.model import WORKSPACE_ID
from dbjobs.sandbox.refusal import RefusalError, unauthenticated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbjobs.sandbox.model import Json

TOKEN_PATH = "oidc/v1/token"  # noqa: S105 - the path of a page
DISCOVERY_PATH = "oidc/.well-known/oauth-authorization-server"
CONFIG_PATH = ".well-known/databricks-config"
PAGES = (("POST", TOKEN_PATH), ("GET", DISCOVERY_PATH), ("GET", CONFIG_PATH))
"""What is served to anyone."""

_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


class OAuthRefusalError(RefusalError):
    """A refusal in the words of OAuth (RFC 6749, 5.2)."""

    def as_dict(self) -> dict[str, str]:
        return {"error": self.error_code, "error_description": self.message}


class SignIn:
    """Who may come in; tokens of the token endpoint are good for `lifetime` seconds."""

    def __init__(self, token: str, lifetime: int) -> None:
        self._token = token
        self._lifetime = lifetime
        self._until: dict[str, float] = {token: float("inf")}

    def check(self, authorization: str) -> None:
        """Refuse a request without a token that is valid."""
        given = _token_in(authorization)
        known = [token for token in self._until if hmac.compare_digest(given.encode(), token.encode())]
        if not known or self._until[known[0]] <= time.monotonic():
            raise unauthenticated()

    def expire(self, authorization: str) -> None:
        """From now on, that token is not valid."""
        if (given := _token_in(authorization)) in self._until:
            self._until[given] = 0.0

    def page(self, path: str, url: str, form: Mapping[str, str], authorization: str) -> Json:
        """What one of `PAGES` says."""
        if path == TOKEN_PATH:
            return self._issue(form, authorization)
        if path == CONFIG_PATH:
            return {"oidc_endpoint": f"{url}/oidc", "workspace_id": WORKSPACE_ID}
        return {
            "issuer": f"{url}/oidc",
            "authorization_endpoint": f"{url}/oidc/v1/authorize",
            "token_endpoint": f"{url}/{TOKEN_PATH}",
            "grant_types_supported": ["client_credentials", _EXCHANGE],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "scopes_supported": ["all-apis"],
        }

    def _issue(self, form: Mapping[str, str], authorization: str) -> Json:
        grant = form.get("grant_type", "")
        if grant not in {"client_credentials", _EXCHANGE}:
            raise OAuthRefusalError(400, "unsupported_grant_type", f"There is no grant_type {grant!r}.")
        given = form.get("subject_token" if grant == _EXCHANGE else "client_secret") or _token_in(
            authorization
        )
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise OAuthRefusalError(401, "invalid_client", "The client's secret is the token of the sandbox.")
        token = secrets.token_hex(16)
        self._until[token] = time.monotonic() + self._lifetime
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self._lifetime,
            "scope": form.get("scope", "all-apis"),
        }


def _token_in(authorization: str) -> str:
    """The token of an Authorization header, or the password that stands for it; empty if there is none."""
    scheme, _, given = authorization.partition(" ")
    if scheme == "Bearer":
        return given.strip()
    try:
        return base64.b64decode(given).decode().partition(":")[2] if scheme == "Basic" else ""
    except ValueError:
        return ""
