"""Changing `config.yaml` in place: the lines in question, and no others, so that comments stay.

Whatever the change, the new text is parsed before it is written, and must have the intended content.
If it does not, since the file is laid out in a way that `dbjobs.config.layout` does not handle, the file
is rewritten, and a copy of the old one is kept beside it if it had comments.
"""

import copy
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from dbjobs.common.documents import DocumentError, parse_document
from dbjobs.common.files import TextError, read_text, reason_of, write_whole
from dbjobs.common.locking import locked
from dbjobs.config.layout import Layout, scalar
from dbjobs.errors import ConfigError, UsageError

Content = dict[str, Any]


class _Dumper(yaml.SafeDumper):
    """YAML whose texts YAML 1.2 reads as texts, too: `0E0` is a number there, and none in YAML 1.1."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if scalar(text) == text else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def put_profile(path: Path, name: str, values: Mapping[str, Any], *, is_default: bool) -> Path | None:
    """Add a profile, or replace that of its name. Returns the copy of the old file if comments were lost."""

    def change(content: Content) -> None:
        content["profiles"][name] = dict(values)
        if is_default:
            content["default_profile"] = name

    return _apply(path, change)


def remove_profile(path: Path, name: str) -> Path | None:
    """Remove a profile, also as the default. Returns as `put_profile` does."""

    def change(content: Content) -> None:
        del content["profiles"][name]
        if content.get("default_profile") == name:
            del content["default_profile"]

    return _apply(path, change)


def set_default(path: Path, name: str) -> Path | None:
    """Make a profile the default. Returns as `put_profile` does."""

    def change(content: Content) -> None:
        content["default_profile"] = name

    return _apply(path, change)


def _apply(path: Path, change: Callable[[Content], None]) -> Path | None:
    """Read, change and write, while nobody else does; returns the copy of the old file if one was made."""
    path = Path(os.path.realpath(path))  # a link stays, and the file that it leads to changes
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(path.parent):
            try:
                text = read_text(path)
            except FileNotFoundError:
                text = ""
            except TextError as error:
                raise ConfigError(
                    f"cannot read {path}: {reason_of(error)}", hint="nothing was changed"
                ) from None
            before = _content_of(text, path)
            after = copy.deepcopy(before)
            change(after)
            old = None
            edited = _edit_text(text, before, after)
            if not _has_content(edited, after):
                edited = yaml.dump(after, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
                if not _has_content(edited, after):
                    raise ConfigError(
                        f"{path} cannot be changed without changing other parts of it", hint="edit it by hand"
                    )
                if "#" in text:
                    old = path.with_name(path.name + ".bak")
                    write_whole(old, text.encode(), overwrite=True, is_private=True)
            write_whole(path, edited.encode(), overwrite=True, is_private=True)
            return old
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None
    except UsageError as error:
        raise ConfigError(error.message) from None


def _content_of(text: str, path: Path) -> Content:
    try:
        content = parse_document(text) or {}
    except DocumentError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}", hint="nothing was changed") from None
    if not isinstance(content, dict) or not isinstance(content.get("profiles") or {}, dict):
        raise ConfigError(f"{path} is not a configuration", hint="nothing was changed")
    content["profiles"] = content.get("profiles") or {}
    return content


def _edit_text(text: str, before: Content, after: Content) -> str:
    """The text with the lines of what differs changed; as it was if its layout is not handled."""
    layout = Layout(text)
    try:
        for name in before["profiles"]:
            if name not in after["profiles"]:
                layout.remove_profile(name)
        for name, values in after["profiles"].items():
            if values != before["profiles"].get(name):
                layout.put_profile(name, values)
        if "default_profile" not in after:
            layout.remove_default()
        elif after["default_profile"] != before.get("default_profile"):
            layout.set_default(after["default_profile"])
    except (yaml.YAMLError, LookupError, ValueError):
        return text
    return layout.text


def _has_content(text: str, wanted: Content) -> bool:
    try:
        found = parse_document(text)
    except DocumentError:
        return False
    return isinstance(found, dict) and found | {"profiles": found.get("profiles") or {}} == wanted
