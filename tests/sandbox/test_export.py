"""runs/export: the page of a notebook that ran, with its model in it."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from dbjobs.sandbox.notebooks import split_cells

from .client import task

if TYPE_CHECKING:
    from .client import Client, Json

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "notebooks"

NOTEBOOK = """\
# Databricks notebook source
# MAGIC %md
# MAGIC # Orders of {day}
# MAGIC
# MAGIC `€` & <b>bold</b>

# COMMAND ----------

# DBTITLE 1,Count them
rows = 42
print('<rows>', rows)

# COMMAND ----------

raise ValueError("100 % bad 'rows' ü")

# COMMAND ----------

print('never')
"""


def model_in(page: str) -> dict[str, Any]:
    """What real pages are read by: the script's one assignment, decoded."""
    match = re.search(r"<script>var __DATABRICKS_NOTEBOOK_MODEL = '([A-Za-z0-9+/=]+)';</script>", page)
    assert match, page[:2000]
    model: dict[str, Any] = json.loads(unquote(base64.b64decode(match[1]).decode("ascii")))
    return model


def export(client: Client, run: Json, task_key: str, **params: Any) -> list[Json]:
    views: list[Json] = client.get("jobs/runs/export", run_id=task(run, task_key)["run_id"], **params)[
        "views"
    ]
    return views


def test_a_page_holds_the_notebook_as_it_ran(client: Client) -> None:
    run = client.finish(client.notebook("orders", NOTEBOOK))
    (view,) = export(client, run, "orders")
    assert (view["name"], view["type"]) == ("orders", "NOTEBOOK")
    model = model_in(view["content"])
    assert (model["version"], model["name"], model["language"]) == ("NotebookV1", "orders", "python")
    text, count, fail, never = model["commands"]
    assert text["command"] == "%md\n# Orders of {day}\n\n`€` & <b>bold</b>"
    assert (count["command"], count["commandTitle"]) == ("rows = 42\nprint('<rows>', rows)", "Count them")
    assert [cell["state"] for cell in model["commands"]] == ["finished", "finished", "error", "input"]
    assert [cell["position"] for cell in model["commands"]] == [1.0, 2.0, 3.0, 4.0]
    assert count["results"]["data"][0]["data"] == '<div class="ansiout">&lt;rows&gt; 42\n</div>'
    assert text["results"]["data"] == []
    assert fail["errorSummary"] == "ValueError: 100 % bad &#x27;rows&#x27; ü"
    assert "line 15, in &lt;module&gt;" in fail["error"]
    assert 0 < count["startTime"] <= count["finishTime"]
    assert (never["results"], never["startTime"]) == (None, 0)


def test_the_model_is_encoded_as_in_real_pages(client: Client) -> None:
    """As by encodeURIComponent: every character of these is a real page's."""
    run = client.finish(client.notebook("orders", NOTEBOOK))
    match = re.search(r"NOTEBOOK_MODEL = '(.*)'", export(client, run, "orders")[0]["content"])
    assert match
    assert re.fullmatch(r"([A-Za-z0-9\-_.!~*'()]|%[0-9A-F]{2})+", base64.b64decode(match[1]).decode())


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the real pages are not beside the project")
@pytest.mark.parametrize("page", sorted(SAMPLES.glob("*.html")), ids=lambda page: page.stem)
def test_real_pages_are_read_in_the_same_way(client: Client, page: Path) -> None:
    real = model_in(page.read_text("utf-8"))
    ours = model_in(export(client, client.finish(client.notebook("a")), "a")[0]["content"])
    assert set(ours) <= set(real)
    assert set(ours["commands"][0]) <= set(real["commands"][0])


@pytest.mark.parametrize(
    ("wanted", "types"), [("CODE", ["NOTEBOOK"]), ("DASHBOARDS", []), ("ALL", ["NOTEBOOK"])]
)
def test_views_may_be_chosen(client: Client, wanted: str, types: list[str]) -> None:
    run = client.finish(client.notebook("a"))
    assert [view["type"] for view in export(client, run, "a", views_to_export=wanted)] == types


def test_what_is_refused(client: Client) -> None:
    run = client.finish(client.python("a"), client.notebook("b"))
    for params in (
        {"run_id": run["run_id"]},
        {"run_id": task(run, "a")["run_id"]},
        {"run_id": task(run, "b")["run_id"], "views_to_export": "PICTURES"},
    ):
        assert client.refusal("GET", "jobs/runs/export", **params)[:2] == (400, "INVALID_PARAMETER_VALUE")


def test_2_0_exports_the_run_of_a_job_of_one_task(client: Client) -> None:
    own = {"notebook_task": client.notebook("a")["notebook_task"], "existing_cluster_id": "c"}
    run_id = client.post("jobs/runs/submit", version="2.0", **own)["run_id"]
    client.wait(run_id)
    (view,) = client.get("jobs/runs/export", version="2.0", run_id=run_id)["views"]
    assert model_in(view["content"])["name"] == "a"


@pytest.mark.parametrize(
    ("source", "cells"),
    [
        ("", [(1, "")]),
        ("print(1)\n", [(1, "print(1)")]),
        ("# Databricks notebook source\nprint(1)\n", [(1, "print(1)")]),
        ("# Databricks notebook source\na\n# COMMAND ----------\nb\n", [(1, "a"), (4, "b")]),
        ("# MAGIC %sh ls\n# COMMAND ----------\n# DBTITLE 1,B\n# MAGIC %sql", [(1, "%sh ls"), (3, "%sql")]),
    ],
)
def test_cells(source: str, cells: list[tuple[int, str]]) -> None:
    assert [(cell.line, cell.command) for cell in split_cells(source)] == cells
    assert "".join(cell.code for cell in split_cells(source)) == source
