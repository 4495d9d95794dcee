"""Results for programs: JSON, YAML and ids on stdout."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dbjobs.output.serialization import is_utf8, to_json, to_yaml
from dbjobs.output.streams import Streams

if TYPE_CHECKING:
    from dbjobs.http.response import Payload


def write_document(streams: Streams, value: object, output: str, *, id_key: str = "") -> None:
    """Write one answer to stdout: `output` is json, jsonl, yaml or id (then `id_key` names the field)."""
    streams.result(_to_text(streams, value, output, id_key))


def _to_text(streams: Streams, value: object, output: str, id_key: str) -> str:
    ascii_only = not is_utf8(streams.out)
    if output == "id":
        return str(value[id_key]) if isinstance(value, dict) else str(value)
    if output == "yaml":
        return to_yaml(value, ascii_only=ascii_only)
    return to_json(value, ascii_only=ascii_only, indent=None if output == "jsonl" else 2)


def write_documents(streams: Streams, items: "Iterable[Payload]", output: str, *, id_key: str = "") -> None:
    """Write a list to stdout: an array for json and yaml, a line per item as they arrive for jsonl and id."""
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
