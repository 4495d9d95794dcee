"""Azure's tenants and programs, the host's documents, the runtime: what signing in finds by itself."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.auth.grants import lifetime_of
from tests.auth.world import Sent, World, serve_world, way_to
from tests.conftest import Dbjobs
from tests.support.secrets import secret

AZURE = "https://adb-1.2.azuredatabricks.net"
RESOURCE_ID = "/subscriptions/sub-1/resourceGroups/g/providers/Microsoft.Databricks/workspaces/w"
GET = ("jobs", "get", "7", "-o", "json")
DATABRICKS, MANAGEMENT = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d", "https://management.core.windows.net"

AZ = """#!/bin/sh
echo "$@" >> "{log}"
case "$*" in {refused}) echo "ERROR: not for this account" >&2; exit 1;; esac
echo '{{"accessToken": "from-az", "expiresOn": "2099-01-01 00:00:00.000000", "tokenType": "Bearer"}}'
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    authority, ca = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca)
    with serve_world(authority, World()) as world:
        for name, value in way_to(world, ca).items():
            monkeypatch.setenv(name, value)
        yield world


def write(home: Path, **settings: str) -> None:
    path = home / ".databrickscfg"
    path.write_text("[DEFAULT]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))
    path.chmod(0o600)


def install_az(folder: Path, monkeypatch: pytest.MonkeyPatch, refused: str) -> Path:
    log, program = folder / "az.log", folder / "az"
    program.write_text(AZ.format(log=log, refused=refused))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return log


def last_headers(world: World) -> dict[str, str]:
    sent: Sent = world.sent()[0][-1]
    return dict(sent.headers)


@pytest.mark.parametrize(
    ("settings", "refused", "options"),
    [
        pytest.param({}, "nothing", ["--tenant tenant-of-host"], id="a guest: the tenant is the host's"),
        pytest.param({"azure_tenant_id": "t"}, "nothing", ["--tenant t"], id="the tenant of the profile"),
        pytest.param({"azure_tenant_id": "t"}, "*--tenant*", ["--tenant t", ""],
                     id="a managed identity: no tenant"),
        pytest.param({"azure_workspace_resource_id": RESOURCE_ID}, "*--subscription*",
                     ["--subscription sub-1 --tenant tenant-of-host", "--tenant tenant-of-host"],
                     id="a user of the workspace alone"),
    ],
)  # fmt: skip
def test_az_is_asked_for_the_tenant_and_with_less_where_the_account_does_not_allow_it(
    dbjobs: Dbjobs,
    world: World,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    refused: str,
    options: list[str],
) -> None:
    log = install_az(tmp_path, monkeypatch, refused)
    write(home, host=AZURE, **settings)
    result = dbjobs(*GET)

    assert result.exit_code == 0, result.stderr
    command = f"account get-access-token --resource {DATABRICKS} --output json"
    calls = [
        line.removeprefix(command).strip() for line in log.read_text().splitlines() if DATABRICKS in line
    ]
    assert calls == options
    assert last_headers(world)["authorization"] == "Bearer from-az"


@pytest.mark.parametrize("refused", ["nothing", f"*{MANAGEMENT}*"])
def test_az_may_refuse_a_management_token(
    dbjobs: Dbjobs,
    world: World,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: str,
) -> None:
    install_az(tmp_path, monkeypatch, refused)
    write(home, host=AZURE, azure_workspace_resource_id=RESOURCE_ID)
    result = dbjobs(*GET)

    assert result.exit_code == 0, result.stderr
    headers = last_headers(world)
    assert headers["x-databricks-azure-workspace-resource-id"] == RESOURCE_ID
    assert ("x-databricks-azure-sp-management-token" in headers) == (refused == "nothing")


def test_a_service_principal_may_be_refused_a_management_token(
    dbjobs: Dbjobs, world: World, home: Path
) -> None:
    world.refused = MANAGEMENT
    write(
        home,
        host=AZURE,
        azure_client_id="c",
        azure_client_secret=secret("azure"),
        azure_workspace_resource_id=RESOURCE_ID,
    )
    result = dbjobs(*GET, "--verbose")

    assert result.exit_code == 0, result.stderr
    assert "continuing without a management token" in result.stderr
    assert "x-databricks-azure-sp-management-token" not in last_headers(world)


@pytest.mark.parametrize(
    ("host", "variable", "authority"),
    [
        (AZURE, "", "login.microsoftonline.com"),
        (AZURE, "CHINA", "login.microsoftonline.com"),
        ("https://adb-1.2.databricks.azure.cn", "", "login.chinacloudapi.cn"),
        ("https://private.example", "usgovernment", "login.microsoftonline.us"),
        ("https://private.example", "AzureChinaCloud", "login.chinacloudapi.cn"),
        ("https://private.example", "", "login.microsoftonline.com"),
    ],
)
def test_the_cloud_is_that_of_the_host_else_the_one_that_is_named(
    dbjobs: Dbjobs, world: World, host: str, variable: str, authority: str
) -> None:
    azure = {"ARM_CLIENT_ID": "c", "ARM_CLIENT_SECRET": secret("azure"), "ARM_TENANT_ID": "t"}
    result = dbjobs(*GET, DATABRICKS_HOST=host, ARM_ENVIRONMENT=variable, **azure)

    assert result.exit_code == 0, result.stderr
    assert world.sent()[0][0].url == f"https://{authority}/t/oauth2/v2.0/token"


def test_a_cloud_that_there_is_none_of_is_named(dbjobs: Dbjobs, world: World) -> None:
    azure = {"ARM_CLIENT_ID": "c", "ARM_CLIENT_SECRET": secret("azure"), "ARM_TENANT_ID": "t"}
    result = dbjobs(*GET, DATABRICKS_HOST="https://private.example", ARM_ENVIRONMENT="MOON", **azure)

    assert result.exit_code == 3
    assert "azure_environment 'MOON' is not one of PUBLIC, USGOVERNMENT, CHINA" in result.stderr


@pytest.mark.parametrize(
    ("metadata", "endpoint"),
    [
        ({"oidc_endpoint": "https://acme.databricks.com/oidc/accounts/{account_id}", "account_id": "a"},
         "https://acme.databricks.com/oidc/accounts/a/v1/token"),
        ({"oidc_endpoint": "https://acme.databricks.com/oidc/accounts/{account_id}"},
         "https://acme.databricks.com/oidc/v1/token"),
        ({"oidc_endpoint": "https://accounts.cloud.databricks.com/oidc/accounts/a/"},
         "https://accounts.cloud.databricks.com/oidc/accounts/a/v1/token"),
        ({"oidc_endpoint": None}, "https://acme.databricks.com/oidc/v1/token"),
    ],
)  # fmt: skip
def test_the_token_endpoint_is_where_the_host_says(
    dbjobs: Dbjobs, world: World, home: Path, metadata: dict[str, Any], endpoint: str
) -> None:
    world.metadata = metadata
    write(
        home, host="https://acme.databricks.com", client_id="c", client_secret=secret("m2m"), workspace_id="1"
    )

    assert dbjobs(*GET).exit_code == 0
    assert [one.url for one in world.sent()[0] if one.method == "POST"] == [endpoint]


def test_the_host_cannot_send_the_secret_to_a_stranger(dbjobs: Dbjobs, world: World, home: Path) -> None:
    world.metadata = {"oidc_endpoint": "https://private.example/oidc"}
    write(home, host="https://acme.databricks.com", client_id="c", client_secret=secret("m2m"))
    result = dbjobs(*GET)

    assert result.exit_code == 3
    assert "another host" in result.stderr
    assert not any(one.method == "POST" for one in world.sent()[0])


OF_NOTEBOOK = {"Authorization": "Bearer of-notebook"}
NOW = 1_767_225_600.0


@pytest.mark.parametrize(
    ("answer", "lifetime"),
    [
        ({"expires_in": 60}, 60),
        ({"expires_in": "60"}, 60),
        ({"expires_in": 60, "expires_on": 1}, 60),
        ({"expires_on": NOW + 60}, 60),
        ({"expires_on": str(int(NOW + 60))}, 60),
        ({"expiry": "2026-01-01T00:01:00Z"}, 60),
        ({"expiry": "2026-01-01T00:01:00.123456789Z"}, pytest.approx(60.123456)),
        ({"expiry": "2026-01-01T01:01:00.5+01:00"}, pytest.approx(60.5)),
        ({"expiresOn": "2026-01-01 00:01:00.000000"}, 60),
        ({"expiresOn": "2025-01-01 00:00:00"}, 0),
        ({"expiry": "0001-01-01T00:00:00Z"}, None),
        ({"expiry": "soon"}, None),
        ({"expires_in": None, "expiry": ""}, None),
        ({}, None),
    ],
)
def test_the_end_of_a_token_is_read_in_every_form(answer: dict[str, Any], lifetime: float | None) -> None:
    assert lifetime_of(answer, NOW) == lifetime


@given(st.dictionaries(st.sampled_from(["expires_in", "expires_on", "expiry"]), st.one_of(
    st.none(), st.integers(), st.floats(), st.text(max_size=20), st.lists(st.integers(), max_size=2)
)))  # fmt: skip
def test_no_answer_makes_the_lifetime_an_error(answer: dict[str, Any]) -> None:
    lifetime = lifetime_of(answer, NOW)

    assert lifetime is None or lifetime >= 0


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that notebooks and jobs of Databricks have."""
    module = ModuleType("dbruntime.sdk_credential_provider")
    monkeypatch.setitem(sys.modules, "dbruntime", ModuleType("dbruntime"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "16.4")
    return module


@pytest.mark.parametrize(
    ("name", "result"),
    [
        (
            "init_runtime_native_unified",
            (AZURE, "account", 12, lambda: {"Authorization": "Bearer of-notebook"}),
        ),
        ("init_runtime_native_auth", (AZURE, lambda: {"Authorization": "Bearer of-notebook"})),
    ],
)
def test_in_a_notebook_its_user_is_signed_in(
    dbjobs: Dbjobs, world: World, runtime: ModuleType, name: str, result: tuple[Any, ...]
) -> None:
    setattr(runtime, name, lambda: result)
    done = dbjobs(*GET, "--verbose")

    assert done.exit_code == 0, done.stderr
    headers = last_headers(world)
    assert headers["authorization"] == "Bearer of-notebook"
    assert headers.get("x-databricks-workspace-id") == ("12" if len(result) == 4 else None)
    assert "of-notebook" not in done.stderr


def test_older_notebooks_give_their_token_by_their_context(
    dbjobs: Dbjobs, world: World, runtime: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ModuleType("dbruntime.databricks_repl_context")
    found = SimpleNamespace(workspaceUrl=AZURE.removeprefix("https://"), apiToken="of-notebook")
    vars(context)["get_context"] = lambda: found
    monkeypatch.setitem(sys.modules, context.__name__, context)

    assert dbjobs(*GET).exit_code == 0
    assert last_headers(world)["authorization"] == "Bearer of-notebook"


def test_outside_of_a_notebook_the_runtime_is_no_way_in(dbjobs: Dbjobs, world: World) -> None:
    result = dbjobs(*GET, DATABRICKS_HOST=AZURE, DATABRICKS_AUTH_TYPE="runtime")

    assert (result.exit_code, json.dumps(world.sent())) == (3, "[[]]")
    assert f"this is not a notebook or job of {AZURE}" in result.stderr
