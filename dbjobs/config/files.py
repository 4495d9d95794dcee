"""The two files with profiles: `config.yaml` of dbjobs, and `.databrickscfg`, which other tools write too."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dbjobs.config.profile_file import DEFAULT_SECTION, ProfileFile, read_trusted
from dbjobs.config.settings import Options
from dbjobs.errors import ConfigError


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
        """The file that a profile is read from: `config.yaml` takes precedence."""
        return next((file for file in self._both() if name in file.profiles), None)

    def _both(self) -> Iterator[ProfileFile]:
        yield self.ours
        yield self.official

    def get(self, name: str, named_by: str) -> ProfileFile:
        """Like `find`; a ConfigError lists the profiles that exist."""
        file = self.find(name)
        if file is None:
            found = [file for file in self._both() if file.profiles or file.is_ours]
            known = "; ".join(
                f"profiles in {file.path}: {', '.join(sorted(file.profiles)) or 'none'}" for file in found
            )
            raise ConfigError(f"there is no profile {name!r} (named by {named_by})", hint=known)
        return file

    def names(self) -> list[str]:
        """The names of all profiles, in the order of the files, each once."""
        return list(dict.fromkeys(name for file in self._both() for name in file.profiles))

    def default(self) -> tuple[str, str] | None:
        """The name of the default profile, and what makes it the default."""
        for file in self._both():
            if file.default_profile:
                return file.default_profile, f"default_profile in {file.path}"
        if DEFAULT_SECTION in self.official.profiles:
            return DEFAULT_SECTION, str(self.official.path)
        return None

    def files_read(self) -> list[ProfileFile]:
        """The files that were read until now."""
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
    return Path(os.path.expanduser(environ.get("DATABRICKS_CONFIG_FILE") or "~/.databrickscfg"))  # noqa: PTH111 - that of Path raises where there is no home


def read_yaml(path: Path) -> ProfileFile:
    """`config.yaml`; without profiles if there is no file."""
    text = read_trusted(path)
    if text is None:
        return ProfileFile(path)
    from dbjobs.common.documents import DocumentError, parse_document

    try:
        content = parse_document(text) or {}
    except DocumentError as error:
        is_double = "duplicate" in str(error)
        hint = "each profile, and each setting of a profile, may appear only once" if is_double else None
        raise ConfigError(f"{path} is not valid YAML: {error}", hint=hint) from None
    profiles = content.get("profiles") or {} if isinstance(content, dict) else None
    if not isinstance(profiles, dict) or not set(content) <= {"profiles", "default_profile"}:
        raise ConfigError(f"{path} is not a configuration", hint="it holds `default_profile` and `profiles`")
    default = content.get("default_profile")
    return ProfileFile(
        path, {str(name): values for name, values in profiles.items()}, str(default) if default else None
    )
