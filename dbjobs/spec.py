"""Job files: reading what a request's body is made of, and finding the job settings in it."""

import sys
from pathlib import Path

from dbjobs.answers import Payload
from dbjobs.documents import DocumentError, parse_document
from dbjobs.errors import RefusedError, UsageError

MAX_FILE_BYTES = 10 * 1024 * 1024
"""The API takes no larger request."""

WRAPPERS = ("new_settings", "settings")
"""Where job settings stand in a reset or update request, and in what jobs get printed."""


def read_body(file: str | None, json_text: str | None) -> Payload:
    """The mapping in a file (`-` is stdin), or in a text (`@FILE` names a file, too)."""
    if (file is None) == (json_text is None):
        raise UsageError("say once what to send: -f FILE or --json TEXT")
    if json_text is not None and json_text.startswith("@"):
        file, json_text = json_text[1:], None
    name = "--json" if file is None else "stdin" if file == "-" else file
    text = json_text if file is None else _read_text(file, name)
    if not (text or "").strip():
        raise UsageError(f"{name} is empty")
    try:
        content = parse_document(text or "")
    except DocumentError as error:
        raise RefusedError(f"{name} is neither JSON nor YAML: {error}") from None
    if not isinstance(content, dict):
        raise RefusedError(f"{name} holds no mapping of settings")
    return content


def _read_text(file: str, name: str) -> str:
    try:
        data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1) if file == "-" else _read_bytes(Path(file))
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise RefusedError(f"{name} is larger than the {MAX_FILE_BYTES:,} bytes that the Jobs API takes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RefusedError(f"{name} is not UTF-8 text") from None


def _read_bytes(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(MAX_FILE_BYTES + 1)


def job_settings(body: Payload) -> Payload:
    """The settings in a body: bare, or wrapped as requests and answers have them."""
    for wrapper in WRAPPERS:
        if isinstance(settings := body.get(wrapper), dict):
            return settings
    return body
