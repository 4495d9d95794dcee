"""Auth methods of the workspace's OAuth server: for a service principal or an identity token.

Sources: https://docs.databricks.com/dev-tools/auth/oauth-m2m
https://docs.databricks.com/dev-tools/auth/oauth-federation-exchange
"""

import re
from urllib.parse import urlsplit

from dbjobs.auth.grants import Grant, basic, bearer_of
from dbjobs.auth.registry import auth_method
from dbjobs.auth.sign_in import SignIn
from dbjobs.common.hidden import hide
from dbjobs.config.hosts import is_databricks, is_loopback, origin_of, serves_one_workspace
from dbjobs.errors import SignInError

DISCOVERY = "/.well-known/oauth-authorization-server"
DEFAULT_SCOPE = "all-apis"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - the name of a grant
JWT = "urn:ietf:params:oauth:token-type:jwt"


@auth_method("oauth-m2m", needs=["client_id", "client_secret"], is_explicit=True)
def service_principal(sign_in: SignIn) -> Grant:
    """A token for the id and the secret of a client."""
    credentials = basic(sign_in.read("client_id"), sign_in.read("client_secret")).headers
    hide(credentials["Authorization"].removeprefix("Basic "))
    form = {"grant_type": "client_credentials", "scope": scopes_of(sign_in)}
    answer = sign_in.ask("POST", token_endpoint(sign_in), headers=credentials, form=form)
    return bearer_of(answer, sign_in.clock.now())


def exchange(sign_in: SignIn, identity_token: str, endpoint: str) -> Grant:
    """A token of the workspace for an identity token of a pipeline."""
    hide(identity_token)
    client_id = sign_in.get("client_id")
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token_type": JWT,
        "subject_token": identity_token,
        "scope": scopes_of(sign_in),
        **({"client_id": client_id} if client_id else {}),
    }
    return bearer_of(sign_in.ask("POST", endpoint, form=form), sign_in.clock.now())


def scopes_of(sign_in: SignIn) -> str:
    """The scopes in the profile, each once, or that of the whole API."""
    setting = sign_in.profile.get("scopes")
    named = sorted(set(re.split(r"[,\s]+", setting.read())) - {""}) if setting else []
    return " ".join(named) or DEFAULT_SCOPE


def token_endpoint(sign_in: SignIn) -> str:
    """The URL at which the workspace issues tokens."""
    return oauth_endpoint(sign_in, "token_endpoint", "/oidc/v1/token")


def oauth_endpoint(sign_in: SignIn, key: str, fallback: str) -> str:
    """A URL of the OAuth server, as the host gives it; one of an unrelated host is refused."""
    url = discovery_url(sign_in)
    try:
        found = sign_in.ask("GET", url).get(key)
    except SignInError as error:
        if error.answer is None or error.answer.status != 404:
            raise
        found = None
    endpoint = found if isinstance(found, str) and found else sign_in.host + fallback
    named = sign_in.get("discovery_url")
    is_own = origin_of(endpoint) in (origin_of(sign_in.host), named and origin_of(named))
    if not is_own and not (is_databricks(endpoint) and is_databricks(sign_in.host)):
        raise SignInError(
            f"{sign_in.host} wants the credentials to be sent to {urlsplit(endpoint).netloc}, another host",
            hint="check the host; if it is an alias of a workspace, use the workspace's own address",
        )
    return endpoint


def discovery_url(sign_in: SignIn) -> str:
    """The URL of the metadata of the OAuth server.

    It is fixed for a host of one workspace; other hosts say where it is, and may name that of the account.
    """
    if named := sign_in.get("discovery_url"):
        sign_in.check_encrypted(named, "discovery_url", "the credentials")
        return named
    base = f"{sign_in.host}/oidc"
    if not serves_one_workspace(sign_in.host):
        found = sign_in.host_metadata.get("oidc_endpoint")
        if isinstance(found, str) and found:
            account_id = sign_in.account_id
            is_complete = "{account_id}" not in found or account_id
            base = found.replace("{account_id}", account_id or "") if is_complete else base
    return base.rstrip("/") + DISCOVERY


def audience_of(sign_in: SignIn, endpoint: str) -> str:
    """The audience of an identity token.

    Only a host of Databricks, or one on this machine, is asked for it: another host might name an
    audience that accepts the token for something else.
    """
    if named := sign_in.get("token_audience"):
        return named
    if is_databricks(sign_in.host) or is_loopback(sign_in.host):
        metadata = sign_in.host_metadata
        audiences = metadata.get("token_federation_default_oidc_audiences")
        if isinstance(audiences, list) and audiences:
            return str(audiences[0])
        if metadata and not metadata.get("workspace_id") and sign_in.account_id:
            return sign_in.account_id  # the host is that of the account
    return endpoint
