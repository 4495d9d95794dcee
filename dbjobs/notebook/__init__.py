"""Exported notebooks: the model in a page, and its other forms (ipynb, source, json)."""

from dbjobs.notebook.forms import convert_page
from dbjobs.notebook.page import NotebookError, decode_page

__all__ = ["NotebookError", "convert_page", "decode_page"]
