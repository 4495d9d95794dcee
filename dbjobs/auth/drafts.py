"""A profile in the making: what was said of it, what is still to be asked, and what is saved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dbjobs.config.files import ProfileFile, ProfileFiles
from dbjobs.config.hosts import normalize_host, workspace_id_in
from dbjobs.config.resolve import Profile, profile_of
from dbjobs.config.settings import SECRETS, VARIABLES
from dbjobs.config.ways import NOT_OFFERED, SURE, WAYS
from dbjobs.errors import UsageError

NO_SECRET = "it would show in the list of processes and in the shell's history"  # noqa: S105 - words


@dataclass
class Draft:
    """The settings of a new profile, by name."""

    name: str
    values: dict[str, Any] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable():
            raise UsageError("a profile needs a name that can be printed")
        way = self.values.pop("auth_type", None) or _guess_way(self.values)
        if way not in WAYS:
            hint = NOT_OFFERED.get(way, f"it is one of {', '.join(WAYS)}")
            raise UsageError(f"auth_type {way!r} is not a way to sign in that dbjobs offers", hint=hint)
        self.way = way
        if way == "azure-msi":
            self.values["azure_use_msi"] = True

    def missing(self) -> list[str]:
        """What is still to be asked for."""
        return [key for key in ("host", *WAYS[self.way]) if key not in self.values]

    def finish(self) -> None:
        """Bring it into the form in which it is saved; a ConfigError if the host is none."""
        given = str(self.values["host"])
        self.values["host"] = normalize_host(given, allow_http=self.values.get("allow_http") is True)
        if workspace_id := workspace_id_in(given):
            self.values.setdefault("workspace_id", workspace_id)
        if self.way not in SURE:
            self.values["auth_type"] = self.way
        self.values = {key: self.values[key] for key in VARIABLES if key in self.values}

    def profile(self, files: ProfileFiles) -> Profile:
        """As it will be once it is saved."""
        file = ProfileFile(files.ours.path, {self.name: self.values})
        return profile_of([file.source(self.name, files.environ)], files.environ)

    def move_secrets_to_keyring(self) -> None:
        """Leave nothing but references in the file."""
        from dbjobs.config.references import store_in_keyring

        for key in SECRETS:
            if isinstance(self.values.get(key), str):
                entry = f"{self.name}/{key}"
                store_in_keyring(entry, self.values[key], f"{key} of profile {self.name}")
                self.values[key] = {"keyring": entry}


def _guess_way(values: Mapping[str, Any]) -> str:
    """The way that most of the settings speak for; a token where none does."""
    return max(SURE, key=lambda way: len(set(WAYS[way]) & values.keys()))


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """`KEY=VALUE` pairs, read as YAML; a secret is taken as a reference alone."""
    from dbjobs.common.documents import DocumentError, parse_document

    values: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or key not in VARIABLES:
            raise UsageError("--set takes KEY=VALUE", hint=f"KEY is one of {', '.join(VARIABLES)}")
        try:
            found = parse_document(value)
        except DocumentError:
            found = value
        if key in SECRETS and not isinstance(found, dict):
            raise UsageError(
                f"--set does not take the {key} itself, for {NO_SECRET}",
                hint=f"leave it out to be asked for it, or say where it stands: --set '{key}={{env: NAME}}'",
            )
        values[key] = found if isinstance(found, dict | bool) else value
    return values
