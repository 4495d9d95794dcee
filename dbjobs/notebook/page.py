"""The notebook model in an exported page.

The page's script sets `__DATABRICKS_NOTEBOOK_MODEL = '…'`: base64 of percent-encoded JSON.
Other pages were seen, or may be, with the plain object, with one layer less, or with calls
around it, so this looks for a value, and decodes layers until it finds JSON.
"""

import binascii
import json
import re
from itertools import chain
from typing import Any
from urllib.parse import unquote_to_bytes

Model = dict[str, Any]
"""A NotebookV1: `name`, `language`, `commands` and more."""

CHUNK = 64 * 1024
MAX_LAYERS = 5

_ASSIGNED = re.compile(r"__DATABRICKS_NOTEBOOK_MODEL\s*=(?!=)\s*(?:[\w.]+\s*\(\s*)*")
_QUOTE = re.compile(r"""['"`]|&quot;|&apos;|&#39;|&#x27;|&#34;""")
_LIKELY = re.compile(r"""(?:['"`]|&quot;|&#39;)(?=JTdC[A-Za-z0-9+/]{40}|%7B%22|eyJ[A-Za-z0-9+/]{40})""")
"""How percent-encoded JSON begins, in base64 and without; how JSON does in base64."""


class NotebookError(Exception):
    """A page contains no notebook that can be read."""


def decode_page(page: str) -> Model:
    """The notebook in a page; a NotebookError if there is none. Takes time in proportion to its length.

    It begins where the script sets it, else at any text that looks like one.
    """
    starts = chain(
        (found.end() for found in _ASSIGNED.finditer(page)),
        (found.start() for found in _LIKELY.finditer(page)),
    )
    for start in starts:
        try:
            model = _read_value(page, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(model, dict) and isinstance(model.get("commands"), list):
            return model
    raise NotebookError("the page holds no notebook that can be read")


def _read_value(page: str, start: int) -> Any:
    """The object, or the text with layers around it, that begins at an offset; None if there is neither."""
    if page.startswith("{", start):
        return json.JSONDecoder(parse_constant=str).raw_decode(page, start)[0]
    quote = _QUOTE.match(page, start)
    if quote is None:
        return None
    end = page.find(quote[0], quote.end())
    while end > 0:
        before = end
        while page[before - 1] == "\\":
            before -= 1
        if (end - before) % 2 == 0:  # an odd number of backslashes escapes the quote
            return _decode_layers(page[quote.end() : end])
        end = page.find(quote[0], end + 1)
    return None


def _decode_layers(text: str) -> Any:
    """JSON, after its layers of escapes, percent-encoding and base64 are decoded."""
    if text.startswith("{\\"):  # a string of JavaScript; JSON knows fewer escapes
        text = re.sub(r"\\x(?=[0-9a-fA-F]{2})", r"\\u00", re.sub(r"\\(['`])", r"\1", text))
        quoted = re.sub(r'(\\.)|"', lambda found: found[1] or '\\"', text)
        text = json.loads(f'"{quoted}"', strict=False)
    data = text.encode("utf-8", "surrogatepass")
    for _ in range(MAX_LAYERS):
        data = data.strip()
        if data.startswith(b"{"):
            return json.loads(data, parse_constant=str)
        is_percent_encoded = b"%" in data[:100] + data[-6:]
        # the padding of base64 may be left out
        data = _percent_decode(data) if is_percent_encoded else binascii.a2b_base64(data + b"==")
    raise ValueError("too many layers")


def _percent_decode(data: bytes) -> bytes:
    """Like `unquote_to_bytes`, a chunk at a time: it makes an object of every escape."""
    decoded = bytearray()
    start = 0
    while start < len(data):
        end = start + CHUNK
        while b"%" in data[end - 2 : end]:  # an escape stays in one piece
            end += 1
        decoded += unquote_to_bytes(data[start:end])
        start = end
    return bytes(decoded)
