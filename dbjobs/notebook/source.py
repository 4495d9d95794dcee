"""Notebooks in the source format of Databricks, which its import and its Git folders read.

Source: https://docs.databricks.com/notebooks/notebook-export-import
"""

from dbjobs.notebook.cells import Cell, cells_of, language_of
from dbjobs.notebook.page import Model

COMMENTS = {"python": "#", "scala": "//", "sql": "--", "r": "#"}
EXTENSIONS = {"python": ".py", "scala": ".scala", "sql": ".sql", "r": ".r"}


def to_source(model: Model) -> str:
    """The notebook as a file of its language; cells of another kind stand in its comments."""
    language = language_of(model)
    comment = COMMENTS.get(language, "#")
    cells = [_cell(cell, language, comment) for cell in cells_of(model)]
    body = f"\n\n{comment} COMMAND ----------\n\n".join(cells)
    return f"{comment} Databricks notebook source\n{body}\n"


def source_extension(model: Model) -> str:
    """`.py` for a notebook in Python, …"""
    return EXTENSIONS.get(language_of(model), ".txt")


def _cell(cell: Cell, language: str, comment: str) -> str:
    lines = cell.source.strip("\n").split("\n")
    is_shell_line = language == "python" and cell.source.lstrip().startswith("!")
    if cell.is_magic or is_shell_line:
        lines = [f"{comment} MAGIC {line}" if line else f"{comment} MAGIC" for line in lines]
    if cell.title:
        lines.insert(0, f"{comment} DBTITLE {int(cell.is_set('showCommandTitle'))},{cell.title}")
    return "\n".join(lines)
