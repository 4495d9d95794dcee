"""The two files of profiles: `config.yaml`, which is ours, and `.databrickscfg`, which others write too.

An error names path and line and never quotes the line: it may hold a secret.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from dbjobs.config.references import parse_reference
from dbjobs.config.settings import PATH_KEYS, SECRETS, VARIABLES, Options, Setting, Source
from dbjobs.errors import ConfigError

OTHER_NAMES = {"jobs-api-version": "api_version"}
"""What `.databrickscfg` calls a setting otherwise."""

DEFAULT_SECTION = "DEFAULT"
"""In the official tools a profile of its own, and not a base for the others."""


@dataclass(frozen=True)
class ProfileFile:
    """The profiles of one file, as they stand there."""

    path: Path
    profiles: Mapping[str, Any] = field(default_factory=dict, repr=False)
    default_profile: str | None = None
    is_ours: bool = True

    @property
    def holds_secret(self) -> bool:
        """True if a secret itself stands in it, and not only where one is found."""
        return any(
            isinstance(values.get(key), str | int) and values[key] != ""
            for values in self.profiles.values()
            if isinstance(values, dict)
            for key in SECRETS
        )

    def source(self, name: str, environ: Mapping[str, str] = os.environ) -> Source:
        """A profile's settings; a ConfigError if something stands there that is none."""
        values = self.profiles[name]
        if not isinstance(values, dict):
            raise ConfigError(f"profile {name!r} in {self.path} is not a mapping of settings")
        where = f"profile {name} in {self.path}"
        if not self.is_ours:
            known = {OTHER_NAMES.get(key, key): value for key, value in values.items()}
            values = {key: value for key, value in known.items() if key in VARIABLES and value}
        settings = {key: self._setting(key, value, where, environ) for key, value in values.items()}
        return Source(where, settings, name, not self.is_ours)

    def _setting(self, key: Any, value: Any, where: str, environ: Mapping[str, str]) -> Setting:
        if key not in VARIABLES:
            raise _unknown_setting(key, where)
        if isinstance(value, dict):
            reference = parse_reference(value, f"{key} of {where}", self.path.parent, environ)
            return Setting(str(reference), where, reference)
        if isinstance(value, list) or value is None:
            raise ConfigError(f"{key} of {where} is not a text")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return Setting(self._beside(text) if key in PATH_KEYS else text, where)

    def _beside(self, path: str) -> str:
        return str(self.path.parent / os.path.expanduser(path))  # noqa: PTH111 - Path's raises where there is no home


def _unknown_setting(key: Any, where: str) -> ConfigError:
    """A key is named only if it is a setting misspelt: a misplaced secret must not show."""
    nearest = get_close_matches(str(key), VARIABLES, n=1)
    return ConfigError(
        f"{where} has a setting that dbjobs does not know" + (f": {key}" if nearest else ""),
        hint=f"did you mean {nearest[0]}?" if nearest else f"settings are {', '.join(VARIABLES)}",
    )


@dataclass(frozen=True)
class ProfileFiles:
    """Both files, read when first asked for."""

    options: Options
    environ: Mapping[str, str] = field(repr=False)

    @cached_property
    def ours(self) -> ProfileFile:
        return read_yaml(config_path(self.options, self.environ))

    @cached_property
    def official(self) -> ProfileFile:
        from dbjobs.config.databrickscfg import read_databrickscfg

        return read_databrickscfg(databrickscfg_path(self.environ))

    def find(self, name: str) -> ProfileFile | None:
        """The file that a profile is taken from: ours goes before the official one."""
        return next((file for file in self._both() if name in file.profiles), None)

    def _both(self) -> Iterator[ProfileFile]:
        yield self.ours
        yield self.official

    def get(self, name: str, named_by: str) -> ProfileFile:
        """Like `find`; a ConfigError lists the profiles that there are."""
        file = self.find(name)
        if file is None:
            raise ConfigError(f"there is no profile {name!r} (named by {named_by})", hint=self._known())
        return file

    def _known(self) -> str:
        found = (file for file in self._both() if file.profiles or file.is_ours)
        return "; ".join(
            f"profiles in {file.path}: {', '.join(sorted(file.profiles)) or 'none'}" for file in found
        )

    def names(self) -> list[str]:
        """Every profile's name, in the order of the files, each once."""
        return list(dict.fromkeys(name for file in self._both() for name in file.profiles))

    def default(self) -> tuple[str, str] | None:
        """The default profile's name, and where it says so."""
        for file in self._both():
            if file.default_profile:
                return file.default_profile, f"default_profile in {file.path}"
        if DEFAULT_SECTION in self.official.profiles:
            return DEFAULT_SECTION, str(self.official.path)
        return None

    def read_so_far(self) -> list[ProfileFile]:
        """The files that it took to come here."""
        return [self.__dict__[name] for name in ("ours", "official") if name in self.__dict__]


def config_path(options: Options, environ: Mapping[str, str]) -> Path:
    """`--config`, else `DBJOBS_CONFIG`, else `config.yaml` in the user's configuration directory."""
    if options.config:
        return options.config
    if moved := environ.get("DBJOBS_CONFIG"):
        return Path(moved)
    from platformdirs import user_config_path

    return user_config_path("dbjobs", appauthor=False) / "config.yaml"


def databrickscfg_path(environ: Mapping[str, str]) -> Path:
    """`DATABRICKS_CONFIG_FILE`, else `~/.databrickscfg`."""
    return Path(os.path.expanduser(environ.get("DATABRICKS_CONFIG_FILE") or "~/.databrickscfg"))  # noqa: PTH111 - Path's raises where there is no home


def read_yaml(path: Path) -> ProfileFile:
    """`config.yaml`; without profiles where there is no file."""
    text = read_text(path)
    if text is None:
        return ProfileFile(path)
    from dbjobs.common.documents import DocumentError, parse_document

    try:
        content = parse_document(text) or {}
    except DocumentError as error:
        is_double = "twice" in str(error)
        hint = "a profile, and a setting of a profile, may stand there once" if is_double else None
        raise ConfigError(f"{path} is not valid YAML: {error}", hint=hint) from None
    profiles = content.get("profiles") or {} if isinstance(content, dict) else None
    if not isinstance(profiles, dict) or not set(content) <= {"profiles", "default_profile"}:
        raise ConfigError(f"{path} is not a configuration", hint="it holds `default_profile` and `profiles`")
    default = content.get("default_profile")
    return ProfileFile(
        path, {str(name): values for name, values in profiles.items()}, str(default) if default else None
    )


def read_text(path: Path) -> str | None:
    """None where there is no file."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"cannot read {path}: {reason}") from None


def check_privacy(file: ProfileFile) -> str | None:
    """A warning if others can read the file; a ConfigError if they can replace one that holds a secret."""
    path = file.path
    if os.name == "nt" or not path.is_file():
        return None
    for folder in {path.absolute().parent, path.resolve().parent} if file.holds_secret else ():
        if folder.stat().st_mode & stat.S_IWOTH:
            raise ConfigError(
                f"{path} holds a secret, and everybody can write to the folder {folder}",
                hint=f"move the file, or take the right away: chmod o-w {folder}",
            )
    if path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        danger = "holds a secret, and others can read it" if file.holds_secret else "can be read by others"
        return f"{path} {danger}; to keep it private: chmod 600 {path}"
    return None
