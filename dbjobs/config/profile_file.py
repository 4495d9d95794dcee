"""One file with profiles: its settings, and whether others can read or change it.

An error has the path and the line number, and never the text of the line, which may contain a secret.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbjobs.common.files import TextError, read_text, reason_of
from dbjobs.common.nearest import nearest_names
from dbjobs.config.references import parse_reference
from dbjobs.config.settings import PATH_KEYS, SECRETS, SETTINGS, Setting, Source
from dbjobs.errors import ConfigError

OTHER_NAMES = {
    "jobs-api-version": "api_version",
    "databricks_id_token_filepath": "oidc_token_filepath",
    "audience": "token_audience",
}
"""Names of settings in `.databrickscfg` that differ."""

DEFAULT_SECTION = "DEFAULT"
"""In the official tools this is a profile, and the others do not inherit from it."""


@dataclass(frozen=True)
class ProfileFile:
    """The profiles of one file, as written."""

    path: Path
    profiles: Mapping[str, Any] = field(default_factory=dict, repr=False)
    default_profile: str | None = None
    is_ours: bool = True

    @property
    def holds_secret(self) -> bool:
        """True if it contains a secret itself, and not only references to secrets."""
        return any(
            isinstance(values.get(key), str | int) and values[key] != ""
            for values in self.profiles.values()
            if isinstance(values, dict)
            for key in SECRETS
        )

    def source(self, name: str, environ: Mapping[str, str] = os.environ) -> Source:
        """The settings of a profile; a ConfigError if it has an invalid one."""
        values = self.profiles[name]
        if not isinstance(values, dict):
            raise ConfigError(f"profile {name!r} in {self.path} is not a mapping of settings")
        where = f"profile {name} in {self.path}"
        if not self.is_ours:
            known = {OTHER_NAMES.get(key, key): value for key, value in values.items()}
            values = {key: value for key, value in known.items() if key in SETTINGS and value}
        settings = {}
        for key, value in values.items():
            if key not in SETTINGS:
                nearest = nearest_names(str(key), SETTINGS)
                raise ConfigError(  # shows a misspelled name only: another one may be a misplaced secret
                    f"{where} has a setting that dbjobs does not know" + (f": {key}" if nearest else ""),
                    hint=f"did you mean {nearest[0]}?" if nearest else f"settings are {', '.join(SETTINGS)}",
                )
            if isinstance(value, dict):
                reference = parse_reference(value, f"{key} of {where}", self.path.parent, environ)
                settings[key] = Setting(str(reference), where, reference)
                continue
            if isinstance(value, list) or value is None:
                raise ConfigError(f"{key} of {where} is not text")
            text = str(value).lower() if isinstance(value, bool) else str(value)
            if key in PATH_KEYS:
                text = str(self.path.parent / os.path.expanduser(text))  # noqa: PTH111 - that of Path raises where there is no home
            settings[key] = Setting(text, where)
        return Source(where, settings, name, not self.is_ours)


def read_trusted(path: Path) -> str | None:
    """The text of a file; None if there is no file, a ConfigError if others could have written it."""
    check_trusted(path)
    try:
        return read_text(path)
    except FileNotFoundError:
        return None
    except (OSError, TextError) as error:
        raise ConfigError(f"cannot read {path}: {reason_of(error)}") from None


def check_trusted(path: Path) -> None:
    """Refuse a file that somebody else may have written, before anything in it is used.

    It may name a command to run, or a host to send credentials to. In a sticky folder, such as /tmp,
    others cannot replace a file.
    """
    if os.name == "nt" or not path.is_file():
        return
    found = path.stat()
    if found.st_uid not in (os.geteuid(), 0):
        raise ConfigError(
            f"{path} belongs to somebody else (user {found.st_uid}), so it is not used",
            hint=f"to own it: chown {os.geteuid()} {path}",
        )
    if found.st_mode & stat.S_IWOTH:
        raise ConfigError(f"everyone can write to {path}, so it is not used", hint=f"chmod o-w {path}")
    for folder in {path.absolute().parent, path.resolve().parent}:
        mode = folder.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise ConfigError(
                f"everyone can write to the folder {folder}, so nothing in {path} is used",
                hint=f"move the file, or remove that permission: chmod o-w {folder}",
            )


def check_privacy(file: ProfileFile) -> str | None:
    """A warning if others can read the file, or its group can write to it."""
    path = file.path
    if os.name == "nt" or not path.is_file():
        return None
    mode = path.stat().st_mode
    if mode & stat.S_IWGRP:
        return f"everyone in its group can write to {path}; to keep it private: chmod 600 {path}"
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        danger = "holds a secret, and others can read it" if file.holds_secret else "can be read by others"
        return f"{path} {danger}; to keep it private: chmod 600 {path}"
    return None
