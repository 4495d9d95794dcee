"""`dbjobs runs export`: which views become which files, and that no file is lost."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.common.files import MAX_NAME_BYTES, safe_stem, unused_name, write_whole
from dbjobs.errors import UsageError
from dbjobs.http.response import Payload
from dbjobs.sandbox.server import Sandbox
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import Received, Reply, ScriptedServer
from tests.support.pages import command, model, page
from tests.support.payloads import RUN_ID, run, task
from tests.support.tasks import job_file, notebook_task

PAGE = page(model(command("print(1)", {"type": "html", "data": '<div class="ansiout">1\n</div>'})))
NOTEBOOK = {"notebook_path": "/Shared/clean"}
OTHER = {"python_file": "x.py"}


def view(name: str = "clean", content: str = PAGE, kind: str = "NOTEBOOK") -> Payload:
    return {"name": name, "content": content, "type": kind}


def notebook_of(key: str, **more: Any) -> Payload:
    return task(key, result_state="SUCCESS", notebook_task=NOTEBOOK, **more)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the command."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def exported(serve: Serve) -> Any:
    """Start a server that knows a run, and views by the id of a task's run; any other has one view."""

    def start(the_run: Payload, views: dict[int, Any] | None = None) -> ScriptedServer:
        def reply(request: Received) -> Reply:
            if request.endpoint != "runs/export":
                return Reply(body=the_run)
            found = (views or {}).get(int(request.query["run_id"]), [view()])
            return found if isinstance(found, Reply) else Reply(body={"views": found})

        return serve(reply)

    return start


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_what_goes_over_the_wire(dbjobs: Dbjobs, exported: Any, version: str) -> None:
    server = exported(
        run(task=NOTEBOOK) if version == "2.0" else run("TERMINATED", "SUCCESS", notebook_of("a"))
    )
    run_id = RUN_ID if version == "2.0" else notebook_of("a")["run_id"]

    assert dbjobs("runs", "export", RUN_ID, "--views", "ALL", "--api-version", version).exit_code == 0

    [asked] = [request for request in server.received if request.endpoint == "runs/export"]
    assert (asked.method, asked.path) == ("GET", f"/api/{version}/jobs/runs/export")
    assert asked.query == {"run_id": str(run_id), "views_to_export": "ALL"}


def test_each_notebook_of_a_run_becomes_a_file_and_the_paths_are_the_result(
    dbjobs: Dbjobs, exported: Any, folder: Path
) -> None:
    old, new = notebook_of("b", run_id=7), notebook_of("b", run_id=8, attempt_number=1)
    tasks = (notebook_of("a"), old, new, task("c", spark_python_task=OTHER))
    server = exported(run("TERMINATED", "SUCCESS", *tasks), {8: [view("tidy")]})

    result = dbjobs("runs", "export", RUN_ID, "--dir", "out/of")

    assert (result.exit_code, result.lines, result.stderr) == (
        0,
        ["out/of/a-clean.html", "out/of/b-tidy.html"],
        "",
    )
    assert files_in(folder) == dict.fromkeys(result.lines, PAGE.encode())
    asked = [request.query["run_id"] for request in server.received if request.endpoint == "runs/export"]
    assert asked == [str(notebook_of("a")["run_id"]), "8"], "the newest attempts alone"


@pytest.mark.parametrize(
    ("form", "name", "beginning"),
    [
        ("html", "a-clean.html", "<!DOCTYPE html>"),
        ("ipynb", "a-clean.ipynb", '{\n "cells": ['),
        ("source", "a-clean.py", "# Databricks notebook source\nprint(1)\n"),
        ("json", "a-clean.json", '{\n "version": "NotebookV1"'),
    ],
)
def test_every_format_has_its_extension(
    dbjobs: Dbjobs, exported: Any, folder: Path, form: str, name: str, beginning: str
) -> None:
    exported(run("TERMINATED", "SUCCESS", notebook_of("a")))

    assert dbjobs("runs", "export", RUN_ID, "--format", form).lines == [name]
    assert (folder / name).read_text("utf-8").startswith(beginning)


def test_one_view_goes_to_stdout_byte_for_byte(dbjobs: Dbjobs, exported: Any, folder: Path) -> None:
    exported(run("TERMINATED", "SUCCESS", notebook_of("a"), notebook_of("b")))

    assert dbjobs("runs", "export", RUN_ID, "--task", "b", "--dir", "-").stdout == PAGE
    refused = dbjobs("runs", "export", RUN_ID, "--dir", "-")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--dir - prints one view, and there are 2" in refused.stderr
    assert files_in(folder) == {}


def test_a_file_that_is_there_stays_unless_forced(dbjobs: Dbjobs, exported: Any, folder: Path) -> None:
    exported(run("TERMINATED", "SUCCESS", notebook_of("a"), notebook_of("b")))
    (folder / "a-clean.html").write_text("mine")

    refused = dbjobs("runs", "export", RUN_ID)
    assert (refused.exit_code, refused.lines) == (2, ["b-clean.html"]), "the other one is saved all the same"
    assert refused.stderr == "error: a-clean.html already exists\nhint: --force overwrites it\n"
    assert files_in(folder) == {"a-clean.html": b"mine", "b-clean.html": PAGE.encode()}

    assert dbjobs("runs", "export", RUN_ID, "--force").exit_code == 0
    assert files_in(folder) == dict.fromkeys(("a-clean.html", "b-clean.html"), PAGE.encode())


def test_names_that_come_twice_are_numbered_also_for_systems_without_case(
    dbjobs: Dbjobs, exported: Any, folder: Path
) -> None:
    views = [view("x"), view("X", kind="DASHBOARD"), view("x")]
    exported(run("TERMINATED", "SUCCESS", notebook_of("a")), {notebook_of("a")["run_id"]: views})

    assert dbjobs("runs", "export", RUN_ID).lines == ["a-x.html", "a-X-2.html", "a-x-3.html"]


@pytest.mark.parametrize(
    ("page_or_type", "said"),
    [
        (view(content="<html>Sign in</html>"), "the page holds no notebook that can be read"),
        (view(kind="DASHBOARD"), "a dashboard has no cells"),
    ],
    ids=["undecodable", "a dashboard"],
)  # fmt: skip
def test_what_is_no_notebook_is_kept_as_it_came_with_a_warning(
    dbjobs: Dbjobs, exported: Any, folder: Path, page_or_type: Payload, said: str
) -> None:
    exported(run("TERMINATED", "SUCCESS", notebook_of("a")), {notebook_of("a")["run_id"]: [page_or_type]})

    result = dbjobs("runs", "export", RUN_ID, "--format", "ipynb")

    assert (result.exit_code, result.lines) == (0, ["a-clean.html"])
    assert result.stderr == f"warning: clean is saved as a page: {said}\n"
    assert files_in(folder) == {"a-clean.html": page_or_type["content"].encode()}


def test_a_task_that_cannot_be_exported_keeps_none_of_the_others_from_it(
    dbjobs: Dbjobs, exported: Any
) -> None:
    gone = Reply(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Run 7 is too old."})
    never = {name: value for name, value in notebook_of("c").items() if name != "run_id"}
    exported(run("TERMINATED", "SUCCESS", notebook_of("a", run_id=7), notebook_of("b"), never), {7: gone})

    result = dbjobs("runs", "export", RUN_ID)

    assert (result.exit_code, result.lines) == (4, ["b-clean.html"])
    assert "Run 7 is too old." in result.stderr
    assert "task c never ran" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [((), "has no notebook task"), (("--task", "zzz"), "has no notebook task")],
)
def test_a_run_without_notebooks_is_an_error(dbjobs: Dbjobs, exported: Any, options: Any, said: str) -> None:
    exported(run("TERMINATED", "SUCCESS", task("c", spark_python_task=OTHER)))

    result = dbjobs("runs", "export", RUN_ID, *options)

    assert (result.exit_code, result.stdout) == (4, "")
    assert said in result.stderr


def test_an_unknown_task_is_told_with_those_that_there_are(dbjobs: Dbjobs, exported: Any) -> None:
    exported(run("TERMINATED", "SUCCESS", notebook_of("a"), notebook_of("b")))

    assert "hint: its notebook tasks: a, b" in dbjobs("runs", "export", RUN_ID, "--task", "zzz").stderr


def test_the_notebooks_of_a_for_each_task_are_not_left_out_in_silence(dbjobs: Dbjobs, exported: Any) -> None:
    loop = {"inputs": "[1, 2]", "task": {"task_key": "each", "notebook_task": NOTEBOOK}}
    exported(run("TERMINATED", "SUCCESS", notebook_of("a"), task("loop", for_each_task=loop)))

    result = dbjobs("runs", "export", RUN_ID)

    assert result.lines == ["a-clean.html"]
    assert result.stderr == "loop runs its notebook for each input: export an iteration by its own run id\n"


def test_programs_get_more_than_paths(dbjobs: Dbjobs, exported: Any) -> None:
    exported(run("TERMINATED", "SUCCESS", notebook_of("a", run_id=2**63 - 1)))
    saved = {
        "task_key": "a",
        "run_id": 2**63 - 1,
        "name": "clean",
        "type": "NOTEBOOK",
        "path": "a-clean.html",
    }

    assert json.loads(dbjobs("runs", "export", RUN_ID, "-o", "json").stdout) == [saved]
    assert json.loads(dbjobs("runs", "export", RUN_ID, "-o", "jsonl", "--force").stdout) == saved
    assert dbjobs("runs", "export", RUN_ID, "-o", "id", "--force").stdout == f"{2**63 - 1}\n"


def test_a_notebook_that_really_ran_becomes_a_notebook_of_jupyter(
    dbjobs: Dbjobs, workspace: Sandbox, task_files: Path, folder: Path
) -> None:
    cells = ("print('<hello>')\n", "# MAGIC %md\n# MAGIC done\n", "1 / 0\n")
    code = "\n# COMMAND ----------\n\n".join(cells)
    file = job_file(folder, notebook_task(task_files, "main", code))
    run_id = dbjobs("runs", "submit", "-f", file, "--wait", "--poll-interval", "0.05s").lines[0]

    [path] = dbjobs("runs", "export", run_id, "--format", "ipynb").lines

    notebook = json.loads(Path(path).read_text("utf-8"))
    nbformat.validate(notebook)
    printed, prose, failed = notebook["cells"]
    assert printed["outputs"] == [{"output_type": "stream", "name": "stdout", "text": ["<hello>\n"]}]
    assert (prose["cell_type"], prose["source"]) == ("markdown", ["done"])
    [error] = failed["outputs"]
    assert (error["ename"], error["evalue"]) == ("ZeroDivisionError", "division by zero")


# Names and files

DEVICES = ("con", "PRN", "aux.", "NUL", "COM1", "lpt9", "COM¹", "con.txt", "CONIN$", "nul .x")


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("clean", "clean"),
        ("Clean orders (2)", "Clean orders (2)"),
        ("../../etc/passwd", "_._etc_passwd"),
        ("..", "unnamed"),
        ("", "unnamed"),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("a\\b:c*d?e\"f<g>h|i", "a_b_c_d_e_f_g_h_i"),
        ("a\nb\x00c\x1b[31m", "a b_c_[31m"),
        ("abc\u202efdp", "abc_fdp"),
        ("half \ud83d", "half _"),
        ("ends. . .", "ends"),
        ("nächtlich", "nächtlich"),
        *((name, "_" + name.rstrip(" .")) for name in DEVICES),
        ("console", "console"),
        ("x" * 300, "x" * 242),
        ("é" * 300, "é" * 121),
    ],
)  # fmt: skip
def test_names_are_safe_everywhere(text: str, stem: str) -> None:
    assert safe_stem(text, ".html") == stem


@given(st.text() | st.text("./\\-~ conCON12"), st.integers(1, 3))
def test_no_text_makes_an_unsafe_name(text: str, times: int) -> None:
    used: set[str] = set()
    names = [unused_name(safe_stem(text, ".ipynb"), ".ipynb", used) for _ in range(times)]

    assert len({name.casefold() for name in names}) == times
    for name in names:
        assert len(name.encode()) <= MAX_NAME_BYTES
        assert name[0] not in ".-"
        assert ".." not in name
        assert not set(name) & set('<>:"/\\|?*\x00\n')
        assert name.partition(".")[0].strip().upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "COM2"}


@pytest.mark.parametrize("name", ["../escape", "/tmp/escape", "a/../../escape", "con", "..\\escape"])
def test_no_name_of_the_server_leads_out_of_the_folder(
    dbjobs: Dbjobs, exported: Any, folder: Path, name: str
) -> None:
    exported(run("TERMINATED", "SUCCESS", notebook_of(name, run_id=7)), {7: [view(name)]})

    [path] = dbjobs("runs", "export", RUN_ID, "--dir", "out").lines

    assert list(files_in(folder)) == [path]
    assert Path(path).parent == Path("out")


def test_a_file_is_whole_or_not_there(folder: Path) -> None:
    write_whole(folder / "new" / "a", b"1")
    write_whole(folder / "new" / "a", b"2", overwrite=True)
    (folder / "taken").mkdir()
    with pytest.raises(UsageError, match="already exists"):
        write_whole(folder / "new" / "a", b"3")
    with pytest.raises(UsageError, match="cannot write"):
        write_whole(folder / "taken", b"3", overwrite=True)
    with pytest.raises(UsageError, match="cannot write"):
        write_whole(folder / "new" / "a" / "b", b"3")

    assert files_in(folder) == {"new/a": b"2"}


def test_without_hard_links_nothing_is_overwritten_either(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*args: Any) -> None:
        raise PermissionError("not on this file system")

    monkeypatch.setattr("dbjobs.common.files.os.link", no_links)
    write_whole(folder / "a", b"1")
    with pytest.raises(UsageError, match="already exists"):
        write_whole(folder / "a", b"2")

    assert files_in(folder) == {"a": b"1"}


def test_a_link_by_a_name_that_a_server_chose_is_replaced_and_not_followed(folder: Path) -> None:
    (folder / "target").write_bytes(b"mine")
    (folder / "a").symlink_to(folder / "target")

    write_whole(folder / "a", b"new", overwrite=True, follow_links=False)

    assert files_in(folder) == {"target": b"mine", "a": b"new"}


def test_what_is_private_is_for_its_owner_alone(folder: Path) -> None:
    write_whole(folder / "new" / "a", b"1", is_private=True)
    write_whole(folder / "b", b"1")

    assert (folder / "new").stat().st_mode & 0o777 == 0o700
    assert (folder / "new" / "a").stat().st_mode & 0o777 == 0o600
    assert (folder / "b").stat().st_mode & 0o700 == 0o600
