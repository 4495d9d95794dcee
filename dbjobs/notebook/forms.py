"""The forms that an exported view can take: html, ipynb, source, json.

The source format is that of Databricks, which its import and its Git folders read:
https://docs.databricks.com/notebooks/notebook-export-import
"""

import json

from dbjobs.notebook.cells import cells_of, language_of
from dbjobs.notebook.ipynb import to_ipynb
from dbjobs.notebook.page import Model, decode_page

COMMENTS = {"python": "#", "scala": "//", "sql": "--", "r": "#"}
SOURCE_EXTENSIONS = {"python": ".py", "scala": ".scala", "sql": ".sql", "r": ".r"}


def convert_page(page: str, form: str) -> tuple[bytes, str]:
    """A page in another form, and the extension of a file of it; a NotebookError if it holds no notebook.

    Half of an emoji, where a result was cut, cannot be UTF-8: it stays as an escape.
    """
    if form == "html":
        text, extension = page, ".html"
    else:
        model = decode_page(page)
        if form == "source":
            text, extension = to_source(model), SOURCE_EXTENSIONS.get(language_of(model), ".txt")
        else:
            content = to_ipynb(model) if form == "ipynb" else model
            text, extension = json.dumps(content, ensure_ascii=False, indent=1) + "\n", f".{form}"
    return text.encode(errors="backslashreplace"), extension


def to_source(model: Model) -> str:
    """The notebook as a file of its language; cells of another kind are comments in it."""
    language = language_of(model)
    comment = COMMENTS.get(language, "#")
    cells = []
    for cell in cells_of(model):
        lines = cell.source.strip("\n").split("\n")
        is_shell_line = language == "python" and cell.source.lstrip().startswith("!")
        if cell.is_magic or is_shell_line:
            lines = [f"{comment} MAGIC {line}" if line else f"{comment} MAGIC" for line in lines]
        if cell.title:
            lines.insert(0, f"{comment} DBTITLE {int(cell.is_set('showCommandTitle'))},{cell.title}")
        cells.append("\n".join(lines))
    body = f"\n\n{comment} COMMAND ----------\n\n".join(cells)
    return f"{comment} Databricks notebook source\n{body}\n"
