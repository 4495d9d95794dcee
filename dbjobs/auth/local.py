"""Auth methods that use this machine alone: a token, a password, a metadata service, the runtime."""

from dbjobs.auth.grants import Grant, basic, bearer, bearer_of
from dbjobs.auth.registry import auth_method
from dbjobs.auth.sign_in import SignIn
from dbjobs.common.hidden import hide
from dbjobs.config.hosts import is_loopback
from dbjobs.config.netrc import find_netrc_token
from dbjobs.config.resolve import check_sendable
from dbjobs.config.runtime import runtime_credentials
from dbjobs.errors import ConfigError


@auth_method("pat", needs=["token"], is_explicit=True)
def personal_access_token(sign_in: SignIn) -> Grant:
    """A token that somebody created in the workspace."""
    return bearer(sign_in.read("token"))


@auth_method("basic", needs=["username", "password"], is_explicit=True)
def user_name_and_password(sign_in: SignIn) -> Grant:
    """For workspaces that still accept them."""
    return basic(sign_in.read("username"), sign_in.read("password"))


@auth_method("netrc", is_available=lambda source, host, environ: find_netrc_token(host, environ) is not None)
def netrc(sign_in: SignIn) -> Grant:
    """A personal access token in `.netrc`."""
    token = find_netrc_token(sign_in.host, sign_in.environ)
    if token is None:
        raise ConfigError(
            f"there is no token for {sign_in.host} in .netrc",
            hint="an entry reads: machine HOST login token password TOKEN",
        )
    return bearer(check_sendable("token", token, ".netrc"))


@auth_method("metadata-service", needs=["metadata_service_url"], is_explicit=True)
def metadata_service(sign_in: SignIn) -> Grant:
    """A service, such as that of an editor, which signed in on the user's behalf."""
    url = sign_in.read("metadata_service_url")
    sign_in.check_encrypted(url, "metadata_service_url", "a token")
    headers = {"X-Databricks-Metadata-Version": "1", "X-Databricks-Host": sign_in.host}
    answer = sign_in.ask("GET", url, headers=headers, is_direct=is_loopback(url))
    return bearer_of(answer, sign_in.clock.now())


@auth_method(
    "runtime",
    is_available=lambda source, host, environ: runtime_credentials(environ, host) is not None,
)
def databricks_runtime(sign_in: SignIn) -> Grant:
    """Whoever runs the notebook or the job that dbjobs is called from."""
    found = runtime_credentials(sign_in.environ, sign_in.host)
    if found is None:
        raise ConfigError(
            f"this is not a notebook or job of {sign_in.host}", hint="elsewhere, use another auth method"
        )
    headers = found.headers()
    hide(headers.get("Authorization", "").rpartition(" ")[2])
    return Grant(headers, lifetime=60)
