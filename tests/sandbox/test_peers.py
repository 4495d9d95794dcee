"""Clients that we did not write agree that it is a workspace."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.peers import python_with, run_driver

if TYPE_CHECKING:
    from .client import Client
    from .conftest import Play

DRIVERS = Path(__file__).parent
FILES = {
    "ok.py": "import sys\nprint('ok', sys.argv[1:])\n",
    "bad.py": "raise ValueError('bad rows')\n",
    "slow.py": "import time\ntime.sleep(60)\n",
    "fixable.py": "import os\nif not os.path.exists('repaired'):\n    raise ValueError('not yet')\n",
    "page.py": "# Databricks notebook source\ndbutils.notebook.exit('done')\n",
}


@pytest.fixture
def workspace(play: Play) -> Client:
    """A sandbox with the files that the drivers run; what it cannot run, succeeds."""
    client = play("tasks: [{when: {task: sql}, then: {result_state: SUCCESS}}]")
    for name, source in FILES.items():
        (client.root / name).write_text(source)
    return client


@pytest.mark.parametrize(
    ("is_old", "version", "own"), [(False, "2.2", "2.2"), (True, "2.2", "2.1"), (True, "2.1", "2.1")]
)
def test_the_official_sdk_drives_every_method_it_has(
    workspace: Client, is_old: bool, version: str, own: str
) -> None:
    """The one of the development environment, and one of November 2024 whose own API version is 2.1."""
    environ = {"DATABRICKS_HOST": workspace.url, "DATABRICKS_TOKEN": workspace.token}
    repaired = str(workspace.root / "repaired")
    python = python_with("old-sdk") if is_old else Path(sys.executable)
    spoken = run_driver(python, DRIVERS / "drive_sdk.py", version, repaired, environ=environ)
    assert spoken.split() == [own]


@pytest.mark.parametrize("secret", ["token", "wrong"])
def test_the_official_sdk_signs_in_as_a_service_principal(workspace: Client, secret: str) -> None:
    environ = {
        "DATABRICKS_HOST": workspace.url,
        "DATABRICKS_CLIENT_ID": "me",
        "DATABRICKS_CLIENT_SECRET": workspace.token if secret == "token" else "wrong",
    }
    driver = workspace.root / "me.py"
    driver.write_text(
        "from databricks.sdk import WorkspaceClient\n"
        "try:\n    print(WorkspaceClient().current_user.me().user_name)\n"
        "except ValueError as error:\n    print('invalid_client' in str(error))\n"
    )
    said = run_driver(Path(sys.executable), driver, environ=environ)
    assert said.strip() == ("user@sandbox.local" if secret == "token" else "True")


@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_the_legacy_cli_drives_every_command_it_has(workspace: Client, version: str) -> None:
    """It drops the port from its host, so it comes as through a proxy."""
    environ = {
        "HTTP_PROXY": workspace.url,
        "DATABRICKS_HOST": "http://sandbox.test",
        "DATABRICKS_TOKEN": workspace.token,
        "DATABRICKS_JOBS_API_VERSION": version,
    }
    run_driver(python_with("legacy-cli"), DRIVERS / "drive_legacy_cli.py", version, environ=environ)
