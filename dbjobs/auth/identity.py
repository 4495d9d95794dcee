"""Auth methods of CI systems, which exchange an identity token for a token of the workspace.

Sources: https://docs.databricks.com/dev-tools/auth/provider-github
https://docs.databricks.com/dev-tools/auth/provider-azure-devops
"""

from pathlib import Path
from urllib.parse import quote

from dbjobs.auth.grants import Grant, bearer, token_of
from dbjobs.auth.oauth import audience_of, exchange, token_endpoint
from dbjobs.auth.registry import auth_method
from dbjobs.auth.sign_in import SignIn
from dbjobs.common.files import TextError, read_text, reason_of
from dbjobs.common.hidden import hide
from dbjobs.config.settings import Source
from dbjobs.errors import ConfigError

GITHUB_VARIABLES = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")
"""Set by GitHub Actions for a job that may request identity tokens."""

DEVOPS_TOKEN = "SYSTEM_ACCESSTOKEN"  # noqa: S105 - the name of a variable
DEVOPS_VARIABLES = (
    DEVOPS_TOKEN,
    "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI",
    "SYSTEM_TEAMPROJECTID",
    "SYSTEM_HOSTTYPE",
    "SYSTEM_PLANID",
    "SYSTEM_JOBID",
)
"""Set by Azure DevOps for every job, except the token, which the pipeline has to pass on."""


def _variable_with_token(source: Source) -> str | None:
    """The variable with an identity token: a profile has to name it, the environment has a default."""
    named = source.get("oidc_token_env")
    if named:
        return named.value
    return None if source.profile else "DATABRICKS_OIDC_TOKEN"


@auth_method(
    "env-oidc",
    is_available=lambda source, host, environ: bool(environ.get(_variable_with_token(source) or "")),
)
def identity_token_in_variable(sign_in: SignIn) -> Grant:
    """An identity token that the pipeline put into an environment variable."""
    name = _variable_with_token(sign_in.profile.credential_source)
    token = sign_in.environ.get(name or "", "").strip()
    if not token:
        problem = f"the variable {name} is not set" if name else "oidc_token_env names no variable"
        raise ConfigError(f"there is no identity token: {problem}")
    return exchange(sign_in, token, token_endpoint(sign_in))


@auth_method("file-oidc", needs=["oidc_token_filepath"])
def identity_token_in_file(sign_in: SignIn) -> Grant:
    """An identity token in a file that the platform updates."""
    path = Path(sign_in.read("oidc_token_filepath")).expanduser()
    try:
        token = read_text(path).strip()
    except (OSError, TextError) as error:
        raise ConfigError(f"cannot read the identity token in {path}: {reason_of(error)}") from None
    if not token:
        raise ConfigError(f"there is no identity token in {path}: it is empty")
    return exchange(sign_in, token, token_endpoint(sign_in))


@auth_method(
    "github-oidc",
    needs=["client_id"],
    is_available=lambda source, host, environ: all(environ.get(name) for name in GITHUB_VARIABLES),
)
def github_actions(sign_in: SignIn) -> Grant:
    """An identity token of GitHub Actions, with the workspace as its audience."""
    check_github(sign_in)
    endpoint = token_endpoint(sign_in)
    return exchange(sign_in, github_token(sign_in, audience_of(sign_in, endpoint)), endpoint)


def check_github(sign_in: SignIn) -> None:
    """A ConfigError if GitHub gives no identity tokens here, or its URL is not encrypted."""
    url, token = (sign_in.environ.get(name, "") for name in GITHUB_VARIABLES)
    if not url or not token:
        raise ConfigError(
            "GitHub gives this workflow no identity token",
            hint="its job needs `permissions: {id-token: write}`; elsewhere, use another auth method",
        )
    sign_in.check_encrypted(url, GITHUB_VARIABLES[0], "a token")
    hide(token)


def github_token(sign_in: SignIn, audience: str) -> str:
    """An identity token of this workflow for an audience."""
    url, token = (sign_in.environ[name] for name in GITHUB_VARIABLES)
    url += f"{'&' if '?' in url else '?'}audience={quote(audience, safe='')}"
    return token_of(sign_in.ask("GET", url, headers=bearer(token).headers), "value")


@auth_method(
    "azure-devops-oidc",
    needs=["client_id"],
    is_available=lambda source, host, environ: all(environ.get(name) for name in DEVOPS_VARIABLES),
)
def azure_devops(sign_in: SignIn) -> Grant:
    """An identity token of Azure Pipelines; its audience is fixed."""
    values = {name: sign_in.environ.get(name, "") for name in DEVOPS_VARIABLES}
    if missing := [name for name, value in values.items() if not value]:
        raise ConfigError(
            f"Azure DevOps gives this job no identity token: {', '.join(missing)} not set",
            hint=f"pass the token in the step's env: {DEVOPS_TOKEN}: $(System.AccessToken)",
        )
    token, collection, project, hub, plan, job = values.values()
    sign_in.check_encrypted(collection, DEVOPS_VARIABLES[1], "a token")
    hide(token)
    url = f"{collection}{project}/_apis/distributedtask/hubs/{hub}/plans/{plan}/jobs/{job}/oidctoken"
    headers = {**bearer(token).headers, "Content-Type": "application/json"}
    answer = sign_in.ask("POST", f"{url}?api-version=7.2-preview.1", headers=headers)
    return exchange(sign_in, token_of(answer, "oidcToken"), token_endpoint(sign_in))
