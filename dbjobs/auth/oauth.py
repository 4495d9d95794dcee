"""Tokens of the workspace's own OAuth server: for a service principal, or for an identity token.

Sources: https://docs.databricks.com/dev-tools/auth/oauth-m2m
https://docs.databricks.com/dev-tools/auth/oauth-federation-exchange
"""

from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

from requests.auth import HTTPBasicAuth

from dbjobs.auth.credentials import Grant
from dbjobs.auth.grants import bearer_of
from dbjobs.auth.sign_in import SignIn
from dbjobs.config.hosts import is_databricks, is_loopback, origin_of
from dbjobs.errors import SignInError

DISCOVERY = "/oidc/.well-known/oauth-authorization-server"
TOKEN_ENDPOINT = "/oidc/v1/token"  # noqa: S105 - a path
SCOPE = "all-apis"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - the name of a grant
JWT = "urn:ietf:params:oauth:token-type:jwt"


def fetch_for_service_principal(sign_in: SignIn) -> Grant:
    """OAuth M2M: the client's credentials for a token."""
    client_id, client_secret = sign_in.read("client_id"), sign_in.read("client_secret")
    sign_in.hide(b64encode(f"{client_id}:{client_secret}".encode()).decode())
    auth = HTTPBasicAuth(client_id, client_secret)
    form = {"grant_type": "client_credentials", "scope": SCOPE}
    return bearer_of(sign_in.ask("POST", token_endpoint(sign_in), auth=auth, form=form))


def exchange(sign_in: SignIn, identity_token: str, endpoint: str) -> Grant:
    """An identity token of a pipeline, for a token of the workspace."""
    sign_in.hide(identity_token)
    client_id = sign_in.get("client_id")
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token_type": JWT,
        "subject_token": identity_token,
        "scope": SCOPE,
        **({"client_id": client_id} if client_id else {}),
    }
    return bearer_of(sign_in.ask("POST", endpoint, form=form))


def token_endpoint(sign_in: SignIn) -> str:
    """Where the workspace gives out tokens, as it says itself; credentials go to no stranger's."""
    fallback = sign_in.host + TOKEN_ENDPOINT
    found = _read_if_there(sign_in, DISCOVERY).get("token_endpoint")
    endpoint = found if isinstance(found, str) and found else fallback
    is_own = origin_of(endpoint) == origin_of(sign_in.host)
    if not is_own and not (is_databricks(endpoint) and is_databricks(sign_in.host)):
        raise SignInError(
            f"{sign_in.host} wants the credentials to be sent to {urlsplit(endpoint).netloc}, another host",
            hint="check the host; if it stands for a workspace, use the workspace's own address",
        )
    return endpoint


def audience_of(sign_in: SignIn, endpoint: str) -> str:
    """Whom an identity token is to be made out to.

    Only a host that is Databricks' own, or this machine's, is asked: another might name an
    audience at which the token could be used.
    """
    if named := sign_in.get("token_audience"):
        return named
    if is_databricks(sign_in.host) or is_loopback(sign_in.host):
        audiences = sign_in.host_metadata.get("token_federation_default_oidc_audiences")
        if isinstance(audiences, list) and audiences:
            return str(audiences[0])
    return endpoint


def _read_if_there(sign_in: SignIn, path: str) -> dict[str, Any]:
    """A document of the host; {} if it has none."""
    try:
        return sign_in.ask("GET", sign_in.host + path)
    except SignInError as error:
        if error.answer and error.answer.status == 404:
            return {}
        raise
