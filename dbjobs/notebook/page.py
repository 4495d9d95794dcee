"""The notebook model that an exported page carries.

The page's script sets `__DATABRICKS_NOTEBOOK_MODEL = '…'`: base64 of percent-encoded JSON.
Other pages were seen, or may be, with the plain object, with one layer less, or with calls
around it, so this looks for a value, and decodes layers until it finds JSON.
"""

import binascii
import json
import re
from collections.abc import Iterator
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
    """A page holds no notebook that can be read."""


def decode_page(page: str) -> Model:
    """The notebook in a page; a NotebookError if there is none. Takes time in proportion to its length."""
    for start in _candidate_offsets(page):
        model = _read_value(page, start)
        if isinstance(model, dict) and isinstance(model.get("commands"), list):
            return model
    raise NotebookError("the page holds no notebook that can be read")


def _candidate_offsets(page: str) -> Iterator[int]:
    """Where the model may begin: where the script sets it, else at any text that looks like one."""
    for found in _ASSIGNED.finditer(page):
        yield found.end()
    for found in _LIKELY.finditer(page):
        yield found.start()


def _read_value(page: str, start: int) -> Any:
    """The object, or the text with layers around it, that begins at an offset; None if there is neither."""
    try:
        if page.startswith("{", start):
            return json.JSONDecoder(parse_constant=str).raw_decode(page, start)[0]
        if quote := _QUOTE.match(page, start):
            return _decode_layers(_quoted(page, quote))
    except (ValueError, RecursionError):
        pass
    return None


def _quoted(page: str, quote: re.Match[str]) -> str:
    """The text between a quote and the next unescaped one of its kind."""
    end = page.find(quote[0], quote.end())
    while end > 0 and _backslashes_before(page, end) % 2:  # an odd number escapes the quote
        end = page.find(quote[0], end + 1)
    if end < 0:
        raise ValueError("the quote has no end")
    return page[quote.end() : end]


def _backslashes_before(text: str, end: int) -> int:
    start = end
    while start > 0 and text[start - 1] == "\\":
        start -= 1
    return end - start


def _decode_layers(text: str) -> Any:
    """JSON, after its layers of escapes, percent-encoding and base64 are decoded."""
    if text.startswith("{\\"):
        text = _unescape(text)
    data = text.encode("utf-8", "surrogatepass")
    for _ in range(MAX_LAYERS):
        data = data.strip()
        if data.startswith(b"{"):
            return json.loads(data, parse_constant=str)
        data = (
            _percent_decode(data) if b"%" in data[:100] + data[-6:] else binascii.a2b_base64(data + b"==")
        )  # padding may be left out
    raise ValueError("too many layers")


def _unescape(text: str) -> str:
    """A string of JavaScript, by way of JSON, which knows fewer escapes."""
    text = re.sub(r"\\x(?=[0-9a-fA-F]{2})", r"\\u00", re.sub(r"\\(['`])", r"\1", text))
    unescaped: str = json.loads(
        '"' + re.sub(r'(\\.)|"', lambda found: found[1] or '\\"', text) + '"', strict=False
    )
    return unescaped


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
