"""Side by side with the official `databricks-sdk`: the same files and environment, the same host and way."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dbjobs.auth import programs
from dbjobs.auth.issuer import ProfileIssuer
from dbjobs.auth.methods import AUTH_METHODS
from dbjobs.auth.profiles import resolve_profile
from dbjobs.auth.sign_in import SignIn
from dbjobs.common.clock import SystemClock
from dbjobs.config import Options
from dbjobs.config.settings import SETTINGS
from dbjobs.errors import DbjobsError
from dbjobs.http.session import Network
from tests.support.manual import rows_of
from tests.support.secrets import secret

REPOSITORY = Path(__file__).parents[2]

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
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://github.example/?v=2",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": secret("github"),
}
DEVOPS = {
    "SYSTEM_ACCESSTOKEN": secret("devops"),
    "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI": "https://devops.example/",
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
PAGE = "A host with a path, `?o=` or upper case"
HTTP = "`http://` beyond this machine"
ACCOUNT = "The account console as host"
NO_HOST = "No host, but `azure_workspace_resource_id`"
NO_TENANT = "An Azure service principal without tenant, at a host that is not Azure's"
NETRC = "A token in `.netrc`"
MSI = "`azure_use_msi`"


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
    Case("[__settings__] names the default", {**PROD, "__settings__": {"default_profile": "prod"}}),
    Case("[__settings__] beats [DEFAULT]",
         {**one(host=OTHER, token=OTHER_PAT), **PROD, "__settings__": {"default_profile": "prod"}}),
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
    Case("an OIDC token in a file", "# a token", {**ENV_HOST, **ENV_FILE}),
    Case("an OIDC token in a file, by auth_type", "# a token",
         {**ENV_CLIENT, **ENV_FILE, "DATABRICKS_AUTH_TYPE": "file-oidc"}),
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
    Case("Terraform's variables beside a profile", PROD, {**PROFILE, **ENV_AZURE}, difference=MERGED),
    Case("a token in the environment, OAuth in the profile", {"prod": {"host": HOST, **M2M}},
         {**PROFILE, **ENV_PAT}, difference=MERGED),
    Case("a token without a host, and [DEFAULT]", one(host=HOST, token=PAT),
         {"DATABRICKS_TOKEN": OTHER_PAT}, difference=LONE),
    Case("a host without a token, and [DEFAULT] of it", one(host=HOST, token=PAT),
         {"DATABRICKS_HOST": HOST}, difference=SAME_HOST),
    Case("a host with ?o=", one(host=f"{HOST}/?o=12", token=PAT), difference=PAGE),
    Case("a host with a path", one(host=f"{HOST}/jobs/3", token=PAT), difference=PAGE),
    Case("a host in capitals", one(host="https://ONE.example.com", token=PAT), difference=PAGE),
    Case("http beyond this machine", one(host="http://one.example.com", token=PAT), difference=HTTP),
    Case("the account console", one(host=ACCOUNT_HOST, token=PAT), difference=ACCOUNT),
    Case("only a resource id", one(**AZURE, azure_workspace_resource_id="/subscriptions/s"),
         difference=NO_HOST),
    Case("no tenant", one(host=HOST, azure_client_id="azure-1", azure_client_secret=secret("azure")),
         difference=NO_TENANT),
    Case(".netrc", one(host=HOST), netrc=f"machine one.example.com login token password {PAT}",
         difference=NETRC),
    Case("a managed identity", one(host=HOST, azure_use_msi="true"), difference=MSI),
    Case("Azure DevOps OIDC", one(host=HOST, client_id="client-1", auth_type="azure-devops-oidc"), DEVOPS),
]  # fmt: skip


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


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, dict[str, Any]]:
    """The SDK's word on every case, by name."""
    cases = [{"environ": prepare(case, tmp_path_factory.mktemp("sdk"))} for case in CASES]
    done = subprocess.run(
        [sys.executable, "-m", "tests.auth.official_sdk"],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip([case.name for case in CASES], json.loads(done.stdout), strict=True))


def resolve(environ: Mapping[str, str]) -> dict[str, Any]:
    """Host, way and whose credentials, as dbjobs has it."""
    try:
        profile = resolve_profile(Options(), environ)
        way = profile.auth_methods[0]
        if way in ("azure-cli", "databricks-cli"):  # whether they work is known only once they were asked
            asked = ProfileIssuer(SignIn(profile, Network(), SystemClock(), environ))
            asked.fetch()
            way = asked.sign_in.profile.auth_methods[0]
    except DbjobsError as error:
        return {"error": error.message}
    identities = {"pat": "token", "basic": "username", "azure-client-secret": "azure_client_id"}
    identity = profile.get(identities.get(way, "client_id"))
    return {"host": profile.host.value, "way": way, "identity": identity.value if identity else None}


def _outcome(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """All failures are alike; words may differ."""
    return {"error": True} if "error" in found else found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_same_files_and_environment_give_the_same_host_and_way(
    case: Case, official: Mapping[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = prepare(case, tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(programs, "tenant_of", lambda sign_in: None)

    ours, theirs = _outcome(resolve(environ)), _outcome(official[case.name])
    assert (ours != theirs) == bool(case.difference), f"ours: {ours}, theirs: {official[case.name]}"


def test_the_table_is_as_large_as_promised() -> None:
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)


def test_each_intended_difference_is_documented_with_its_reason() -> None:
    rows = rows_of("docs/signing-in.md", "Different from the official tools")

    assert {row[0] for row in rows} == {case.difference for case in CASES if case.difference}
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
