"""Values as JSON and YAML, exactly as the API gave them.

Nothing here goes through rich. Text stays readable, but characters that move the cursor, change
a color or reverse the direction of writing are escaped.
"""

import json
import re
import sys
from typing import Any, TextIO

from dbjobs.output.ci_systems import escape_commands, is_command

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

    def represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        style = "'" if re.fullmatch(_AMBIGUOUS, text) else None
        if re.search(_UNSAFE, text) or is_command(text):
            style = '"'
        elif "\n" in text:
            style = '"' if text[0] in " \n" else "|"
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, represent_text)
    text: str = yaml.dump(
        value,
        Dumper=Dumper,
        sort_keys=False,
        allow_unicode=not ascii_only,
        default_flow_style=False,
        width=sys.maxsize,
    )
    return escape_commands(_escape_unsafe(text))  # only text in double quotes holds any


def is_utf8(stream: TextIO) -> bool:
    return (stream.encoding or "utf-8").lower().replace("-", "").replace("_", "") == "utf8"
