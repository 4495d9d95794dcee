"""Tokens of Microsoft Entra ID, for a service principal or for the machine's own identity.

Source: https://learn.microsoft.com/azure/databricks/dev-tools/auth/azure-sp
"""

from collections.abc import Callable
from urllib.parse import urlencode

from dbjobs.auth.credentials import Grant
from dbjobs.auth.grants import bearer, lifetime_of, token_of
from dbjobs.auth.sign_in import SignIn
from dbjobs.config.hosts import is_loopback
from dbjobs.errors import ConfigError

DATABRICKS = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
"""Azure Databricks, as Entra ID knows it in every cloud."""

AUTHORITIES = {
    ".databricks.azure.us": ("https://login.microsoftonline.us", "https://management.core.usgovcloudapi.net"),
    ".databricks.azure.cn": ("https://login.chinacloudapi.cn", "https://management.core.chinacloudapi.cn"),
}
PUBLIC = ("https://login.microsoftonline.com", "https://management.core.windows.net")
"""Who gives out tokens, and whose token opens a workspace to those who are not its users."""

MACHINE = "http://169.254.169.254"
"""The metadata service of a machine of Azure; AZURE_POD_IDENTITY_AUTHORITY_HOST moves it."""

Token = tuple[str, float | None]
"""A token, and how many seconds it is good for."""


def fetch_for_service_principal(sign_in: SignIn) -> Grant:
    """A client secret for a token."""
    url = f"{authority_of(sign_in)}/{sign_in.read('azure_tenant_id')}/oauth2/v2.0/token"
    credentials = {
        "grant_type": "client_credentials",
        "client_id": sign_in.read("azure_client_id"),
        "client_secret": sign_in.read("azure_client_secret"),
    }

    def token_for(resource: str) -> Token:
        answer = sign_in.ask("POST", url, form={**credentials, "scope": f"{resource}/.default"})
        return token_of(answer), lifetime_of(answer)

    return grant_by(sign_in, token_for)


def fetch_for_machine(sign_in: SignIn) -> Grant:
    """The identity that Azure gave the machine; no secret is sent."""
    service = sign_in.environ.get("AZURE_POD_IDENTITY_AUTHORITY_HOST") or MACHINE
    client_id = sign_in.get("azure_client_id")

    def token_for(resource: str) -> Token:
        query = {"api-version": "2018-02-01", "resource": resource}
        query |= {"client_id": client_id} if client_id else {}
        url = f"{service.rstrip('/')}/metadata/identity/oauth2/token?{urlencode(query)}"
        answer = sign_in.ask("GET", url, headers={"Metadata": "true"}, is_direct=True)
        return token_of(answer), lifetime_of(answer)

    return grant_by(sign_in, token_for)


def grant_by(sign_in: SignIn, token_for: Callable[[str], Token]) -> Grant:
    """A token for Databricks; with the workspace's resource id, also one for those who are not its users."""
    token, lifetime = token_for(DATABRICKS)
    resource_id = sign_in.get("azure_workspace_resource_id")
    if not resource_id:
        return bearer(token, lifetime)
    management_token, other_lifetime = token_for(_cloud_of(sign_in)[1])
    headers = {
        **bearer(token).headers,
        "X-Databricks-Azure-SP-Management-Token": management_token,
        "X-Databricks-Azure-Workspace-Resource-Id": resource_id,
    }
    lifetimes = [seconds for seconds in (lifetime, other_lifetime) if seconds is not None]
    return Grant(headers, min(lifetimes, default=None))


def authority_of(sign_in: SignIn) -> str:
    """Who gives out tokens in the cloud of the host, unless a setting says so."""
    authority = (sign_in.get("azure_authority_host") or _cloud_of(sign_in)[0]).rstrip("/")
    authority = authority if "://" in authority else f"https://{authority}"
    if not authority.startswith("https://") and not is_loopback(authority):
        raise ConfigError(
            "azure_authority_host would get the secret unencrypted", hint="it begins with https://"
        )
    return authority


def _cloud_of(sign_in: SignIn) -> tuple[str, str]:
    found = (cloud for domain, cloud in AUTHORITIES.items() if sign_in.host.endswith(domain))
    return next(found, PUBLIC)
