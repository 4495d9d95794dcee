"""Job files: in which ways they come, what is no job file, and in which form they are sent."""

import codecs
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.common.documents import parse_document
from dbjobs.jobfiles.convert import convert
from dbjobs.jobfiles.known_fields import LEGACY_TASK_TYPES
from dbjobs.jobfiles.settings import Settings
from dbjobs.output.serialization import to_yaml
from tests.conftest import Dbjobs, Serve
from tests.jobfiles.job_files import CLUSTER, JOB, TASK, ready, refusal
from tests.jobfiles.job_settings import SETTINGS, TEXTS
from tests.support.fakes import Reply

# Reading


@pytest.mark.parametrize(
    "content",
    [
        JOB,
        {"settings": JOB},
        {"job_id": 42, "new_settings": JOB},
        {
            "job_id": 42,
            "creator_user_name": "ada",
            "created_time": 1,
            "run_as_user_name": "ada",
            "settings": JOB,
        },
        {"job_id": 42, "creator_user_name": "ada", "created_time": 1, **JOB},
    ],
    ids=["bare", "settings", "a reset request", "as jobs get prints it", "the same, flat"],
)
@pytest.mark.parametrize("is_yaml", [True, False], ids=["YAML", "JSON"])
@pytest.mark.parametrize("way", ["-f FILE", "-f -", "--json TEXT", "--json @FILE"])
def test_settings_come_in_many_ways_and_go_out_in_one(
    dbjobs: Dbjobs, serve: Serve, tmp_path: Path, content: dict[str, Any], is_yaml: bool, way: str
) -> None:
    server = serve(Reply(body={"job_id": 7}))
    text = to_yaml(content) if is_yaml else json.dumps(content)
    file = tmp_path / "job"
    file.write_text(text, "utf-8")
    option, _, what = way.partition(" ")

    result = dbjobs(
        "jobs",
        "create",
        option,
        {"FILE": file, "@FILE": f"@{file}", "TEXT": text, "-": "-"}[what],
        stdin=text,
    )

    assert (result.exit_code, result.stdout, result.stderr) == (0, "7\n", "")
    assert [request.body for request in server.received] == [JOB]


def bomb(levels: int = 11) -> bytes:
    """A few hundred characters that stand for billions."""
    lines = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(["a0: &a0 boom", *lines]).encode()


BAD = "stdin is not valid JSON or YAML: "
LARGE = b"name: a\n" + b"#" * 11 * 1024 * 1024
PROGRAM = b"\x7fELF\x02\x01\x01\x00\xff\xfe\x80"
BOMBED = "line 8: it expands to more than 10,485,760 characters"


@pytest.mark.parametrize(
    ("data", "exit_code", "said"),
    [
        pytest.param(b"", 2, "stdin is empty", id="nothing"),
        pytest.param(b" \n\t\n", 2, "stdin is empty", id="blanks"),
        pytest.param(b"# nothing\n", 5, "stdin is not a mapping of settings", id="a comment"),
        pytest.param(b"[1, 2]", 5, "stdin is not a mapping of settings", id="a list"),
        pytest.param(b"hello", 5, "stdin is not a mapping of settings", id="a word"),
        pytest.param(PROGRAM, 5, "stdin is not UTF-8 text", id="a program"),
        pytest.param(b"a: \x00\x01", 5, BAD + "it contains a character that", id="zeros"),
        pytest.param(b"a:\n\t- b", 5, BAD + "line 2: found a tab character where YAML requires", id="a tab"),
        pytest.param(b"a: 1\nb: 2\na: 3", 5, BAD + "line 3: duplicate key", id="a key twice"),
        pytest.param(b'{"a": 1,\n "a": 2}', 5, BAD + "line 2: duplicate key", id="twice in JSON"),
        pytest.param(b'{"a": "b"', 5, BAD + "line 1: ", id="JSON cut"),
        pytest.param(b"a: [*b]", 5, BAD + "line 1: found undefined alias", id="no such anchor"),
        pytest.param(LARGE, 5, "stdin is larger than the 10,485,760 bytes that the Jobs", id="11 MB"),
        pytest.param(b"[" * 100_000, 5, BAD + "it is nested too deeply", id="depths"),
        pytest.param(bomb(), 5, BAD + BOMBED, id="a YAML bomb"),
        pytest.param(b"services: {web: {image: nginx}}", 5, "stdin cannot be sent", id="of others"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "command",
    [("jobs", "create"), ("jobs", "reset", 42, "--yes"), ("jobs", "update", 42), ("runs", "submit")],
    ids=lambda command: command[1],
)
def test_what_is_no_job_file_is_told_in_a_sentence_and_nothing_is_sent(
    dbjobs: Dbjobs, serve: Serve, command: tuple[Any, ...], data: bytes, exit_code: int, said: str
) -> None:
    server = serve(Reply(body={"job_id": 7}))

    result = dbjobs(*command, "-f", "-", stdin=data)

    assert (result.exit_code, result.stdout, server.received) == (exit_code, "", [])
    assert result.stderr.splitlines()[0].startswith(f"error: {said}")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent.yaml", "No such file or directory"),
        (".", "Is a directory"),
        ("locked.yaml", "Permission denied"),
        ("a\0b", "this cannot be the name of a file"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_mistake_in_the_call(
    dbjobs: Dbjobs, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    server = serve(Reply(body={"job_id": 7}))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "locked.yaml").touch(mode=0)
    if name == "locked.yaml" and os.access("locked.yaml", os.R_OK):
        pytest.skip("this user may read any file")

    result = dbjobs("jobs", "create", "-f", name)

    assert (result.exit_code, result.stdout, server.received) == (2, "", [])
    assert said in result.stderr


def test_one_of_file_and_text_is_wanted(dbjobs: Dbjobs) -> None:
    for options in ((), ("-f", "x", "--json", "{}")):
        assert dbjobs("jobs", "create", *options).exit_code == 2


@pytest.mark.parametrize("mark", [codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_files_of_windows_are_read(dbjobs: Dbjobs, serve: Serve, tmp_path: Path, mark: bytes) -> None:
    server = serve(Reply(body={"job_id": 7}))
    encoding = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}[
        mark
    ]
    file = tmp_path / "job.yaml"
    file.write_bytes(mark + to_yaml({**JOB, "name": "nächtlich"}).replace("\n", "\r\n").encode(encoding))

    assert dbjobs("jobs", "create", "-f", file).exit_code == 0
    assert server.received[0].body == {**JOB, "name": "nächtlich"}


@given(SETTINGS)
def test_settings_read_back_as_they_were_dumped(settings: dict[str, Any]) -> None:
    assert parse_document(to_yaml(settings)) == settings
    assert parse_document(json.dumps(settings)) == settings


# Versions

FIELDS = {"max_retries": 2, "new_cluster": CLUSTER, "libraries": [{"jar": "x.jar"}]}
LEGACY = {"name": "old", "timeout_seconds": 60, "notebook_task": {"notebook_path": "/x"}, **FIELDS}
SINGLE = {
    "name": "old",
    "timeout_seconds": 60,
    "tasks": [{"task_key": "main", "notebook_task": {"notebook_path": "/x"}, **FIELDS}],
}


@pytest.mark.parametrize(
    ("version", "given_form", "sent_form"),
    [
        ("2.0", LEGACY, LEGACY),
        ("2.0", SINGLE, LEGACY),
        ("2.1", LEGACY, SINGLE),
        ("2.2", LEGACY, SINGLE),
        ("2.2", {**LEGACY, "format": "SINGLE_TASK"}, SINGLE),
        ("2.2", SINGLE, SINGLE),
    ],
)
def test_a_file_is_brought_into_the_form_of_the_version_and_a_note_says_so(
    dbjobs: Dbjobs, serve: Serve, version: str, given_form: dict[str, Any], sent_form: dict[str, Any]
) -> None:
    server = serve(Reply(body={"job_id": 7}))

    result = dbjobs("jobs", "create", "--json", json.dumps(given_form), "--api-version", version)

    assert [request.body for request in server.received] == [sent_form]
    assert ("sent in the form of Jobs API" in result.stderr) == (given_form != sent_form)
    assert result.stdout == "7\n"


def test_a_job_cluster_of_one_task_becomes_its_cluster_in_2_0() -> None:
    file = {
        "name": "one",
        "format": "MULTI_TASK",
        "email_notifications": {},
        "job_clusters": [{"job_cluster_key": "c", "new_cluster": CLUSTER}],
        "tasks": [
            {**TASK, "job_cluster_key": "c", "run_if": "ALL_SUCCESS", "depends_on": [], "timeout_seconds": 9}
        ],
    }

    assert ready(file, version="2.0").body == {
        "name": "one",
        "notebook_task": TASK["notebook_task"],
        "timeout_seconds": 9,
        "new_cluster": CLUSTER,
    }


def one_task(**fields: Any) -> dict[str, Any]:
    return {"tasks": [{**TASK, **fields}]}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tasks": [TASK, {**TASK, "task_key": "b"}]}, "tasks has 2 tasks; a job of Jobs API 2.0 has one"),
        (
            {**JOB, "parameters": [{"name": "day", "default": ""}]},
            "parameters has no equivalent in Jobs API 2.0",
        ),
        ({**JOB, "queue": {"enabled": True}}, "queue has no equivalent in Jobs API 2.0"),
        (
            one_task(run_if="ALL_DONE"),
            "tasks[0].run_if has no equivalent in Jobs API 2.0",
        ),
        (
            {"tasks": [{"task_key": "a", "sql_task": {"warehouse_id": "x", "query": {"query_id": "x"}}}]},
            "tasks[0].sql_task has no equivalent in Jobs API 2.0",
        ),
        (
            {**one_task(timeout_seconds=5), "timeout_seconds": 9},
            "tasks[0].timeout_seconds differs from timeout_seconds of the job,"
            " and Jobs API 2.0 has one of them",
        ),
    ],
)
def test_what_2_0_has_no_place_for_is_an_error(settings: dict[str, Any], said: str) -> None:
    assert refusal(settings, version="2.0") == f"job.yaml: {said}"


OPTIONS: dict[str, Any] = {
    "name": TEXTS,
    "max_retries": st.integers(0, 9),
    "timeout_seconds": st.integers(0, 9),
    "existing_cluster_id": TEXTS,
}


@given(st.sampled_from(LEGACY_TASK_TYPES), st.fixed_dictionaries({}, optional=OPTIONS))
def test_from_2_0_and_back_nothing_is_lost(task_type: str, settings: dict[str, Any]) -> None:
    legacy = {**settings, task_type: {"parameters": ["x"]}}
    lifted = convert(Settings(legacy, "create"), "2.2").settings

    assert convert(Settings(lifted, "create"), "2.0").settings == legacy
