"""Notebooks in the form of Jupyter, with their outputs.

Cells of another language keep their magic. What Databricks itself reads back from such a
file (titles, the notebook's name and language) stands under its own names in `metadata`.
Source: https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from typing import Any

from dbjobs.notebook.cells import Cell, cells_of, language_of
from dbjobs.notebook.outputs import outputs_of
from dbjobs.notebook.page import Model

CELL_METADATA = "application/vnd.databricks.v1+cell"
NOTEBOOK_METADATA = "application/vnd.databricks.v1+notebook"
LANGUAGES = {"python": "python", "scala": "scala", "sql": "sql", "r": "R"}
"""What Jupyter calls them."""

PYTHON_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def to_ipynb(model: Model) -> dict[str, Any]:
    """A notebook of format 4.5."""
    cells = [_cell(cell, f"cell-{number}") for number, cell in enumerate(cells_of(model), start=1)]
    return {"cells": cells, "metadata": _metadata(model), "nbformat": 4, "nbformat_minor": 5}


def _metadata(model: Model) -> dict[str, Any]:
    language = language_of(model)
    kernel = {"kernelspec": PYTHON_KERNEL} if language == "python" else {}
    widgets = model.get("inputWidgets")
    own: dict[str, Any] = {
        "notebookName": model.get("name"),
        "language": language,
        "dashboards": [],
        "widgets": widgets if isinstance(widgets, dict) else {},
    }
    return {
        **kernel,
        "language_info": {"name": LANGUAGES.get(language, language)},
        NOTEBOOK_METADATA: own,
    }


def _cell(cell: Cell, cell_id: str) -> dict[str, Any]:
    shared = {"id": cell_id, "metadata": _cell_metadata(cell)}
    if cell.markdown is not None:
        return {"cell_type": "markdown", **shared, "source": _lines(cell.markdown)}
    outputs = [_with_lines(output) for output in outputs_of(cell)]
    source = _lines(cell.source)
    return {"cell_type": "code", "execution_count": None, **shared, "outputs": outputs, "source": source}


def _cell_metadata(cell: Cell) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if cell.title:
        metadata[CELL_METADATA] = {"title": cell.title, "showTitle": cell.is_set("showCommandTitle")}
    hidden = {
        name: True
        for name, flag in (("source_hidden", "hideCommandCode"), ("outputs_hidden", "hideCommandResult"))
        if cell.is_set(flag)
    }
    return {**metadata, "jupyter": hidden} if hidden and cell.markdown is None else metadata


def _with_lines(output: dict[str, Any]) -> dict[str, Any]:
    """Texts as lists of lines, which keep differences between two versions small."""
    if "text" in output:
        return {**output, "text": _lines(output["text"])}
    if "data" in output:
        data = output["data"]
        is_text = {name: name.startswith("text/") or name == "image/svg+xml" for name in data}
        lines = {
            name: _lines(value) if is_text[name] and isinstance(value, str) else value
            for name, value in data.items()
        }
        return {**output, "data": lines}
    return output


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
