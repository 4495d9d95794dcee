"""The results of cells, as the outputs of a Jupyter notebook.

Result types as seen in pages of 2021 to 2025. What is of another type is kept as text, so
nothing is lost. Source of the form: https://nbformat.readthedocs.io/en/latest/format_description.html
"""

import json
import re
from binascii import a2b_base64
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from dbjobs.notebook import html
from dbjobs.notebook.cells import NotebookCell

CellOutput = dict[str, Any]
CellResult = dict[str, Any]

_IMAGE = re.compile(r"data:(image/[\w.+-]+)(;[^,]*)?,")
_ERROR_NAME = re.compile(r"\s*([A-Za-z_][\w.$]*)\s*:\s*(.*)", re.DOTALL)
_MIME_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")


def outputs_of(cell: NotebookCell) -> list[CellOutput]:
    """All outputs of a cell; the error that the command itself has comes last, unless a result shows it."""
    outputs: list[CellOutput] = []
    for result in cell.results:
        kind = result.get("type")
        convert = CONVERTERS.get(kind, _other) if isinstance(kind, str) else _other
        outputs += convert(result)
    summary, trace = cell.text("errorSummary"), cell.text("error")
    if (summary or trace) and not any(output["output_type"] == "error" for output in outputs):
        is_html = cell.text("errorTraceType").lower() == "html" or html.looks_like_html(trace)
        lines = (html.to_text(trace) if is_html else trace).strip("\n").splitlines()
        plain_summary = html.to_text(summary) if summary else (lines or [""])[-1]
        outputs.append(_failure(*_split_error(plain_summary), lines))
    return outputs


def _html(result: CellResult) -> Iterator[CellOutput]:
    data = result.get("data")
    if not isinstance(data, str):
        yield from _other(result)
        return
    printed = html.plain_output(data)
    if printed is None:
        text = result.get("textData")
        yield _display({"text/html": data, **({"text/plain": text} if isinstance(text, str) else {})})
    elif printed:
        yield _stream(printed)


def _text(result: CellResult) -> Iterator[CellOutput]:
    data, metadata = result.get("data"), result.get("metadata")
    if not isinstance(data, str):
        yield from _other(result)
    elif data:
        name = metadata.get("name") if isinstance(metadata, dict) else None
        yield _stream(data, "stderr" if name == "stderr" else "stdout")


def _table(result: CellResult) -> Iterator[CellOutput]:
    rows = [row for row in _list(result.get("data")) if isinstance(row, list | dict)]
    columns = [column for column in _list(result.get("schema")) if isinstance(column, dict)]
    names = [str(column.get("name", "")) for column in columns]
    if not names:  # then they are the keys of the rows, or are numbered
        names = list(dict.fromkeys(str(key) for row in rows if isinstance(row, dict) for key in row))
        widest = max((len(row) for row in rows if isinstance(row, list)), default=0)
        names = names or [f"_{number}" for number in range(1, widest + 1)]
    cells = []
    for row in rows:
        values = row if isinstance(row, list) else [row.get(name) for name in names]
        cells.append(["null" if value is None else _to_text(value) for value in values])
    note = f"the first {len(cells):,} rows" if result.get("overflow") is True else ""
    lines = ["\t".join(line) for line in [names, *cells]] + ([f"({note})"] if note else [])
    yield _display({"text/html": html.table(names, cells, note), "text/plain": "\n".join(lines)})


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _image(result: CellResult) -> Iterator[CellOutput]:
    data = result.get("data")
    found = _IMAGE.match(data) if isinstance(data, str) else None
    if not isinstance(data, str) or not found:
        yield from _other(result)
        return
    mime_type, is_base64 = found[1], ";base64" in (found[2] or "")
    content = data[found.end() :]
    if mime_type == "image/svg+xml":  # the one kind of image that is text in a notebook
        content = a2b_base64(content).decode(errors="replace") if is_base64 else unquote(content)
    yield _display({mime_type: content})


def _mime_bundle(result: CellResult) -> Iterator[CellOutput]:
    """JSON stays what it is; anything else is text, or lines of text."""
    data = result.get("data")
    content: dict[str, Any] = {}
    for mime_type, value in (data if isinstance(data, dict) else {}).items():
        is_lines = isinstance(value, list) and all(isinstance(line, str) for line in value)
        is_kept = isinstance(value, str) or is_lines or mime_type.endswith("json")
        if _MIME_TYPE.fullmatch(mime_type):
            content[mime_type] = value if is_kept else _to_text(value)
    if content:
        yield _display(content)
    else:
        yield from _other(result)


def _error(result: CellResult) -> Iterator[CellOutput]:
    properties = result.get("jupyterProps")
    merged = {**result, **properties} if isinstance(properties, dict) else result
    summary = _first_text(merged, "errorSummary", "summary", "data", "cause")
    name, value = _split_error(_plain(summary))
    frames = [frame for frame in _list(merged.get("stackFrames")) if isinstance(frame, str)]
    trace = frames or _plain(_first_text(merged, "cause", "data", "trace")).splitlines()
    yield _failure(_first_text(merged, "ename") or name, _first_text(merged, "evalue") or value, trace)


def _first_text(result: CellResult, *names: str) -> str:
    return next((result[name] for name in names if isinstance(result.get(name), str) and result[name]), "")


def _plain(text: str) -> str:
    return html.to_text(text) if html.looks_like_html(text) else text


def _split_error(summary: str) -> tuple[str, str]:
    """`NameError: name 'x' is not defined` in its two parts; a sentence has no name."""
    found = _ERROR_NAME.fullmatch(summary.strip())
    return (found[1], found[2]) if found else ("Error", summary.strip())


def _other(result: CellResult) -> Iterator[CellOutput]:
    """A type that is not known, or whose data is not what it should be."""
    data = result.get("data")
    if data in (None, "", [], {}):
        return
    yield _display({"text/plain": _to_text(data)})


def _stream(text: str, name: str = "stdout") -> CellOutput:
    return {"output_type": "stream", "name": name, "text": text}


def _display(data: dict[str, Any]) -> CellOutput:
    return {"output_type": "display_data", "data": data, "metadata": {}}


def _failure(name: str, value: str, traceback: list[str]) -> CellOutput:
    return {
        "output_type": "error",
        "ename": name,
        "evalue": value,
        "traceback": traceback or [f"{name}: {value}"],
    }


CONVERTERS: dict[str, Callable[[CellResult], Iterator[CellOutput]]] = {
    "html": _html,
    "htmlSandbox": _html,
    "raw": _text,
    "ansi": _text,
    "text": _text,
    "table": _table,
    "image": _image,
    "mimeBundle": _mime_bundle,
    "error": _error,
    "baseError": _error,
    "ipynbError": _error,
}
