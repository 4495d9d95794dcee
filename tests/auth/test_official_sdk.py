"""Side by side with the official `databricks-sdk`, of today and of a year ago: alike in, alike out."""

import fcntl
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from dbjobs.auth.methods import AUTH_METHODS
from dbjobs.config.hosts import serves_one_workspace
from dbjobs.config.settings import SETTINGS
from tests.auth.world import (
    DEVOPS as DEVOPS_HOST,
)
from tests.auth.world import (
    GITHUB as GITHUB_HOST,
)
from tests.auth.world import (
    METADATA_SERVICE,
    UNIFIED,
    Sent,
    World,
    as_version_2,
    serve_world,
    way_to,
)
from tests.conftest import Dbjobs
from tests.support.manual import rows_of
from tests.support.peers import python_with
from tests.support.secrets import secret

HOST, OTHER = "https://one.example.com", "https://two.example.com"
AZURE_HOST, ACCOUNT_HOST = "https://adb-1.2.azuredatabricks.net", "https://accounts.cloud.databricks.com"
PAT, OTHER_PAT = secret("dapi-one"), secret("dapi-two")
M2M = {"client_id": "client-1", "client_secret": secret("m2m")}
AZURE = {"azure_tenant_id": "tenant", "azure_client_id": "azure-1", "azure_client_secret": secret("azure")}
BASIC = {"username": "ada", "password": secret("basic")}
ENV_HOST = {"DATABRICKS_HOST": HOST}
ENV_PAT = {**ENV_HOST, "DATABRICKS_TOKEN": PAT}
ENV_CLIENT = {**ENV_HOST, "DATABRICKS_CLIENT_ID": "client-1"}
ENV_OIDC = {"DATABRICKS_OIDC_TOKEN": secret("jwt")}
ENV_FILE = {"DATABRICKS_OIDC_TOKEN_FILEPATH": "{home}/.databrickscfg"}
ENV_M2M = {"DATABRICKS_CLIENT_ID": "client-1", "DATABRICKS_CLIENT_SECRET": secret("m2m")}
ENV_AZURE = {"ARM_TENANT_ID": "tenant", "ARM_CLIENT_ID": "azure-1", "ARM_CLIENT_SECRET": secret("azure")}
GITHUB = {
    "ACTIONS_ID_TOKEN_REQUEST_URL": f"https://{GITHUB_HOST}/?v=2",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": secret("github"),
}
DEVOPS = {
    "SYSTEM_ACCESSTOKEN": secret("devops"),
    "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI": f"https://{DEVOPS_HOST}/",
    "SYSTEM_TEAMPROJECTID": "p",
    "SYSTEM_PLANID": "p",
    "SYSTEM_JOBID": "j",
    "SYSTEM_HOSTTYPE": "build",
}
SIGNED_IN = {
    "az": {"accessToken": "aad", "tokenType": "Bearer", "expiresOn": "2099-01-01 00:00:00.000000"},
    "databricks": {"access_token": "u2m", "token_type": "Bearer", "expiry": "2099-01-01T00:00:00Z"},
}

MIXED = "Credentials of one source go to the host of another"
MERGED = "Credentials of several sources are put together"
LONE = "A `DATABRICKS_TOKEN` without `DATABRICKS_HOST`"
SAME_HOST = "`DATABRICKS_HOST` alone, and a profile of that host"
PAGE = "A host with a path or `?o=`"
HTTP = "`http://` beyond this machine"
ACCOUNT = "The account console as host"
NO_HOST = "No host, but `azure_workspace_resource_id`"
NETRC = "A token in `.netrc`"
MSI = "`azure_use_msi`"
RULES = (
    "The document in which a host describes itself",
    "The workspace's id, at a host that serves one",
    "Tokens of Entra ID",
    "The management token of an Azure principal",
)
"""Differences of requests that hold in all cases, and are taken out before the rest is compared."""


@dataclass(frozen=True)
class Case:
    """Sections of `.databrickscfg`, an environment, and programs that were signed in."""

    name: str
    sections: Mapping[str, Mapping[str, str]] | str = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, bool] = field(default_factory=dict)
    """False for one that is there, but was not signed in"""
    netrc: str = ""
    difference: str | None = None
    """its title in docs/signing-in.md"""
    is_newer: bool = False
    """the SDK of a year ago did not have it"""


def one(**settings: str) -> dict[str, dict[str, str]]:
    return {"DEFAULT": settings}


CLI, NO_CLI, BOTH = {"databricks": True}, {"databricks": False}, {"az": True, "databricks": True}
PROFILE = {"DATABRICKS_CONFIG_PROFILE": "prod"}
PROD = {"prod": {"host": HOST, "token": PAT}}

CASES = [
    Case("nothing"),
    Case("[DEFAULT] with a token", one(host=HOST, token=PAT)),
    Case("[DEFAULT], a host without scheme", one(host="one.example.com", token=PAT)),
    Case("[DEFAULT], a host with a slash", one(host=HOST + "/", token=PAT)),
    Case("[DEFAULT], a host with the usual port", one(host=HOST + ":443", token=PAT)),
    Case("[DEFAULT], a host with a port", one(host=HOST + ":8443", token=PAT)),
    Case("[DEFAULT] on this machine", one(host="http://127.0.0.1:8080", token=PAT)),
    Case("[DEFAULT] with OAuth M2M", one(host=HOST, **M2M)),
    Case("[DEFAULT] with an Azure service principal", one(host=AZURE_HOST, **AZURE)),
    Case("[DEFAULT] with a password", one(host=HOST, **BASIC)),
    Case("[DEFAULT], keys in capitals", one(HOST=HOST, TOKEN=PAT)),
    Case("[DEFAULT], keys of other tools", one(host=HOST, token=PAT, cluster_id="c", warehouse_id="w")),
    Case("[DEFAULT], signs in a value", one(host=HOST, token=f"a=b%(c)s#{PAT}")),
    Case("[DEFAULT] without a host", one(token=PAT)),
    Case("[DEFAULT] without credentials", one(host=HOST)),
    Case("[DEFAULT], two ways", one(host=HOST, token=PAT, **M2M)),
    Case("[DEFAULT], two ways and auth_type", one(host=HOST, token=PAT, **M2M, auth_type="oauth-m2m")),
    Case("[DEFAULT], two ways and the other auth_type", one(host=HOST, token=PAT, **M2M, auth_type="pat")),
    Case("[DEFAULT], an auth_type that lacks its settings", one(host=HOST, token=PAT, auth_type="oauth-m2m")),
    Case("[DEFAULT], an auth_type that is none", one(host=HOST, token=PAT, auth_type="nonsense")),
    Case("[DEFAULT] is no base for others", {"DEFAULT": {"token": PAT}, "prod": {"host": HOST}}, PROFILE),
    Case("[__settings__] names the default", {**PROD, "__settings__": {"default_profile": "prod"}},
         is_newer=True),
    Case("[__settings__] beats [DEFAULT]",
         {**one(host=OTHER, token=OTHER_PAT), **PROD, "__settings__": {"default_profile": "prod"}},
         is_newer=True),
    Case("[__settings__] names no profile", {**PROD, "__settings__": {"default_profile": "absent"}}),
    Case("[__settings__] without a default", {**one(host=HOST, token=PAT), "__settings__": {}}),
    Case("DATABRICKS_CONFIG_PROFILE", {**one(host=OTHER, token=OTHER_PAT), **PROD}, PROFILE),
    Case("DATABRICKS_CONFIG_PROFILE=DEFAULT", {**PROD, **one(host=OTHER, token=OTHER_PAT)},
         {"DATABRICKS_CONFIG_PROFILE": "DEFAULT"}),
    Case("DATABRICKS_CONFIG_PROFILE of none", PROD, {"DATABRICKS_CONFIG_PROFILE": "absent"}),
    Case("DATABRICKS_CONFIG_PROFILE=__settings__", {**PROD, "__settings__": {"host": OTHER}},
         {"DATABRICKS_CONFIG_PROFILE": "__settings__"}),
    Case("DATABRICKS_CONFIG_FILE", PROD, {**PROFILE, "DATABRICKS_CONFIG_FILE": "{home}/.databrickscfg"}),
    Case("DATABRICKS_CONFIG_FILE of none", PROD, {**PROFILE, "DATABRICKS_CONFIG_FILE": "{home}/absent"}),
    Case("a file that is none", "host = https://one.example.com\n"),
    Case("a profile twice", "[prod]\nhost = a\n[prod]\nhost = b\n", PROFILE),
    Case("a setting twice", "[prod]\nhost = a\nhost = b\n", PROFILE),
    Case("a line that is none", "[prod]\nhost = a\nnonsense\n", PROFILE),
    Case("comments", f"# one\n[prod]\n; two\nhost={HOST}\n\n  # three\ntoken : {PAT}\n", PROFILE),
    Case("environment, a token", {}, ENV_PAT),
    Case("environment, a token, beats [DEFAULT]", one(host=OTHER, token=OTHER_PAT), ENV_PAT),
    Case("environment, empty variables", one(host=HOST, token=PAT),
         {"DATABRICKS_HOST": "", "DATABRICKS_TOKEN": ""}),
    Case("environment, OAuth M2M", {}, {**ENV_HOST, **ENV_M2M}),
    Case("environment, an Azure service principal", {}, {"DATABRICKS_HOST": AZURE_HOST, **ENV_AZURE}),
    Case("environment, a password", {},
         {"DATABRICKS_HOST": HOST, "DATABRICKS_USERNAME": "ada", "DATABRICKS_PASSWORD": secret("basic")}),
    Case("environment, two ways", {}, {**ENV_PAT, **ENV_M2M}),
    Case("environment, two ways, one of them Azure's", {}, {**ENV_PAT, **ENV_AZURE}),
    Case("environment, two ways and DATABRICKS_AUTH_TYPE", {},
         {**ENV_PAT, **ENV_M2M, "DATABRICKS_AUTH_TYPE": "oauth-m2m"}),
    Case("environment, half of OAuth M2M", {}, ENV_CLIENT),
    Case("environment, only a host", {}, ENV_HOST),
    Case("environment beats DATABRICKS_CONFIG_PROFILE", {"prod": {"host": OTHER, "token": OTHER_PAT}},
         {**PROFILE, **ENV_PAT}),
    Case("DATABRICKS_AUTH_TYPE chooses in a profile", {"prod": {"host": HOST, "token": PAT, **M2M}},
         {**PROFILE, "DATABRICKS_AUTH_TYPE": "pat"}),
    Case("DATABRICKS_AUTH_TYPE chooses in [DEFAULT]", one(host=HOST, token=PAT, **M2M),
         {"DATABRICKS_AUTH_TYPE": "oauth-m2m"}),
    Case("Databricks CLI by auth_type", one(host=HOST, auth_type="databricks-cli"), tools=CLI),
    Case("Databricks CLI by auth_type, not there", one(host=HOST, auth_type="databricks-cli")),
    Case("Databricks CLI, not signed in", one(host=HOST, auth_type="databricks-cli"), tools=NO_CLI),
    Case("Databricks CLI at hand", one(host=HOST), tools=CLI),
    Case("Databricks CLI at hand, host from the environment", {}, ENV_HOST, CLI),
    Case("Azure CLI at hand", one(host=AZURE_HOST), tools={"az": True}),
    Case("Azure CLI at hand, but no Azure host", one(host=HOST), tools={"az": True}),
    Case("Azure CLI by auth_type", one(host=AZURE_HOST, auth_type="azure-cli"), tools={"az": True}),
    Case("Azure CLI before Databricks CLI", one(host=AZURE_HOST), tools=BOTH),
    Case("Azure CLI not signed in, Databricks CLI is", one(host=AZURE_HOST),
         tools={"az": False, "databricks": True}),
    Case("neither CLI signed in", one(host=AZURE_HOST), tools={"az": False, "databricks": False}),
    Case("a token beats both CLIs", one(host=AZURE_HOST, token=PAT), tools=BOTH),
    Case("GitHub OIDC", {}, {**ENV_CLIENT, **GITHUB}),
    Case("GitHub OIDC of a profile", one(host=HOST, client_id="client-1"), GITHUB),
    Case("GitHub OIDC by auth_type", one(host=HOST, client_id="client-1", auth_type="github-oidc"), GITHUB),
    Case("GitHub, but a client secret", {}, {**ENV_HOST, **ENV_M2M, **GITHUB}),
    Case("GitHub, without client_id", {}, {**ENV_HOST, **GITHUB}),
    Case("an OIDC token in its variable", {}, {**ENV_HOST, **ENV_OIDC}),
    Case("an OIDC token before GitHub's", {}, {**ENV_CLIENT, **ENV_OIDC, **GITHUB}),
    Case("an OIDC token in another variable", {},
         {**ENV_HOST, "DATABRICKS_OIDC_TOKEN_ENV": "CI", "CI": secret("jwt")}),
    Case("an OIDC token in a file", "# a token", {**ENV_HOST, **ENV_FILE}, is_newer=True),
    Case("an OIDC token in a file, by auth_type", "# a token",
         {**ENV_CLIENT, **ENV_FILE, "DATABRICKS_AUTH_TYPE": "file-oidc"}, is_newer=True),
    Case("an OIDC token in a file, and client_id", "# a token", {**ENV_CLIENT, **ENV_FILE}),
    # where dbjobs differs, on purpose
    Case("a token of the environment, a host of a profile", PROD,
         {**PROFILE, "DATABRICKS_TOKEN": OTHER_PAT}, difference=MIXED),
    Case("a host of the environment, a token of a profile", PROD,
         {**PROFILE, "DATABRICKS_HOST": OTHER}, difference=MIXED),
    Case("a secret of the environment, the rest of a profile",
         {"prod": {"host": HOST, "client_id": "client-1"}},
         {**PROFILE, "DATABRICKS_CLIENT_SECRET": secret("m2m")}, difference=MIXED),
    Case("an OIDC token of the environment, a host of a profile", one(host=HOST),
         ENV_OIDC, difference=MIXED),
    Case("a workspace's id of the environment, a host of a profile",
         one(host=f"https://{UNIFIED}", token=PAT), {"DATABRICKS_WORKSPACE_ID": "1234"}, difference=MIXED),
    Case("Terraform's variables beside a profile", PROD, {**PROFILE, **ENV_AZURE}, difference=MERGED),
    Case("a token in the environment, OAuth in the profile", {"prod": {"host": HOST, **M2M}},
         {**PROFILE, **ENV_PAT}, difference=MERGED),
    Case("a token without a host, and [DEFAULT]", one(host=HOST, token=PAT),
         {"DATABRICKS_TOKEN": OTHER_PAT}, difference=LONE),
    Case("a host without a token, and [DEFAULT] of it", one(host=HOST, token=PAT),
         {"DATABRICKS_HOST": HOST}, difference=SAME_HOST),
    Case("a host with ?o=", one(host=f"{HOST}/?o=12", token=PAT), difference=PAGE),
    Case("a host with a path", one(host=f"{HOST}/jobs/3", token=PAT), difference=PAGE),
    Case("a host in capitals", one(host="https://ONE.example.com", token=PAT)),
    Case("http beyond this machine", one(host="http://one.example.com", token=PAT), difference=HTTP),
    Case("the account console", one(host=ACCOUNT_HOST, token=PAT), difference=ACCOUNT),
    Case("only a resource id", one(**AZURE, azure_workspace_resource_id="/subscriptions/s"),
         difference=NO_HOST),
    Case("no tenant", one(host=HOST, azure_client_id="azure-1", azure_client_secret=secret("azure"))),
    Case(".netrc", one(host=HOST), netrc=f"machine one.example.com login token password {PAT}",
         difference=NETRC),
    Case("a managed identity", one(host=HOST, azure_use_msi="true"), difference=MSI),
    Case("Azure DevOps OIDC", one(host=HOST, client_id="client-1", auth_type="azure-devops-oidc"), DEVOPS),
]  # fmt: skip


def by_every_method() -> Iterator[Case]:
    """Each auth method at hosts of each kind."""
    hosts = {
        "Azure": "https://adb-1.2.azuredatabricks.net",
        "Azure for the US government": "https://adb-1.2.databricks.azure.us",
        "Azure in China": "https://adb-1.2.databricks.azure.cn",
        "AWS": "https://dbc-1a2b3c4d-5e6f.cloud.databricks.com",
        "Google": "https://1234567890123456.7.gcp.databricks.com",
        "a shared host": f"https://{UNIFIED}",
    }
    service = {"metadata_service_url": f"https://{METADATA_SERVICE}/token"}
    client = {"client_id": "client-1"}
    methods: dict[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
        "a token": ({"token": PAT}, {}),
        "a password": (BASIC, {}),
        "OAuth M2M": (M2M, {}),
        "OAuth M2M with scopes": ({**M2M, "scopes": "sql, jobs,,jobs"}, {}),
        "an OIDC token in a variable": (
            {**client, "oidc_token_env": "CI", "auth_type": "env-oidc"}, {"CI": secret("jwt")}
        ),
        "GitHub OIDC": ({**client, "auth_type": "github-oidc"}, GITHUB),
        "GitHub OIDC with an audience": (
            {**client, "auth_type": "github-oidc", "token_audience": "somebody"}, GITHUB
        ),
        "Azure DevOps OIDC": ({**client, "auth_type": "azure-devops-oidc"}, DEVOPS),
        "a metadata service": (service, {}),
    }  # fmt: skip
    for place, host in hosts.items():
        workspace = {"workspace_id": "1234"} if place == "a shared host" else {}
        for name, (settings, environ) in methods.items():
            file_settings = {"host": host, **workspace, **settings}
            is_newer = bool(workspace) or "scopes" in name or (UNIFIED in host)
            yield Case(f"{name}, at {place}", one(**file_settings), environ, is_newer=is_newer)
    for place in ("Azure", "Azure for the US government", "Azure in China"):
        azure = {"host": hosts[place], **AZURE}
        resource = {"azure_workspace_resource_id": "/subscriptions/s/resourceGroups/g/w"}
        without_tenant = {key: value for key, value in azure.items() if key != "azure_tenant_id"}
        yield Case(f"an Azure service principal, at {place}", one(**azure))
        yield Case(f"an Azure service principal that is no user, at {place}", one(**azure, **resource))
        yield Case(f"an Azure service principal without tenant, at {place}", one(**without_tenant))
    environ = {"DATABRICKS_HOST": f"https://{UNIFIED}", "DATABRICKS_WORKSPACE_ID": "1234"}
    yield Case(
        "a shared host of the environment, a token", {}, {**environ, "DATABRICKS_TOKEN": PAT}, is_newer=True
    )
    yield Case("a shared host of the environment, OAuth M2M", {}, {**environ, **ENV_M2M}, is_newer=True)
    yield Case(
        "an OIDC token in a file, by the older variable",
        "# a token",
        {**ENV_CLIENT, "DATABRICKS_OIDC_TOKEN_FILE": "{home}/.databrickscfg"},
        is_newer=True,
    )
    azure_client = {"azure_client_id": "azure-1", "azure_tenant_id": "tenant"}
    yield Case("GitHub, for Entra ID", one(host=AZURE_HOST, **azure_client), GITHUB)
    yield Case(
        "GitHub, for Entra ID, without tenant", one(host=AZURE_HOST, azure_client_id="azure-1"), GITHUB
    )


CASES += by_every_method()


def prepare(case: Case, home: Path) -> dict[str, str]:
    """Write its files; returns its environment."""
    content = case.sections
    if not isinstance(content, str):
        content = "".join(
            f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items())
            for name, settings in content.items()
        )
    for name, text in ((".databrickscfg", content), (".netrc", case.netrc)):
        (home / name).write_text(text, "utf-8")
        (home / name).chmod(0o600)
    for name, is_signed_in in case.tools.items():
        _install(home, name, SIGNED_IN[name] if is_signed_in else None)
    environ = {name: value.format(home=home) for name, value in case.environ.items()}
    return {"HOME": str(home), "PATH": str(home), **environ}


def _install(folder: Path, name: str, answer: Mapping[str, str] | None) -> None:
    """A program that answers so; large, since the SDK takes small ones for the CLI of old."""
    word = {"az": "Please run 'az login'", "databricks": "databricks OAuth is not configured"}[name]
    script = f"echo '{json.dumps(answer)}'" if answer else f'echo "ERROR: {word}" >&2; exit 1'
    (folder / name).write_text(f"#!/bin/sh\n{script}\nexit\n" + "#" * 1024 * 1024)
    (folder / name).chmod(0o755)


def run_sdk(python: Path, folder: Path) -> list[tuple[str | None, str, list[Sent]]]:
    """For each case: the auth method, or None and why, and what was sent."""
    authority = trustme.CA()
    ca = folder / "ca.pem"
    authority.cert_pem.write_to_path(ca)
    with serve_world(authority, World()) as world:
        environs = []
        for number, case in enumerate(CASES):
            home = folder / str(number)
            home.mkdir()
            environs.append(prepare(case, home) | way_to(world, ca))
        driver = Path(__file__).with_name("drive_sdk.py")
        done = subprocess.run(
            [python, driver], input=json.dumps(environs), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        sent = world.sent()[1:]
    return [(*result, requests) for result, requests in zip(json.loads(done.stdout), sent, strict=True)]


def shared(name: str, python: Callable[[], Path], factory: pytest.TempPathFactory) -> Any:
    """The outcome of a run that all test processes wait for, and one makes."""
    root = factory.getbasetemp().parent if os.environ.get("PYTEST_XDIST_WORKER") else factory.getbasetemp()
    result = root / f"{name}.pickle"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            result.write_bytes(pickle.dumps(run_sdk(python(), factory.mktemp(name))))
    return dict(zip([case.name for case in CASES], pickle.loads(result.read_bytes()), strict=True))


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The SDK of the environment that runs the tests."""
    return shared("today", lambda: Path(sys.executable), tmp_path_factory)


@pytest.fixture(scope="module")
def a_year_ago(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A release of November 2025."""
    return shared("a-year-ago", lambda: python_with("last-year-sdk"), tmp_path_factory)


@pytest.fixture
def ours(
    request: pytest.FixtureRequest, dbjobs: Dbjobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[bool, list[Sent]]:
    """What dbjobs sends for a case, and whether it got what it asked for."""
    case: Case = request.param
    authority, ca = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca)
    with serve_world(authority, World()) as world:
        for name, value in (prepare(case, tmp_path) | way_to(world, ca)).items():
            monkeypatch.setenv(name, value)
        result = dbjobs("jobs", "get", "7", "-o", "json")
        return result.exit_code == 0, world.sent()[0]


def credentials_only(sent: Sequence[Sent]) -> list[Sent]:
    """Without what only finds out whom to ask, and without an extra token that nothing is done with."""
    return [without_extra(one) for one in sent if not one.is_discovery and not is_extra(one, sent)]


def without_extra(sent: Sent) -> Sent:
    """Without a management token that no resource id goes with, and an id where the host says it all."""
    headers = dict(sent.headers)
    if serves_one_workspace(sent.url):
        headers.pop("x-databricks-workspace-id", None)
    if "x-databricks-azure-workspace-resource-id" not in headers:
        headers.pop("x-databricks-azure-sp-management-token", None)
    return replace(sent, headers=tuple(sorted(headers.items())))


def is_extra(one: Sent, sent: Sequence[Sent]) -> bool:
    is_with_id = any("x-databricks-azure-workspace-resource-id" in dict(other.headers) for other in sent)
    return not is_with_id and "management." in dict(one.form).get("scope", "")


@pytest.mark.parametrize(
    ("case", "ours"), [(case, case) for case in CASES], ids=lambda case: case.name, indirect=["ours"]
)
def test_the_same_files_and_environment_send_the_same_requests(
    case: Case, ours: tuple[bool, list[Sent]], today: Any
) -> None:
    """Method, URL, query, form, and the headers that say who is there and which workspace is meant."""
    method, problem, theirs = today[case.name]
    works, sent = ours
    same_end = works == (method is not None)
    is_same = same_end and (not works or credentials_only(sent) == credentials_only(as_version_2(theirs)))
    assert is_same != bool(case.difference), report(sent, theirs, problem)


@pytest.mark.parametrize(
    ("case", "ours"),
    [(case, case) for case in CASES if not case.difference and not case.is_newer],
    ids=lambda case: case.name,
    indirect=["ours"],
)
def test_they_did_a_year_ago(case: Case, ours: tuple[bool, list[Sent]], a_year_ago: Any) -> None:
    method, problem, theirs = a_year_ago[case.name]
    works, sent = ours
    assert works == (method is not None), report(sent, theirs, problem)
    if works:
        assert credentials_only(sent) == credentials_only(as_version_2(theirs)), report(sent, theirs, problem)


@pytest.mark.parametrize(
    ("case", "ours"),
    [(case, case) for case in CASES if not case.difference],
    ids=lambda case: case.name,
    indirect=["ours"],
)
def test_nobody_is_asked_whom_the_official_sdk_does_not_ask(
    case: Case, ours: tuple[bool, list[Sent]], today: Any
) -> None:
    """The documents that lead to a provider are some of those that the SDK reads."""
    asked, theirs = ({one.url for one in sent if one.is_discovery} for sent in (ours[1], today[case.name][2]))
    tenants = {url for url in asked if url.endswith("/aad/auth")}
    assert asked - theirs <= (tenants if case.name.startswith("GitHub, for Entra") else set())


def test_the_rules_are_needed(today: Any) -> None:
    """What is taken out before comparing is there: else a rule would hide nothing, and explain nothing."""
    everything = [one for _, _, sent in today.values() for one in sent]
    headers = [dict(one.headers) for one in everything]

    assert any(one.is_discovery for one in everything)
    assert any(
        serves_one_workspace(one.url) and "x-databricks-workspace-id" in dict(one.headers)
        for one in everything
    )
    assert any(one != other for one, other in zip(everything, as_version_2(everything), strict=True))
    assert any("x-databricks-azure-sp-management-token" in found for found in headers)


def report(ours: Sequence[Sent], theirs: Sequence[Sent], problem: str) -> str:
    lines = ["ours:", *map(str, ours), "theirs:", *map(str, theirs), problem]
    return "\n".join(lines)


def test_the_table_is_as_large_as_promised() -> None:
    assert len(CASES) >= 120
    assert len({case.name for case in CASES}) == len(CASES)


def test_each_intended_difference_is_documented_with_its_reason() -> None:
    rows = rows_of("docs/signing-in.md", "Different from the official tools")

    assert {row[0] for row in rows} == {case.difference for case in CASES if case.difference} | {*RULES}
    assert all(len(row) == 4 and all(row) for row in rows)


def test_the_documented_ways_and_settings_are_those_that_there_are() -> None:
    ways = {row[0].strip("`"): row[1] for row in rows_of("docs/signing-in.md", "Auth methods")}
    variables = {row[0].strip("`"): row[1] for row in rows_of("docs/signing-in.md", "Settings")}

    assert ways == {
        name: ", ".join(f"`{key}`" for key in method.needs) for name, method in AUTH_METHODS.items()
    }
    assert list(ways) == list(AUTH_METHODS)
    assert variables == {
        key: f"`{known.variable}`" if known.variable else "none" for key, known in SETTINGS.items()
    }
