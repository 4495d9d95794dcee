"""From options, environment and files to one Profile, each value with its source.

Each place that settings come from is a source. The strongest source that names a host
decides it, and only a source that speaks of the same host (or, beside `--host`, of none)
lends its credentials: they never travel to a host that they were not given for.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dbjobs.config.files import ProfileFiles, check_privacy, config_path
from dbjobs.config.hosts import has_more_than_host, normalize_host, workspace_id_in
from dbjobs.config.settings import (
    API_VERSIONS,
    HIDDEN,
    PATH_KEYS,
    SECRETS,
    VARIABLES,
    Options,
    Setting,
    Source,
)
from dbjobs.config.ways import FAMILIES, choose_ways, speaks_for_signing_in
from dbjobs.errors import ConfigError

DEFAULT_API_VERSION = "2.2"
FIRST_STEPS = "set DATABRICKS_HOST and DATABRICKS_TOKEN, or add a profile to {path}: dbjobs profiles add NAME"
NETWORK_KEYS = (*PATH_KEYS, "allow_http")
NO_WORKSPACE = "none"
"""What `databricks auth login` writes where somebody skipped the choice of a workspace."""


@dataclass(frozen=True)
class Profile:
    """What a session with a workspace needs, each part with its source."""

    host: Setting
    api_version: Setting
    ways: tuple[str, ...]
    """how to sign in: the first of these that works"""
    settings: Mapping[str, Setting] = field(repr=False)
    """all other settings that are in effect"""
    name: str | None = None
    """the profile that the credentials stand in"""
    lender: Source | None = field(default=None, repr=False)
    unused: tuple[str, ...] = ()
    """credentials that were found, and not taken since they belong to no host or another"""
    warnings: tuple[str, ...] = ()

    def get(self, key: str) -> Setting | None:
        return self.settings.get(key)

    @property
    def workspace_id(self) -> str | None:
        """The workspace to ask for, where one host serves several."""
        setting = self.settings.get("workspace_id")
        return checked("workspace_id", setting.read(), setting.source) if setting else None

    @property
    def address(self) -> str:
        """The workspace as `--host` takes it: two that share a host differ in it."""
        return self.host.value + (f"/?w={self.workspace_id}" if self.workspace_id else "")

    @property
    def official_name(self) -> str | None:
        """Its name in the official tools' own file, if it stands there."""
        lender = self.lender
        return lender.profile if lender and lender.is_official else None

    def read(self, key: str) -> str:
        """A setting's text, in the form in which it can be sent."""
        setting = self.settings[key]
        return checked(key, setting.read(), setting.source)

    def open_secrets(self) -> list[str]:
        """Secrets that stand in the open, known before anything is fetched."""
        found = (self.settings.get(key) for key in SECRETS)
        return [setting.value.strip() for setting in found if setting and not setting.reference]

    def all_settings(self) -> dict[str, Setting]:
        """Every setting in effect, in the order of the documentation."""
        found = {"host": self.host, "api_version": self.api_version, **self.settings}
        if "auth_type" not in found:
            found["auth_type"] = Setting(" or ".join(self.ways), "by the settings at hand")
        return {key: found[key] for key in VARIABLES if key in found}

    def shown_settings(self) -> list[tuple[str, str, str]]:
        """Name, value and source of every setting in effect."""
        return shown(self.all_settings())

    def describe(self) -> str:
        """For --verbose: where each setting came from, and never a secret."""
        parts = [
            f"{key} ({setting.source})" if key in SECRETS else f"{key} {setting.value} ({setting.source})"
            for key, setting in self.all_settings().items()
            if key not in ("api_version", "auth_type")
        ]
        parts.append(f"api version {self.api_version.value} ({self.api_version.source})")
        parts.append(f"signing in by {' or '.join(self.ways)}")
        return ", ".join(parts) + "".join(f"; {note}" for note in self.unused)


def shown(settings: Mapping[str, Setting]) -> list[tuple[str, str, str]]:
    """Name, value and source of settings; a secret is masked, a reference shown as it is written."""
    return [
        (key, HIDDEN if key in SECRETS and not setting.reference else setting.value, setting.source)
        for key, setting in settings.items()
    ]


def checked(key: str, text: str, source: str) -> str:
    """The text, if HTTP can carry it; an error does not show it."""
    allowed = r"[^\x00-\x1f\x7f]+" if key in ("username", "password") else r"[\x21-\x7e]+"
    if not re.fullmatch(allowed, text):
        raise ConfigError(f"the {key} from {source} is empty or holds characters that no {key} has")
    return text


def resolve_profile(options: Options, environ: Mapping[str, str] = os.environ) -> Profile:
    """Find host, credentials and the rest; a ConfigError says what is missing and how to give it."""
    files = ProfileFiles(options, environ)
    if options.config and not options.config.exists():
        raise ConfigError(f"there is no file {options.config} (--config)", hint="it holds profiles, in YAML")
    sources = list(_sources(options, environ, files))
    if not any(source.get("host") for source in sources):
        hint = FIRST_STEPS.format(path=config_path(options, environ))
        raise ConfigError("no workspace is configured", hint=hint)
    profile = profile_of(sources, environ)
    warnings = [warning for file in files.read_so_far() if (warning := check_privacy(file))]
    return replace(profile, warnings=(*warnings, *profile.warnings))


def profile_of(sources: Sequence[Source], environ: Mapping[str, str]) -> Profile:
    """The profile that sources make, from strongest to weakest; one of them names a host."""
    named = next(source for source in sources if source.get("host"))
    pasted = named.settings["host"]
    host = Setting(_host_of(named), pasted.source)
    partners = [source for source in sources if _speaks_of(source, host)]
    lender = next((source for source in partners if speaks_for_signing_in(source)), named)
    auth_type = _first([source for source in sources if _may_choose_for(source, host)], "auth_type")
    profile = Profile(
        host,
        _api_version(sources[0], *partners),
        choose_ways(lender, auth_type, host, environ),
        _settings_in_effect(partners, lender, auth_type),
        lender.profile,
        lender,
        tuple(_unused(sources, lender, host)),
        tuple(_warnings(pasted, host)),
    )
    _check_texts(profile)
    return profile


def _sources(options: Options, environ: Mapping[str, str], files: ProfileFiles) -> Iterator[Source]:
    """From strongest to weakest."""
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
    is_complete = environment.get("host") and speaks_for_signing_in(environment)
    if (options.host or not is_complete) and (default := files.default()):
        yield files.get(*default).source(default[0], environ)


def environment_source(environ: Mapping[str, str]) -> Source:
    """What `DATABRICKS_*` and `ARM_*` variables say; empty ones say nothing."""
    found = {key: name for key, name in VARIABLES.items() if name and environ.get(name)}
    return Source("the environment", {key: Setting(environ[name], name) for key, name in found.items()})


def _host_of(source: Source) -> str:
    host = source.settings["host"]
    try:
        return normalize_host(host.read(), allow_http=source.allows_http)
    except ConfigError as error:
        raise ConfigError(f"{error.message} ({host.source})", hint=error.hint) from None


def _speaks_of(source: Source, host: Setting) -> bool:
    """True if its credentials are meant for this host; without a host of its own, only beside `--host`."""
    if source.get("host") is None:
        return host.source == "--host"
    with suppress(ConfigError):
        return _host_of(source) == host.value
    return False


def _may_choose_for(source: Source, host: Setting) -> bool:
    return source.get("host") is None or _speaks_of(source, host)


def _first(sources: Sequence[Source], key: str) -> Setting | None:
    return next((found for source in sources if (found := source.get(key))), None)


def _api_version(*sources: Source) -> Setting:
    version = _first(sources, "api_version") or Setting(DEFAULT_API_VERSION, "default")
    if version.value not in API_VERSIONS:
        raise ConfigError(
            f"api version {version.value!r} ({version.source}) is none of {', '.join(API_VERSIONS)}"
        )
    return version


def _settings_in_effect(
    partners: Sequence[Source], lender: Source, auth_type: Setting | None
) -> dict[str, Setting]:
    """The lender's credentials; how to reach the host, from whoever speaks of it."""
    others = ("host", "workspace_id", "api_version", "auth_type")
    settings = {key: setting for key, setting in lender.settings.items() if key not in others}
    for key in NETWORK_KEYS:
        if found := _first(partners, key):
            settings[key] = found
    if workspace_id := next(filter(None, map(_workspace_id_of, partners)), None):
        settings["workspace_id"] = workspace_id
    return settings | ({"auth_type": auth_type} if auth_type else {})


def _workspace_id_of(source: Source) -> Setting | None:
    """The workspace that a source names, by itself or in its host."""
    named, host = source.get("workspace_id"), source.get("host")
    if named and named.value.strip() not in ("", NO_WORKSPACE):
        return named
    found = workspace_id_in(host.read()) if host else None
    return Setting(found, f"the host in {host.source}") if host and found else None


def _unused(sources: Sequence[Source], lender: Source, host: Setting) -> Iterator[str]:
    """Credentials that lie about and are not taken; people wonder why."""
    for source in sources:
        given = [
            setting.source if source.profile is None else key
            for key, setting in source.settings.items()
            if key in FAMILIES or key == "workspace_id"
        ]
        if given and source is not lender and not _speaks_of(source, host):
            reason = "names another host" if source.get("host") else "names no host"
            yield f"{', '.join(given)} not used, for {source.name} {reason}"


def _warnings(pasted: Setting, host: Setting) -> Iterator[str]:
    if has_more_than_host(pasted.read()):
        yield f"the host in {pasted.source} is the address of a page; it is taken as {host.value}"


def _check_texts(profile: Profile) -> None:
    """What stands in the open is looked at now; what is fetched, when it is."""
    for key, setting in profile.settings.items():
        if (key in FAMILIES or key == "workspace_id") and not setting.reference:
            profile.read(key)
        if key in PATH_KEYS and not Path(setting.value).is_file():
            raise ConfigError(f"there is no file {setting.value}, the {key} of {setting.source}")


def list_profiles(files: ProfileFiles) -> list[dict[str, Any]]:
    """What each profile says of itself, whether it would work or not."""
    default = files.default()
    return [_listed(name, files, default[0] if default else None) for name in files.names()]


def _listed(name: str, files: ProfileFiles, default: str | None) -> dict[str, Any]:
    file = files.get(name, "its own name")
    host = workspace_id = auth_type = None
    with suppress(ConfigError):
        source = file.source(name, files.environ)
        written = source.get("host")
        host = written.value if written else None
        if written and not written.reference:  # which is not followed just to be listed
            profile = profile_of([source], files.environ)
            host, workspace_id = profile.host.value, profile.workspace_id
            auth_type = " or ".join(profile.ways)
    return {
        "name": name,
        "host": host,
        "workspace_id": workspace_id,
        "auth_type": auth_type,
        "file": str(file.path),
        "default": name == default,
    }
