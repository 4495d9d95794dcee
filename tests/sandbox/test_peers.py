"""Clients that we did not write agree that it is a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.peers import python_with, run_driver

if TYPE_CHECKING:
    from .client import Client
    from .conftest import Play

NEWEST_SDK = "databricks-sdk"
OLD_SDK = "databricks-sdk==0.38.0"
"""Of November 2024; its own version of the Jobs API is 2.1."""
LEGACY_CLI = "databricks-cli==0.18.0"

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
    ("sdk", "version", "own"), [(NEWEST_SDK, "2.2", "2.2"), (OLD_SDK, "2.2", "2.1"), (OLD_SDK, "2.1", "2.1")]
)
def test_the_official_sdk_drives_every_method_it_has(
    workspace: Client, sdk: str, version: str, own: str
) -> None:
    environ = {"DATABRICKS_HOST": workspace.url, "DATABRICKS_TOKEN": workspace.token}
    repaired = str(workspace.root / "repaired")
    spoken = run_driver(python_with(sdk), DRIVERS / "drive_sdk.py", version, repaired, environ=environ)
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
    said = run_driver(python_with(NEWEST_SDK), driver, environ=environ)
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
    run_driver(python_with(LEGACY_CLI), DRIVERS / "drive_legacy_cli.py", version, environ=environ)
