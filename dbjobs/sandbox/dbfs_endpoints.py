"""DBFS, as far as clients need it to write and to read files."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from dbjobs.sandbox import fields
from dbjobs.sandbox.files import Upload
from dbjobs.sandbox.model import new_id
from dbjobs.sandbox.refusal import RefusalError, invalid
from dbjobs.sandbox.workspace_endpoints import decode

if TYPE_CHECKING:
    from dbjobs.sandbox.call import Call
    from dbjobs.sandbox.files import FileInfo
    from dbjobs.sandbox.model import Json

READ_LIMIT = 1024 * 1024
"""Bytes: the most that one read gives, and the most that one block holds."""


def put(call: Call) -> Json:
    _write(call.path, decode(call, "contents"), call, overwrite=fields.boolean(call.params, "overwrite"))
    return {}


def _write(path: str, content: bytes, call: Call, *, overwrite: bool) -> None:
    dbfs = call.workspace.files.dbfs
    dbfs.make_folder(path.rstrip("/").rpartition("/")[0] or "/")
    dbfs.write(path, content, overwrite=overwrite)


def create(call: Call) -> Json:
    """Begin a file that is sent in blocks; it exists at once, and is empty."""
    _write(call.path, b"", call, overwrite=fields.boolean(call.params, "overwrite"))
    handle = new_id(call.workspace.files.uploads)
    call.workspace.files.uploads[handle] = Upload(call.path)
    return {"handle": handle}


def add_block(call: Call) -> Json:
    block = decode(call, "data")
    if len(block) > READ_LIMIT:
        raise RefusalError(400, "MAX_BLOCK_SIZE_EXCEEDED", f"A block may have {READ_LIMIT} bytes at most.")
    _upload(call).content.extend(block)
    return {}


def close(call: Call) -> Json:
    upload = _upload(call)
    call.workspace.files.uploads.pop(fields.integer(call.params, "handle"), None)
    _write(upload.path, bytes(upload.content), call, overwrite=True)
    return {}


def _upload(call: Call) -> Upload:
    handle = fields.integer(call.params, "handle")
    try:
        return call.workspace.files.uploads[handle]
    except KeyError:
        raise RefusalError(404, "RESOURCE_DOES_NOT_EXIST", f"No upload has the handle {handle}.") from None


def read(call: Call) -> Json:
    offset, length = (
        fields.integer(call.params, "offset", 0),
        fields.integer(call.params, "length", READ_LIMIT),
    )
    if offset < 0 or not 0 <= length <= READ_LIMIT:
        raise invalid(f"offset has to be 0 or more, and length from 0 to {READ_LIMIT}.")
    data = call.workspace.files.dbfs.read(call.path)[offset : offset + length]
    return {"bytes_read": len(data), "data": base64.b64encode(data).decode()}


def list_folder(call: Call) -> Json:
    files = [_show(info) for info in call.workspace.files.dbfs.list(call.path)]
    return {"files": files} if files else {}


def get_status(call: Call) -> Json:
    return _show(call.workspace.files.dbfs.find(call.path))


def make_folder(call: Call) -> Json:
    call.workspace.files.dbfs.make_folder(call.path)
    return {}


def delete(call: Call) -> Json:
    """Deleting what does not exist is not an error."""
    try:
        call.workspace.files.dbfs.delete(call.path, recursive=fields.boolean(call.params, "recursive"))
    except RefusalError as refusal:
        if refusal.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    return {}


def _show(info: FileInfo) -> Json:
    return {
        "path": info.path.removeprefix("dbfs:"),
        "is_dir": info.is_folder,
        "file_size": 0 if info.is_folder else info.size,
        "modification_time": info.modified_at,
    }
