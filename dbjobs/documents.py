"""JSON and YAML text to plain values, for configuration and job files alike.

An error names the file and the line and never quotes it: the line may hold a secret.
YAML is read as YAML 1.2 has it, so that `no`, `12:30` and `2026-01-01` stay the strings
that people meant, and only JSON's own types come out.
"""

import json
import re
from collections.abc import Hashable
from typing import Any

import yaml

_BaseLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class DocumentError(Exception):
    """The text is neither JSON nor YAML. `line` counts from 1, None if it is not known."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(f"line {line}: {problem}" if line else problem)
        self.line = line


class _Loader(_BaseLoader):  # type: ignore[misc, valid-type]  # one of two classes, chosen by what is installed
    """YAML 1.2's core types; a key that stands twice is an error."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - yaml's own attribute

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                raise yaml.MarkedYAMLError(problem="a key stands twice", problem_mark=node.start_mark)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


for tag, pattern, first_characters in (
    ("null", r"(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"(?:[-+]?[0-9]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
    ("merge", r"<<$", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), first_characters)
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: _int(loader.construct_scalar(node)))
_Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(loader.construct_scalar(node)))


def _int(text: str) -> int:
    return int(text, 16) if text.startswith("0x") else int(text)


def parse_document(text: str) -> Any:
    """Read JSON or YAML, told apart by content."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError:
            pass  # YAML's flow style looks like JSON, and its parser knows the line
    return _parse_yaml(text)


def _parse_yaml(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader, by its base
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise DocumentError(_problem(error), mark.line + 1 if mark else None) from None
    except yaml.YAMLError:
        raise DocumentError("it holds a character that YAML does not allow") from None
    except (ValueError, RecursionError):
        raise DocumentError("it holds a value that cannot be read") from None


def _problem(error: yaml.MarkedYAMLError) -> str:
    """The parser's words, as far as they cannot hold a piece of the file."""
    words = error.problem or "this is not YAML"
    return re.sub(r"'[^']*'|\"[^\"]*\"", "…", words)
