"""The text of `config.yaml`, one line per setting and one block per profile: found, replaced and added."""

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from dbjobs.common.documents import parse_document

STEP = 2


class Layout:
    """A text and its edits; a LookupError or ValueError if its layout is not handled."""

    def __init__(self, text: str) -> None:
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self.text = text if not text or text.endswith("\n") else text + self.newline

    def set_default(self, name: str) -> None:
        """Change the line, or add one above all others, below the comments at the top."""
        root = self._root()
        line = f"default_profile: {scalar(name)}"
        if found := self._find(root, "default_profile"):
            key, value = found
            start, end = value.start_mark, value.end_mark
            if not isinstance(value, yaml.ScalarNode) or start.line != key.start_mark.line:
                raise ValueError
            self.text = self.text[: start.index] + scalar(name) + self.text[end.index :]
        else:
            self._insert(root.value[0][0].start_mark.line if root else len(self._lines), [line])

    def remove_default(self) -> None:
        found = self._find(self._root(), "default_profile")
        if found:
            self._delete(*self._span(*found))

    def put_profile(self, name: str, values: Mapping[str, Any]) -> None:
        """Replace the profile of that name, or add one below the last."""
        profiles = self._profiles()
        if profiles and (found := self._find(profiles, name)):
            first, last = self._span(*found)
            self._delete(first, last)
            self._insert(first, _block(name, values, found[0].start_mark.column))
        elif profiles:
            key, value = profiles.value[-1]
            self._insert(self._span(key, value)[1] + 1, _block(name, values, key.start_mark.column))
        elif found := self._find(self._root(), "profiles"):  # without any profile
            lines, below = self._lines, found[0].start_mark.line + 1
            lines[below - 1] = re.sub(r":\s*(\{\s*\}|~|null)(?=\s)", ":", lines[below - 1], count=1)
            self.text = "".join(lines)
            self._insert(below, _block(name, values, STEP))
        else:
            self._insert(len(self._lines), ["profiles:", *_block(name, values, STEP)])

    def remove_profile(self, name: str) -> None:
        profiles = self._profiles()
        found = self._find(profiles, name) if profiles else None
        if found is None:
            raise LookupError(name)
        self._delete(*self._span(*found))

    @property
    def _lines(self) -> list[str]:
        return self.text.splitlines(keepends=True)

    def _root(self) -> yaml.MappingNode | None:
        root = yaml.compose(self.text, Loader=yaml.SafeLoader)
        if root is not None and (not isinstance(root, yaml.MappingNode) or root.flow_style):
            raise ValueError
        return root

    def _profiles(self) -> yaml.MappingNode | None:
        """The node of the profiles, if there is at least one."""
        found = self._find(self._root(), "profiles")
        if found is None or not found[1].value:
            return None
        if not isinstance(found[1], yaml.MappingNode) or found[1].flow_style:
            raise ValueError
        return found[1]

    def _find(self, node: yaml.MappingNode | None, key: str) -> tuple[yaml.Node, yaml.Node] | None:
        pairs = node.value if node else []
        return next((pair for pair in pairs if pair[0].value == key), None)

    def _span(self, key: yaml.Node, value: yaml.Node) -> tuple[int, int]:
        """The first and last line of a setting; comments below belong to the next one."""
        lines = self._lines
        first, last = key.start_mark.line, value.end_mark.line
        if last > first and (last == len(lines) or not lines[last][: value.end_mark.column].strip()):
            last -= 1  # the mark is at the start of the next one
        while last > first and not lines[last].partition("#")[0].strip():
            last -= 1
        return first, last

    def _insert(self, index: int, lines: list[str]) -> None:
        old = self._lines
        new = [line + self.newline for line in lines]
        self.text = "".join([*old[:index], *new, *old[index:]])

    def _delete(self, first: int, last: int) -> None:
        lines = self._lines
        self.text = "".join([*lines[:first], *lines[last + 1 :]])


def _block(name: str, values: Mapping[str, Any], indent: int) -> list[str]:
    """The lines of a profile, one per setting; a reference takes one line, too."""
    inner = " " * (indent + STEP)
    return [
        f"{' ' * indent}{scalar(name)}:",
        *(f"{inner}{scalar(key)}: {_inline(value)}" for key, value in values.items()),
    ]


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {_inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(inner) for inner in value) + "]"
    return scalar(value) if isinstance(value, str) else json.dumps(value)


def scalar(text: str) -> str:
    """Text as YAML, in quotes if it would not be read as text without them."""
    is_plain = re.fullmatch(r"[A-Za-z/~]([\w./:@~+-]*[\w/])?", text) and parse_document(text) == text
    return text if is_plain else json.dumps(text, ensure_ascii=False)
