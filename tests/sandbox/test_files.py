"""The workspace behind the Jobs API: files, DBFS, permissions, clusters, and tasks that run uploads."""

from __future__ import annotations

import base64
import io
import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, InvalidParameterValue, NotFound, ResourceAlreadyExists
from databricks.sdk.service import jobs
from databricks.sdk.service.workspace import ExportFormat, ImportFormat, Language, ObjectType
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.errors import UsageError
from dbjobs.sandbox.files import Files
from dbjobs.sandbox.refusal import RefusalError
from dbjobs.sandbox.server import Sandbox

from .client import Client, state, task

if TYPE_CHECKING:
    from collections.abc import Callable

HOME = "/Users/user@sandbox.local"
NOTEBOOK = b"# Databricks notebook source\nprint('day', dbutils.widgets.get('day'))\n"
JUPYTER: dict[str, Any] = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Report\n", "of a day"]},
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": ["%pip install pandas"]},
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": ["rows = 3\n", "rows"]},
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": ["dbutils.notebook.exit(rows)"]},
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 4,
}


@pytest.fixture
def sdk(client: Client) -> WorkspaceClient:
    return WorkspaceClient(host=client.url, token=client.token)


def import_file(client: Client, path: str, content: bytes, **query: str) -> tuple[int, str]:
    """Upload as the command line and the bundles do; status and error_code."""
    response = client.session.post(
        f"{client.url}/api/2.0/workspace-files/import-file/{path}",
        data=content,
        params=query,
        headers={"Authorization": f"Bearer {client.token}"},
    )
    return response.status_code, response.json().get("error_code", "")


def upload(client: Client, **files: bytes) -> None:
    for name, content in files.items():
        assert import_file(client, f"{HOME}/{name.replace('__', '.')}", content, overwrite="true")[0] == 200


class TestWorkspace:
    def test_the_official_sdk_writes_lists_reads_and_deletes(self, sdk: WorkspaceClient) -> None:
        files = sdk.workspace
        files.mkdirs(f"{HOME}/shop/src")
        files.upload(f"{HOME}/shop/rates.csv", b"a,b\n", format=ImportFormat.AUTO)
        files.upload(f"{HOME}/shop/src/load.py", b"print(1)\n", format=ImportFormat.AUTO)
        files.upload(f"{HOME}/shop/src/report.py", NOTEBOOK, format=ImportFormat.AUTO)
        files.upload(f"{HOME}/shop/src/sums", b"select 1\n", language=Language.SQL)
        files.upload(f"{HOME}/shop/src/pages.ipynb", json.dumps(JUPYTER).encode(), format=ImportFormat.AUTO)

        found = {str(item.path): item for item in files.list(f"{HOME}/shop", recursive=True)}
        assert {path.removeprefix(f"{HOME}/shop/"): item.object_type for path, item in found.items()} == {
            "rates.csv": ObjectType.FILE,
            "src/load.py": ObjectType.FILE,
            "src/report": ObjectType.NOTEBOOK,
            "src/sums": ObjectType.NOTEBOOK,
            "src/pages": ObjectType.NOTEBOOK,
        }
        assert found[f"{HOME}/shop/src/sums"].language == Language.SQL
        assert files.get_status(f"{HOME}/shop/src").object_type == ObjectType.DIRECTORY
        assert files.get_status(f"/Workspace{HOME}/shop/rates.csv").size == 4
        assert len({item.object_id for item in found.values()}) == len(found)

        assert files.download(f"{HOME}/shop/rates.csv").read() == b"a,b\n"
        assert files.download(f"{HOME}/shop/src/report").read() == NOTEBOOK
        exported = files.export(f"{HOME}/shop/src/sums", format=ExportFormat.SOURCE)
        assert base64.b64decode(exported.content or "") == b"-- Databricks notebook source\nselect 1\n"
        assert exported.file_type == "sql"
        page = json.load(files.download(f"{HOME}/shop/src/pages", format=ExportFormat.JUPYTER))
        assert [(cell["cell_type"], "".join(cell["source"])) for cell in page["cells"]] == [
            (cell["cell_type"], "".join(cell["source"])) for cell in JUPYTER["cells"]
        ]

        with pytest.raises(BadRequest, match="not empty"):
            files.delete(f"{HOME}/shop")
        files.delete(f"{HOME}/shop", recursive=True)
        with pytest.raises(NotFound, match="doesn't exist"):
            list(files.list(f"{HOME}/shop"))

    def test_forms_hold_large_fields_and_not_too_many(self, client: Client) -> None:
        def post(**fields: str) -> int:
            headers = {"Authorization": f"Bearer {client.token}"}
            form = {name: (None, value) for name, value in fields.items()}
            return client.session.post(
                f"{client.url}/api/2.0/workspace/import", files=form, headers=headers
            ).status_code

        content = base64.b64encode(b"x" * 2_000_000).decode()
        assert post(path=f"{HOME}/large", format="RAW", content=content) == 200
        assert post(**{f"field{n}": "" for n in range(2_000)}) == 400

    def test_what_exists_is_replaced_only_when_asked_for(self, sdk: WorkspaceClient) -> None:
        path = f"{HOME}/a.txt"
        sdk.workspace.upload(path, b"1", format=ImportFormat.RAW)
        with pytest.raises(ResourceAlreadyExists):
            sdk.workspace.upload(path, b"2", format=ImportFormat.RAW)
        assert sdk.workspace.download(path).read() == b"1"
        sdk.workspace.upload(path, b"3", format=ImportFormat.RAW, overwrite=True)
        sdk.workspace.upload(path, b"x = 1", language=Language.PYTHON, overwrite=True)
        (only,) = [item for item in sdk.workspace.list(HOME) if item.path == path]
        assert only.object_type == ObjectType.NOTEBOOK

    @pytest.mark.parametrize(
        ("path", "content", "again"),
        [
            ("state/lock", b"mine", (409, "RESOURCE_ALREADY_EXISTS")),
            ("state/n.py", NOTEBOOK, (400, "RESOURCE_ALREADY_EXISTS")),
        ],
    )
    def test_an_upload_says_what_is_in_its_way(
        self, client: Client, path: str, content: bytes, again: tuple[int, str]
    ) -> None:
        """The clients of bundles lock a deployment with a file, and make folders that are missing."""
        assert import_file(client, f"{HOME}/{path}", content) == (404, "RESOURCE_DOES_NOT_EXIST")
        client.post("workspace/mkdirs", version="2.0", path=f"{HOME}/state")
        assert import_file(client, f"{HOME}/{path}", content) == (200, "")
        assert import_file(client, f"{HOME}/{path}", content) == again
        assert import_file(client, f"{HOME}/{path}", content, overwrite="true") == (200, "")

    @pytest.mark.parametrize(
        ("method", "path", "params", "expected"),
        [
            ("GET", "workspace/get-status", {"path": "/nowhere"}, (404, "RESOURCE_DOES_NOT_EXIST")),
            ("GET", "workspace/get-status", {"path": f"{HOME}/../.."}, (400, "INVALID_PARAMETER_VALUE")),
            ("GET", "workspace/get-status", {"path": "/a\0b"}, (400, "INVALID_PARAMETER_VALUE")),
            ("GET", "workspace/get-status", {"path": "/" + "a" * 300}, (400, "INVALID_PARAMETER_VALUE")),
            ("GET", "workspace/export", {"path": HOME}, (400, "INVALID_PARAMETER_VALUE")),
            ("GET", "workspace/export", {"path": "/x", "format": "DBC"}, (404, "RESOURCE_DOES_NOT_EXIST")),
            ("POST", "workspace/delete", {"path": "/", "recursive": True}, (400, "INVALID_PARAMETER_VALUE")),
            (
                "POST",
                "workspace/import",
                {"path": f"{HOME}/a", "content": "YQ=="},
                (400, "INVALID_PARAMETER_VALUE"),
            ),
            (
                "POST",
                "workspace/import",
                {"path": f"{HOME}/a", "content": "?", "format": "AUTO"},
                (400, "INVALID_PARAMETER_VALUE"),
            ),
            (
                "POST",
                "workspace/import",
                {"path": f"{HOME}/a.ipynb", "content": "YQ==", "format": "AUTO"},
                (400, "INVALID_PARAMETER_VALUE"),
            ),
            (
                "POST",
                "workspace/import",
                {"path": f"{HOME}/a.notebook.py", "content": "YQ==", "format": "AUTO"},
                (400, "INVALID_PARAMETER_VALUE"),
            ),
            (
                "POST",
                "workspace/import",
                {"path": HOME, "content": "YQ==", "format": "RAW", "overwrite": True},
                (400, "RESOURCE_ALREADY_EXISTS"),
            ),
            ("GET", "dbfs/read", {"path": "/nowhere"}, (404, "RESOURCE_DOES_NOT_EXIST")),
            ("POST", "dbfs/close", {"handle": 7}, (404, "RESOURCE_DOES_NOT_EXIST")),
            ("GET", "permissions/jobs/7", {}, (404, "RESOURCE_DOES_NOT_EXIST")),
            ("GET", "permissions/clusters/7", {}, (404, "ENDPOINT_NOT_FOUND")),
            ("GET", "repos", {}, (404, "ENDPOINT_NOT_FOUND")),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, client: Client, method: str, path: str, params: dict[str, Any], expected: tuple[int, str]
    ) -> None:
        assert client.refusal(method, path, version="2.0", **params)[:2] == expected

    @given(
        names=st.lists(st.sampled_from(["..", ".", "", "a", "b.py", "Workspace", "dbfs:", "~", "a\\b", "\0"]))
    )
    def test_no_path_leads_out_of_the_folder(self, names: list[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            files = Files(Path(folder) / "one" / "state")
            for tree in (files.workspace, files.dbfs):
                for path in ("/".join(["", *names]), "/".join(names)):
                    with suppress(RefusalError):
                        tree.make_folder(path)
                    with suppress(RefusalError):
                        tree.write(f"{path}/file", b"x", overwrite=True)
                    with suppress(RefusalError):
                        tree.delete(path, recursive=True)
            assert [str(file.relative_to(folder)) for file in Path(folder).glob("*/*")] == ["one/state"]
            assert {file.name for file in files.workspace.folder.parent.iterdir()} == {"workspace", "dbfs"}

    def test_a_link_that_a_task_made_leads_nowhere(self, client: Client, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("s3cret")
        upload(client, link__py=f"import os\nos.symlink({str(secret)!r}, 'found')\n".encode())
        run = client.finish({"task_key": "link", "spark_python_task": {"python_file": f"{HOME}/link.py"}})
        assert state(run)[1] == "SUCCESS"
        for path in ("workspace/export", "workspace/get-status"):
            assert client.refusal("GET", path, version="2.0", path=f"{HOME}/found")[0] == 400
        assert secret.read_text() == "s3cret"


def test_dbfs_takes_and_gives_files(sdk: WorkspaceClient, client: Client) -> None:
    large = bytes(range(256)) * 10_000  # more than one block
    sdk.dbfs.upload("/data/large.bin", io.BytesIO(large))
    client.post("dbfs/put", version="2.0", path="/data/small", contents="aGVsbG8=")
    assert sdk.dbfs.download("/data/large.bin").read() == large
    assert sdk.dbfs.read("dbfs:/data/small", offset=1, length=3).data == base64.b64encode(b"ell").decode()
    assert {(item.path, item.file_size) for item in sdk.dbfs.list("/data")} == {
        ("/data/large.bin", len(large)),
        ("/data/small", 5),
    }
    sdk.dbfs.delete("/data", recursive=True)
    with pytest.raises(NotFound):
        sdk.dbfs.get_status("/data")


class TestPermissions:
    def test_they_are_kept_for_a_job(self, sdk: WorkspaceClient, client: Client) -> None:
        job_id = str(client.create(client.python("a")))

        def granted() -> dict[str, str]:
            listed = sdk.jobs.get_permissions(job_id).as_dict()["access_control_list"]
            return {
                item.get("user_name") or item["group_name"]: item["all_permissions"][0]["permission_level"]
                for item in listed
            }

        assert granted() == {"user@sandbox.local": "IS_OWNER", "admins": "CAN_MANAGE"}
        viewers = jobs.JobAccessControlRequest(
            group_name="users", permission_level=jobs.JobPermissionLevel.CAN_VIEW
        )
        sdk.jobs.update_permissions(job_id, access_control_list=[viewers])
        assert granted() == {"user@sandbox.local": "IS_OWNER", "users": "CAN_VIEW", "admins": "CAN_MANAGE"}
        with pytest.raises(InvalidParameterValue, match="exactly one owner"):
            sdk.jobs.set_permissions(job_id, access_control_list=[viewers])
        owner = jobs.JobAccessControlRequest(
            user_name="ann@sandbox.local", permission_level=jobs.JobPermissionLevel.IS_OWNER
        )
        sdk.jobs.update_permissions(job_id, access_control_list=[owner])
        assert granted() == {"ann@sandbox.local": "IS_OWNER", "users": "CAN_VIEW", "admins": "CAN_MANAGE"}

    def test_they_are_kept_for_a_folder(self, sdk: WorkspaceClient, client: Client) -> None:
        number = sdk.workspace.get_status(HOME).object_id
        listed = [{"group_name": "users", "permission_level": "CAN_READ"}]
        path = f"permissions/directories/{number}"
        assert client.send("PUT", path, version="2.0", access_control_list=listed).status_code == 200
        assert client.get(path, version="2.0")["access_control_list"][0]["group_name"] == "users"


def test_clients_find_versions_and_machines(sdk: WorkspaceClient) -> None:
    assert sdk.clusters.select_spark_version(long_term_support=True, latest=True)
    assert sdk.clusters.select_node_type(min_memory_gb=8)
    assert list(sdk.clusters.list()) == []


def wheel(code: str, entry_points: str = "") -> bytes:
    """A wheel `shop` with this code, and with entry points if any are given."""
    content = io.BytesIO()
    with ZipFile(content, "w") as archive:
        archive.writestr("shop/__init__.py", code)
        archive.writestr("shop-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
        archive.writestr("shop-1.0.dist-info/entry_points.txt", entry_points)
    return content.getvalue()


CODE = """
import sys
def main():
    print('args', sys.argv[1:])
def fail():
    raise ValueError('bad rows')
"""
WHEEL = f"{HOME}/shop-1.0-py3-none-any.whl"


class TestTasks:
    def test_they_run_what_was_uploaded(self, client: Client) -> None:
        upload(
            client,
            load__py=b"import rates\nprint('rate', rates.RATE)\n",
            rates__py=b"RATE = 7\n",
            report__py=NOTEBOOK,
            pages__ipynb=json.dumps(JUPYTER).encode(),
        )
        load = {"task_key": "load", "spark_python_task": {"python_file": f"/Workspace{HOME}/load.py"}}
        report = {"notebook_path": f"/Workspace{HOME}/report", "base_parameters": {"day": "monday"}}
        pages = {"task_key": "pages", "notebook_task": {"notebook_path": f"{HOME}/pages"}}
        run = client.finish(load, {"task_key": "report", "notebook_task": report}, pages)
        assert client.output(run, "load")["logs"] == "rate 7\n"
        exported = client.get("jobs/runs/export", run_id=task(run, "report")["run_id"])
        assert exported["views"][0]["name"] == "report"
        assert client.output(run, "pages")["notebook_output"]["result"] == "3"

    def test_files_of_dbfs_run_too(self, client: Client) -> None:
        contents = base64.b64encode(b"print('from dbfs')").decode()
        client.post("dbfs/put", version="2.0", path="dbfs:/jobs/a.py", contents=contents)
        run = client.finish({"task_key": "a", "spark_python_task": {"python_file": "dbfs:/jobs/a.py"}})
        assert client.output(run, "a")["logs"] == "from dbfs\n"

    @pytest.mark.parametrize(
        ("entry_point", "entry_points"),
        [
            ("start", "[console_scripts]\nstart = shop:main\n"),
            ("start", "[jobs]\nstart=shop:main\n"),
            ("main", ""),
        ],
    )
    @pytest.mark.parametrize("is_serverless", [False, True])
    def test_a_wheel_runs_by_its_entry_point(
        self, client: Client, entry_point: str, entry_points: str, is_serverless: bool
    ) -> None:
        assert import_file(client, WHEEL, wheel(CODE, entry_points)) == (200, "")
        own = {
            "package_name": "shop",
            "entry_point": entry_point,
            "parameters": ["a"],
            "named_parameters": {"day": "1"},
        }
        task: dict[str, Any] = {"task_key": "wheel", "python_wheel_task": own}
        environments = [
            {"environment_key": "main", "spec": {"client": "2", "dependencies": [f"/Workspace{WHEEL}"]}}
        ]
        if is_serverless:
            run = client.finish(task | {"environment_key": "main"}, environments=environments)
        else:
            run = client.finish(task | {"libraries": [{"whl": f"/Workspace{WHEEL}"}]})
        assert client.output(run, "wheel")["logs"] == "args ['a', '--day=1']\n"

    def test_parameters_of_a_run_reach_the_wheel(self, client: Client) -> None:
        import_file(client, WHEEL, wheel(CODE))
        own = {"package_name": "shop", "entry_point": "main", "parameters": ["a"]}
        job = client.create({"task_key": "w", "python_wheel_task": own, "libraries": [{"whl": WHEEL}]})
        for params, expected in (
            ({"python_params": ["b"]}, "args ['b']\n"),
            ({"python_named_params": {"day": "2"}}, "args ['a', '--day=2']\n"),
        ):
            run = client.wait(client.run_now(job, **params))
            assert client.output(run, "w")["logs"] == expected

    @pytest.mark.parametrize(
        ("given", "code", "message"),
        [
            ({"entry_point": "fail"}, "RUN_EXECUTION_ERROR", "ValueError: bad rows"),
            ({"entry_point": "absent"}, "RUN_EXECUTION_ERROR", "no attribute 'absent'"),
            ({"package_name": "other"}, "RUN_EXECUTION_ERROR", "No module named 'other'"),
            ({"whl": f"{HOME}/absent.whl"}, "LIBRARY_INSTALLATION_ERROR", f"no file {HOME}/absent.whl"),
            ({"whl": f"{HOME}/broken.whl"}, "RUN_EXECUTION_ERROR", "not a zip file"),
        ],
    )
    def test_a_wheel_that_fails_says_why(
        self, client: Client, given: dict[str, str], code: str, message: str
    ) -> None:
        import_file(client, WHEEL, wheel(CODE))
        import_file(client, f"{HOME}/broken.whl", b"no wheel")
        own = {"package_name": "shop", "entry_point": "main"} | given
        libraries = [{"whl": own.pop("whl", WHEEL)}]
        run = client.finish({"task_key": "wheel", "python_wheel_task": own, "libraries": libraries})
        assert run["tasks"][0]["status"]["termination_details"]["code"] == code
        assert message in client.output(run, "wheel")["error"]

    def test_a_notebook_in_another_language_is_refused(self, client: Client) -> None:
        upload(client, sums__sql=b"-- Databricks notebook source\nselect 1\n")
        run = client.finish({"task_key": "sums", "notebook_task": {"notebook_path": f"{HOME}/sums"}})
        assert state(run["tasks"][0]) == ("INTERNAL_ERROR", "FAILED")
        assert "a notebook in SQL; the sandbox runs Python only" in client.output(run, "sums")["error"]


class TestState:
    def test_files_jobs_and_permissions_outlive_the_sandbox(
        self, start: Callable[..., Client], tmp_path: Path
    ) -> None:
        """A bundle that was deployed stays deployed; what was deleted stays deleted."""
        folder = tmp_path / "state"
        first = start(state=folder)
        upload(first, a__py=b"print('kept')")
        task = {"task_key": "a", "spark_python_task": {"python_file": f"{HOME}/a.py"}}
        kept, gone, newest = (first.create(task, name=name) for name in ("kept", "gone", "newest"))
        first.post("jobs/update", job_id=kept, new_settings={"max_concurrent_runs": 3})
        listed = [
            {"user_name": "user@sandbox.local", "permission_level": "IS_OWNER"},
            {"group_name": "users", "permission_level": "CAN_VIEW"},
        ]
        for job in (kept, gone):
            path = f"permissions/jobs/{job}"
            assert first.send("PUT", path, version="2.0", access_control_list=listed).status_code == 200
        first.post("jobs/delete", job_id=gone)

        again = start(state=folder)
        assert [job["job_id"] for job in again.get("jobs/list")["jobs"]] == [newest, kept]
        assert again.get("jobs/get", job_id=kept) == first.get("jobs/get", job_id=kept)
        granted = f"permissions/jobs/{kept}"
        assert again.get(granted, version="2.0") == first.get(granted, version="2.0")
        assert again.refusal("GET", f"permissions/jobs/{gone}", version="2.0")[0] == 404
        run = again.wait(again.run_now(kept))
        assert again.output(run, "a")["logs"] == "kept\n"
        assert folder.stat().st_mode & 0o777 == 0o700

    def test_without_a_folder_nothing_is_kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with Sandbox(root=tmp_path) as sandbox:
            client = Client(sandbox.url, sandbox.token, tmp_path)
            upload(client, a__txt=b"gone")
            client.session.close()
            assert list(tmp_path.rglob("a.txt"))
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_cannot_be_used_is_a_usage_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match="cannot keep its state in"):
            Sandbox(root=tmp_path, state=tmp_path / "file")
        (tmp_path / "state" / "jobs").mkdir(parents=True)
        (tmp_path / "state" / "jobs" / "7.json").write_text("{")
        with pytest.raises(UsageError, match=r"cannot read .*7\.json"):
            Sandbox(root=tmp_path, state=tmp_path / "state").close()
