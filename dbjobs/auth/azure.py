"""Auth methods of Microsoft Entra ID: a service principal, GitHub Actions, a managed identity.

Source: https://learn.microsoft.com/azure/databricks/dev-tools/auth/azure-sp
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from dbjobs.auth.grants import Grant, bearer, lifetime_of, token_of
from dbjobs.auth.identity import GITHUB_VARIABLES, check_github, github_token
from dbjobs.auth.registry import auth_method
from dbjobs.auth.sign_in import SignIn, logger
from dbjobs.config.hosts import is_azure
from dbjobs.config.settings import is_true
from dbjobs.errors import ConfigError, SignInError

DATABRICKS = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
"""Azure Databricks, as Entra ID knows it in every cloud."""

METADATA_SERVICE = "http://169.254.169.254"
"""On every machine of Azure; AZURE_POD_IDENTITY_AUTHORITY_HOST names another one."""

GITHUB_AUDIENCE = "api://AzureADTokenExchange"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Cloud(NamedTuple):
    """The authority that issues tokens, and the service whose token admits principals that are not users."""

    authority: str
    management: str


CLOUDS = {
    "PUBLIC": Cloud("https://login.microsoftonline.com", "https://management.core.windows.net"),
    "USGOVERNMENT": Cloud("https://login.microsoftonline.us", "https://management.core.usgovcloudapi.net"),
    "CHINA": Cloud("https://login.chinacloudapi.cn", "https://management.core.chinacloudapi.cn"),
}
DOMAINS = {
    ".azuredatabricks.net": "PUBLIC",
    ".databricks.azure.us": "USGOVERNMENT",
    ".databricks.azure.cn": "CHINA",
}

TokenAndLifetime = tuple[str, float | None]
"""A token, and how many seconds it is valid."""


@auth_method("azure-client-secret", needs=["azure_client_id", "azure_client_secret"], is_explicit=True)
def service_principal(sign_in: SignIn) -> Grant:
    """A token for a client secret."""
    return _grant_for_client(sign_in, {"client_secret": sign_in.read("azure_client_secret")})


@auth_method(
    "github-oidc-azure",
    needs=["azure_client_id"],
    is_available=lambda source, host, environ: all(environ.get(name) for name in GITHUB_VARIABLES),
)
def github_actions(sign_in: SignIn) -> Grant:
    """A token for a GitHub workflow that the service principal trusts."""
    check_github(sign_in)
    assertion = github_token(sign_in, GITHUB_AUDIENCE)
    return _grant_for_client(sign_in, {"client_assertion_type": ASSERTION, "client_assertion": assertion})


def _grant_for_client(sign_in: SignIn, proof: Mapping[str, str]) -> Grant:
    tenant = tenant_of(sign_in)
    if tenant is None:
        raise ConfigError(
            f"the tenant of the service principal is not known, because {sign_in.host} does not name it",
            hint="set azure_tenant_id (ARM_TENANT_ID)",
        )
    url = f"{authority_of(sign_in)}/{tenant}/oauth2/v2.0/token"
    client = {"grant_type": "client_credentials", "client_id": sign_in.read("azure_client_id"), **proof}

    def token_for(resource: str) -> TokenAndLifetime:
        answer = sign_in.ask("POST", url, form={**client, "scope": f"{resource}/.default"})
        return token_of(answer), lifetime_of(answer, sign_in.clock.now())

    return grant_by(sign_in, token_for)


@auth_method(
    "azure-msi",
    needs=["azure_use_msi"],
    is_explicit=True,
    is_available=lambda source, host, environ: is_true(source.get("azure_use_msi")),
)
def managed_identity(sign_in: SignIn) -> Grant:
    """A token for the identity that Azure gave the machine; no secret is sent."""
    service = sign_in.environ.get("AZURE_POD_IDENTITY_AUTHORITY_HOST") or METADATA_SERVICE
    client_id = sign_in.get("azure_client_id")

    def token_for(resource: str) -> TokenAndLifetime:
        query = {"api-version": "2018-02-01", "resource": resource}
        query |= {"client_id": client_id} if client_id else {}
        url = f"{service.rstrip('/')}/metadata/identity/oauth2/token?{urlencode(query)}"
        answer = sign_in.ask("GET", url, headers={"Metadata": "true"}, is_direct=True)
        return token_of(answer), lifetime_of(answer, sign_in.clock.now())

    return grant_by(sign_in, token_for)


def grant_by(sign_in: SignIn, token_for: Callable[[str], TokenAndLifetime]) -> Grant:
    """A token for Databricks, and a second one for a principal that is not a user of the workspace.

    The second token is optional: a principal that cannot get one may be a user of the workspace.
    """
    token, lifetime = token_for(DATABRICKS)
    resource_id = sign_in.get("azure_workspace_resource_id")
    if not resource_id:
        return bearer(token, lifetime)
    headers = {**bearer(token).headers, "X-Databricks-Azure-Workspace-Resource-Id": resource_id}
    lifetimes = [lifetime]
    try:
        management_token, other_lifetime = token_for(cloud_of(sign_in).management)
    except SignInError as error:
        logger.debug("continuing without a management token: %s", error.message)
    else:
        headers["X-Databricks-Azure-SP-Management-Token"] = management_token
        lifetimes.append(other_lifetime)
    return Grant(headers, min((seconds for seconds in lifetimes if seconds is not None), default=None))


def tenant_of(sign_in: SignIn) -> str | None:
    """The tenant in the settings, or in the URL of the login page to which the workspace redirects."""
    if named := sign_in.get("azure_tenant_id"):
        return named
    if not is_azure(sign_in.host):
        return None
    url = f"{sign_in.host}/aad/auth"
    response = sign_in.session_for(url).send("GET", url)
    logger.debug("GET %s → %s", url, response.status)
    tenant = urlsplit(response.headers.get("location", "")).path.strip("/").partition("/")[0]
    return tenant if re.fullmatch(r"[\w.-]+", tenant) else None


def authority_of(sign_in: SignIn) -> str:
    """Who issues tokens: the setting, or the authority of the cloud of the host."""
    authority = (sign_in.get("azure_authority_host") or cloud_of(sign_in).authority).rstrip("/")
    authority = authority if "://" in authority else f"https://{authority}"
    sign_in.check_encrypted(authority, "azure_authority_host", "the secret")
    return authority


def cloud_of(sign_in: SignIn) -> Cloud:
    """The cloud of the domain of the host, or else of `azure_environment`."""
    named = (sign_in.get("azure_environment") or "PUBLIC").upper().removeprefix("AZURE").removesuffix("CLOUD")
    host = urlsplit(sign_in.host).hostname or ""
    name = next((name for domain, name in DOMAINS.items() if host.endswith(domain)), named)
    if name not in CLOUDS:
        raise ConfigError(f"azure_environment {name!r} is not one of {', '.join(CLOUDS)}")
    return CLOUDS[name]
