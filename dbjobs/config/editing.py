"""Changing `config.yaml` in place: the lines in question, and no others, so that comments stay.

Whatever the change, the new text is read back before it is written, and has to say what was
meant. If it does not, since the file is laid out in a way that is not foreseen here, it is
written anew, and the old one kept beside it if it had comments.
"""

import copy
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dbjobs.common.documents import DocumentError, parse_document
from dbjobs.common.files import write_whole
from dbjobs.common.locking import locked
from dbjobs.config.layout import Layout
from dbjobs.errors import ConfigError, UsageError

Content = dict[str, Any]
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Edit:
    """One change, said twice: what it does to the content, and to the text."""

    change: Callable[[Content], None]
    write: Callable[[Layout], None]


def put_profile(path: Path, name: str, values: Values, *, is_default: bool) -> Path | None:
    """Add a profile, or replace that of its name. Returns where the old file went if comments were lost."""

    def change(content: Content) -> None:
        content.setdefault("profiles", {})[name] = dict(values)
        if is_default:
            content["default_profile"] = name

    def write(layout: Layout) -> None:
        layout.put_profile(name, values)
        if is_default:
            layout.set_default(name)

    return _apply(path, Edit(change, write))


def remove_profile(path: Path, name: str) -> Path | None:
    """Take a profile out, and its being the default with it. Returns as `put_profile` does."""

    def change(content: Content) -> None:
        del content["profiles"][name]
        if content.get("default_profile") == name:
            del content["default_profile"]

    def write(layout: Layout) -> None:
        layout.remove_profile(name)
        if layout.default == name:
            layout.remove_default()

    return _apply(path, Edit(change, write))


def set_default(path: Path, name: str) -> Path | None:
    """Make a profile the default. Returns as `put_profile` does."""

    def change(content: Content) -> None:
        content["default_profile"] = name

    return _apply(path, Edit(change, lambda layout: layout.set_default(name)))


def _apply(path: Path, edit: Edit) -> Path | None:
    """Read, change and write, while nobody else does; returns the copy of the old file if one was made."""
    path = Path(os.path.realpath(path))  # what a link leads to is to be changed, and not the link
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(path.parent):
            text = _read(path)
            content = _content_of(text, path)
            wanted = copy.deepcopy(content)
            edit.change(wanted)
            edited = _edit_text(text, edit)
            if edited is not None and _is_same(edited, wanted):
                write_whole(path, edited.encode(), overwrite=True, is_private=True)
                return None
            return _write_anew(path, text, wanted)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None
    except UsageError as error:
        raise ConfigError(error.message) from None


def _read(path: Path) -> str:
    """As it stands, line ends included; nothing where there is no file."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise ConfigError(f"cannot read {path}: it is not UTF-8 text", hint="nothing was changed") from None


def _content_of(text: str, path: Path) -> Content:
    try:
        content = parse_document(text) or {}
    except DocumentError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}", hint="nothing was changed") from None
    if not isinstance(content, dict) or not isinstance(content.get("profiles") or {}, dict):
        raise ConfigError(f"{path} is not a configuration", hint="nothing was changed")
    content["profiles"] = content.get("profiles") or {}
    return content


def _edit_text(text: str, edit: Edit) -> str | None:
    """The new text; None if the old one is laid out otherwise than people do."""
    try:
        layout = Layout(text)
        edit.write(layout)
    except (yaml.YAMLError, LookupError, ValueError):
        return None
    return layout.text


def _is_same(text: str, wanted: Content) -> bool:
    try:
        found = parse_document(text)
    except DocumentError:
        return False
    return isinstance(found, dict) and found | {"profiles": found.get("profiles") or {}} == wanted


def _write_anew(path: Path, text: str, wanted: Content) -> Path | None:
    anew = yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True)
    if not _is_same(anew, wanted):
        raise ConfigError(f"{path} cannot be changed without changing more of it", hint="edit it by hand")
    old = path.with_name(path.name + ".bak") if "#" in text else None
    if old:
        write_whole(old, text.encode(), overwrite=True, is_private=True)
    write_whole(path, anew.encode(), overwrite=True, is_private=True)
    return old
