"""A host that serves two workspaces, and the browser's part of signing in, rehearsed with dbjobs itself."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from dbjobs.sandbox.server import Sandbox
from tests.conftest import TOKEN, Dbjobs

JOB = "{name: NAME, tasks: [{task_key: a, spark_python_task: {python_file: /a.py}, existing_cluster_id: c}]}"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    root = tmp_path_factory.mktemp("root")
    (root / "a.py").write_text("print('done')\n")
    with Sandbox(root=root, token=TOKEN, time_scale=100, workspace_ids=("1001", "2002")) as sandbox:
        yield sandbox


def test_each_workspace_has_jobs_and_runs_of_its_own(dbjobs: Dbjobs, shared: Sandbox) -> None:
    for workspace_id in ("1001", "2002"):
        environ = {"DATABRICKS_HOST": f"{shared.url}/?o={workspace_id}", "DATABRICKS_TOKEN": TOKEN}
        created = dbjobs("jobs", "create", "--json", JOB.replace("NAME", f"of {workspace_id}"), **environ)
        assert created.exit_code == 0, created.stderr
        done = dbjobs("runs", "now", f"of {workspace_id}", "--wait", **environ)
        assert done.exit_code == 0, done.stderr
        assert f"{shared.url}/?o={workspace_id}#job/" in done.stderr
        listed = dbjobs("jobs", "list", "-o", "json", **environ).stdout
        assert re.findall("of [0-9]+", listed) == [f"of {workspace_id}"]


def test_without_a_workspace_there_is_a_page_to_log_in_and_dbjobs_says_what_to_do(
    dbjobs: Dbjobs, shared: Sandbox
) -> None:
    result = dbjobs("jobs", "list", DATABRICKS_HOST=shared.url, DATABRICKS_TOKEN=TOKEN)

    assert result.exit_code == 3
    assert "DATABRICKS_WORKSPACE_ID" in result.stderr


def test_a_check_names_the_workspace_that_answers(dbjobs: Dbjobs, shared: Sandbox) -> None:
    result = dbjobs(
        "profiles",
        "check",
        DATABRICKS_HOST=shared.url,
        DATABRICKS_TOKEN=TOKEN,
        DATABRICKS_WORKSPACE_ID="2002",
    )

    assert result.exit_code == 0, result.stderr
    assert "in workspace 2002" in result.stdout


ASKED = {
    "response_type": "code",
    "client_id": "databricks-cli",
    "redirect_uri": "http://localhost:8020",
    "state": "s",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""Challenge and verifier are those of RFC 7636, appendix B."""


def authorize(sandbox: Sandbox, **changed: str) -> requests.Response:
    return requests.get(
        f"{sandbox.url}/oidc/v1/authorize", params=ASKED | changed, allow_redirects=False, timeout=30
    )


def redeem(sandbox: Sandbox, **form: str) -> Any:
    return requests.post(f"{sandbox.url}/oidc/v1/token", data=form, timeout=30)


def code_for(sandbox: Sandbox) -> dict[str, str]:
    """A form that is good for a token, once."""
    query = parse_qs(urlsplit(authorize(sandbox).headers["location"]).query)
    assert query["state"] == ["s"]
    return {
        "grant_type": "authorization_code",
        "client_id": ASKED["client_id"],
        "redirect_uri": ASKED["redirect_uri"],
        "code": query["code"][0],
        "code_verifier": VERIFIER,
    }


def test_a_code_and_a_refresh_token_are_good_once(shared: Sandbox) -> None:
    form = code_for(shared)
    first = redeem(shared, **form)
    assert first.status_code == 200
    assert redeem(shared, **form).json()["error"] == "invalid_grant"

    refresh = {"grant_type": "refresh_token", "refresh_token": first.json()["refresh_token"]}
    second = redeem(shared, **refresh).json()
    assert second["access_token"] != first.json()["access_token"]
    assert redeem(shared, **refresh).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "changed", [{"code_verifier": "wrong"}, {"client_id": "other"}, {"redirect_uri": "http://localhost:1"}]
)
def test_a_code_is_good_for_nobody_but_who_asked(shared: Sandbox, changed: dict[str, str]) -> None:
    answer = redeem(shared, **(code_for(shared) | changed))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": "https://elsewhere.example"},
        {"redirect_uri": "http://localhost.example"},
        {"code_challenge_method": "plain"},
        {"response_type": "token"},
    ],
)
def test_a_browser_is_sent_to_this_machine_only_and_with_a_code(
    shared: Sandbox, changed: dict[str, str]
) -> None:
    answer = authorize(shared, **changed)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("depth", [10_000, 1_000_000])
def test_deep_json_is_refused_and_the_connection_kept(shared: Sandbox, depth: int) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Databricks-Workspace-Id": "1001"}
    answer = requests.post(
        f"{shared.url}/api/2.2/jobs/create", data="[" * depth + "]" * depth, headers=headers, timeout=60
    )

    assert (answer.status_code, answer.json()["error_code"]) == (400, "MALFORMED_REQUEST")


def test_no_token_in_an_address_reaches_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Sandbox(root=tmp_path, token=TOKEN, log=log) as sandbox:
        requests.get(f"{sandbox.url}/api/2.2/jobs/list?limit=1&access_token={TOKEN}", timeout=30)

    assert "jobs/list" in log.read_text()
    assert "secret-of" not in log.read_text()
