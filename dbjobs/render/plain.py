"""Results for programs: JSON, YAML and ids, exactly what the API said.

Nothing here goes through rich. Text stays readable, but no character of it can move
a cursor, change a colour or turn the direction of writing: those are escaped.
"""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from dbjobs.pipelines import escape_commands, is_command
from dbjobs.render.streams import Streams

if TYPE_CHECKING:
    import yaml

    from dbjobs.models import Payload

_UNSAFE = (
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
    "\ufff9-\ufffb\ud800-\udfff]"
)
"""Controls but newlines, bidirectional controls, line separators, byte order mark, lone surrogates."""
_AMBIGUOUS = r"[yYnN]|[-+.]?[0-9.][0-9A-Fa-f_.:xoXO+-]*"
"""Text that some version of YAML reads as a truth value, a number, a date or a time."""


def to_json(value: object, *, ascii_only: bool = False, indent: int | None = 2) -> str:
    """The value as JSON: order kept, integers exact, readable, and harmless to a terminal."""
    separators = (",", ": ") if indent else (",", ":")
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent, separators=separators)
    return escape_commands(_escape_unsafe(text))  # json escapes the newlines of strings itself


def _escape_unsafe(text: str) -> str:
    if text.replace("\n", "").isprintable():  # as nearly all is, and what is not safe is not
        return text
    return re.sub(_UNSAFE, lambda match: f"\\u{ord(match[0]):04x}", text)


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
    return escape_commands(_escape_unsafe(text))  # only text in double quotes holds any


def _represent_text(dumper: "yaml.SafeDumper", text: str) -> "yaml.ScalarNode":
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style_of(text))


def _style_of(text: str) -> str | None:
    if re.search(_UNSAFE, text) or is_command(text):
        return '"'
    if "\n" in text:
        return '"' if text[0] in " \n" else "|"
    return "'" if re.fullmatch(_AMBIGUOUS, text) else None


def write_document(streams: Streams, value: object, output: str, *, id_key: str = "") -> None:
    """Write one answer to stdout: `output` is json, jsonl, yaml or id (then `id_key` names the field)."""
    streams.result(_to_text(streams, value, output, id_key))


def _to_text(streams: Streams, value: object, output: str, id_key: str) -> str:
    ascii_only = not is_utf8(streams.out)
    if output == "id":
        return _id_of(value, id_key)
    if output == "yaml":
        return to_yaml(value, ascii_only=ascii_only)
    return to_json(value, ascii_only=ascii_only, indent=None if output == "jsonl" else 2)


def write_documents(streams: Streams, items: "Iterable[Payload]", output: str, *, id_key: str = "") -> None:
    """Write a list to stdout: an array for json and yaml, a line an item as they arrive for jsonl and id."""
    write_pages(streams, ([item] for item in items), output, id_key=id_key)


def write_pages(
    streams: Streams, pages: "Iterable[Sequence[Payload]]", output: str, *, id_key: str = ""
) -> None:
    """The same for a list that arrives in pages: the lines of a page are one write."""
    if output in ("jsonl", "id"):
        for page in filter(None, pages):
            streams.result("\n".join(_to_text(streams, item, output, id_key) for item in page))
    else:
        write_document(streams, [item for page in pages for item in page], output)


def _id_of(value: object, id_key: str) -> str:
    return str(value[id_key]) if isinstance(value, dict) else str(value)


def is_utf8(stream: TextIO) -> bool:
    return (stream.encoding or "utf-8").lower().replace("-", "").replace("_", "") == "utf8"
