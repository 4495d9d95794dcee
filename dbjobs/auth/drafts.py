"""A profile that is being created: its settings, what is still missing, and what is saved."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dbjobs.auth.methods import AUTH_METHODS, NOT_OFFERED
from dbjobs.auth.profiles import with_auth_methods
from dbjobs.config.files import ProfileFiles
from dbjobs.config.hosts import normalize_host, workspace_id_in
from dbjobs.config.profile_file import ProfileFile
from dbjobs.config.resolve import Profile, profile_of
from dbjobs.config.settings import SECRETS, SETTINGS
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
        name = self.values.pop("auth_type", None)
        if not name:  # the method that most of the settings belong to, or else a token
            explicit = [method for method in AUTH_METHODS.values() if method.is_explicit]
            name = max(explicit, key=lambda method: len(set(method.needs) & self.values.keys())).name
        if name not in AUTH_METHODS:
            hint = NOT_OFFERED.get(name, f"it is one of {', '.join(AUTH_METHODS)}")
            raise UsageError(f"dbjobs does not offer auth_type {name!r}", hint=hint)
        self.method = AUTH_METHODS[name]
        if name == "azure-msi":
            self.values["azure_use_msi"] = True

    def missing(self) -> list[str]:
        """The settings that are still to be asked for."""
        return [key for key in ("host", *self.method.needs) if key not in self.values]

    def finish(self) -> None:
        """Convert the values to the form in which they are saved; a ConfigError if the host is invalid."""
        given = str(self.values["host"])
        self.values["host"] = normalize_host(given, allow_http=self.values.get("allow_http") is True)
        if workspace_id := workspace_id_in(given):
            self.values.setdefault("workspace_id", workspace_id)
        if not self.method.is_explicit:
            self.values["auth_type"] = self.method.name
        self.values = {key: self.values[key] for key in SETTINGS if key in self.values}

    def profile(self, files: ProfileFiles) -> Profile:
        """The profile as it will be when it is saved."""
        file = ProfileFile(files.ours.path, {self.name: self.values})
        return with_auth_methods(profile_of([file.source(self.name, files.environ)]), files.environ)

    def move_secrets_to_keyring(self) -> None:
        """Store the secrets in the keyring, and leave references to them in the file."""
        from dbjobs.config.references import store_in_keyring

        for key in SECRETS:
            if isinstance(self.values.get(key), str):
                entry = f"{self.name}/{key}"
                store_in_keyring(entry, self.values[key], f"{key} of profile {self.name}")
                self.values[key] = {"keyring": entry}


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """`KEY=VALUE` pairs, read as YAML; a secret must be a reference."""
    from dbjobs.common.documents import DocumentError, parse_document

    values: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or key not in SETTINGS:
            raise UsageError("--set takes KEY=VALUE", hint=f"KEY is one of {', '.join(SETTINGS)}")
        try:
            found = parse_document(value)
        except DocumentError:
            found = value
        if key in SECRETS and not isinstance(found, dict):
            raise UsageError(
                f"--set does not take the {key} itself, because {NO_SECRET}",
                hint=f"omit it to be asked for it, or say where it is stored: --set '{key}={{env: NAME}}'",
            )
        values[key] = found if isinstance(found, dict | bool) else value
    return values
