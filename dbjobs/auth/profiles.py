"""The ways to sign in: what each needs, and which of them the settings speak for.

Names and order are those of the official SDKs.
Source: https://docs.databricks.com/dev-tools/auth/unified-auth
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dbjobs.config.hosts import is_azure
from dbjobs.config.netrc import find_netrc_token
from dbjobs.config.settings import Setting, Source, is_true
from dbjobs.errors import ConfigError

WAYS: dict[str, tuple[str, ...]] = {
    "pat": ("token",),
    "basic": ("username", "password"),
    "oauth-m2m": ("client_id", "client_secret"),
    "env-oidc": (),
    "file-oidc": ("oidc_token_filepath",),
    "github-oidc": ("client_id",),
    "azure-client-secret": ("azure_tenant_id", "azure_client_id", "azure_client_secret"),
    "azure-msi": ("azure_use_msi",),
    "netrc": (),
    "azure-cli": (),
    "databricks-cli": (),
}
"""What a way needs of its source. When several are possible, the first that works is taken."""

SURE = ("pat", "basic", "oauth-m2m", "azure-client-secret", "azure-msi")
"""Ways that were configured on purpose: after them no other is tried."""

GITHUB_VARIABLES = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")
"""What GitHub Actions gives a job that may ask for identity tokens."""

GITHUB_HINT = "in GitHub Actions, `permissions: {id-token: write}` takes the place of a client_secret"

FAMILIES = {
    "token": "pat",
    "username": "basic",
    "password": "basic",
    "client_id": "oauth",
    "client_secret": "oauth",
    "oidc_token_env": "env-oidc",
    "oidc_token_filepath": "file-oidc",
    "azure_tenant_id": "azure",
    "azure_client_id": "azure",
    "azure_client_secret": "azure",
    "azure_use_msi": "azure",
    "azure_workspace_resource_id": "azure",
}
"""Which way of signing in a setting speaks for; two of them in one source are an error."""

NOT_OFFERED = {
    "external-browser": "sign in with `databricks auth login`, and use auth_type databricks-cli",
    "azure-devops-oidc": "hand the token over with auth_type env-oidc",
    "github-oidc-azure": "let the azure/login action sign in, and use auth_type azure-cli",
    "google-credentials": "use OAuth for a service principal: oauth-m2m",
    "google-id": "use OAuth for a service principal: oauth-m2m",
    "metadata-service": "use another way",
    "model-serving": "use another way",
    "runtime": "use another way",
}
"""Ways of the official SDKs that dbjobs leaves to others, and what to do instead."""


def speaks_for_signing_in(source: Source) -> bool:
    """True if it says how to sign in, be it well or badly."""
    return "auth_type" in source.settings or any(key in source.settings for key in FAMILIES)


def choose_ways(
    source: Source, auth_type: Setting | None, host: Setting, environ: Mapping[str, str]
) -> tuple[str, ...]:
    """The ways to try in turn, by the settings of one source; a ConfigError if there is none or too many."""
    if auth_type:
        return (_check_way(auth_type, source),)
    families = sorted({FAMILIES[key] for key in source.settings if key in FAMILIES})
    if len(families) > 1:
        raise ConfigError(
            f"{source.name} has more than one way to sign in: {' and '.join(families)}",
            hint="keep one of them, or choose by auth_type",
        )
    ways = tuple(_until_sure(_possible(source, host.value, environ)))
    if not ways:
        raise _no_credentials(source, host)
    return ways


def _check_way(auth_type: Setting, source: Source) -> str:
    way = auth_type.value
    if way in NOT_OFFERED:
        raise ConfigError(
            f"auth_type {way} ({auth_type.source}) is not offered by dbjobs", hint=NOT_OFFERED[way]
        )
    if way not in WAYS:
        raise ConfigError(
            f"auth_type {way!r} ({auth_type.source}) is no way to sign in",
            hint=f"it is one of {', '.join(WAYS)}",
        )
    if missing := _missing(way, source):
        raise ConfigError(f"auth_type {way} ({auth_type.source}) needs {missing}, which {source.name} lacks")
    return way


def _missing(way: str, source: Source) -> str:
    return _and([key for key in WAYS[way] if key not in source.settings])


def _possible(source: Source, host: str, environ: Mapping[str, str]) -> Iterator[str]:
    for way in WAYS:
        if not _missing(way, source) and _is_at_hand(way, source, host, environ):
            yield way


def _until_sure(ways: Iterator[str]) -> Iterator[str]:
    for way in ways:
        yield way
        if way in SURE:
            return


def _is_at_hand(way: str, source: Source, host: str, environ: Mapping[str, str]) -> bool:
    """True if this machine, or this pipeline, has what the way takes besides settings."""
    checks = {
        "env-oidc": lambda: bool(environ.get(oidc_variable(source) or "")),
        "github-oidc": lambda: all(environ.get(name) for name in GITHUB_VARIABLES),
        "azure-msi": lambda: is_true(source.get("azure_use_msi")),
        "netrc": lambda: find_netrc_token(host, environ) is not None,
        "azure-cli": lambda: is_azure(host) and find_program("az", environ) is not None,
        "databricks-cli": lambda: find_program(databricks_program(source.settings), environ) is not None,
    }
    return way not in checks or checks[way]()


def oidc_variable(source: Source) -> str | None:
    """The variable that holds an identity token. Without a profile's word, it belongs to the environment."""
    named = source.get("oidc_token_env")
    if named:
        return named.value
    return None if source.profile else "DATABRICKS_OIDC_TOKEN"


def databricks_program(settings: Mapping[str, Setting]) -> str:
    path = settings.get("databricks_cli_path")
    return path.value if path else "databricks"


def find_program(name: str, environ: Mapping[str, str]) -> str | None:
    """A program on the PATH, or where a path leads."""
    return shutil.which(str(Path(name).expanduser()), path=environ.get("PATH", ""))


def _no_credentials(source: Source, host: Setting) -> ConfigError:
    given = [key for key in source.settings if key in FAMILIES]
    lacking = [_missing(way, source) for way, needs in WAYS.items() if set(given) & set(needs)]
    if missing := min(filter(None, lacking), key=len, default=None):
        return ConfigError(
            f"credentials for {host.value} are incomplete: {source.name} has {_and(given)}, but no {missing}",
            hint=GITHUB_HINT if "client_id" in given else None,
        )
    return ConfigError(
        f"no credentials for {host.value} ({host.source})",
        hint="credentials are taken only from where this host is named: "
        "set DATABRICKS_TOKEN beside DATABRICKS_HOST, or put a token into the profile",
    )


def _and(words: Sequence[str]) -> str:
    return " and ".join(words)
