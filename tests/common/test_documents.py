"""Job files and configuration: JSON or YAML by content, read as people meant it."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.common.documents import DocumentError, parse_document, read_document
from dbjobs.output.serialization import to_yaml

SECRET = "dapi0123456789abcdef"
NO_VALUE = "a tag for a type that JSON does not have"
THE_PARSERS = r"\w+ \w+"
"""Words of PyYAML's, which differ by its version."""


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"), ("N", "N"),
        ("true", True), ("False", False), ("TRUE", True), ("tRUE", "tRUE"),
        ("~", None), ("", None), ("null", None), ("Null", None), ("none", "none"),
        ("2026-01-01", "2026-01-01"), ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("12:30", "12:30"), ("12:30:45", "12:30:45"), ("1_000", "1_000"), ("0 0 2 * * ?", "0 0 2 * * ?"),
        ("5", 5), ("-5", -5), ("010", 10), ("0x1F", 31), ("0o17", 15), ("09", 9),
        ("9223372036854775807", 9223372036854775807),
        ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0), ("1.2.3", "1.2.3"), ("3.11", 3.11),
        (".inf", ".inf"), (".nan", ".nan"), ("+", "+"), (".", "."), ("=", "="),
        ("'5'", "5"), ('"no"', "no"), ("!!str 5", "5"),
    ],
)  # fmt: skip
def test_yaml_is_read_as_yaml_1_2_has_it(written: str, value: object) -> None:
    read = parse_document(f"key: {written}")

    assert read == {"key": value}
    assert type(read["key"]) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param('{"a": [1, "no", null]}', {"a": [1, "no", None]}, id="JSON"),
        pytest.param('  \n[{"a": 1}]', [{"a": 1}], id="JSON after blanks"),
        pytest.param("{'a': 1, b: [no,],}", {"a": 1, "b": ["no"]}, id="YAML that looks like JSON"),
        pytest.param("a:\n- b\n- c: d", {"a": ["b", {"c": "d"}]}, id="YAML"),
        pytest.param("---\na: b\n...\n", {"a": "b"}, id="YAML with its marks"),
        pytest.param("# only a comment", None, id="nothing but a comment"),
        pytest.param("", None, id="nothing"),
        pytest.param("base: &b {x: 1}\nown: {<<: *b, y: 2}",
                     {"base": {"x": 1}, "own": {"x": 1, "y": 2}}, id="merged"),
        pytest.param("- &x [1]\n- *x", [[1], [1]], id="an alias"),
        pytest.param('{"id": 9223372036854775807}', {"id": 9223372036854775807}, id="a large id"),
    ],
)  # fmt: skip
def test_json_and_yaml_are_told_apart_by_content(text: str, value: object) -> None:
    assert parse_document(text) == value


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        pytest.param("a: b\n\tc: d", 2, "found a tab character", id="a tab"),
        pytest.param("a: 1\nb: 2\na: 3", 3, "duplicate key", id="a key twice in YAML"),
        pytest.param('{"a": 1,\n "a": 2}', 2, "duplicate key", id="a key twice in JSON"),
        pytest.param('{"a": 1\n "b": 2}', 2, THE_PARSERS, id="a comma left out"),
        pytest.param("a: 'b\nc: d\n", 2, THE_PARSERS, id="a quote left open"),
        pytest.param("a: b: c", 1, THE_PARSERS, id="two colons"),
        pytest.param("a: *b", 1, "found undefined alias", id="an unknown alias"),
        pytest.param("a: 1\n---\na: 2", 2, "found another document", id="two documents"),
        pytest.param("? [a]\n: b", 1, "a key must be a string", id="a list for a key"),
        pytest.param("a: !!python/name:os.system", 1, NO_VALUE, id="a Python tag"),
        pytest.param("a: !!timestamp 2026-01-01", 1, NO_VALUE, id="a date's tag"),
        pytest.param("a: !!set {x, y}", 1, NO_VALUE, id="a set's tag"),
        pytest.param("a: !!binary aGk=", 1, NO_VALUE, id="a tag of bytes"),
        pytest.param("a: !!bool maybe", 1, "cannot be read", id="a truth value that is none"),
        pytest.param("a: !!int five", 1, "cannot be read", id="a number that is none"),
        pytest.param("a: 1e999", 1, "cannot be read", id="a number beyond all"),
        pytest.param('{"a": 1e999}', 1, "cannot be read", id="a number beyond all, in JSON"),
        pytest.param("a: " + "9" * 5000, 1, "cannot be read", id="a number too long"),
        pytest.param("a: &x [*x]", 1, "it contains itself", id="a circle"),
        pytest.param("a: \x07", None, "a character that YAML does not allow", id="a control character"),
        pytest.param("[" * 100_000, None, "nested too deeply", id="depths of JSON"),
        pytest.param("#\n" + "[" * 100_000, 2, "nested too deeply", id="depths of YAML"),
        pytest.param("- " * 100_000, 1, "nested too deeply", id="depths of YAML in a line"),
    ],
)  # fmt: skip
def test_an_error_names_the_line_and_the_problem(text: str, line: int | None, problem: str) -> None:
    with pytest.raises(DocumentError, match=problem) as caught:
        parse_document(text)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"line {line}: " if line else "it ")


@given(
    st.lists(st.sampled_from(["a:", "- ", "{", "}", "[", "'", '"', "\n", "  ", "\t", "@", "*", "&", "!", "%",
                              "<<: ", "|", "\x07", "é", "1e999", SECRET]), max_size=12)
)  # fmt: skip
def test_no_error_quotes_the_file_for_it_may_hold_a_token(pieces: list[str]) -> None:
    error = _error_of("".join(pieces))

    if error:
        assert SECRET[:6] not in str(error)
        assert error.__context__ is None or error.__suppress_context__


def _error_of(text: str) -> DocumentError | None:
    try:
        parse_document(text)
    except DocumentError as error:
        return error
    return None


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(JSON_VALUES) | st.dictionaries(st.text(), JSON_VALUES), st.booleans())
def test_json_reads_back_as_written(value: object, ascii_only: bool) -> None:
    assert parse_document(json.dumps(value, ensure_ascii=ascii_only)) == value


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(TEXT, TEXT | st.integers() | st.booleans() | st.none(), max_size=5))
def test_what_dbjobs_prints_as_yaml_it_reads_back(value: object) -> None:
    assert parse_document(to_yaml(value)) == value


LINES = """\
name: nightly

defaults: &defaults
  retries: 2
tasks:
  - key: a
    <<: *defaults
    args: [x,
      y]
  - *defaults
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 1),
        (("tasks",), 5),
        (("tasks", 0), 6),
        (("tasks", 0, "args"), 8),
        (("tasks", 0, "args", 1), 9),
        (("tasks", 0, "retries"), 4),
        (("tasks", 1), 10),
        (("tasks", 1, "absent"), 10),
        (("tasks", 7), 5),
        (("absent",), None),
        ((), None),
    ],
)
def test_a_path_has_a_line_or_that_of_what_is_around_it(
    path: tuple[str | int, ...], line: int | None
) -> None:
    assert read_document(LINES).line_of(path) == line


def test_json_has_lines_too_if_it_has_several() -> None:
    assert read_document('{"a": [\n 1,\n\t{"b": 2}]}').line_of(("a", 1, "b")) == 3
    assert read_document('{"a": [1, {"b": 2}]}').line_of(("a", 1, "b")) is None


def test_every_alias_has_a_value_of_its_own() -> None:
    read = parse_document("a: &a {b: [1]}\nc: *a")
    read["a"]["b"].append(2)

    assert read == {"a": {"b": [1, 2]}, "c": {"b": [1]}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &a {x: 1, y: 1}\nb: {<<: *a, y: 2}", {"x": 1, "y": 2}),
        ("a: &a {x: 1}\nc: &c {x: 2, y: 2}\nb: {<<: [*a, *c]}", {"x": 1, "y": 2}),
        ('b: {"<<": 1}', {"<<": 1}),
    ],
)
def test_merged_keys_give_way_to_nearer_ones(text: str, value: object) -> None:
    assert parse_document(text)["b"] == value


def doubled(first: str, line: str, levels: int) -> str:
    """A text in which each line names the one before it several times."""
    return "\n".join([f"a0: &a0 {first}", *(line.format(n=n, m=n - 1) for n in range(1, levels))])


THOUSAND_KEYS = "{" + ", ".join(f"k{n}: v" for n in range(1000)) + "}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(doubled("lol", "a{n}: &a{n} [*a{m}, *a{m}]", 60), "more than", id="lists"),
        pytest.param(doubled("{x: y}", "a{n}: &a{n} {{l: *a{m}, r: *a{m}}}", 60), "more than", id="mappings"),
        pytest.param(doubled("[x]", "a{n}: &a{n} [*a{m}]", 200), "nested too deeply", id="a ladder"),
        pytest.param(
            "a: &a x" + "x" * 1_000_000 + "\nb: [" + "*a, " * 20 + "]", "more than", id="long texts"
        ),
        pytest.param(
            f"a: &a {THOUSAND_KEYS}\nb: {{<<: [{', '.join(['*a'] * 2000)}]}}", "more than", id="merges"
        ),
    ],
)
def test_a_bomb_is_known_before_it_goes_off(text: str, problem: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DocumentError, match=problem):
            parse_document(text)
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()
