"""Notebooks in the Jupyter format, with their outputs.

Cells of another language keep their magic command. What Databricks reads back from such a
file (titles, the notebook's name and language) is in `metadata` under names of its own.
Source: https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from typing import Any

from dbjobs.notebook.cells import NotebookCell, cells_of, language_of
from dbjobs.notebook.outputs import outputs_of
from dbjobs.notebook.page import Model

CELL_METADATA = "application/vnd.databricks.v1+cell"
NOTEBOOK_METADATA = "application/vnd.databricks.v1+notebook"
LANGUAGES = {"python": "python", "scala": "scala", "sql": "sql", "r": "R"}
"""What Jupyter calls them."""

PYTHON_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def to_ipynb(model: Model) -> dict[str, Any]:
    """A notebook of format 4.5."""
    language, widgets = language_of(model), model.get("inputWidgets")
    own_metadata: dict[str, Any] = {
        "notebookName": model.get("name"),
        "language": language,
        "dashboards": [],
        "widgets": widgets if isinstance(widgets, dict) else {},
    }
    metadata = {
        **({"kernelspec": PYTHON_KERNEL} if language == "python" else {}),
        "language_info": {"name": LANGUAGES.get(language, language)},
        NOTEBOOK_METADATA: own_metadata,
    }
    cells = [_to_cell(cell, f"cell-{number}") for number, cell in enumerate(cells_of(model), start=1)]
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _to_cell(cell: NotebookCell, cell_id: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if cell.title:
        metadata[CELL_METADATA] = {"title": cell.title, "showTitle": cell.is_set("showCommandTitle")}
    shared = {"id": cell_id, "metadata": metadata}
    if cell.markdown is not None:
        return {"cell_type": "markdown", **shared, "source": _lines(cell.markdown)}
    flags = {"source_hidden": "hideCommandCode", "outputs_hidden": "hideCommandResult"}
    if hidden := {name: True for name, flag in flags.items() if cell.is_set(flag)}:
        metadata["jupyter"] = hidden
    outputs = outputs_of(cell)
    for output in outputs:
        if "text" in output:
            output["text"] = _lines(output["text"])
        for mime_type, value in output.get("data", {}).items():
            if isinstance(value, str) and (mime_type.startswith("text/") or mime_type == "image/svg+xml"):
                output["data"][mime_type] = _lines(value)
    source = _lines(cell.source)
    return {"cell_type": "code", "execution_count": None, **shared, "outputs": outputs, "source": source}


def _lines(text: str) -> list[str]:
    """Texts are lists of lines, which keeps differences between two versions small."""
    return text.splitlines(keepends=True)
