"""The Workspace API: notebooks, files and folders."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from dbjobs.sandbox import fields, notebooks
from dbjobs.sandbox.files import show_object
from dbjobs.sandbox.refusal import RefusalError, invalid

if TYPE_CHECKING:
    from dbjobs.sandbox.call import Call
    from dbjobs.sandbox.model import Json

_FORMATS = ("SOURCE", "AUTO", "RAW", "JUPYTER")


def make_folder(call: Call) -> Json:
    call.workspace.files.workspace.make_folder(call.path)
    return {}


def get_status(call: Call) -> Json:
    return show_object(call.workspace.files.workspace.find(call.path))


def list_folder(call: Call) -> Json:
    objects = [show_object(info) for info in call.workspace.files.workspace.list(call.path)]
    return {"objects": objects} if objects else {}


def import_object(call: Call) -> Json:
    """Write a notebook, or with the format AUTO or RAW a file."""
    format_, content = _format(call, "SOURCE"), decode(call, "content")
    language = fields.text(call.params, "language")
    if language and language not in notebooks.EXTENSIONS:
        raise invalid(f"language has to be one of {', '.join(notebooks.EXTENSIONS)}, not {language}.")
    if format_ == "SOURCE" and not language:
        raise invalid("The language has to be given for the format SOURCE.")
    overwrite = fields.boolean(call.params, "overwrite")
    if format_ == "AUTO":
        _write(call, content, overwrite=overwrite)
    elif format_ == "RAW":
        call.workspace.files.workspace.write(call.path, content, overwrite=overwrite)
    else:
        _write_notebook(call, call.path, content, language or "PYTHON", overwrite=overwrite)
    return {}


def import_file(call: Call) -> Json:
    """Write a file; the source of a notebook becomes a notebook, without the extension of its name."""
    try:
        _write(call, call.body, overwrite=fields.boolean(call.params, "overwrite"))
    except RefusalError as refusal:
        is_notebook = bool(notebooks.language_of(call.path, call.body))
        if refusal.error_code != "RESOURCE_ALREADY_EXISTS" or is_notebook:
            raise
        raise RefusalError(409, refusal.error_code, refusal.message) from None
    return {}


def _write(call: Call, content: bytes, *, overwrite: bool) -> None:
    if language := notebooks.language_of(call.path, content):
        _write_notebook(call, call.path.rpartition(".")[0], content, language, overwrite=overwrite)
    else:
        call.workspace.files.workspace.write(call.path, content, overwrite=overwrite)


def _write_notebook(call: Call, path: str, content: bytes, language: str, *, overwrite: bool) -> None:
    if call.path.lower().endswith(".ipynb") or fields.text(call.params, "format") == "JUPYTER":
        try:
            content = notebooks.source_from_jupyter(content).encode()
        except (ValueError, KeyError, TypeError):
            raise invalid(f"The content of {path} is not a Jupyter notebook.") from None
    source = notebooks.add_header(content, language)
    call.workspace.files.workspace.write(path, source, language=language, overwrite=overwrite)


def export_object(call: Call) -> Json | bytes:
    """The content of a notebook or a file: as it is, or as base64 in an object."""
    info = call.workspace.files.workspace.find(call.path)
    if info.is_folder:
        raise invalid(f"Path ({call.path}) is a folder: the sandbox exports files and notebooks only.")
    content = call.workspace.files.workspace.read(call.path)
    is_jupyter = info.language and _format(call, "SOURCE") == "JUPYTER"
    if is_jupyter:
        content = notebooks.source_to_jupyter(content.decode("utf-8", "replace")).encode()
    if fields.boolean(call.params, "direct_download"):
        return content
    file_type = "ipynb" if is_jupyter else info.file.suffix.lstrip(".")
    return {"content": base64.b64encode(content).decode(), "file_type": file_type}


def delete_object(call: Call) -> Json:
    call.workspace.files.workspace.delete(call.path, recursive=fields.boolean(call.params, "recursive"))
    return {}


def decode(call: Call, name: str) -> bytes:
    """A field that holds base64; empty if absent."""
    try:
        return base64.b64decode(fields.text(call.params, name), validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"{name} has to be base64.") from None


def _format(call: Call, default: str) -> str:
    format_ = fields.text(call.params, "format") or default
    if format_ not in _FORMATS:
        raise invalid(f"The sandbox knows the formats {', '.join(_FORMATS)}, not {format_}.")
    return format_
