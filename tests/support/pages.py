"""Exported notebooks: models, and the pages that carry them."""

import base64
import json
from typing import Any
from urllib.parse import quote

UNRESERVED = "-_.!~*'()"
"""What JavaScript's encodeURIComponent leaves as it is."""

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def command(source: str, *results: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A command of a notebook model with its results."""
    listed = {"type": "listResults", "data": list(results)} if results else None
    return {"position": 1.0, "command": source, "state": "finished", "results": listed, **more}


def model(*commands: dict[str, Any], language: str = "python", **more: Any) -> dict[str, Any]:
    """A notebook model; commands without a position stand as listed."""
    return {
        "version": "NotebookV1",
        "name": "clean",
        "language": language,
        "commands": list(commands),
        "dashboards": [],
        "inputWidgets": {},
        "iPythonMetadata": None,
        **more,
    }


def encoded(content: dict[str, Any]) -> str:
    """As a page carries it: base64 of percent-encoded JSON."""
    return base64.b64encode(percent_encoded(content).encode()).decode()


def percent_encoded(content: dict[str, Any]) -> str:
    return quote(json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass"), safe=UNRESERVED)


def page(content: dict[str, Any]) -> str:
    """The usual page."""
    return script(f"var __DATABRICKS_NOTEBOOK_MODEL = '{encoded(content)}';")


def script(text: str) -> str:
    """A page with a script, and with the words of Databricks' own scripts around it."""
    check = "if (typeof __DATABRICKS_NOTEBOOK_MODEL !== 'undefined') { show(__DATABRICKS_NOTEBOOK_MODEL); }"
    head = '<!DOCTYPE html>\n<meta name="databricks-html-version" content="1">'
    return f"{head}\n<script>{check}</script>\n<script>{text}</script>\n<script src='x.js'></script>\n</html>"
