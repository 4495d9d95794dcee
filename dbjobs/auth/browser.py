"""Sign-in in a browser: OAuth with PKCE, and the tokens that it gives.

Sources: https://docs.databricks.com/dev-tools/auth/oauth-u2m and RFC 7636.
"""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from dbjobs.auth.grants import Grant, bearer, lifetime_of, token_of
from dbjobs.auth.oauth import oauth_endpoint, scopes_of, token_endpoint
from dbjobs.auth.registry import auth_method
from dbjobs.auth.sign_in import SignIn
from dbjobs.auth.tokens import Token, TokenFile, TokenStore
from dbjobs.common.hidden import hide
from dbjobs.config.files import config_path
from dbjobs.config.settings import Options
from dbjobs.errors import SignInError

CLIENT_ID = "databricks-cli"
"""The application that every workspace knows, and that needs only the consent of a person."""

MIN_LIFETIME = 60.0
"""Seconds that a stored token must still be valid to be used without a renewal."""


class Consent:
    """One attempt to sign in: the page that the browser opens, and what its redirect must contain."""

    def __init__(self, sign_in: SignIn, redirect_url: str) -> None:
        self._sign_in = sign_in
        self._redirect_url = redirect_url
        self._verifier = secrets.token_urlsafe(48)
        self._state = secrets.token_urlsafe(24)
        hide(self._verifier)

    @property
    def url(self) -> str:
        """The page that asks for consent."""
        digest = sha256(self._verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": client_of(self._sign_in),
            "redirect_uri": self._redirect_url,
            "scope": f"{scopes_of(self._sign_in)} offline_access",
            "state": self._state,
            "code_challenge": urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        page = oauth_endpoint(self._sign_in, "authorization_endpoint", "/oidc/v1/authorize")
        return f"{page}?{urlencode(query)}"

    def is_answered_by(self, address: str) -> bool:
        """True if a redirect belongs to this attempt, and not to another one."""
        state = _query_of(address).get("state", "")
        return secrets.compare_digest(state.encode(), self._state.encode())

    def exchange(self, address: str) -> Token:
        """The tokens for the address to which the browser was redirected."""
        query = _query_of(address)
        if "error" in query:
            reason = query.get("error_description") or query["error"]
            raise SignInError(f"the sign-in was refused: {reason}", hint="try again, or ask an administrator")
        if not self.is_answered_by(address) or "code" not in query:
            raise SignInError(
                "that is not the address that this sign-in was redirected to",
                hint="copy the whole address from the browser; it begins with " + self._redirect_url,
            )
        hide(query["code"])
        form = {
            "grant_type": "authorization_code",
            "client_id": client_of(self._sign_in),
            "redirect_uri": self._redirect_url,
            "code_verifier": self._verifier,
            "code": query["code"],
        }
        return _ask_for_token(self._sign_in, form)


def _query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address.strip()).query).items()}


def client_of(sign_in: SignIn) -> str:
    """The application that asks for consent."""
    return sign_in.get("client_id") or CLIENT_ID


def _ask_for_token(sign_in: SignIn, form: Mapping[str, str]) -> Token:
    answer = sign_in.ask("POST", token_endpoint(sign_in), form=form)
    token: dict[str, Any] = {
        "access_token": token_of(answer),
        "refresh_token": answer.get("refresh_token") or form.get("refresh_token"),
        "token_type": "Bearer",
        "host": sign_in.host,
    }
    hide(token["access_token"])
    if token["refresh_token"]:
        hide(token["refresh_token"])
    now = sign_in.clock.now()
    lifetime = lifetime_of(answer, now)
    if lifetime is not None:
        token["expiry"] = datetime.fromtimestamp(now + lifetime, timezone.utc).isoformat()
    return token


@auth_method("external-browser", is_available=lambda source, host, environ: False)
def external_browser(sign_in: SignIn) -> Grant:
    """The person who signed in with `dbjobs profiles login`, for profiles with this auth_type only."""
    name = sign_in.profile.name or ""
    hint = f"sign in with: dbjobs profiles login {name or 'NAME'} --host {sign_in.host}"
    store = token_store(sign_in.environ)
    with store.locked():
        token = store.read(name)
        if token is None or token.get("host") != sign_in.host:
            raise SignInError(
                f"nobody is signed in to {sign_in.host} with profile {name or 'NAME'}", hint=hint
            )
        renewed = fresh_token(sign_in, token, hint)
        if renewed is not token:
            store.write(name, renewed)
    return _grant_of(sign_in, renewed)


def official_grant(sign_in: SignIn, hint: str) -> Grant | None:
    """The sign-in that `databricks auth login` stored in its file; None if there is none."""
    home = sign_in.environ.get("HOME") or sign_in.environ.get("USERPROFILE") or ""
    file = TokenFile(Path(home) / ".databricks" / "token-cache.json")
    for key in (sign_in.profile.official_name, sign_in.host):
        if key and (token := file.read(key)):
            renewed = fresh_token(sign_in, token, hint)
            if renewed is not token:
                file.write(key, {name: value for name, value in renewed.items() if name != "host"})
            return _grant_of(sign_in, renewed)
    return None


def fresh_token(sign_in: SignIn, token: Token, hint: str) -> Token:
    """The token if it is valid long enough, else a new one."""
    lifetime = lifetime_of(token, sign_in.clock.now())
    if lifetime is None or lifetime > MIN_LIFETIME:
        return token
    refresh_token = token.get("refresh_token")
    if not refresh_token:
        raise SignInError("the sign-in has expired", hint=hint)
    hide(refresh_token)
    form = {
        "grant_type": "refresh_token",
        "client_id": client_of(sign_in),
        "refresh_token": refresh_token,
    }
    try:
        return _ask_for_token(sign_in, form)
    except SignInError as error:
        raise SignInError(
            f"the sign-in has expired: {error.message}", hint=hint, answer=error.answer
        ) from None


def _grant_of(sign_in: SignIn, token: Token) -> Grant:
    return bearer(token_of(token), lifetime_of(token, sign_in.clock.now()))


def token_store(environ: Mapping[str, str]) -> TokenStore:
    """Beside the config.yaml of the user, even if DBJOBS_CONFIG names another one."""
    usual = {name: value for name, value in environ.items() if name != "DBJOBS_CONFIG"}
    return TokenStore(config_path(Options(), usual).parent)
