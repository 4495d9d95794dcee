"""Notebooks: their source files, the cells of these, and Jupyter's form.

A source file is what a workspace exports as one (docs.databricks.com/notebooks/notebook-export-import):
cells between lines `# COMMAND ----------`, those that are not Python after `# MAGIC`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

_HEAD = re.compile(r"# Databricks notebook source[ \t]*\n?")
_SEPARATOR = re.compile(r"^# COMMAND -+[ \t]*\n?", re.MULTILINE)
_TITLE = re.compile(r"# DBTITLE \d,(.*)\n?")
_MAGIC = re.compile(r"^# MAGIC ?", re.MULTILINE)

EXTENSIONS = {"PYTHON": ".py", "SQL": ".sql", "SCALA": ".scala", "R": ".r"}
_COMMENTS = {"PYTHON": "#", "SQL": "--", "SCALA": "//", "R": "#"}


@dataclass(frozen=True)
class SourceCell:
    """One cell: its first line in the file, from 1, its text there, and as a workspace shows it."""

    line: int
    code: str
    command: str
    title: str = ""


def split_cells(source: str) -> list[SourceCell]:
    """The cells of a notebook's source; a file that is not a notebook is one cell."""
    starts = [0, *(match.end() for match in _SEPARATOR.finditer(source))]
    return [
        _cell(1 + source.count("\n", 0, start), source[start:end])
        for start, end in pairwise([*starts, len(source)])
    ]


def _cell(line: int, code: str) -> SourceCell:
    text = _HEAD.sub("", _SEPARATOR.sub("", code)).strip("\n")
    title = _TITLE.match(text)
    text = text[title.end() :] if title else text
    return SourceCell(line, code, _MAGIC.sub("", text), title[1] if title else "")


def language_of(name: str, content: bytes) -> str:
    """The language of the notebook that a file with this name and content is; else empty."""
    if name.lower().endswith(".ipynb"):
        return "PYTHON"
    for language, extension in EXTENSIONS.items():
        header = f"{_COMMENTS[language]} Databricks notebook source".encode()
        if name.lower().endswith(extension) and content.partition(b"\n")[0].rstrip() == header:
            return language
    return ""


def add_header(source: bytes, language: str) -> bytes:
    """A notebook's source with the first line that says that it is one."""
    header = f"{_COMMENTS[language]} Databricks notebook source\n".encode()
    return source if source.startswith(header.rstrip()) else header + source


def source_from_jupyter(text: str | bytes) -> str:
    """A Python notebook of Jupyter's as a source file; raises ValueError if it is not one."""
    cells = json.loads(text)["cells"] if text.strip() else []
    return "# Databricks notebook source\n" + "\n# COMMAND ----------\n\n".join(map(_jupyter_source, cells))


def _jupyter_source(cell: dict[str, Any]) -> str:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        source = f"%md\n{source}"
    lines = source.splitlines()
    if source.lstrip().startswith("%"):
        lines = [f"# MAGIC {line}".rstrip() for line in lines]
    return "\n".join(lines) + "\n"


def source_to_jupyter(source: str) -> str:
    """A notebook's source file as one of Jupyter's, without outputs."""
    metadata = {"language_info": {"name": "python"}}
    notebook = {
        "cells": [_jupyter_cell(cell.command) for cell in split_cells(source)],
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    return json.dumps(notebook, indent=1)


def _jupyter_cell(command: str) -> dict[str, Any]:
    if command.startswith("%md"):
        text = command.removeprefix("%md").lstrip("\n")
        return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}
    lines = command.splitlines(keepends=True)
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": lines}
