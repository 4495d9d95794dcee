"""Signing in: the sandbox's own token, and those that the token endpoint issues for it.

The sandbox's token is also the secret of every client (OAuth M2M), and the subject token that is exchanged.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from dbjobs.sandbox.model import WORKSPACE_ID
from dbjobs.sandbox.refusal import RefusalError, unauthenticated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbjobs.sandbox.model import Json

TOKEN_PATH = "oidc/v1/token"  # noqa: S105 - the path of a page
DISCOVERY_PATH = "oidc/.well-known/oauth-authorization-server"
CONFIG_PATH = ".well-known/databricks-config"
AUTHORIZE_PATH = "oidc/v1/authorize"
PAGES = (("POST", TOKEN_PATH), ("GET", DISCOVERY_PATH), ("GET", CONFIG_PATH))
"""What is served to anyone."""

_CODE, _REFRESH = "authorization_code", "refresh_token"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


class OAuthRefusalError(RefusalError):
    """A refusal as OAuth states it (RFC 6749, 5.2)."""

    def as_dict(self) -> dict[str, str]:
        return {"error": self.error_code, "error_description": self.message}


class TokenServer:
    """Knows the valid tokens; those of the token endpoint expire after `lifetime` seconds."""

    def __init__(self, token: str, lifetime: int, *, is_shared: bool = False) -> None:
        """`is_shared`: the host serves several workspaces, and is the address of none of them."""
        self._is_shared = is_shared
        self._token = token
        self._lifetime = lifetime
        self._until: dict[str, float] = {token: float("inf")}
        self._codes: dict[str, Mapping[str, str]] = {}
        """codes that were given to a browser, and what it asked for"""
        self._refresh_tokens: set[str] = set()

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

    def authorize(self, asked: Mapping[str, str]) -> str:
        """Where a browser is sent: it is signed in at once, and redirected with a code.

        Only to this machine: a simulated workspace must not send browsers elsewhere.
        """
        redirect = urlsplit(asked.get("redirect_uri", ""))
        if redirect.scheme != "http" or redirect.hostname not in {"localhost", "127.0.0.1"}:
            raise OAuthRefusalError(400, "invalid_request", "redirect_uri is not on this machine.")
        if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
            raise OAuthRefusalError(400, "invalid_request", "Ask for a code, with an S256 challenge.")
        code = secrets.token_hex(16)
        self._codes[code] = dict(asked)
        query = urlencode({"code": code, "state": asked.get("state", "")})
        return f"{redirect.geturl()}{'&' if redirect.query else '?'}{query}"

    def page(self, path: str, url: str, form: Mapping[str, str], authorization: str) -> Json:
        """What one of `PAGES` says."""
        if path == TOKEN_PATH:
            return self._issue(form, authorization)
        if path == CONFIG_PATH:
            own = {"account_id": "sandbox"} if self._is_shared else {"workspace_id": WORKSPACE_ID}
            return {"oidc_endpoint": f"{url}/oidc", **own}
        return {
            "issuer": f"{url}/oidc",
            "authorization_endpoint": f"{url}/{AUTHORIZE_PATH}",
            "token_endpoint": f"{url}/{TOKEN_PATH}",
            "grant_types_supported": ["client_credentials", _CODE, _REFRESH, _EXCHANGE],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "scopes_supported": ["all-apis", "offline_access"],
            "code_challenge_methods_supported": ["S256"],
        }

    def _issue(self, form: Mapping[str, str], authorization: str) -> Json:
        grant = form.get("grant_type", "")
        if grant == _CODE:
            self._take_code(form)
            return self._new_token(form, can_be_renewed=True)
        if grant == _REFRESH:
            self._take_refresh_token(form)
            return self._new_token(form, can_be_renewed=True)
        if grant not in {"client_credentials", _EXCHANGE}:
            raise OAuthRefusalError(400, "unsupported_grant_type", f"There is no grant_type {grant!r}.")
        given = form.get("subject_token" if grant == _EXCHANGE else "client_secret") or _token_in(
            authorization
        )
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise OAuthRefusalError(401, "invalid_client", "The client's secret is the token of the sandbox.")
        return self._new_token(form, can_be_renewed=False)

    def _take_code(self, form: Mapping[str, str]) -> None:
        """A code is valid once, for the client that has the verifier of its challenge (RFC 7636, 4.6)."""
        asked = self._codes.pop(form.get("code", ""), {})
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        is_same = all(asked.get(key) == form.get(key) for key in ("client_id", "redirect_uri"))
        if not is_same or asked.get("code_challenge") != challenge:
            raise OAuthRefusalError(400, "invalid_grant", "The code is not valid, or no longer valid.")

    def _take_refresh_token(self, form: Mapping[str, str]) -> None:
        """A refresh token is valid once; the next token comes with the next one."""
        given = form.get("refresh_token", "")
        if given not in self._refresh_tokens:
            raise OAuthRefusalError(
                400, "invalid_grant", "The refresh token is not valid, or no longer valid."
            )
        self._refresh_tokens.remove(given)

    def _new_token(self, form: Mapping[str, str], *, can_be_renewed: bool) -> Json:
        token = secrets.token_hex(16)
        self._until[token] = time.monotonic() + self._lifetime
        answer: Json = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self._lifetime,
            "scope": form.get("scope", "all-apis"),
        }
        if can_be_renewed:
            answer["refresh_token"] = secrets.token_hex(16)
            self._refresh_tokens.add(answer["refresh_token"])
        return answer


def _token_in(authorization: str) -> str:
    """The token of an Authorization header, or the password that stands for it; empty if there is none."""
    scheme, _, given = authorization.partition(" ")
    if scheme == "Bearer":
        return given.strip()
    try:
        return base64.b64decode(given).decode().partition(":")[2] if scheme == "Basic" else ""
    except ValueError:
        return ""
