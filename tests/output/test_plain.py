"""JSON and YAML for programs: the API's answer unaltered, and harmless on a terminal."""

import json
import re
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.output.serialization import to_json, to_yaml
from dbjobs.output.structured import write_document, write_documents
from tests.output.conftest import Pipe, Piped

TEXT = st.text(st.characters(exclude_categories=[])) | st.text(
    "\n -:#'\"{}[],&*!|>%@`~0123456789eyno\t", max_size=12
)
"""Any text, lone surrogates included, and what YAML might take for something else."""

ANSWERS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)

TAKES_EFFECT = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""All that a terminal might act upon, but the newline."""

HOSTILE = "\x1b[2J\x9b31m\x7f\u202egpj.exe\u2028\ufeff\ud800\x00"


@given(ANSWERS, st.booleans(), st.sampled_from([None, 2]))
def test_json_reads_back_equal_and_holds_nothing_that_takes_effect(
    answer: object, ascii_only: bool, indent: int | None
) -> None:
    text = to_json(answer, ascii_only=ascii_only, indent=indent)
    assert json.loads(text) == answer
    assert not TAKES_EFFECT.search(text)
    assert text.isascii() or not ascii_only
    assert "\n" not in text or indent


@given(ANSWERS, st.booleans())
def test_yaml_reads_back_equal_and_holds_nothing_that_takes_effect(answer: object, ascii_only: bool) -> None:
    text = to_yaml(answer, ascii_only=ascii_only)
    assert yaml.safe_load(text) == answer
    assert not TAKES_EFFECT.search(text)
    assert text.isascii() or not ascii_only


def test_json_is_readable_in_any_language() -> None:
    assert (
        to_json({"name": "Tägliche Übersicht 日本", "n": 1})
        == '{\n  "name": "Tägliche Übersicht 日本",\n  "n": 1\n}'
    )
    assert (
        to_json({"name": "é", "ids": [1, 2]}, ascii_only=True, indent=None)
        == '{"name":"\\u00e9","ids":[1,2]}'
    )


def test_json_escapes_what_a_terminal_would_act_upon() -> None:
    assert to_json(HOSTILE) == ('"\\u001b[2J\\u009b31m\\u007f\\u202egpj.exe\\u2028\\ufeff\\ud800\\u0000"')


def test_ids_keep_every_digit() -> None:
    answer = {"job_id": 2**63 - 1, "run_id": 9007199254740993}
    assert json.loads(to_json(answer)) == answer
    assert to_yaml(answer) == "job_id: 9223372036854775807\nrun_id: 9007199254740993\n"


def test_yaml_reads_like_a_job_file() -> None:
    job = {
        "name": "Nächtlich",
        "schedule": {"quartz_cron_expression": "0 0 2 * * ?", "pause_status": "UNPAUSED"},
        "tasks": [
            {
                "task_key": "main",
                "sql": "select 1\nfrom t\n",
                "parameters": ["yes", "1e3", "2026-01-01", "1:30", ""],
            }
        ],
        "tags": {},
    }
    assert to_yaml(job) == (
        "name: Nächtlich\n"
        "schedule:\n"
        "  quartz_cron_expression: 0 0 2 * * ?\n"
        "  pause_status: UNPAUSED\n"
        "tasks:\n"
        "- task_key: main\n"
        "  sql: |\n"
        "    select 1\n"
        "    from t\n"
        "  parameters:\n"
        "  - 'yes'\n"
        "  - '1e3'\n"
        "  - '2026-01-01'\n"
        "  - '1:30'\n"
        "  - ''\n"
        "tags: {}\n"
    )


def test_yaml_repeats_what_is_the_same_instead_of_pointing_to_it() -> None:
    same = {"a": [1]}
    assert "&" not in to_yaml([same, same])


@pytest.mark.parametrize(
    ("output", "written"),
    [
        ("json", '{\n  "run_id": 42,\n  "run_name": "é"\n}\n'),
        ("jsonl", '{"run_id":42,"run_name":"é"}\n'),
        ("yaml", "run_id: 42\nrun_name: é\n"),
        ("id", "42\n"),
    ],
)
def test_a_document_in_each_form(output: str, written: str, piped: Piped) -> None:
    write_document(piped.streams(), {"run_id": 42, "run_name": "é"}, output, id_key="run_id")
    assert piped.out.getvalue() == written


@pytest.mark.parametrize(
    ("output", "written"),
    [
        ("json", '[\n  {\n    "id": 1\n  }\n]\n'),
        ("jsonl", '{"id":1}\n'),
        ("yaml", "- id: 1\n"),
        ("id", "1\n"),
    ],
)
def test_a_list_in_each_form(output: str, written: str, piped: Piped) -> None:
    write_documents(piped.streams(), iter([{"id": 1}]), output, id_key="id")
    assert piped.out.getvalue() == written


def test_items_are_written_as_they_arrive(piped: Piped) -> None:
    def items() -> object:
        yield {"id": 1}
        assert piped.out.getvalue() == '{"id":1}\n'
        yield {"id": 2}

    write_documents(piped.streams(), items(), "jsonl")  # type: ignore[arg-type]
    assert piped.out.getvalue() == '{"id":1}\n{"id":2}\n'


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("output", ["json", "yaml"])
def test_a_poor_encoding_gets_escapes_that_read_back(encoding: str, output: str, piped: Piped) -> None:
    piped.out = Pipe(encoding)
    write_document(piped.streams(), {"name": "日本 é"}, output)
    text = piped.out.getvalue()
    assert text.isascii()
    assert yaml.safe_load(text) == {"name": "日本 é"}


def test_json_needs_no_yaml() -> None:
    assert "yaml" not in vars(sys.modules["dbjobs.output.structured"])
