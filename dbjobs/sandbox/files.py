"""The files of the workspace and of DBFS, kept under a folder on this machine and never outside it.

A folder of the workspace is a folder on disk, and a file a file. A notebook, whose name in the workspace has
no extension, is its source in a file that has one: `report` is `report.notebook.py`. So nothing has to
be stored in addition to the files themselves.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dbjobs.sandbox.model import USER_NAME
from dbjobs.sandbox.notebooks import EXTENSIONS
from dbjobs.sandbox.refusal import RefusalError, invalid

if TYPE_CHECKING:
    from dbjobs.sandbox.model import Json

_NOTEBOOK = ".notebook"
_ON_DISK = {f"{_NOTEBOOK}{extension}": language for language, extension in EXTENSIONS.items()}


@dataclass(frozen=True)
class FileInfo:
    """A folder, a notebook or a file; `path` is spelled as the client spelled it."""

    path: str
    file: Path
    object_type: str
    language: str
    object_id: int
    size: int
    modified_at: int
    """Epoch milliseconds."""

    @property
    def is_folder(self) -> bool:
        return self.object_type == "DIRECTORY"


class FileTree:
    """Files by their path, which may begin with `prefix`."""

    def __init__(self, folder: Path, prefix: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder.resolve()
        self._prefix = prefix
        self._lock = threading.Lock()

    def find(self, path: str) -> FileInfo:
        """The object at a path; refuses a path that does not exist."""
        on_disk = self._locate(path)
        if not on_disk.exists():
            on_disk = next((file for file in _notebooks_of(on_disk) if file.exists()), on_disk)
        if not on_disk.exists():
            raise _missing(path)
        return self._describe(path, on_disk)

    def list(self, path: str) -> list[FileInfo]:
        """What is in a folder, by name; of a file, the file alone."""
        found = self.find(path)
        if not found.is_folder:
            return [found]
        parent = path.rstrip("/")
        return [
            self._describe(f"{parent}/{_name_of(file)}", file)
            for file in sorted(found.file.iterdir())
            if file.exists()
        ]

    def read(self, path: str) -> bytes:
        found = self.find(path)
        if found.is_folder:
            raise invalid(f"Path ({path}) is a folder.")
        with self._lock:
            return found.file.read_bytes()

    def make_folder(self, path: str) -> None:
        """Make a folder, and those above it that are missing."""
        on_disk = self._locate(path)
        with self._lock:
            try:
                on_disk.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError):
                raise _existing(path) from None

    def write(self, path: str, content: bytes, *, language: str = "", overwrite: bool = False) -> None:
        """Write a file; or, with a language, a notebook. The folder has to be there."""
        at = self._locate(path)
        if at == self.folder or at.name.endswith(tuple(_ON_DISK)):
            raise invalid(f"Path ({path}) cannot be a file: the sandbox uses names like this one itself.")
        target = at.with_name(at.name + _NOTEBOOK + EXTENSIONS[language]) if language else at
        with self._lock:
            if not at.parent.is_dir():
                folder = path.rstrip("/").rpartition("/")[0] or "/"
                raise RefusalError(
                    404, "RESOURCE_DOES_NOT_EXIST", f"The parent folder ({folder}) does not exist."
                )
            existing = [file for file in (at, *_notebooks_of(at)) if file.exists()]
            if existing and (not overwrite or at.is_dir()):
                raise _existing(path)
            for file in existing:
                file.unlink()
            target.write_bytes(content)

    def delete(self, path: str, *, recursive: bool) -> None:
        found = self.find(path)
        if found.file == self.folder:
            raise invalid("The root folder cannot be deleted.")
        with self._lock:
            if not found.is_folder:
                found.file.unlink(missing_ok=True)
            elif recursive:
                shutil.rmtree(found.file)
            elif any(found.file.iterdir()):
                raise RefusalError(400, "DIRECTORY_NOT_EMPTY", f"Folder ({path}) is not empty.")
            else:
                found.file.rmdir()

    def _locate(self, path: str) -> Path:
        """Where a path is on disk; refuses one that would lead out of the folder."""
        inner = path.removeprefix(self._prefix)
        if not inner.startswith("/") and path != self._prefix:
            raise invalid(f"Path ({path}) has to be absolute: it has to begin with /.")
        names = [name for name in inner.split("/") if name not in {"", "."}]
        try:
            on_disk = self.folder.joinpath(*names).resolve()
            is_within = on_disk.is_relative_to(self.folder) and ".." not in names
            on_disk.exists()
        except (OSError, ValueError):  # too long a name, a null character
            is_within = False
        if not is_within:
            raise invalid(f"Path ({path}) cannot be a path of the workspace.")
        return on_disk

    def _describe(self, path: str, file: Path) -> FileInfo:
        stat = file.stat()
        folder = "" if file == self.folder else f"{file.parent.relative_to(self.folder)}/"
        return FileInfo(
            path="/".join(["", *filter(None, path.split("/"))]) if path.startswith("/") else path,
            file=file,
            object_type="DIRECTORY" if file.is_dir() else "NOTEBOOK" if _language_of(file) else "FILE",
            language="" if file.is_dir() else _language_of(file),
            object_id=int(hashlib.sha256((folder + _name_of(file)).encode()).hexdigest()[:12], 16),
            size=stat.st_size,
            modified_at=int(stat.st_mtime * 1000),
        )


@dataclass
class Upload:
    """A file of DBFS that comes in blocks."""

    path: str
    content: bytearray = field(default_factory=bytearray)


class Files:
    """The files of a workspace: both trees, under one folder."""

    def __init__(self, folder: Path) -> None:
        self.uploads: dict[int, Upload] = {}
        """By handle, those that have begun."""
        self.workspace = FileTree(folder / "workspace", "/Workspace")
        self.dbfs = FileTree(folder / "dbfs", "dbfs:")
        for path in (f"/Users/{USER_NAME}", "/Shared"):
            self.workspace.make_folder(path)

    def find(self, path: str) -> FileInfo | None:
        """The file that a task names."""
        tree = self.dbfs if path.startswith("dbfs:") else self.workspace
        try:
            return tree.find(path)
        except RefusalError:
            return None


def show_object(info: FileInfo) -> Json:
    """What the Workspace API says about it."""
    shown: Json = {"object_type": info.object_type, "path": info.path, "object_id": info.object_id}
    shown["resource_id"] = str(info.object_id)
    if info.language:
        shown["language"] = info.language
    if not info.is_folder:
        shown |= {"size": info.size, "created_at": info.modified_at, "modified_at": info.modified_at}
    return shown


def _notebooks_of(on_disk: Path) -> list[Path]:
    """Where a notebook of that name would be."""
    return [on_disk.with_name(on_disk.name + ending) for ending in _ON_DISK]


def _language_of(file: Path) -> str:
    """Of a notebook; empty for any other file."""
    return next((language for ending, language in _ON_DISK.items() if file.name.endswith(ending)), "")


def _name_of(file: Path) -> str:
    """Its name in the workspace."""
    return file.name.partition(_NOTEBOOK)[0] if _language_of(file) else file.name


def _missing(path: str) -> RefusalError:
    return RefusalError(404, "RESOURCE_DOES_NOT_EXIST", f"Path ({path}) doesn't exist.")


def _existing(path: str) -> RefusalError:
    return RefusalError(400, "RESOURCE_ALREADY_EXISTS", f"Path ({path}) already exists.")
