"""Exported notebooks: finding the model in a page, and what becomes of it."""

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
from dbjobs.sandbox.export import split_cells
from tests.job_settings import JSON_VALUES, TEXTS
from tests.pages import PNG, command, encoded, model, page, percent_encoded, script
from tests.test_docs import REPO, rows_of

SAMPLES = sorted((REPO.parent / "shared" / "samples" / "notebooks").glob("*.html"))
MODEL = model(command("print('ü </script> %41 😀')"))
JSON = json.dumps(MODEL)


def ipynb(*commands: dict[str, Any], language: str = "python") -> dict[str, Any]:
    """The notebook of these commands, which Jupyter's own schema finds valid."""
    data, extension = convert_page(page(model(*commands, language=language)), "ipynb")
    notebook: dict[str, Any] = json.loads(data)
    nbformat.validate(notebook)
    assert extension == ".ipynb"
    return notebook


def outputs(*results: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """What becomes of the results of a command, lines joined."""
    cell = ipynb(command("x", *results, **more))["cells"][0]
    return [joined(output) for output in cell["outputs"]]


def joined(output: dict[str, Any]) -> dict[str, Any]:
    if "text" in output:
        return {**output, "text": "".join(output["text"])}
    data = output.get("data", {})
    texts = {kind: "".join(value) if isinstance(value, list) else value for kind, value in data.items()}
    return {**output, "data": texts} if data else output


# Pages


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


# Jupyter

ANSI_OUT = '<div class="ansiout">{}</div>'
TABLE = {
    "type": "table",
    "schema": [{"name": "a<b", "type": '"string"'}, {"name": "n", "type": '"long"'}],
    "data": [["x & y", 9007199254740993], [None, [1.5, {"k": "é"}]]],
    "overflow": True,
}


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def display(**data: Any) -> dict[str, Any]:
    named = {name.replace("_", "/", 1).replace("svg", "svg+xml"): value for name, value in data.items()}
    return {"output_type": "display_data", "data": named, "metadata": {}}


def html_result(text: str) -> dict[str, Any]:
    return {"type": "html", "data": text}


def failure(name: str, value: str, *traceback: str) -> dict[str, Any]:
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": list(traceback)}


PRINTED = ANSI_OUT.format("1 &lt; 2\n<span class='ansired'>red</span>\n")
PICTURED = ANSI_OUT.format("<img src='x'>")
SVG = base64.b64encode(b"<svg/>").decode()
BUNDLE = {"text/html": "<i>x</i>", "application/json": {"a": 1}, "text/plain": 5}
RAW = {"type": "raw", "data": "1"}
STDERR = {"type": "ansi", "data": "\x1b[31mred\x1b[0m", "metadata": {"name": "stderr"}}
TRACE = ["\x1b[31mframe 1", "frame 2"]
BASE_ERROR = {
    "type": "baseError",
    "stackFrames": TRACE,
    "jupyterProps": {"ename": "KeyError", "evalue": "'x'"},
}
SKIPPED = {"type": "ipynbError", "data": "", "errorSummary": "Command skipped"}
RESULTS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "print": (html_result(PRINTED), [stream("1 < 2\nred\n")]),
    "nothing printed": (html_result(ANSI_OUT.format("")), []),
    "an image in print": (html_result(PICTURED), [display(text_html=PICTURED)]),
    "HTML": (html_result("<b>bold</b>"), [display(text_html="<b>bold</b>")]),
    "HTML in a frame": (
        {"type": "htmlSandbox", "data": "<p>x</p>", "textData": "x"},
        [display(text_html="<p>x</p>", text_plain="x")],
    ),
    "raw": ({"type": "raw", "data": "text\n"}, [stream("text\n")]),
    "raw nothing": ({"type": "raw", "data": ""}, []),
    "stderr": (STDERR, [stream("\x1b[31mred\x1b[0m", "stderr")]),
    "an image": ({"type": "image", "data": f"data:image/png;base64,{PNG}"}, [display(image_png=PNG)]),
    "SVG": ({"type": "image", "data": f"data:image/svg+xml;base64,{SVG}"}, [display(image_svg="<svg/>")]),
    "SVG in plain": (
        {"type": "image", "data": "data:image/svg+xml,%3Csvg/%3E"},
        [display(image_svg="<svg/>")],
    ),
    "an image elsewhere": ({"type": "image", "data": "/plots/1.png"}, [display(text_plain="/plots/1.png")]),
    "a bundle": (
        {"type": "mimeBundle", "data": BUNDLE},
        [display(text_html="<i>x</i>", application_json={"a": 1}, text_plain="5")],
    ),
    "lists": (
        {"type": "listResults", "data": [RAW, {"type": "listResults", "data": [RAW]}]},
        [stream("1")] * 2,
    ),
    "unknown": ({"type": "hologram", "data": {"x": 1}}, [display(text_plain='{"x": 1}')]),
    "odd": ({"type": ["odd"], "data": "x"}, [display(text_plain="x")]),
    "empty": ({"data": None}, []),
    "an error": (BASE_ERROR, [failure("KeyError", "'x'", *TRACE)]),
    "skipped": (SKIPPED, [failure("Error", "Command skipped", "Error: Command skipped")]),
}


@pytest.mark.parametrize(("result", "expected"), RESULTS.values(), ids=RESULTS)
def test_results_become_outputs(result: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    assert outputs(result) == expected


def test_a_table_is_html_and_text() -> None:
    [output] = outputs(TABLE)

    assert output["data"]["text/plain"] == (
        'a<b\tn\nx & y\t9007199254740993\nnull\t[1.5, {"k": "é"}]\n(the first 2 rows)'
    )
    assert "<th>a&lt;b</th><th>n</th>" in output["data"]["text/html"]
    assert "<td>x &amp; y</td><td>9007199254740993</td>" in output["data"]["text/html"]
    assert "<caption>the first 2 rows</caption>" in output["data"]["text/html"]


def test_a_table_without_names_has_numbers() -> None:
    assert outputs({"type": "table", "data": [[1], [2, 3]]})[0]["data"]["text/plain"] == "_1\t_2\n1\n2\t3"
    assert outputs({"type": "table", "data": [{"a": 1}]})[0]["data"]["text/plain"] == "a\n1"


SPARK = "org.apache.spark.SparkException"
ERRORS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {
            "errorSummary": '<span class="ansired">NameError</span>: name &#39;x&#39; is not defined',
            "error": '<div class="ansiout">line 1, in &lt;module&gt;\n\x1b[31mNameError\x1b[0m</div>',
        },
        failure("NameError", "name 'x' is not defined", "line 1, in <module>", "\x1b[31mNameError\x1b[0m"),
    ),
    (
        {"errorSummary": "KeyError: a < b", "error": "in <module>\nKeyError", "errorTraceType": "ansi"},
        failure("KeyError", "a < b", "in <module>", "KeyError"),
    ),
    ({"errorSummary": f"{SPARK}: Job aborted"}, failure(SPARK, "Job aborted", f"{SPARK}: Job aborted")),
    ({"errorSummary": "Cancelled", "error": None}, failure("Error", "Cancelled", "Error: Cancelled")),
    ({"error": "<div>one</div>\nlast: line"}, failure("last", "line", "one", "last: line")),
]


@pytest.mark.parametrize(("fields", "expected"), ERRORS)
def test_the_error_of_a_command_is_an_error(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert outputs(state="error", **fields) == [expected]


def test_cells_come_in_the_order_of_the_page_and_keep_their_language() -> None:
    commands = [
        command("select 1", position=3.0),
        command("%python\nprint(1)", position=2.25),
        command("%md-sandbox\n<b>x</b>", position=2.5),
        command("%md # Title", position=1),
        command("%md\n\ntext", position="1.5"),
        command(
            "%sh ls", position=2, commandTitle="List  files", showCommandTitle=True, hideCommandCode=True
        ),
        command("last", position=None, nothing=True) | {"position": "nowhere"},
    ]

    notebook = ipynb(*commands, language="sql")

    assert [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]] == [
        ("markdown", "# Title"),
        ("markdown", "\ntext"),
        ("code", "%sh ls"),
        ("code", "%python\nprint(1)"),
        ("markdown", "<b>x</b>"),
        ("code", "select 1"),
        ("code", "last"),
    ]
    assert notebook["metadata"]["language_info"] == {"name": "sql"}
    assert notebook["cells"][2]["metadata"] == {
        "application/vnd.databricks.v1+cell": {"title": "List files", "showTitle": True},
        "jupyter": {"source_hidden": True},
    }


TYPES = ["html", "table", "image", "raw", "mimeBundle", "error", "listResults", "hologram"]
ODD = TEXTS | JSON_VALUES
ODD_RESULTS = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES)},
    optional=dict.fromkeys(("data", "schema", "metadata", "textData", "stackFrames", "summary"), ODD),
)
ODD_COMMANDS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "position": st.floats() | ODD,
            "results": ODD_RESULTS | ODD,
            **dict.fromkeys(("command", "error", "errorSummary", "errorTraceType", "commandTitle"), ODD),
        },
    )
    | ODD,
    max_size=4,
)


@given(ODD_COMMANDS, st.sampled_from(["python", "scala", "sql", "r", "R", "", "cobol"]) | JSON_VALUES)
def test_whatever_a_model_holds_the_notebook_is_valid_and_the_source_is_written(
    commands: list[Any], language: Any
) -> None:
    content = page({"commands": commands, "language": language, "name": language})

    nbformat.validate(json.loads(convert_page(content, "ipynb")[0]))
    assert b"Databricks notebook source\n" in convert_page(content, "source")[0]


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


# The page in docs


def test_every_form_and_result_type_of_the_code_is_in_the_docs() -> None:
    from dbjobs.commands.runs.export import Form
    from dbjobs.notebook.outputs import CONVERTERS
    from dbjobs.notebook.source import EXTENSIONS

    rows = rows_of("docs/output-and-export.md", "Export")
    text = " ".join(row[0] for row in rows)

    assert [row[0].strip("`") for row in rows[:4]] == [form.value for form in Form]
    assert rows[2][1] == ", ".join(f"`{extension}`" for extension in EXTENSIONS.values())
    assert {kind for kind in CONVERTERS if f"`{kind}`" not in text} == {"text", "baseError", "ipynbError"}
