"""The forms that an exported view can take: html, ipynb, source, json."""

import json

from dbjobs.notebook.ipynb import to_ipynb
from dbjobs.notebook.page import decode_page
from dbjobs.notebook.source import source_extension, to_source

HTML = ".html"


def convert_page(page: str, form: str) -> tuple[bytes, str]:
    """A page in another form, and the extension of a file of it; a NotebookError if it holds no notebook.

    Half of an emoji, where a result was cut, cannot be UTF-8: it stays as an escape.
    """
    if form == "html":
        return page.encode(errors="backslashreplace"), HTML
    model = decode_page(page)
    if form == "source":
        return to_source(model).encode(errors="backslashreplace"), source_extension(model)
    content = to_ipynb(model) if form == "ipynb" else model
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    return text.encode(errors="backslashreplace"), f".{form}"
