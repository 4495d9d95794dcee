"""Exported notebooks: finding the model in a page, and its source."""

import base64
import html
import json
import tracemalloc
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.notebook import NotebookError, convert_page, decode_page
from dbjobs.sandbox.notebooks import split_cells
from tests.support.manual import REPO
from tests.support.pages import command, encoded, model, page, percent_encoded, script

SAMPLES = sorted((REPO.parent / "shared" / "samples" / "notebooks").glob("*.html"))
MODEL = model(command("print('ü </script> %41 😀')"))
JSON = json.dumps(MODEL)


NAME = "__DATABRICKS_NOTEBOOK_MODEL"
ENCODED = encoded(MODEL)
BASE64 = base64.b64encode(JSON.encode()).decode()
PERCENT = percent_encoded(MODEL).replace("'", "%27")
ESCAPED = JSON.replace("\\", "\\\\").replace("'", "\\'").replace('"', '\\"')
WRAPPERS = {
    "the usual one": f"var {NAME} = '{ENCODED}';",
    "other quotes": f'{NAME}="{ENCODED}"',
    "quotes of a template": f"window.{NAME}\n=\n`{ENCODED}`",
    "an object": f"var {NAME} = {JSON};",
    "percent-encoded": f"{NAME} = '{PERCENT}'",
    "base64 alone": f"{NAME} = '{BASE64}'",
    "without padding": f"{NAME} = '{ENCODED.rstrip('=')}'",
    "padding encoded": f"{NAME} = '{ENCODED.replace('=', '%3D')}'",
    "in lines": f"{NAME} = '{ENCODED[:40]}\\\n{ENCODED[40:]}'",
    "in calls": f"{NAME} = JSON.parse(decodeURIComponent(atob('{ENCODED}')))",
    "JSON in a string": f"{NAME} = JSON.parse({json.dumps(JSON)})",
    "JSON in other quotes": f"{NAME} = JSON.parse('{ESCAPED}')",
    "another name": f"var notebook = '{ENCODED}';",
    "no name": f'show("{BASE64}")',
    "a page in a page": html.escape(script(f"var {NAME} = '{ENCODED}'")),
    "the second try": f"{NAME} = 'e30='; {NAME} = '{ENCODED}'",
}


@pytest.mark.parametrize("text", WRAPPERS.values(), ids=WRAPPERS)
def test_the_model_is_found_in_whatever_wrapper(text: str) -> None:
    assert decode_page(script(text)) == MODEL


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="nothing"),
        pytest.param("<html>Sign in</html>", id="another page"),
        pytest.param(script("var __DATABRICKS_NOTEBOOK_MODEL = '"), id="cut at once"),
        pytest.param(page(MODEL)[:300], id="cut in the model"),
        pytest.param(script("var __DATABRICKS_NOTEBOOK_MODEL = 'hello'"), id="no base64"),
        pytest.param(script("var __DATABRICKS_NOTEBOOK_MODEL = '%7B%'"), id="half an escape"),
        pytest.param(script("var __DATABRICKS_NOTEBOOK_MODEL = {'commands': []}"), id="no JSON"),
        pytest.param(script("var __DATABRICKS_NOTEBOOK_MODEL = {a: " + "[" * 100_000), id="depths"),
        pytest.param(page({"version": "NotebookV2", "cells": []}), id="a model without commands"),
        pytest.param(page({"commands": "none"}), id="commands that are none"),
        pytest.param(script("var x = '" + encoded(MODEL)[::-1] + "'"), id="noise"),
    ],
)
def test_a_page_without_a_model_says_so(content: str) -> None:
    with pytest.raises(NotebookError, match="the page holds no notebook that can be read"):
        decode_page(content)


@given(st.text(max_size=40), st.sampled_from(["'", '"', "{", "&quot;", "`", ""]))
def test_no_page_is_more_than_unreadable(text: str, quote: str) -> None:
    with pytest.raises(NotebookError):
        decode_page(f"__DATABRICKS_NOTEBOOK_MODEL = {quote}{text}{quote}")


def test_a_large_page_takes_memory_in_proportion() -> None:
    content = page(model(command("x", {"type": "html", "data": "<td>1 & 2</td>\n" * 50_000})))
    tracemalloc.start()
    try:
        convert_page(content, "ipynb")
        assert tracemalloc.get_traced_memory()[1] < 5 * len(content)
    finally:
        tracemalloc.stop()


def test_json_is_the_model_itself() -> None:
    content = model(command("x", {"type": "raw", "data": "half an emoji \ud83d", "id": 2**63 - 1}))
    data, extension = convert_page(page(content), "json")

    assert json.loads(data) == content
    assert extension == ".json"


# Source

NOTEBOOK = [
    command("%md\n# Title  \n\ntext", position=1),
    command("x = 1\n\ny = 2", position=2, commandTitle="Numbers", showCommandTitle=True),
    command("%sql\nselect 1", position=3, commandTitle="One"),
    command("!ls", position=4),
    command("", position=5),
]
SOURCE = """\
# Databricks notebook source
# MAGIC %md
# MAGIC # Title\x20\x20
# MAGIC
# MAGIC text

# COMMAND ----------

# DBTITLE 1,Numbers
x = 1

y = 2

# COMMAND ----------

# DBTITLE 0,One
# MAGIC %sql
# MAGIC select 1

# COMMAND ----------

# MAGIC !ls

# COMMAND ----------


"""


@pytest.mark.parametrize(
    ("language", "comment", "extension"),
    [
        ("python", "#", ".py"),
        ("PYTHON", "#", ".py"),
        ("scala", "//", ".scala"),
        ("sql", "--", ".sql"),
        ("r", "#", ".r"),
    ],
)
def test_source_is_in_the_format_of_databricks(language: str, comment: str, extension: str) -> None:
    data, found = convert_page(page(model(*NOTEBOOK, language=language)), "source")

    expected = SOURCE if comment == "#" else SOURCE.replace("# Title", "$ Title").replace("# ", f"{comment} ")
    expected = expected.replace("$ Title", "# Title")
    if language.lower() != "python":
        expected = expected.replace(f"{comment} MAGIC !ls", "!ls")
    assert data.decode() == expected
    assert found == extension


CELLS = ["x = 1", "%sql select 1", "%md\n# a\n\n  b", "if x:\n\n  y", "%sh\n  ls  "]


@given(st.lists(st.sampled_from(CELLS), min_size=1))
def test_source_reads_back_as_the_same_cells(sources: list[str]) -> None:
    data, _ = convert_page(
        page(model(*(command(text, position=n) for n, text in enumerate(sources)))), "source"
    )

    assert [cell.command for cell in split_cells(data.decode())] == sources


# Real pages


NO_SAMPLES = pytest.param(None, marks=pytest.mark.skip("shared/samples/notebooks is not beside the project"))


PAGES: list[Any] = [*SAMPLES] or [NO_SAMPLES]


@pytest.fixture(params=PAGES, ids=lambda path: path.stem if path else "none")
def sample(request: pytest.FixtureRequest) -> str:
    """A page as Databricks exported it."""
    path: Path = request.param
    return path.read_text("utf-8")


def test_real_pages_become_notebooks_in_which_nothing_is_missing(sample: str) -> None:
    content = decode_page(sample)
    notebook = json.loads(convert_page(sample, "ipynb")[0])
    nbformat.validate(notebook)

    commands = sorted(content["commands"], key=lambda one: float(one["position"]))
    results = [result for one in commands for result in (one["results"] or {}).get("data") or ()]
    made = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    of_type = {
        kind: [one for one in results if one["type"] == kind] for kind in ("table", "image", "htmlSandbox")
    }
    displayed = [set(output["data"]) for output in made if output["output_type"] == "display_data"]
    assert len(notebook["cells"]) == len(commands)
    assert displayed.count({"text/html", "text/plain"}) == len(of_type["table"])
    assert displayed.count({"image/png"}) == len(of_type["image"])
    assert displayed.count({"text/html"}) == len(of_type["htmlSandbox"])
    assert len(displayed) == sum(map(len, of_type.values()))


def test_real_pages_become_source_that_reads_back_as_the_same_cells(sample: str) -> None:
    commands = sorted(decode_page(sample)["commands"], key=lambda one: float(one["position"]))
    source = convert_page(sample, "source")[0].decode()

    assert [cell.command for cell in split_cells(source)] == [one["command"].strip("\n") for one in commands]
