"""YAML 1.2 text to the values that JSON has, with the line of each.

The values are built from the events of the parser, since the nodes of PyYAML take about twice the memory and
allow no anchor twice. An alias that contains itself, or expands to gigabytes, is refused before it is copied.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

MAX_DEPTH = 100
"""How deep a document may nest; job files nest about ten levels."""

MAX_SIZE = 10 * 1024 * 1024
"""How large a document may be with its aliases expanded: its minimum number of characters as JSON."""

_TAG_PREFIX = "tag:yaml.org,2002:"
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE_SCHEMA = re.compile(
    r"(?P<null>~|null|Null|NULL|)"
    r"|(?P<bool>true|True|TRUE|false|False|FALSE)"
    r"|(?P<int>[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
)
"""Plain scalars that are not strings. Source: https://yaml.org/spec/1.2.2/#103-core-schema"""


class DocumentError(Exception):
    """The text is neither JSON nor YAML. `line` counts from 1; None if it is not known."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(f"line {line}: {problem}" if line else problem)
        self.line = line


class Location(NamedTuple):
    """The line of a value, from 1, and the locations of the values inside it."""

    line: int
    inner: "dict[str, Location] | list[Location] | None" = None


class Node(NamedTuple):
    """A value, and its size and depth with aliases expanded."""

    value: Any
    location: Location
    size: int = 0
    depth: int = 0
    text: str | None = None
    """a scalar as written, which is its value as a key"""
    is_merge: bool = False


def read_yaml(text: str) -> Node | None:
    """The only document in a text; None if the text is empty, a DocumentError if it is invalid."""
    try:
        reader = _Reader(text)
        root = reader.read()
    except yaml.MarkedYAMLError as error:
        raise _without_quotes(error, text) from None
    except (yaml.YAMLError, UnicodeEncodeError):
        raise DocumentError("it contains a character that YAML does not allow") from None
    return root._replace(value=_copy(root.value)) if root and reader.has_aliases else root


class _Reader:
    def __init__(self, text: str) -> None:
        self.has_aliases = False
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self._anchors: dict[str, Node | None] = {}

    def read(self) -> Node | None:
        root = None
        for event in self._events:
            line = event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent) and root:
                raise DocumentError("found another document", line)
            if isinstance(event, yaml.NodeEvent):
                root = self._node(event, 0)
        return root

    def _node(self, event: Any, depth: int) -> Node:
        """The value that starts with an event, at a depth."""
        line, anchor = event.start_mark.line + 1, event.anchor
        if isinstance(event, yaml.AliasEvent):
            return self._alias(anchor, line, depth)
        if isinstance(event, yaml.ScalarEvent):
            node = _scalar(event, line)
        else:
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            if event.tag not in (None, "!", _TAG_PREFIX + ("map" if is_mapping else "seq")):
                raise DocumentError("found a tag for a type that JSON does not have", line)
            if depth >= MAX_DEPTH:
                raise DocumentError("it is nested too deeply", line)
            if anchor:
                self._anchors[anchor] = None  # until its end
            node = self._mapping(line, depth + 1) if is_mapping else self._sequence(line, depth + 1)
        if anchor:
            self._anchors[anchor] = node
        return node

    def _alias(self, anchor: str, line: int, depth: int) -> Node:
        self.has_aliases = True
        if anchor not in self._anchors:
            raise DocumentError("found undefined alias", line)
        node = self._anchors[anchor]
        if node is None:
            raise DocumentError("it contains itself", line)
        if depth + node.depth > MAX_DEPTH:
            raise DocumentError("it is nested too deeply", line)
        return node._replace(location=Location(line, node.location.inner), is_merge=False)

    def _sequence(self, line: int, depth: int) -> Node:
        values, locations, size, height = [], [], 2, 0
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            node = self._node(event, depth)
            values.append(node.value)
            locations.append(node.location)
            size = _checked_size(size + node.size, node)
            height = max(height, node.depth)
        return Node(values, Location(line, locations), size, height + 1)

    def _mapping(self, line: int, depth: int) -> Node:
        value: dict[str, Any] = {}
        locations: dict[str, Location] = {}
        merged: list[Node] = []
        size, height = 2, 0
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth)
            if key.text is None:
                raise DocumentError("a key must be a string", key.location.line)
            if key.text in value:
                raise DocumentError("duplicate key", key.location.line)
            node = self._node(next(self._events), depth)
            size = _checked_size(size + key.size + node.size, node)
            height = max(height, node.depth)
            if key.is_merge:
                merged.append(node)
            else:
                value[key.text] = node.value
                locations[key.text] = Location(key.location.line, node.location.inner)
        for source in _mappings_to_merge(merged):
            value = {**source.value, **value}
            locations = {**dict(source.location.inner or ()), **locations}  # type: ignore[arg-type]
        return Node(value, Location(line, locations), size, height + 1)


def _checked_size(size: int, node: Node) -> int:
    if size > MAX_SIZE:
        raise DocumentError(f"it expands to more than {MAX_SIZE:,} characters", node.location.line)
    return size


def _mappings_to_merge(nodes: list[Node]) -> Iterator[Node]:
    """The values of `<<`: a mapping, or a sequence of mappings, of which the first takes precedence."""
    for node in nodes:
        choices = [node]
        if isinstance(node.value, list) and isinstance(node.location.inner, list):
            choices = [Node(*pair) for pair in zip(node.value, node.location.inner, strict=True)]
        for choice in choices:
            if not isinstance(choice.value, dict):
                raise DocumentError("<< must name a mapping", choice.location.line)
            yield choice


def _scalar(event: yaml.ScalarEvent, line: int) -> Node:
    text, tag, kind = event.value, event.tag, "str"
    is_plain = tag is None and event.implicit[0]
    if is_plain:
        found = _CORE_SCHEMA.fullmatch(text)
        kind = str(found.lastgroup) if found else "str"
    elif tag not in (None, "!"):
        kind = tag.removeprefix(_TAG_PREFIX)
    if kind not in _CONVERTERS:
        raise DocumentError("found a tag for a type that JSON does not have", line)
    try:
        value = _CONVERTERS[kind](text)
    except (ValueError, KeyError):
        raise DocumentError("it contains a value that cannot be read", line) from None
    return Node(value, Location(line), len(text) + 2, text=text, is_merge=is_plain and text == "<<")


def finite(text: str) -> float:
    """A number that JSON has; a ValueError for infinity and NaN."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("JSON has no such number")
    return number


_CONVERTERS: dict[str, Any] = {
    "str": str,
    "null": lambda text: None,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": lambda text: int(text, 0) if text[:2] in ("0x", "0o") else int(text),
    "float": finite,
}


def _copy(value: Any) -> Any:
    """A copy in which each alias has its own value, so that changing one does not change the others."""
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


def _without_quotes(error: yaml.MarkedYAMLError, text: str) -> DocumentError:
    """The error of the parser without its quotes from the file, which may be secrets."""
    mark = error.problem_mark or error.context_mark
    problem = error.problem or "this is not YAML"
    if "nesting depth" in problem:
        problem = "it is nested too deeply"
    problem = re.sub(r"'([^']*)'", lambda quoted: quoted[0] if len(quoted[1]) == 1 else "…", problem)
    if mark is None:
        return DocumentError(problem)
    lines = text.rstrip().splitlines()
    if problem.startswith("found character"):
        line = "".join(lines[mark.line : mark.line + 1])
        is_tab = line[mark.column : mark.column + 1] == "\t"
        problem = (
            "found a tab character where YAML requires spaces"
            if is_tab
            else "found a character that cannot begin a string without quotes"
        )
    return DocumentError(problem, min(mark.line + 1, max(len(lines), 1)))  # an error at the end has no line
