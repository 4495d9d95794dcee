"""The cells of a notebook's source file.

A source file is what a workspace exports as one (docs.databricks.com/notebooks/notebook-export-import):
cells between lines `# COMMAND ----------`, those that are not Python behind `# MAGIC`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_HEAD = re.compile(r"# Databricks notebook source[ \t]*\n?")
_SEPARATOR = re.compile(r"^# COMMAND -+[ \t]*\n?", re.MULTILINE)
_TITLE = re.compile(r"# DBTITLE \d,(.*)\n?")
_MAGIC = re.compile(r"^# MAGIC ?", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """One cell: its first line in the file, from 1, its text there, and as a workspace shows it."""

    line: int
    code: str
    command: str
    title: str = ""


def split_cells(source: str) -> list[Cell]:
    """The cells of a notebook's source; a file that is no notebook's is one cell."""
    starts = [0, *(match.end() for match in _SEPARATOR.finditer(source))]
    return [
        _cell(1 + source.count("\n", 0, start), source[start:end])
        for start, end in pairwise([*starts, len(source)])
    ]


def _cell(line: int, code: str) -> Cell:
    text = _HEAD.sub("", _SEPARATOR.sub("", code)).strip("\n")
    title = _TITLE.match(text)
    text = text[title.end() :] if title else text
    return Cell(line, code, _MAGIC.sub("", text), title[1] if title else "")
