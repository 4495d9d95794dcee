"""Which auth methods the settings of a profile allow."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dbjobs.auth.methods import AUTH_METHODS, NOT_OFFERED
from dbjobs.config.files import ProfileFiles
from dbjobs.config.resolve import Profile, profile_of, resolve_settings
from dbjobs.config.settings import FAMILIES, Options, Setting, Source
from dbjobs.errors import ConfigError

GITHUB_HINT = "in GitHub Actions, `permissions: {id-token: write}` takes the place of a client_secret"


def resolve_profile(options: Options, environ: Mapping[str, str] = os.environ) -> Profile:
    """Find host, credentials and the rest; a ConfigError says what is missing and how to give it."""
    return with_auth_methods(resolve_settings(options, environ), environ)


def with_auth_methods(profile: Profile, environ: Mapping[str, str]) -> Profile:
    """The profile with the methods to try in turn; a ConfigError if there is none, or too many."""
    source, auth_type = profile.credential_source, profile.get("auth_type")
    if auth_type:
        name = auth_type.value
        if name in NOT_OFFERED:
            problem, hint = f"dbjobs does not offer auth_type {name} ({auth_type.source})", NOT_OFFERED[name]
            raise ConfigError(problem, hint=hint)
        if name not in AUTH_METHODS:
            problem = f"there is no auth_type {name!r} ({auth_type.source})"
            raise ConfigError(problem, hint=f"it is one of {', '.join(AUTH_METHODS)}")
        if missing := " and ".join(AUTH_METHODS[name].missing(source)):
            raise ConfigError(
                f"auth_type {name} ({auth_type.source}) needs {missing}, which {source.name} lacks"
            )
        names = [name]
    elif len(source.families) > 1:
        raise ConfigError(
            f"{source.name} has settings of more than one auth method: {' and '.join(source.families)}",
            hint="keep those of one, or choose by auth_type",
        )
    else:
        names = []
        for method in AUTH_METHODS.values():
            if not method.missing(source) and method.is_available(source, profile.host.value, environ):
                names.append(method.name)
                if method.is_explicit:
                    break
    if not names:
        raise _no_credentials(source, profile.host)
    profile.check()
    return replace(profile, auth_methods=tuple(names))


def _no_credentials(source: Source, host: Setting) -> ConfigError:
    given = [key for key in source.settings if key in FAMILIES]
    lacking = [method.missing(source) for method in AUTH_METHODS.values() if set(given) & set(method.needs)]
    if missing := min(filter(None, lacking), key=len, default=None):
        return ConfigError(
            f"credentials for {host.value} are incomplete: "
            f"{source.name} has {' and '.join(given)}, but no {' and '.join(missing)}",
            hint=GITHUB_HINT if "client_id" in given else None,
        )
    return ConfigError(
        f"no credentials for {host.value} ({host.source})",
        hint="credentials are taken only from where this host is named: "
        f"sign in with `dbjobs profiles login NAME --host {host.value}`, "
        "or set DATABRICKS_TOKEN along with DATABRICKS_HOST",
    )


def list_profiles(files: ProfileFiles) -> list[dict[str, Any]]:
    """The main settings of each profile, whether it works or not."""
    default = files.default()
    listed = []
    for name in files.names():
        file = files.get(name, "its own name")
        host = workspace_id = auth_type = None
        with suppress(ConfigError):
            source = file.source(name, files.environ)
            written = source.get("host")
            host = written.value if written else None
            if written and not written.reference:  # which is not followed just to be listed
                profile = profile_of([source])
                host, workspace_id = profile.host.value, profile.workspace_id
                auth_type = " or ".join(with_auth_methods(profile, files.environ).auth_methods)
        listed.append(
            {
                "name": name,
                "host": host,
                "workspace_id": workspace_id,
                "auth_type": auth_type,
                "file": str(file.path),
                "default": default is not None and name == default[0],
            }
        )
    return listed
