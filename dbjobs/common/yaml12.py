"""YAML 1.2 text to JSON's values, in one pass over the parser's events.

PyYAML's own composer is left out: it calls itself for every level, and with libyaml a
deep text ends the process; it shows a circle or a bomb of aliases only once it has been
expanded. Here nesting, circles and expanded size are known before anything is copied.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_DEPTH = 100
"""How deep a document may nest; job files nest some ten levels."""

MAX_SIZE = 10 * 1024 * 1024
"""How large a document may grow when its aliases are filled in, in characters of JSON at least."""

MAX_READ_AGAIN = 64 * 1024
"""An error beyond so many characters is not looked at a second time."""

_TAG = "tag:yaml.org,2002:"
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE_SCHEMA = re.compile(
    r"(?P<null>~|null|Null|NULL|)"
    r"|(?P<bool>true|True|TRUE|false|False|FALSE)"
    r"|(?P<int>[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
)
"""Plain text that is no text. Source: https://yaml.org/spec/1.2.2/#103-core-schema"""


class DocumentError(Exception):
    """The text is neither JSON nor YAML. `line` counts from 1, None if it is not known."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(f"line {line}: {problem}" if line else problem)
        self.line = line


@dataclass(frozen=True)
class Place:
    """Where a value stands: its line, from 1, and the places of what it holds."""

    line: int
    inner: "dict[str, Place] | list[Place] | None" = None


@dataclass(frozen=True)
class Node:
    """A value with its place, and how large and how deep it is once its aliases are filled in."""

    value: Any
    place: Place
    size: int
    depth: int = 0
    text: str | None = None
    """what a scalar says, for it may become a key"""
    is_merge: bool = False


@dataclass
class _Collection:
    """A sequence or mapping whose end is still to come."""

    line: int
    anchor: str | None
    is_mapping: bool
    values: list[Any] = field(default_factory=list)
    keys: dict[str, None] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)
    merged: list[Node] = field(default_factory=list)
    size: int = 2
    depth: int = 1
    pending: Node | None = None
    """the key whose value comes next"""

    def add(self, node: Node) -> None:
        self.size += node.size
        self.depth = max(self.depth, node.depth + 1)
        if not self.is_mapping:
            self.values.append(node.value)
            self.places.append(node.place)
        elif self.pending is None:
            self.pending = self._checked_key(node)
        else:
            self._add_pair(self.pending, node)
            self.pending = None

    def _checked_key(self, node: Node) -> Node:
        if node.text is None:
            raise DocumentError("a key has to be a text", node.place.line)
        if node.text in self.keys:
            raise DocumentError("a key stands twice", node.place.line)
        return node

    def _add_pair(self, key: Node, node: Node) -> None:
        if key.is_merge:
            self.merged.append(node)
            return
        self.keys[str(key.text)] = None
        self.values.append(node.value)
        self.places.append(Place(key.place.line, node.place.inner))

    def close(self) -> Node:
        """The whole of it, as a node."""
        if not self.is_mapping:
            return Node(self.values, Place(self.line, self.places), self.size, self.depth)
        value = dict(zip(self.keys, self.values, strict=True))
        places = dict(zip(self.keys, self.places, strict=True))
        for source in _mappings_in(self.merged):
            value = {**source.value, **value}
            places = {**_inner(source.place), **places}
        return Node(value, Place(self.line, places), self.size, self.depth)


def _mappings_in(merged: list[Node]) -> Iterator[Node]:
    """What `<<` names: a mapping, or a sequence of them, the first of which wins."""
    for node in merged:
        nodes = [node]
        if isinstance(node.value, list) and isinstance(node.place.inner, list):
            nodes = [Node(*pair, size=0) for pair in zip(node.value, node.place.inner, strict=True)]
        for one in nodes:
            if not isinstance(one.value, dict):
                raise DocumentError("<< has to name a mapping", one.place.line)
            yield one


def _inner(place: Place) -> dict[str, Place]:
    return place.inner if isinstance(place.inner, dict) else {}


class _Reader:
    """Takes a parser's events and gives the document that they tell of."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.has_aliases = False
        self._open: list[_Collection] = []
        self._anchors: dict[str, Node | None] = {}

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.ScalarEvent):
            self._add(_scalar(event, line), event.anchor)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            collection = self._open.pop()
            self._add(collection.close(), collection.anchor)
        elif isinstance(event, yaml.AliasEvent):
            self.has_aliases = True
            self._add(self._anchored(str(event.anchor), line), None)
        elif isinstance(event, yaml.DocumentStartEvent) and self.root:
            raise DocumentError("found another document", line)

    def _begin(self, event: yaml.CollectionStartEvent, line: int) -> None:
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, "!", _TAG + ("map" if is_mapping else "seq")):
            raise DocumentError("found a tag that stands for no value of JSON", line)
        if len(self._open) >= MAX_DEPTH:
            raise DocumentError("it is nested too deeply", line)
        if event.anchor:
            self._anchors[event.anchor] = None
        self._open.append(_Collection(line, event.anchor, is_mapping))

    def _anchored(self, anchor: str, line: int) -> Node:
        if anchor not in self._anchors:
            raise DocumentError("found undefined alias", line)
        node = self._anchors[anchor]
        if node is None:
            raise DocumentError("it holds itself", line)
        if len(self._open) + node.depth > MAX_DEPTH:
            raise DocumentError("it is nested too deeply", line)
        return Node(node.value, Place(line, node.place.inner), node.size, node.depth, node.text)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.add(node)
        if parent.size > MAX_SIZE:
            raise DocumentError(f"it stands for more than {MAX_SIZE:,} characters", node.place.line)


def _scalar(event: yaml.ScalarEvent, line: int) -> Node:
    text, tag = event.value, event.tag
    is_plain = tag is None and event.implicit[0]
    kind = "str"
    if is_plain:
        found = _CORE_SCHEMA.fullmatch(text)
        kind = str(found.lastgroup) if found else "str"
    elif tag not in (None, "!"):
        kind = tag.removeprefix(_TAG)
    value = _convert(text, kind, line)
    return Node(value, Place(line), len(text) + 2, text=text, is_merge=is_plain and text == "<<")


def _convert(text: str, kind: str, line: int) -> Any:
    try:
        return _CONVERTERS[kind](text)
    except KeyError:
        raise DocumentError("found a tag that stands for no value of JSON", line) from None
    except ValueError:
        raise DocumentError("it holds a value that cannot be read", line) from None


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("neither true nor false")
    return text.lower() == "true"


def _int(text: str) -> int:
    return int(text, 0) if text[:2] in ("0x", "0o") else int(text)


def finite(text: str) -> float:
    """A number as JSON knows them; a ValueError for one beyond all bounds."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("JSON has no such number")
    return number


_CONVERTERS: dict[str, Any] = {
    "str": str,
    "null": lambda text: None,
    "bool": _truth,
    "int": _int,
    "float": finite,
}


def read_yaml(text: str) -> Node | None:
    """The one document in a text, None if there is nothing in it; a DocumentError says what is wrong."""
    try:
        return _read(text, _LOADER)
    except yaml.MarkedYAMLError as error:
        raise _depth_error(text, error) or _translated(error, text) from None
    except (yaml.YAMLError, UnicodeEncodeError):
        raise DocumentError("it holds a character that YAML does not allow") from None


def _read(text: str, loader: type[yaml.SafeLoader]) -> Node | None:
    reader = _Reader()
    for event in yaml.parse(text, Loader=loader):
        reader.take(event)
    root = reader.root
    if root and reader.has_aliases:
        return Node(_copy(root.value), root.place, root.size)
    return root


def _depth_error(text: str, error: yaml.MarkedYAMLError) -> DocumentError | None:
    """Our own error for what libyaml refuses as too deep; its limit and its words differ by version.

    libyaml reads ahead of its events within a line, so it may stop before they tell of any
    depth. The parser in Python has no such limit, but is slow: it sees suspicious lines only.
    """
    mark = error.problem_mark
    if mark is None or mark.index > MAX_READ_AGAIN:
        return None
    line = text[mark.index - mark.column : mark.index]
    if sum(line.count(opening) for opening in "[{-?") < MAX_DEPTH:
        return None
    try:
        _read(text[: mark.index], yaml.SafeLoader)
    except DocumentError as found:
        return found
    except (yaml.YAMLError, UnicodeEncodeError):
        pass
    return None


def _copy(value: Any) -> Any:
    """Every alias with a value of its own, so that a change to one is no change to another."""
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


def _translated(error: yaml.MarkedYAMLError, text: str) -> DocumentError:
    """The parser's words, as far as they cannot hold a piece of the file, which may be a secret."""
    mark = error.problem_mark or error.context_mark
    words = re.sub(r"'([^']*)'", _without_content, error.problem or "this is not YAML")
    if mark is None:
        return DocumentError(words)
    lines = text.rstrip().splitlines()
    if words.startswith("found character"):
        here = lines[mark.line : mark.line + 1] or [""]
        is_tab = here[0][mark.column : mark.column + 1] == "\t"
        words = (
            "found a tab character where YAML wants spaces"
            if is_tab
            else "found a character that cannot begin a text without quotes"
        )
    return DocumentError(words, min(mark.line + 1, max(len(lines), 1)))  # the end is on no line of its own


def _without_content(quoted: re.Match[str]) -> str:
    return quoted[0] if len(quoted[1]) == 1 else "…"
