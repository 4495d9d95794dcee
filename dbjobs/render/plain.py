"""Results for programs: JSON, YAML and ids, exactly what the API said.

Nothing here goes through rich. Text stays readable, but no character of it can move
a cursor, change a colour or turn the direction of writing: those are escaped.
"""

import json
import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO

from dbjobs.models import Payload
from dbjobs.pipelines import escape_commands, is_command
from dbjobs.render.streams import Streams

if TYPE_CHECKING:
    import yaml

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""Controls, bidirectional controls, line separators, byte order mark, lone surrogates."""
_UNSAFE_BUT_NEWLINE = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x09\x0b-\x1f"))
_AMBIGUOUS = re.compile(r"[yYnN]|[-+.]?[0-9.][0-9A-Fa-f_.:xoXO+-]*")
"""Text that some version of YAML reads as a truth value, a number, a date or a time."""


def to_json(value: object, *, ascii_only: bool = False, indent: int | None = 2) -> str:
    """The value as JSON: order kept, integers exact, readable, and harmless to a terminal."""
    separators = (",", ": ") if indent else (",", ":")
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent, separators=separators)
    safe = _UNSAFE if indent is None else _UNSAFE_BUT_NEWLINE  # json escapes the newlines of strings itself
    return escape_commands(safe.sub(_escape, text))


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def to_yaml(value: object, *, ascii_only: bool = False) -> str:
    """The value as block-style YAML that loads back equal; multi-line text as literal blocks."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    Dumper.add_representer(str, _represent_text)
    text: str = yaml.dump(
        value,
        Dumper=Dumper,
        sort_keys=False,
        allow_unicode=not ascii_only,
        default_flow_style=False,
        width=sys.maxsize,
    )
    return escape_commands(_UNSAFE_BUT_NEWLINE.sub(_escape, text))  # only text in double quotes holds any


def _represent_text(dumper: "yaml.SafeDumper", text: str) -> "yaml.ScalarNode":
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style_of(text))


def _style_of(text: str) -> str | None:
    if _UNSAFE_BUT_NEWLINE.search(text) or is_command(text):
        return '"'
    if "\n" in text:
        return '"' if text[0] in " \n" else "|"
    return "'" if _AMBIGUOUS.fullmatch(text) else None


def write_document(streams: Streams, value: object, output: str, *, id_key: str = "") -> None:
    """Write one answer to stdout: `output` is json, jsonl, yaml or id (then `id_key` names the field)."""
    ascii_only = not is_utf8(streams.out)
    if output == "id":
        streams.result(_id_of(value, id_key))
    elif output == "yaml":
        streams.result(to_yaml(value, ascii_only=ascii_only))
    else:
        streams.result(to_json(value, ascii_only=ascii_only, indent=None if output == "jsonl" else 2))


def write_documents(streams: Streams, items: Iterable[Payload], output: str, *, id_key: str = "") -> None:
    """Write a list to stdout: an array for json and yaml, a line an item as they arrive for jsonl and id."""
    if output in ("jsonl", "id"):
        for item in items:
            write_document(streams, item, output, id_key=id_key)
    else:
        write_document(streams, list(items), output)


def _id_of(value: object, id_key: str) -> str:
    return str(value[id_key]) if isinstance(value, dict) else str(value)


def is_utf8(stream: TextIO) -> bool:
    return (stream.encoding or "utf-8").lower().replace("-", "").replace("_", "") == "utf8"
