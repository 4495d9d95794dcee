"""One host for several workspaces: whichever way the workspace is named, each request goes to it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.conftest import Dbjobs, Serve
from tests.support.fakes import Received, Reply, ScriptedServer, scripted_server
from tests.support.payloads import run
from tests.support.secrets import secret

HOST, OTHER_HOST = "https://acme.databricks.com", "https://adb-1.2.azuredatabricks.net"
TOKEN = secret("dapi")
WORKSPACES = {"1001": "production", "2002": "development"}
HEADER = "x-databricks-workspace-id"
METADATA = "/.well-known/databricks-config"
LOGIN_PAGE = Reply(200, "<html>Log in to Databricks</html>", {"Content-Type": "text/html"})
GET = ("runs", "get", 42, "-o", "json")


class UnifiedHost:
    """Two workspaces behind one name; whoever names none of them gets a page to log in."""

    metadata: Mapping[str, Any] | None = None
    server: ScriptedServer

    def reply(self, request: Received) -> Reply:
        if request.path == METADATA:
            return Reply(body=self.metadata) if self.metadata else Reply(404, "not here")
        workspace_id = request.headers.get(HEADER, "")
        if workspace_id not in WORKSPACES:
            return LOGIN_PAGE
        headers = {"X-Databricks-Org-Id": workspace_id}
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Reply(401, {"error_code": "UNAUTHENTICATED", "message": "no credentials"}, headers)
        if request.path.endswith("/Me"):
            return Reply(body={"userName": "ada@example.com"}, headers=headers)
        if request.endpoint == "list":
            name = WORKSPACES[workspace_id]
            return Reply(body={"jobs": [{"job_id": int(workspace_id), "settings": {"name": name}}]})
        return Reply(body=run("TERMINATED", "SUCCESS", run_id=42, run_name=WORKSPACES[workspace_id]))

    @property
    def asked(self) -> list[str]:
        return [request.path for request in self.server.received]


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UnifiedHost]:
    """The host under its real name, behind TLS."""
    authority, host = trustme.CA(), UnifiedHost()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with scripted_server(host.reply, authority=authority) as host.server:
        monkeypatch.setenv("HTTPS_PROXY", host.server.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        yield host


def in_ini(home: Path, **settings: str) -> dict[str, str]:
    path = home / ".databrickscfg"
    path.write_text("[DEFAULT]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))
    path.chmod(0o600)
    return {}


PROFILE = {"host": HOST, "token": TOKEN}
VARIABLES = {"DATABRICKS_HOST": HOST, "DATABRICKS_TOKEN": TOKEN}


@pytest.mark.parametrize(
    ("profile", "options", "variables", "name"),
    [
        ({**PROFILE, "workspace_id": "1001"}, (), {}, "production"),
        ({"host": f"{HOST}/?o=2002", "token": TOKEN}, (), {}, "development"),
        ({"host": f"{HOST}?w=2002", "token": TOKEN}, (), {}, "development"),
        ({"host": f"{HOST}/?workspace_id=2002", "token": TOKEN}, (), {}, "development"),
        ({"host": f"{HOST}/jobs/3?o=2002", "token": TOKEN}, (), {}, "development"),
        ({"host": f"{HOST}/?o=2002", "token": TOKEN, "workspace_id": "1001"}, (), {}, "production"),
        ({"host": f"{HOST}/?o=2002", "token": TOKEN, "workspace_id": "none"}, (), {}, "development"),
        (
            {**PROFILE, "workspace_id": "1001"},
            ("--host", f"{HOST}/?o=2002"),
            {},
            "development",
        ),
        ({**PROFILE, "workspace_id": "1001"}, ("--host", HOST), {}, "production"),
        ({}, (), VARIABLES | {"DATABRICKS_WORKSPACE_ID": "1001"}, "production"),
        ({}, (), VARIABLES | {"DATABRICKS_HOST": f"{HOST}/?o=2002"}, "development"),
        (
            {**PROFILE, "workspace_id": "1001"},
            (),
            VARIABLES | {"DATABRICKS_WORKSPACE_ID": "2002"},
            "development",
        ),
        (
            {**PROFILE, "workspace_id": "1001"},
            (),
            {"DATABRICKS_WORKSPACE_ID": "2002"},
            "production",
        ),
    ],
)
def test_the_workspace_is_the_one_that_the_host_s_own_source_names(
    dbjobs: Dbjobs,
    acme: UnifiedHost,
    home: Path,
    profile: dict[str, str],
    options: tuple[str, ...],
    variables: dict[str, str],
    name: str,
) -> None:
    if profile:
        in_ini(home, **profile)
    result = dbjobs(*GET, *options, **variables)

    assert (result.exit_code, json.loads(result.stdout or "{}").get("run_name")) == (0, name), result.stderr
    assert acme.asked == ["/api/2.2/jobs/runs/get"], "one request is enough"


def test_a_host_that_stands_for_one_workspace_says_so_itself(
    dbjobs: Dbjobs, acme: UnifiedHost, home: Path
) -> None:
    acme.metadata = {"workspace_id": "2002", "oidc_endpoint": f"{HOST}/oidc"}
    in_ini(home, host=HOST, token=TOKEN)
    result = dbjobs(*GET)

    assert json.loads(result.stdout)["run_name"] == "development"
    assert acme.asked == [METADATA, "/api/2.2/jobs/runs/get"]


def test_hosts_of_a_single_workspace_are_asked_nothing(dbjobs: Dbjobs, acme: UnifiedHost, home: Path) -> None:
    acme.metadata = {"workspace_id": "2002"}
    in_ini(home, host=OTHER_HOST, token=TOKEN)
    dbjobs(*GET)

    assert METADATA not in acme.asked
    assert HEADER not in acme.server.received[0].headers


@pytest.mark.parametrize("metadata", [None, {"account_id": "a"}, {"workspace_id": ""}])
def test_a_page_to_log_in_from_a_shared_host_says_how_to_name_the_workspace(
    dbjobs: Dbjobs, acme: UnifiedHost, home: Path, metadata: dict[str, str] | None
) -> None:
    acme.metadata = metadata
    in_ini(home, host=HOST, token=TOKEN)

    for command in (GET, ("profiles", "check")):
        result = dbjobs(*command)
        assert result.exit_code == 3
        for word in ("several workspaces", "workspace_id", "DATABRICKS_WORKSPACE_ID", "?o=ID"):
            assert word in result.stderr


def test_a_page_to_log_in_says_which_workspace_was_asked_for(
    dbjobs: Dbjobs, acme: UnifiedHost, home: Path
) -> None:
    in_ini(home, host=HOST, token=TOKEN, workspace_id="3003")

    assert "for workspace 3003 (profile DEFAULT in" in dbjobs(*GET).stderr


@pytest.mark.parametrize("workspace_id", ["1 1", "1\t2", "é"])
def test_what_is_no_workspace_id_is_never_sent(
    dbjobs: Dbjobs, acme: UnifiedHost, home: Path, workspace_id: str
) -> None:
    in_ini(home, host=HOST, token=TOKEN, workspace_id=workspace_id)
    result = dbjobs(*GET)

    assert (result.exit_code, acme.asked) == (3, [])
    assert "workspace_id from profile DEFAULT" in result.stderr


def test_profiles_know_their_workspace(dbjobs: Dbjobs, acme: UnifiedHost) -> None:
    added = dbjobs("profiles", "add", "prod", "--host", f"{HOST}/?o=1001", "--token-stdin", stdin=TOKEN)
    assert added.exit_code == 0, added.stderr
    checked = dbjobs("profiles", "check", "prod")
    shown = json.loads(dbjobs("profiles", "show", "prod", "-o", "json").stdout)["settings"]
    (listed,) = json.loads(dbjobs("profiles", "list", "-o", "json").stdout)

    assert "ada@example.com, in workspace 1001" in checked.stdout, checked.stderr
    assert shown["host"]["value"] == HOST
    assert shown["workspace_id"]["value"] == listed["workspace_id"] == "1001"
    assert f"{HOST}/?w=1001" in dbjobs("profiles", "list").stdout


def test_a_check_notices_that_another_workspace_answers(
    dbjobs: Dbjobs, acme: UnifiedHost, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As from a host that does not know the header."""
    in_ini(home, host=HOST, token=TOKEN, workspace_id="1001")
    reply = acme.reply
    acme.server.script = lambda request: reply(
        Received(request.method, request.path, request.query, request.headers | {HEADER: "2002"}, None)
    )
    result = dbjobs("profiles", "check")

    assert result.exit_code == 3
    assert "workspace 2002 answers, but the requests are for 1001" in result.stderr


def test_the_address_of_a_run_in_another_workspace_is_refused(
    dbjobs: Dbjobs, acme: UnifiedHost, home: Path
) -> None:
    in_ini(home, host=HOST, token=TOKEN, workspace_id="1001")
    result = dbjobs("runs", "get", f"{HOST}/jobs/7/runs/42?o=2002")

    assert (result.exit_code, acme.asked) == (3, [])
    assert "that run is in workspace 2002, but this is workspace 1001" in result.stderr
    assert dbjobs("runs", "get", f"{HOST}/jobs/7/runs/42?o=1001").exit_code == 0


def test_completion_offers_the_jobs_of_one_workspace_only(dbjobs: Dbjobs, acme: UnifiedHost) -> None:
    for workspace_id in WORKSPACES:
        dbjobs("jobs", "list", **VARIABLES, DATABRICKS_WORKSPACE_ID=workspace_id)
    line = {"_DBJOBS_COMPLETE": "fish", "_DBJOBS_WORDS": "\x1f".join(["jobs", "get", ""])}

    for workspace_id, name in WORKSPACES.items():
        offered = complete({**line, "DATABRICKS_HOST": HOST, "DATABRICKS_WORKSPACE_ID": workspace_id})
        assert workspace_id in offered
        assert name in offered
        assert not any(other in offered for other in WORKSPACES if other != workspace_id)


def complete(environ: Mapping[str, str]) -> str:
    from dbjobs.cli.completion.answer import SHELL_VARIABLE, answer

    return answer({SHELL_VARIABLE: environ["_DBJOBS_COMPLETE"], **environ})


def test_a_loopback_host_takes_a_workspace_as_well(dbjobs: Dbjobs, serve: Serve) -> None:
    host = UnifiedHost()
    server = host.server = serve(host.reply)
    result = dbjobs(*GET, DATABRICKS_HOST=f"{server.url}/?o=1001", DATABRICKS_TOKEN=TOKEN)

    assert result.exit_code == 0, result.stderr
