"""The tokens of people who signed in, stored in the system's keyring or in a private file.

The file has the form of the official CLI's, so that one reader serves both.
Source: https://github.com/databricks/cli, libs/auth/storage/filestore.go
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbjobs.common.files import write_whole
from dbjobs.common.locking import locked
from dbjobs.config.profile_file import check_trusted
from dbjobs.config.references import KEYRING_SERVICE
from dbjobs.errors import ConfigError, UsageError

Token = dict[str, Any]
"""`access_token`, `refresh_token`, `expiry` as an ISO time, and, in ours, the `host` that they are for."""

VERSION = 1


@dataclass(frozen=True)
class TokenFile:
    """Tokens by key, in a file that only its owner can read."""

    path: Path

    def read(self, key: str) -> Token | None:
        token = self._tokens().get(key)
        return token if isinstance(token, dict) else None

    def write(self, key: str, token: Token | None) -> None:
        """Store a token, or remove it."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        tokens = {name: stored for name, stored in self._tokens().items() if name != key}
        content = {"version": VERSION, "tokens": tokens | ({key: token} if token else {})}
        try:
            write_whole(self.path, json.dumps(content, indent=2).encode(), overwrite=True, is_private=True)
            self.path.chmod(0o600)
        except (OSError, UsageError) as error:
            raise ConfigError(f"cannot store the sign-in in {self.path}: {error}") from None

    def _tokens(self) -> Mapping[str, Any]:
        check_trusted(self.path)
        try:
            content = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
            raise ConfigError(
                f"cannot read {self.path}: {reason}", hint="remove the file, and sign in again"
            ) from None
        if not isinstance(content, dict) or content.get("version") != VERSION:
            raise ConfigError(
                f"{self.path} is not a file of tokens that dbjobs knows",
                hint="a newer program may have made it",
            )
        tokens = content.get("tokens")
        return tokens if isinstance(tokens, dict) else {}


@dataclass(frozen=True)
class TokenStore:
    """The tokens of `profiles login`, by the name of the profile."""

    folder: Path

    @property
    def _file(self) -> TokenFile:
        return TokenFile(self.folder / "tokens.json")

    def locked(self) -> Any:
        """One process at a time renews: some refresh tokens can be used only once."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return locked(self.folder)

    def read(self, name: str) -> Token | None:
        if token := self._file.read(name):
            return token
        with suppress(Exception):  # no keyring, or one that is locked: then nobody is signed in
            import keyring

            found = keyring.get_password(KEYRING_SERVICE, _entry(name))
            return json.loads(found) if found else None
        return None

    def write(self, name: str, token: Token) -> str:
        """Store a token; returns where."""
        try:
            import keyring

            keyring.set_password(KEYRING_SERVICE, _entry(name), json.dumps(token))
        except Exception:
            self._file.write(name, token)
            return str(self._file.path)
        if self._file.read(name):
            self._file.write(name, None)
        return "the system's keyring"

    def forget(self, name: str) -> bool:
        """Remove a token; True if there was one, a ConfigError if it cannot be removed."""
        was_there = self.read(name) is not None
        if self._file.read(name):
            self._file.write(name, None)
        with suppress(Exception):
            import keyring

            keyring.delete_password(KEYRING_SERVICE, _entry(name))
        if self.read(name):
            raise ConfigError(
                f"the keyring did not delete {_entry(name)} of {KEYRING_SERVICE}",
                hint="remove the entry in the keyring's own program",
            )
        return was_there


def _entry(name: str) -> str:
    return f"login/{name}"
