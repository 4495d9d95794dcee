"""Values stored elsewhere: `{env: NAME}`, `{file: PATH}`, `{command: [op, read, …]}`, `{keyring: NAME}`.

They are read when they are needed, and again when the workspace refuses the value. The output of a
command is not shown: it may contain a secret.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from dbjobs.common.deadline import seconds_left
from dbjobs.common.files import TextError, read_text
from dbjobs.errors import ConfigError, UnsentError

KINDS = ("env", "file", "command", "keyring")
KEYRING_SERVICE = "dbjobs"
COMMAND_TIMEOUT = 60.0
"""Seconds; long enough to unlock a password manager."""

RUNNING_VARIABLE = "DBJOBS_RUNNING_COMMAND"
"""Set for commands: if one called dbjobs, which called it again, it would never end."""

MAX_BYTES = 64 * 1024
NO_KEYRING = "pip install 'dbjobs[keyring]'"
BAD_KEYRING = "`python -m keyring diagnose` shows what is wrong"


@dataclass(frozen=True)
class Reference:
    """Where a value is stored. `owner` describes it, as in `token of profile prod in PATH`."""

    kind: str
    target: str | tuple[str, ...]
    owner: str
    folder: Path = Path()
    """what a relative path is relative to: the folder of the configuration file"""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def read(self) -> str:
        """The value as it is now."""
        text = _READERS[self.kind](self).strip()
        if not text:
            raise ConfigError(f"the {self.owner} is empty", hint=f"it should come from {self}")
        return text

    def fail(self, problem: str, hint: str | None = None) -> ConfigError:
        return ConfigError(f"cannot read the {self.owner}: {problem}", hint=hint)

    def __str__(self) -> str:
        """As written; of a command only the program, since an argument may be a secret."""
        target = self.target
        if not isinstance(target, str):
            target = f"[{target[0]}{', …' if len(target) > 1 else ''}]"
        return f"{{{self.kind}: {target}}}"


def parse_reference(
    value: Mapping[Any, Any], owner: str, folder: Path, environ: Mapping[str, str]
) -> Reference:
    """The reference in a mapping of YAML; a ConfigError if it is not valid."""
    kind, target = next(iter(value.items()), (None, None))
    if kind == "command" and isinstance(target, list):
        is_plain = all(isinstance(part, str | int | float) for part in target)
        target = tuple(str(part) for part in target) if is_plain else None
    fits = isinstance(target, tuple if kind == "command" else str)
    if len(value) != 1 or kind not in KINDS or not fits or not target:
        raise ConfigError(
            f"the {owner} is neither text nor a reference",
            hint="one of {env: NAME}, {file: PATH}, {command: [PROGRAM, ARGUMENT]}, {keyring: NAME}",
        )
    return Reference(kind, target, owner, folder, environ)


def _read_variable(reference: Reference) -> str:
    name = str(reference.target)
    if name not in reference.environ:
        raise reference.fail(f"the variable {name} is not set")
    return reference.environ[name]


def _read_file(reference: Reference) -> str:
    path = reference.folder / Path(str(reference.target)).expanduser()
    try:
        return read_text(path, MAX_BYTES)
    except OSError as error:
        raise reference.fail(f"{path}: {error.strerror}") from None
    except TextError as error:
        raise reference.fail(f"{path} {error}") from None


def _read_output(reference: Reference) -> str:
    import subprocess

    program, *arguments = tuple(reference.target)
    if reference.environ.get(RUNNING_VARIABLE):
        raise reference.fail(
            f"{program} would be run by another such command",
            "a command that calls dbjobs needs a profile whose secrets come from somewhere else",
        )
    hint = "run the command by hand to see why"
    seconds = min(COMMAND_TIMEOUT, seconds_left())
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command, without a shell
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            env={**reference.environ, RUNNING_VARIABLE: "1"},
            check=False,
        )
    except FileNotFoundError:
        raise reference.fail(f"there is no program {program}") from None
    except OSError as error:
        raise reference.fail(f"{program}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        if seconds < COMMAND_TIMEOUT:
            raise UnsentError(f"the time limit passed before {program} gave the {reference.owner}") from None
        raise reference.fail(f"{program} did not end within {COMMAND_TIMEOUT:.0f} s", hint) from None
    if done.returncode:
        raise reference.fail(f"{program} ended with exit code {done.returncode}", hint)
    return done.stdout[:MAX_BYTES].decode(errors="replace")


def _read_keyring(reference: Reference) -> str:
    name = str(reference.target)
    with _keyring(reference) as keyring:
        secret = keyring.get_password(KEYRING_SERVICE, name)
    if secret is None:
        hint = f"store it with: keyring set {KEYRING_SERVICE} {name}"
        raise reference.fail(f"the keyring has no entry {name}", hint)
    return str(secret)


def store_in_keyring(name: str, secret: str, owner: str) -> None:
    """Store a secret for `{keyring: NAME}`."""
    with _keyring(Reference("keyring", name, owner)) as keyring:
        keyring.set_password(KEYRING_SERVICE, name, secret)


@contextmanager
def _keyring(reference: Reference) -> Iterator[ModuleType]:
    """The system's keyring; a ConfigError says what to do if it cannot be used."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ModuleNotFoundError:
        raise reference.fail("keyring is not installed", NO_KEYRING) from None
    try:
        yield keyring
    except KeyringError as error:
        raise reference.fail(f"the keyring cannot be used ({type(error).__name__})", BAD_KEYRING) from None


_READERS = {"env": _read_variable, "file": _read_file, "command": _read_output, "keyring": _read_keyring}
