"""Profiles and settings: from options, environment and files to one Profile.

From strongest to weakest:

1. options of the command line (`--host`, `--api-version`)
2. the profile named by `--profile`
3. `DATABRICKS_HOST` and `DATABRICKS_TOKEN`
4. the profile named by `DATABRICKS_CONFIG_PROFILE`
5. the default profile of the configuration file

Each of these is a source. The strongest source that names a host decides it, and only a
source that speaks of the same host (or, beside `--host`, of none) lends its credentials:
a token never travels to a host that it was not given for.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dbjobs.errors import ConfigError

DEFAULT_API_VERSION = "2.2"
API_VERSIONS = ("2.0", "2.1", "2.2")
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
ENVIRONMENT = {"host": "DATABRICKS_HOST", "token": "DATABRICKS_TOKEN"}
PROFILE_KEYS = ("host", "token", "api_version")
EXAMPLE_HOST = "https://adb-1234567890123456.7.azuredatabricks.net"
FIRST_STEPS = "set DATABRICKS_HOST and DATABRICKS_TOKEN, or add a profile to {path}"


@dataclass(frozen=True)
class Setting:
    """A value, and where it came from. The value stays out of `repr`: it may be a secret."""

    value: str = field(repr=False)
    source: str


@dataclass(frozen=True)
class Source:
    """One place that settings come from, such as the environment or a profile."""

    name: str
    settings: Mapping[str, Setting]
    profile: str | None = None

    def get(self, key: str) -> Setting | None:
        return self.settings.get(key)


@dataclass(frozen=True)
class Profile:
    """What a session with a workspace needs, each part with its source."""

    host: Setting
    token: Setting
    api_version: Setting
    name: str | None = None

    def describe(self) -> str:
        """For --verbose: where each setting came from, and never a secret."""
        return (
            f"host {self.host.value} ({self.host.source}), token ({self.token.source}), "
            f"api version {self.api_version.value} ({self.api_version.source})"
        )


@dataclass(frozen=True)
class Options:
    """The options of the command line that bear on the configuration."""

    profile: str | None = None
    config: Path | None = None
    host: str | None = None
    api_version: str | None = None


def resolve_profile(options: Options, environ: Mapping[str, str] = os.environ) -> Profile:
    """Find host, credentials and version; a ConfigError says what is missing and how to give it."""
    path = config_path(options, environ)
    sources = list(_sources(options, environ, path))
    host = next((found for source in sources if (found := source.get("host"))), None)
    if host is None:
        raise ConfigError("no workspace is configured", hint=FIRST_STEPS.format(path=path))
    host = Setting(normalize_host(host.value), host.source)
    lender = _lender(sources, host)
    version = next(
        (found for source in (sources[0], lender) if (found := source.get("api_version"))),
        Setting(DEFAULT_API_VERSION, "default"),
    )
    if version.value not in API_VERSIONS:
        raise ConfigError(
            f"api version {version.value!r} ({version.source}) is none of {', '.join(API_VERSIONS)}"
        )
    return Profile(host, _checked_token(lender.settings["token"]), version, lender.profile)


def _checked_token(token: Setting) -> Setting:
    """A token goes into an HTTP header: what cannot stand there is an error that does not show it."""
    text = token.value.strip()
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        raise ConfigError(f"the token from {token.source} is empty or holds characters that no token has")
    return Setting(text, token.source)


def _lender(sources: list[Source], host: Setting) -> Source:
    """The strongest source whose credentials are meant for this host."""
    is_option = host.source == "--host"
    for source in sources:
        own_host = source.get("host")
        speaks_of_it = normalize_host(own_host.value) == host.value if own_host else is_option
        if speaks_of_it and source.get("token"):
            return source
    raise ConfigError(
        f"no credentials for {host.value} ({host.source})",
        hint="credentials are taken only from where this host is named: "
        "set DATABRICKS_TOKEN beside DATABRICKS_HOST, or put a token into the profile",
    )


def _sources(options: Options, environ: Mapping[str, str], path: Path) -> list[Source]:
    given = {"host": options.host, "api_version": options.api_version}
    from_options = Source(
        "options",
        {key: Setting(value, f"--{key.replace('_', '-')}") for key, value in given.items() if value},
    )
    if options.profile:
        return [from_options, _profile_source(path, options.profile, "--profile")]
    variables = {key: name for key, name in ENVIRONMENT.items() if environ.get(name)}
    from_environment = Source(
        "environment", {key: Setting(environ[name], name) for key, name in variables.items()}
    )
    sources = [from_options, from_environment]
    if named := environ.get("DATABRICKS_CONFIG_PROFILE"):
        sources.append(_profile_source(path, named, "DATABRICKS_CONFIG_PROFILE"))
    elif options.host or not ({"host", "token"} <= variables.keys()):
        sources.extend(_default_source(path))
    return sources


def _profile_source(path: Path, name: str, named_by: str) -> Source:
    profiles = _read_config(path).get("profiles") or {}
    if name not in profiles:
        known = ", ".join(sorted(map(str, profiles))) or "none"
        raise ConfigError(
            f"there is no profile {name!r} (named by {named_by})", hint=f"profiles in {path}: {known}"
        )
    values = profiles[name]
    if not isinstance(values, dict):
        raise ConfigError(f"profile {name!r} in {path} is not a mapping of settings")
    where = f"profile {name} in {path}"
    return Source(
        where, {key: _setting(values[key], key, where) for key in PROFILE_KEYS if key in values}, name
    )


def _setting(value: Any, key: str, where: str) -> Setting:
    if isinstance(value, dict | list) or value is None:
        raise ConfigError(f"{key} of {where} is not a text")
    return Setting(str(value), where)


def _default_source(path: Path) -> list[Source]:
    default = _read_config(path).get("default_profile")
    return [_profile_source(path, str(default), f"default_profile in {path}")] if default else []


def config_path(options: Options, environ: Mapping[str, str]) -> Path:
    """`--config`, else `DBJOBS_CONFIG`, else `config.yaml` in the user's configuration directory."""
    if options.config:
        return options.config
    if moved := environ.get("DBJOBS_CONFIG"):
        return Path(moved)
    from platformdirs import user_config_path

    return user_config_path("dbjobs", appauthor=False) / "config.yaml"


def _read_config(path: Path) -> dict[str, Any]:
    """The configuration file; {} where there is none."""
    from dbjobs.documents import DocumentError, parse_document

    try:
        content = parse_document(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"cannot read {path}: {reason}") from None
    except DocumentError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(content or {}, dict) or not isinstance((content or {}).get("profiles") or {}, dict):
        raise ConfigError(f"{path} is not a configuration", hint="it holds `default_profile` and `profiles`")
    return content or {}


def normalize_host(text: str) -> str:
    """Make a base URL of what people paste: `adb-1.2.azuredatabricks.net/?o=1#job/3` and the like.

    Keeps scheme, host and port; https where the scheme is missing. Plain http is for
    loopback hosts alone, since a token goes over the wire with each request.
    """
    text = text.strip()
    has_scheme = re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", text)
    try:
        parts = urlsplit(text if has_scheme else f"https://{text}")
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if not host or scheme not in ("https", "http") or not re.fullmatch(r"[\w.:-]+", host):
        raise ConfigError("the host is not a URL", hint=f"a host reads like {EXAMPLE_HOST}")
    if scheme == "http" and host not in LOOPBACK_HOSTS:
        raise ConfigError(
            f"http://{host} would send the token unencrypted",
            hint=f"use https://{host}; http is for this machine alone",
        )
    shown_host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown_host}" + (f":{port}" if port else "")
