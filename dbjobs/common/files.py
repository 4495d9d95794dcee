"""Files of users: reading text, names that every system allows, and writing completely or not at all."""

import codecs
import os
import re
import secrets
import stat
import sys
import unicodedata
from contextlib import nullcontext, suppress
from errno import EACCES, EBUSY, ENXIO, EPERM, EROFS
from pathlib import Path

from dbjobs.errors import UsageError

MAX_NAME_BYTES = 255
"""The limit of most file systems; Windows counts characters instead, of which there are fewer."""

MAX_TEXT_BYTES = 10 * 1024 * 1024
"""The Jobs API takes no larger request, and configurations are much smaller."""

_SPACE_FOR_NUMBER = 8
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
_DEVICE = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³]) *(?:\.|$)", re.IGNORECASE)
"""Source: https://learn.microsoft.com/windows/win32/fileio/naming-a-file"""

_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


class TextError(ValueError):
    """The content of a file cannot be used; the message follows the name of the file."""


def read_text(path: Path | None, max_bytes: int = MAX_TEXT_BYTES, taker: str = "dbjobs") -> str:
    """The text of a file, or of stdin for None: in UTF-8, or in UTF-16 as `>` of PowerShell 5 writes it.

    Raises OSError if it cannot be read, and TextError if it is not text, or larger than `taker` takes.
    """
    with nullcontext(sys.stdin.buffer) if path is None else path.open("rb") as stream:
        data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise TextError(f"is larger than the {max_bytes:,} bytes that {taker} takes")
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise TextError("is not UTF-8 text") from None


def reason_of(error: OSError | ValueError) -> str:
    """Why a file cannot be read, for the end of a message."""
    return str(error.strerror) if isinstance(error, OSError) else f"it {error}"


def safe_stem(text: str, extension: str) -> str:
    """A file name without its extension, from any text: no path, no device, no option, not too long."""
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    text = "".join("_" if unicodedata.category(char) in _INVISIBLE else char for char in text)
    text = re.sub(r"\.{2,}", ".", _FORBIDDEN.sub("_", text))
    text = text.lstrip(" .-~") or "unnamed"
    if _DEVICE.match(text):
        text = f"_{text}"
    most = MAX_NAME_BYTES - len(extension.encode()) - _SPACE_FOR_NUMBER
    return text.encode()[:most].decode(errors="ignore").rstrip(" .")


def unused_name(stem: str, extension: str, used: set[str]) -> str:
    """The stem with its extension, and a number if the name is used; adds the name to `used`.

    Names that differ only in case are the same name on some systems.
    """
    name, number = stem + extension, 1
    while name.casefold() in used:
        number += 1
        name = f"{stem}-{number}{extension}"
    used.add(name.casefold())
    return name


_NOT_REPLACEABLE = (EACCES, EPERM, EROFS, EBUSY)
"""The errors of a folder in which no file can be created, or of a file that is a mount point."""


def write_whole(
    path: Path,
    data: bytes,
    *,
    overwrite: bool = False,
    is_private: bool = False,
    follow_links: bool = True,
) -> None:
    """Write a file so that nobody ever sees part of it; a UsageError if that fails or the file exists.

    Only its owner can read a private file, from the first byte on, or a folder created for it.
    With `overwrite`, an existing file keeps its owner and permissions, and is written in place if
    it cannot be replaced; a link stays, and its target is written; a device or FIFO, such as
    /dev/stdout, is written into. Without `follow_links` a link is replaced: the name came from a
    server, and the user did not choose it.
    """
    is_replaced_link = not follow_links and path.is_symlink()
    try:
        found = None
        if overwrite and not is_replaced_link:
            with suppress(FileNotFoundError):
                found = path.stat()
        if found and (not stat.S_ISREG(found.st_mode) or _descriptors_of(path, found)):
            _write_into(path, data, found)
            return
        path = Path(os.path.realpath(path)) if overwrite and not is_replaced_link else path
        try:
            path.parent.mkdir(mode=0o700 if is_private else 0o777, parents=True, exist_ok=True)
            _replace(path, data, found, overwrite=overwrite, is_private=is_private)
        except OSError as error:
            if found is None or error.errno not in _NOT_REPLACEABLE:
                raise
            path.write_bytes(data)
    except OSError as error:
        reason = "nothing reads from it" if error.errno == ENXIO else error.strerror
        raise UsageError(f"cannot write {path}: {reason}") from None


def _replace(
    path: Path, data: bytes, found: os.stat_result | None, *, overwrite: bool, is_private: bool
) -> None:
    part = path.with_name(f".dbjobs-{secrets.token_hex(8)}.part")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(part, flags, 0o600 if is_private else 0o666), "wb") as stream:
            stream.write(data)
        made = part.stat()
        if found and (made.st_uid, made.st_gid) != (found.st_uid, found.st_gid) and hasattr(os, "chown"):
            os.chown(part, found.st_uid, found.st_gid)
        if found and not is_private:
            part.chmod(stat.S_IMODE(found.st_mode))
        if overwrite or not _link(part, path):
            part.replace(path)
    finally:
        with suppress(OSError):  # if it could not be created, it cannot be removed
            part.unlink(missing_ok=True)


def _write_into(path: Path, data: bytes, found: os.stat_result) -> None:
    """Write into a device, a FIFO, or an open descriptor of this process."""
    shared = [] if stat.S_ISCHR(found.st_mode) else _descriptors_of(path, found)
    if shared:
        descriptor = os.dup(shared[0])
    else:  # opening a FIFO that nobody reads would block forever
        flags = (getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_BINARY"))
        descriptor = os.open(path, os.O_WRONLY | sum(flags))
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(descriptor, True)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)


def _descriptors_of(path: Path, found: os.stat_result) -> list[int]:
    """The descriptors of this process that a path refers to, such as /dev/stdout or /dev/fd/3.

    Opening the file again would write from its start, over what was printed.
    """
    numbered = re.fullmatch(r"/(?:dev|proc/self)/fd/([0-9]+)", str(path))
    descriptors = []
    for descriptor in [1, 2, *([int(numbered[1])] if numbered else [])]:
        with suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), found):
                descriptors.append(descriptor)
    return descriptors


def _link(part: Path, path: Path) -> bool:
    """Link a file to its name; a UsageError if the name exists, even since a moment ago.

    False if the file system has no links: then an empty file reserves the name.
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
        raise UsageError(f"{path} already exists", hint="--force overwrites it") from None
    return True
