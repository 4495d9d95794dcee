"""Exported notebooks in the form of Jupyter: cells, results, errors."""

import base64
import json
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.cli.runs.export import Form
from dbjobs.notebook import convert_page
from dbjobs.notebook.forms import SOURCE_EXTENSIONS
from dbjobs.notebook.outputs import CONVERTERS
from tests.jobfiles.job_settings import JSON_VALUES, TEXTS
from tests.support.manual import rows_of
from tests.support.pages import PNG, command, model, page


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


def test_every_form_and_result_type_of_the_code_is_in_the_docs() -> None:
    rows = rows_of("docs/output-and-export.md", "Export")
    text = " ".join(row[0] for row in rows)

    assert [row[0].strip("`") for row in rows[:4]] == [form.value for form in Form]
    assert rows[2][1] == ", ".join(f"`{extension}`" for extension in SOURCE_EXTENSIONS.values())
    assert {kind for kind in CONVERTERS if f"`{kind}`" not in text} == {"text", "baseError", "ipynbError"}
