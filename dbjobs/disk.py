"""Files for users: names that no system stumbles over, contents that are there whole or not at all."""

import os
import re
import secrets
import unicodedata
from pathlib import Path

from dbjobs.errors import UsageError

MAX_NAME_BYTES = 255
"""What the usual file systems allow; Windows counts other units, of which there are fewer."""

_SPACE_FOR_NUMBER = 8
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
_DEVICE = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³]) *(?:\.|$)", re.IGNORECASE)
"""Source: https://learn.microsoft.com/windows/win32/fileio/naming-a-file"""

_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def safe_stem(text: str, extension: str) -> str:
    """A file name without its extension, made of any text: no path, no device, no option, not too long."""
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    text = "".join("_" if unicodedata.category(char) in _INVISIBLE else char for char in text)
    text = re.sub(r"\.{2,}", ".", _FORBIDDEN.sub("_", text))
    text = text.lstrip(" .-~") or "unnamed"
    if _DEVICE.match(text):
        text = f"_{text}"
    most = MAX_NAME_BYTES - len(extension.encode()) - _SPACE_FOR_NUMBER
    return text.encode()[:most].decode(errors="ignore").rstrip(" .")


def unused_name(stem: str, extension: str, used: set[str]) -> str:
    """The stem with its extension, numbered if that is used; it is used from now on.

    Names that differ in case only are one name to some systems.
    """
    name, number = stem + extension, 1
    while name.casefold() in used:
        number += 1
        name = f"{stem}-{number}{extension}"
    used.add(name.casefold())
    return name


def write_whole(path: Path, data: bytes, *, overwrite: bool = False, is_private: bool = False) -> None:
    """Write a file so that nobody ever sees a part of it; a UsageError if it cannot be, or is there.

    What is private is for its owner alone from the first byte on, like a folder made for it.
    """
    part = path.with_name(f".dbjobs-{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(mode=0o700 if is_private else 0o777, parents=True, exist_ok=True)
        try:
            _create(part, data, 0o600 if is_private else 0o666)
            if overwrite or not _link(part, path):
                part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def _create(path: Path, data: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, mode), "wb") as stream:
        stream.write(data)


def _link(part: Path, path: Path) -> bool:
    """Give a file its name, which fails if the name is taken, even if it was taken just now.

    False if the file system has no links: then the name is kept free for a replacement.
    """
    try:
        try:
            os.link(part, path)
        except FileExistsError:
            raise
        except (OSError, NotImplementedError):
            path.touch(exist_ok=False)
            return False
    except FileExistsError:
        raise UsageError(f"{path} is there already", hint="--force overwrites it") from None
    return True
