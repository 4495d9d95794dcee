"""A notebook's run as the page that runs/export gives.

The page holds the notebook's model as base64 of JSON, percent-encoded as by JavaScript's
encodeURIComponent, in the same place as in real pages, without the scripts that draw it.
"""

from __future__ import annotations

import base64
import html
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from dbjobs.sandbox.execution import AttemptOutput
    from dbjobs.sandbox.model import Json, TaskAttempt
    from dbjobs.sandbox.notebooks import SourceCell

_UNRESERVED = "-_.!~*'()"

_PAGE = """<!DOCTYPE html>
<html>
<head>
  <meta name="databricks-html-version" content="1">
<title>{title} - Databricks</title>

<meta charset="utf-8">
<script>window.settings = {{}};</script>
<script>var __DATABRICKS_NOTEBOOK_MODEL = '{model}';</script>
</head>
<body>
</body>
</html>
"""


def show_views(attempt: TaskAttempt, views: str) -> Json:
    """The answer of runs/export: a notebook has one page of code, and no dashboards here."""
    if views == "DASHBOARDS":
        return {"views": []}
    name = str(attempt.task["notebook_task"]["notebook_path"]).rpartition("/")[2]
    model = json.dumps(_model(attempt, name), ensure_ascii=False)
    encoded = base64.b64encode(quote(model, safe=_UNRESERVED).encode()).decode()
    page = _PAGE.format(title=html.escape(name), model=encoded)
    return {"views": [{"content": page, "name": name, "type": "NOTEBOOK"}]}


def _model(attempt: TaskAttempt, name: str) -> Json:
    cells = attempt.execution.cells if attempt.execution else []
    return {
        "version": "NotebookV1",
        "origId": attempt.run_id,
        "name": name,
        "language": "python",
        "commands": [_command(cell, number, attempt.output) for number, cell in enumerate(cells)],
        "dashboards": [],
        "guid": f"notebook-{attempt.run_id}",
        "globalVars": {},
        "iPythonMetadata": None,
        "inputWidgets": {},
    }


def _command(cell: SourceCell, number: int, output: AttemptOutput | None) -> Json:
    """A cell with what it printed; one that never ran waits for its input."""
    ran = output.cells[number] if output and number < len(output.cells) else None
    has_failed = bool(ran and output and output.error and number == len(output.cells) - 1)
    return {
        "version": "CommandV1",
        "origId": number + 1,
        "guid": f"command-{number + 1}",
        "subtype": "command",
        "commandType": "auto",
        "position": number + 1.0,
        "command": cell.command,
        "state": "error" if has_failed else "finished" if ran else "input",
        "results": _results(output.printed(ran["from"], ran["to"])) if ran and output else None,
        "errorSummary": html.escape(output.error or "") if has_failed and output else None,
        "error": _ansi(output.error_trace or output.error or "") if has_failed and output else None,
        "startTime": ran["started"] if ran else 0,
        "submitTime": ran["started"] if ran else 0,
        "finishTime": ran["finished"] if ran else 0,
        "commandTitle": cell.title,
        "showCommandTitle": bool(cell.title),
        "hideCommandCode": False,
        "hideCommandResult": False,
        "inputWidgets": {},
        "iPythonMetadata": None,
    }


def _results(printed: str) -> Json:
    data = [{"type": "html", "data": _ansi(printed), "arguments": {}, "metadata": {}}] if printed else []
    return {"type": "listResults", "data": data, "arguments": {}, "metadata": {}}


def _ansi(text: str) -> str:
    return f'<div class="ansiout">{html.escape(text, quote=False)}</div>'
