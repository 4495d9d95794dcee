"""From options, environment and files to one Profile, each value with its source.

From strongest to weakest, the sources are:

1. options of the command line (`--host`, `--api-version`)
2. the profile named by `--profile`
3. `DATABRICKS_*` and `ARM_*` variables
4. the profile named by `DATABRICKS_CONFIG_PROFILE`
5. the default profile: of `config.yaml`, else of `.databrickscfg`

The strongest source that names a host decides it, and credentials are only taken from a source that
names the same host (or, with `--host`, none): they are never sent to a host that they were not given
for. Which auth method they are for is decided in `dbjobs.auth.profiles`.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dbjobs.config.files import ProfileFiles, config_path
from dbjobs.config.hosts import has_more_than_host, normalize_host, workspace_id_in
from dbjobs.config.profile_file import check_privacy
from dbjobs.config.runtime import runtime_credentials
from dbjobs.config.settings import (
    API_VERSIONS,
    FAMILIES,
    HIDDEN,
    PATH_KEYS,
    SECRETS,
    SETTINGS,
    VARIABLE_ALIASES,
    Options,
    Setting,
    Source,
)
from dbjobs.errors import ConfigError

if TYPE_CHECKING:
    from dbjobs.http.session import Network

DEFAULT_API_VERSION = "2.2"
FIRST_STEPS = (
    "sign in with `dbjobs profiles login NAME --host URL`, or set DATABRICKS_HOST and DATABRICKS_TOKEN; "
    "profiles are in {path}"
)
NETWORK_KEYS = (*PATH_KEYS, "allow_http")
NO_WORKSPACE = "none"
"""The id that `databricks auth login` writes if no workspace was chosen."""


@dataclass(frozen=True)
class Profile:
    """The settings for one workspace, each with its source."""

    host: Setting
    api_version: Setting
    settings: Mapping[str, Setting] = field(repr=False)
    """all other settings that are in effect"""
    name: str | None = None
    """the profile with the credentials"""
    credential_source: Source = field(default=Source("nowhere", {}), repr=False)
    auth_methods: tuple[str, ...] = ()
    """the auth methods to try in turn"""
    unused: tuple[str, ...] = ()
    """credentials that were found, and are not used, since they belong to no host or another"""
    warnings: tuple[str, ...] = ()

    def get(self, key: str) -> Setting | None:
        return self.settings.get(key)

    @property
    def workspace_id(self) -> str | None:
        """The id of the workspace, if the host may serve several."""
        setting = self.settings.get("workspace_id")
        return check_sendable("workspace_id", setting.read(), setting.source) if setting else None

    @property
    def address(self) -> str:
        """The workspace as `--host` takes it, unique even if two workspaces share a host."""
        return self.host.value + (f"/?w={self.workspace_id}" if self.workspace_id else "")

    @property
    def network(self) -> "Network":
        """How to reach the host."""
        from dbjobs.http.session import Network  # late: it loads requests

        found = {key: self.settings.get(key) for key in ("ca_bundle", "client_cert", "client_key")}
        return Network(**{key: setting.value for key, setting in found.items() if setting})

    def check(self) -> None:
        """Refuse invalid values; those of references are checked when they are read."""
        for key, setting in self.settings.items():
            if (key in FAMILIES or key == "workspace_id") and not setting.reference:
                self.read(key)
            if key in PATH_KEYS and not Path(setting.value).is_file():
                raise ConfigError(f"there is no file {setting.value}, the {key} of {setting.source}")

    @property
    def official_name(self) -> str | None:
        """Its name in the official tools' own file, if it stands there."""
        return self.credential_source.profile if self.credential_source.is_official else None

    def read(self, key: str) -> str:
        """The value of a setting, checked that HTTP can send it."""
        setting = self.settings[key]
        return check_sendable(key, setting.read(), setting.source)

    def open_secrets(self) -> list[str]:
        """Secrets that are values and not references, known before anything is fetched."""
        found = (self.settings.get(key) for key in SECRETS)
        return [setting.value.strip() for setting in found if setting and not setting.reference]

    def all_settings(self) -> dict[str, Setting]:
        """Every setting in effect, in the order of the documentation."""
        found = {"host": self.host, "api_version": self.api_version, **self.settings}
        if "auth_type" not in found:
            found["auth_type"] = Setting(" or ".join(self.auth_methods), "by the other settings")
        return {key: found[key] for key in SETTINGS if key in found}

    def shown_settings(self) -> list[tuple[str, str, str]]:
        """Name, value and source of every setting in effect."""
        return settings_to_show(self.all_settings())

    def describe(self) -> str:
        """For --verbose: the source of each setting, and never a secret."""
        parts = [
            f"{key} ({setting.source})" if key in SECRETS else f"{key} {setting.value} ({setting.source})"
            for key, setting in self.all_settings().items()
            if key not in ("api_version", "auth_type")
        ]
        parts.append(f"api version {self.api_version.value} ({self.api_version.source})")
        parts.append(f"signing in by {' or '.join(self.auth_methods)}")
        return ", ".join(parts) + "".join(f"; {note}" for note in self.unused)


def settings_to_show(settings: Mapping[str, Setting]) -> list[tuple[str, str, str]]:
    """Name, value and source of settings; a secret is masked, a reference shown as it is written."""
    return [
        (key, HIDDEN if key in SECRETS and not setting.reference else setting.value, setting.source)
        for key, setting in settings.items()
    ]


def check_sendable(key: str, text: str, source: str) -> str:
    """The text, if HTTP can send it; an error does not show it."""
    allowed = r"[^\x00-\x1f\x7f]+" if key in ("username", "password") else r"[\x21-\x7e]+"
    if not re.fullmatch(allowed, text):
        raise ConfigError(f"the {key} from {source} is empty or contains characters that a {key} cannot have")
    return text


def resolve_settings(options: Options, environ: Mapping[str, str] = os.environ) -> Profile:
    """The profile without its auth methods; a ConfigError says what is missing, and how to give it."""
    files = ProfileFiles(options, environ)
    if options.config and not options.config.exists():
        raise ConfigError(f"there is no file {options.config} (--config)", hint="it holds profiles, in YAML")
    sources = list(_sources(options, environ, files))
    if not any(source.get("host") for source in sources) and (runtime := runtime_source(environ)):
        sources.append(runtime)
    if not any(source.get("host") for source in sources):
        hint = FIRST_STEPS.format(path=config_path(options, environ))
        raise ConfigError("no workspace is configured", hint=hint)
    profile = profile_of(sources)
    warnings = [warning for file in files.files_read() if (warning := check_privacy(file))]
    return replace(profile, warnings=(*warnings, *profile.warnings))


def profile_of(sources: Sequence[Source]) -> Profile:
    """The profile of sources from strongest to weakest, of which at least one names a host."""
    named = next(source for source in sources if source.get("host"))
    pasted = named.settings["host"]
    host = Setting(_host_of(named), pasted.source)
    matching = [source for source in sources if _applies_to_host(source, host)]
    credential_source = next((source for source in matching if source.has_credentials), named)
    hostless_or_matching = [source for source in sources if source in matching or not source.get("host")]
    auth_type = _first(hostless_or_matching, "auth_type")
    version = _first([sources[0], *matching], "api_version") or Setting(DEFAULT_API_VERSION, "default")
    if version.value not in API_VERSIONS:
        raise ConfigError(
            f"api version {version.value!r} ({version.source}) is not one of {', '.join(API_VERSIONS)}"
        )
    warnings = []
    if has_more_than_host(pasted.read()):
        warnings.append(f"the host in {pasted.source} is the address of a page; {host.value} is used")
    return Profile(
        host,
        version,
        _settings_in_effect(matching, credential_source, auth_type),
        credential_source.profile,
        credential_source,
        unused=tuple(_unused(sources, credential_source, host)),
        warnings=tuple(warnings),
    )


def _sources(options: Options, environ: Mapping[str, str], files: ProfileFiles) -> Iterator[Source]:
    """All sources, from strongest to weakest."""
    given = {"host": options.host, "api_version": options.api_version}
    yield Source(
        "options",
        {key: Setting(value, f"--{key.replace('_', '-')}") for key, value in given.items() if value},
    )
    if options.profile:
        yield files.get(options.profile, "--profile").source(options.profile, environ)
        return
    environment = environment_source(environ)
    yield environment
    if named := environ.get("DATABRICKS_CONFIG_PROFILE"):
        yield files.get(named, "DATABRICKS_CONFIG_PROFILE").source(named, environ)
        return
    is_complete = environment.get("host") and environment.has_credentials
    if (options.host or not is_complete) and (default := files.default()):
        yield files.get(*default).source(default[0], environ)


def environment_source(environ: Mapping[str, str]) -> Source:
    """The settings in `DATABRICKS_*` and `ARM_*` variables; empty ones are ignored."""
    names = {key: (known.variable, VARIABLE_ALIASES.get(key)) for key, known in SETTINGS.items()}
    found = {
        key: name
        for key, candidates in names.items()
        if (name := next((name for name in candidates if name and environ.get(name)), None))
    }
    return Source("the environment", {key: Setting(environ[name], name) for key, name in found.items()})


def runtime_source(environ: Mapping[str, str]) -> Source | None:
    """The workspace of the notebook or job that calls dbjobs, if one does."""
    found = runtime_credentials(environ)
    if found is None:
        return None
    name = "the Databricks runtime"
    settings = {"host": Setting(found.host, name)}
    settings |= {"workspace_id": Setting(found.workspace_id, name)} if found.workspace_id else {}
    return Source(name, settings)


def _host_of(source: Source) -> str:
    host = source.settings["host"]
    try:
        return normalize_host(host.read(), allow_http=source.allows_http)
    except ConfigError as error:
        raise ConfigError(f"{error.message} ({host.source})", hint=error.hint) from None


def _applies_to_host(source: Source, host: Setting) -> bool:
    """True if its credentials are for this host; those without a host are for that of `--host` only."""
    if source.get("host") is None:
        return host.source == "--host"
    with suppress(ConfigError):
        return _host_of(source) == host.value
    return False


def _first(sources: Sequence[Source], key: str) -> Setting | None:
    return next((found for source in sources if (found := source.get(key))), None)


def _settings_in_effect(
    matching: Sequence[Source], credential_source: Source, auth_type: Setting | None
) -> dict[str, Setting]:
    """The credentials of one source, and the network settings of every source that names the host."""
    others = ("host", "workspace_id", "api_version", "auth_type")
    settings = {key: setting for key, setting in credential_source.settings.items() if key not in others}
    for key in NETWORK_KEYS:
        if found := _first(matching, key):
            settings[key] = found
    for source in matching:
        named, host = source.get("workspace_id"), source.get("host")
        if named and named.value.strip() not in ("", NO_WORKSPACE):
            settings["workspace_id"] = named
            break
        if host and (workspace_id := workspace_id_in(host.read())):
            settings["workspace_id"] = Setting(workspace_id, f"the host in {host.source}")
            break
    return settings | ({"auth_type": auth_type} if auth_type else {})


def _unused(sources: Sequence[Source], credential_source: Source, host: Setting) -> Iterator[str]:
    """Credentials that were found and are not used, with the reason."""
    for source in sources:
        given = [
            setting.source if source.profile is None else key
            for key, setting in source.settings.items()
            if key in FAMILIES or key == "workspace_id"
        ]
        if given and source is not credential_source and not _applies_to_host(source, host):
            reason = "names another host" if source.get("host") else "names no host"
            yield f"{', '.join(given)} not used, because {source.name} {reason}"
