"""examples/bundle: the official command line deploys it to the sandbox, and its jobs run there.

DATABRICKS_CLI_PATH names the command line. It deploys by one of two engines: `direct`, and Terraform,
for which DATABRICKS_TF_EXEC_PATH, DATABRICKS_TF_VERSION and DATABRICKS_TF_CLI_CONFIG_FILE have to be set too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .test_files import CODE, HOME, upload, wheel

if TYPE_CHECKING:
    from tests.conftest import Dbjobs

    from .client import Client

EXAMPLE = Path(__file__).parents[2] / "examples" / "bundle"
NAME = "[dev user] nightly sales"
WHEEL_JOB = """
resources:
  jobs:
    packed:
      name: packed
      tasks:
        - task_key: main
          python_wheel_task: {package_name: shop, entry_point: main, parameters: [a]}
          libraries: [{whl: ../dist/*.whl}]
          new_cluster: {spark_version: 16.4.x-scala2.12, node_type_id: i3.xlarge, num_workers: 1}
"""

CLI = os.environ.get("DATABRICKS_CLI_PATH", "")
TERRAFORM = {name: value for name, value in os.environ.items() if name.startswith("DATABRICKS_TF_")}

pytestmark = pytest.mark.skipif(not CLI, reason="DATABRICKS_CLI_PATH names no Databricks CLI")
needs_terraform = pytest.mark.skipif(
    "DATABRICKS_TF_EXEC_PATH" not in TERRAFORM, reason="DATABRICKS_TF_EXEC_PATH names no Terraform"
)

Databricks = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(params=["direct", pytest.param("terraform", marks=needs_terraform)])
def databricks(request: pytest.FixtureRequest, client: Client, tmp_path: Path) -> Databricks:
    """Call the official command line in a copy of the example."""
    shutil.copytree(EXAMPLE, tmp_path / "bundle", ignore=shutil.ignore_patterns(".databricks"))
    environ = {
        **TERRAFORM,
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DATABRICKS_HOST": client.url,
        "DATABRICKS_TOKEN": client.token,
        "DATABRICKS_BUNDLE_ENGINE": request.param,
    }

    def databricks(*args: str, exit_code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [CLI, *args],
            cwd=tmp_path / "bundle",
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exit_code, done.stdout + done.stderr
        return done

    return databricks


def test_a_bundle_lives_its_life(
    databricks: Databricks, client: Client, dbjobs: Dbjobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", client.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", client.token)
    assert "Validation OK!" in databricks("bundle", "validate").stdout
    assert "2 to add" in databricks("bundle", "plan").stdout
    databricks("bundle", "deploy")

    (job,) = client.get("jobs/list", expand_tasks="true")["jobs"]
    settings = job["settings"]
    assert (settings["name"], settings["edit_mode"]) == (NAME, "UI_LOCKED")
    assert settings["schedule"]["pause_status"] == "PAUSED", "as the mode development wants it"
    assert [task["job_cluster_key"] for task in settings["tasks"]] == ["small"] * 4
    granted = client.get(f"permissions/jobs/{job['job_id']}", version="2.0")["access_control_list"]
    assert {"users", "admins"} <= {item.get("group_name") for item in granted}
    assert NAME in databricks("bundle", "summary").stdout

    assert "100 orders of 2026-11-25" in databricks("bundle", "run", "nightly").stdout
    failed = databricks("bundle", "run", "nightly", "--params", "broken_orders=9", exit_code=1)
    assert "Task check failed" in failed.stderr

    watched = dbjobs("runs", "now", NAME, "-P", "day=today", "--wait")
    assert watched.exit_code == 0, watched.stderr
    assert "100 orders of today" in dbjobs("runs", "output", watched.lines[0]).stdout
    failed_too = dbjobs("runs", "now", NAME, "-P", "broken_orders=9", "--wait")
    assert (failed_too.exit_code, "9 of 100 orders have no amount" in failed_too.stderr) == (10, True)

    unchanged = databricks("bundle", "plan", "-o", "json").stdout
    assert {step["action"] for step in json.loads(unchanged)["plan"].values()} == {"skip"}
    variable = tmp_path / "bundle" / "databricks.yml"
    variable.write_text(variable.read_text().replace('default: "5"', 'default: "10"'))
    databricks("bundle", "deploy")
    databricks("bundle", "run", "nightly", "--params", "broken_orders=9")

    databricks("bundle", "destroy", "--auto-approve")
    assert "jobs" not in client.get("jobs/list")
    home = "/Users/user@sandbox.local/.bundle/sales/dev"
    assert client.refusal("GET", "workspace/get-status", version="2.0", path=home)[0] == 404


def test_a_job_that_dbjobs_prints_can_be_deployed(
    databricks: Databricks, client: Client, dbjobs: Dbjobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", client.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", client.token)
    upload(client, a__py=b"print('printed')")
    cluster = {"spark_version": "16.4.x-scala2.12", "node_type_id": "i3.xlarge", "num_workers": 1}
    task = {"task_key": "a", "spark_python_task": {"python_file": f"{HOME}/a.py"}, "new_cluster": cluster}
    job_id = client.create(task, name="made by hand")
    printed = dbjobs("jobs", "get", job_id, "-o", "bundle").stdout
    (tmp_path / "bundle" / "resources" / "nightly.job.yml").write_text(printed)
    databricks("bundle", "deploy")
    assert "printed" in databricks("bundle", "run", "made_by_hand").stdout


def test_its_wheel_runs(databricks: Databricks, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    (bundle / "dist").mkdir()
    (bundle / "dist" / "shop-1.0-py3-none-any.whl").write_bytes(wheel(CODE))
    (bundle / "resources" / "packed.job.yml").write_text(WHEEL_JOB)
    databricks("bundle", "deploy")
    assert "args ['a']" in databricks("bundle", "run", "packed").stdout


def test_two_deployments_at_once_do_not_mix(databricks: Databricks, client: Client, tmp_path: Path) -> None:
    """The lock of a deployment holds the second one off."""
    databricks("bundle", "deploy")
    state = "/Workspace/Users/user@sandbox.local/.bundle/sales/dev/state"
    client.session.post(
        f"{client.url}/api/2.0/workspace-files/import-file{state}/deploy.lock",
        json={"ID": "other", "AcquisitionTime": "2026-11-25T00:00:00Z", "IsForced": False, "User": "ann"},
        headers={"Authorization": f"Bearer {client.token}"},
    )
    yml = tmp_path / "bundle" / "databricks.yml"
    text = yml.read_text().replace("  name: sales", "  name: sales\n  deployment: {lock: {enabled: true}}")
    yml.write_text(text)
    refused = databricks("bundle", "deploy", exit_code=1)
    assert "lock" in refused.stderr


def test_the_rehearsal_of_the_example_ends_well(tmp_path: Path) -> None:
    script = shutil.copytree(EXAMPLE, tmp_path / "bundle") / "rehearse.sh"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [script],
        env={**os.environ, "PATH": path, "HOME": str(tmp_path), "DATABRICKS_CLI_PATH": CLI},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
