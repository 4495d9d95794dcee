"""Tokens that something on this machine hands out: a metadata service, or the Databricks runtime."""

from collections.abc import Mapping

from dbjobs.auth.grants import Grant, bearer_of
from dbjobs.auth.registry import auth_method
from dbjobs.auth.sign_in import SignIn
from dbjobs.common.hidden import hide
from dbjobs.config.hosts import is_loopback
from dbjobs.config.runtime import RUNTIME_VARIABLE, runtime_credentials
from dbjobs.config.settings import Source
from dbjobs.errors import ConfigError


@auth_method("metadata-service", needs=["metadata_service_url"], is_explicit=True)
def metadata_service(sign_in: SignIn) -> Grant:
    """A service, such as that of an editor, which signed in on the user's behalf."""
    url = sign_in.read("metadata_service_url")
    sign_in.check_encrypted(url, "metadata_service_url", "a token")
    headers = {"X-Databricks-Metadata-Version": "1", "X-Databricks-Host": sign_in.host}
    answer = sign_in.ask("GET", url, headers=headers, is_direct=is_loopback(url))
    return bearer_of(answer, sign_in.clock.now())


def _is_in_runtime(source: Source, host: str, environ: Mapping[str, str]) -> bool:
    if RUNTIME_VARIABLE not in environ:
        return False
    found = runtime_credentials()
    return found is not None and found.host == host


@auth_method("runtime", is_available=_is_in_runtime)
def databricks_runtime(sign_in: SignIn) -> Grant:
    """Whoever runs the notebook or the job that dbjobs is called from."""
    found = runtime_credentials()
    if found is None or found.host != sign_in.host:
        raise ConfigError(
            f"this is no notebook or job of {sign_in.host}", hint="elsewhere, use another auth method"
        )
    headers = found.headers()
    hide(headers.get("Authorization", "").rpartition(" ")[2])
    return Grant(headers, lifetime=60)
