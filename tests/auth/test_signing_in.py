"""Every way to sign in, end to end: over real sockets and TLS, through renewals and through failures."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
import yaml

from dbjobs.auth.credentials import Credentials
from dbjobs.auth.drafts import Draft
from dbjobs.auth.profiles import resolve_profile
from dbjobs.auth.sign_in import SignIn
from dbjobs.common.clock import SystemClock
from dbjobs.config.settings import Options
from dbjobs.http import session as wire
from dbjobs.http.session import Network
from tests.auth.identity_provider import (
    AZURE_CLIENT_ID,
    AZURE_SECRET,
    CLIENT_ID,
    CLIENT_SECRET,
    DATABRICKS,
    EXCHANGE,
    GITHUB_TOKEN,
    JWT,
    MANAGEMENT,
    PASSWORD,
    RESOURCE_ID,
    RUN_ID,
    TENANT,
    USERNAME,
    Workspace,
    install_tool,
    serve_workspace,
)
from tests.conftest import Dbjobs
from tests.support.fakes import FakeClock, Received, Reply
from tests.support.secrets import secret

HOUR = 3600.0
TOKEN = secret("dapi")
IDENTITY = secret("jwt")


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Vouches for the servers of the tests, and for nothing else."""
    return trustme.CA()


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> Path:
    """The file of its certificate."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def workspace(clock: FakeClock, authority: trustme.CA) -> Iterator[Workspace]:
    """A workspace that is reached by TLS; tokens last an hour, and its run two and a half."""
    with serve_workspace(Workspace(clock, lasts=2.5 * HOUR), authority) as workspace:
        workspace.tokens[TOKEN] = float("inf")
        workspace.identities[IDENTITY] = "given"
        yield workspace


@pytest.fixture
def profile(workspace: Workspace, ca: Path, tmp_path: Path) -> "Profile":
    return Profile(tmp_path / "config.yaml", {"host": workspace.url, "ca_bundle": str(ca)})


class Profile:
    """The profile `prod` in a configuration file."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.settings = dict(settings)

    def write(self, **settings: Any) -> tuple[object, ...]:
        """Add settings; returns the options that choose the profile."""
        self.settings |= settings
        self.path.write_text(yaml.safe_dump({"profiles": {"prod": self.settings}}), "utf-8")
        self.path.chmod(0o600)
        return ("--config", self.path, "--profile", "prod")


WAIT = ("runs", "wait", RUN_ID, "--poll-max", "10m", "-o", "id")
GET = ("runs", "get", RUN_ID, "-o", "id")
JOB = "{tasks: [{task_key: a, notebook_task: {notebook_path: /a}, existing_cluster_id: c}]}"
METADATA = "GET /.well-known/databricks-config"
DISCOVER = "GET /oidc/.well-known/oauth-authorization-server"
DISCOVERY: list[Any] = [(METADATA, {}), (DISCOVER, {})]
GITHUB = {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": GITHUB_TOKEN}
AZURE = {"azure_tenant_id": TENANT, "azure_client_id": AZURE_CLIENT_ID, "azure_client_secret": AZURE_SECRET}

M2M = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
DOWN = Reply(503, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "Back soon."})

WAYS: list[Any] = [
    pytest.param({"token": TOKEN}, [], id="personal access token"),
    pytest.param({"username": USERNAME, "password": PASSWORD}, [], id="user name and password"),
    pytest.param(
        {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET},
        [
            *DISCOVERY,
            ("POST /oidc/v1/token", {"grant_type": "client_credentials", "scope": "all-apis"}),
        ],
        id="OAuth M2M",
    ),
    pytest.param(
        AZURE,
        [
            (
                f"POST /{TENANT}/oauth2/v2.0/token",
                {
                    "grant_type": "client_credentials",
                    "client_id": AZURE_CLIENT_ID,
                    "client_secret": AZURE_SECRET,
                    "scope": f"{DATABRICKS}/.default",
                },
            )
        ],
        id="Azure service principal",
    ),
    pytest.param(
        {**AZURE, "azure_workspace_resource_id": RESOURCE_ID},
        [
            (f"POST /{TENANT}/oauth2/v2.0/token", {"scope": f"{DATABRICKS}/.default"}),
            (f"POST /{TENANT}/oauth2/v2.0/token", {"scope": f"{MANAGEMENT}/.default"}),
        ],
        id="Azure service principal that is no user of the workspace",
    ),
    pytest.param(
        {"azure_use_msi": True, "azure_client_id": AZURE_CLIENT_ID},
        [
            (
                "GET /metadata/identity/oauth2/token",
                {"resource": DATABRICKS, "client_id": AZURE_CLIENT_ID, "api-version": "2018-02-01"},
            )
        ],
        id="Azure managed identity",
    ),
    pytest.param(
        {"client_id": CLIENT_ID, "token_audience": "the-account", "auth_type": "github-oidc"},
        [
            *DISCOVERY,
            ("GET /github", {"audience": "the-account"}),
            (
                "POST /oidc/v1/token",
                {
                    "grant_type": EXCHANGE,
                    "subject_token_type": JWT,
                    "client_id": CLIENT_ID,
                    "scope": "all-apis",
                },
            ),
        ],
        id="GitHub OIDC",
    ),
    pytest.param(
        {"client_id": CLIENT_ID, "oidc_token_env": "CI_TOKEN", "auth_type": "env-oidc"},
        [
            *DISCOVERY,
            ("POST /oidc/v1/token", {"grant_type": EXCHANGE, "subject_token": IDENTITY}),
        ],
        id="OIDC token in a variable",
    ),
    pytest.param(
        {"oidc_token_filepath": "{folder}/identity", "auth_type": "file-oidc"},
        [
            *DISCOVERY,
            ("POST /oidc/v1/token", {"grant_type": EXCHANGE, "subject_token": IDENTITY}),
        ],
        id="OIDC token in a file",
    ),
    pytest.param({"auth_type": "azure-cli"}, [("GET /cli", {})], id="Azure CLI"),
    pytest.param({"auth_type": "databricks-cli"}, [("GET /cli", {})], id="Databricks CLI"),
    pytest.param({"auth_type": "netrc"}, [], id=".netrc"),
]


@pytest.mark.parametrize(("settings", "sequence"), WAYS)
def test_a_wait_of_hours_by_each_way_renews_as_the_documentation_has_it(
    dbjobs: Dbjobs,
    workspace: Workspace,
    profile: Profile,
    ca: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    sequence: list[tuple[str, dict[str, str]]],
) -> None:
    workspace.needs_management = "azure_workspace_resource_id" in settings
    options = _set_up(workspace, profile, ca, tmp_path, monkeypatch, settings)

    result = dbjobs(*WAIT, *options)
    assert (result.exit_code, result.stderr.count("error:")) == (0, 0), result.stderr
    asked = workspace.requests_to_sign_in
    assert [_line(request) for request in asked[: len(sequence)]] == [line for line, _ in sequence]
    for request, (_, fields) in zip(asked, sequence, strict=False):
        assert fields.items() <= (request.body or request.query).items()
    again = [line for line, _ in sequence if line != METADATA]
    assert len(asked) == len(sequence) + 2 * len(again), "one token lasts an hour, the run two and a half"
    assert workspace.refusals == 0


@pytest.mark.parametrize(("settings", "sequence"), [way for way in WAYS if way.values[1]])
def test_a_wait_by_each_way_outlives_a_provider_that_is_down_beyond_the_token_s_end(
    dbjobs: Dbjobs,
    workspace: Workspace,
    profile: Profile,
    ca: Path,
    clock: FakeClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    sequence: list[tuple[str, dict[str, str]]],
) -> None:
    options = _set_up(workspace, profile, ca, tmp_path, monkeypatch, settings)
    clock.at[0.9 * HOUR] = lambda: workspace.faults.extend([DOWN] * 12)

    result = dbjobs(*WAIT, "--poll-max", "1m", *options)
    assert result.exit_code == 0, result.stderr
    assert re.search("no (contact|usable answer) for", result.stderr)
    assert workspace.faults == []


def _set_up(
    workspace: Workspace,
    profile: Profile,
    ca: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Mapping[str, Any],
) -> tuple[object, ...]:
    """Everything that any of the ways may want of the machine."""
    (folder / "identity").write_text(IDENTITY + "\n", "utf-8")
    netrc = folder / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login token password {TOKEN}\n", "utf-8")
    netrc.chmod(0o600)
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    for name in ("az", "databricks"):
        install_tool(bin_folder, name, workspace, ca)
    for name, value in {
        **GITHUB,
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{workspace.url}/github?api-version=2.0",
        "AZURE_POD_IDENTITY_AUTHORITY_HOST": workspace.url,
        "CI_TOKEN": IDENTITY,
        "NETRC": str(netrc),
        "PATH": str(bin_folder),
    }.items():
        monkeypatch.setenv(name, value)
    filled = {
        key: value.format(folder=folder) if isinstance(value, str) else value
        for key, value in settings.items()
    }
    if "azure_client_secret" in filled:
        filled["azure_authority_host"] = workspace.url
    return profile.write(**filled)


def _line(request: Received) -> str:
    return f"{request.method} {request.path}"


def test_the_client_s_credentials_go_as_http_basic_and_nowhere_else(
    dbjobs: Dbjobs, workspace: Workspace, profile: Profile
) -> None:
    dbjobs(*WAIT, *profile.write(**M2M))

    _, discovery, grant, *_ = workspace.requests_to_sign_in
    assert "authorization" not in discovery.headers
    assert grant.headers["authorization"].startswith("Basic ")
    assert CLIENT_SECRET not in json.dumps(grant.body)


@pytest.mark.parametrize("lifetime", [600, "600", 90, "3599", 0, None, "soon"])
def test_a_token_lasts_as_long_as_the_server_says(
    dbjobs: Dbjobs, workspace: Workspace, profile: Profile, clock: FakeClock, lifetime: Any
) -> None:
    """Whatever form it says it in; where it says nothing, the token is used until it is refused."""
    workspace.lasts = HOUR
    is_clear = str(lifetime).isdigit() and int(lifetime)
    workspace.expires_in, workspace.lifetime = lifetime, int(lifetime) if is_clear else 600
    result = dbjobs(*WAIT, "--poll-max", "20s", *profile.write(**M2M))

    assert result.exit_code == 0, result.stderr
    assert workspace.refusals == (0 if is_clear else 5)


@pytest.mark.parametrize(
    "fault",
    [
        DOWN,
        Reply(429, {}, {"Retry-After": "7"}),
        Reply(500, "oops"),
        Reply(reset=True),
        Reply(200, '{"access_tok', cut=True),
        Reply(200, ""),
        Reply(hang=True),
    ],
    ids=["503", "429", "500", "reset", "cut short", "empty", "silent"],
)
@pytest.mark.parametrize("command", [GET, ("jobs", "create", "--json", JOB)])
def test_a_provider_in_trouble_is_asked_again_like_the_workspace_itself(
    dbjobs: Dbjobs,
    workspace: Workspace,
    profile: Profile,
    fault: Reply,
    command: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even before a request that must not be sent twice, for it has not been sent yet."""
    if fault.hang:
        monkeypatch.setattr(wire, "REQUEST_TIMEOUT", 1.0)
    workspace.faults = [fault, fault]

    result = dbjobs(*command, *profile.write(**M2M))
    assert "cannot sign in: " in result.stderr
    assert "trying again in" in result.stderr
    assert len(workspace.grants) == 3
    assert result.exit_code in (0, 3), result.stderr


def test_a_provider_that_is_down_before_a_token_ends_is_not_even_noticed(
    dbjobs: Dbjobs, workspace: Workspace, profile: Profile, clock: FakeClock
) -> None:
    clock.at[HOUR / 2] = lambda: workspace.faults.extend([DOWN] * 3)

    result = dbjobs(*WAIT, "--poll-max", "30s", *profile.write(**M2M))
    assert (result.exit_code, "contact" in result.stderr) == (0, False), result.stderr
    assert workspace.refusals == 0


def test_a_provider_that_stays_down_is_an_outage_of_the_wait_and_the_wait_outlives_it(
    dbjobs: Dbjobs, workspace: Workspace, profile: Profile, clock: FakeClock
) -> None:
    """An hour's token is renewed five minutes ahead, and the trouble outlasts it by some polls."""
    clock.at[HOUR / 2] = lambda: workspace.faults.extend([DOWN] * 15)

    result = dbjobs(*WAIT, "--poll-max", "30s", *profile.write(**M2M))
    assert result.exit_code == 0, result.stderr
    assert "cannot sign in: the server is not ready: Back soon." in result.stderr


def test_a_client_secret_that_is_refused_ends_it_and_says_where_it_came_from(
    dbjobs: Dbjobs, workspace: Workspace, profile: Profile
) -> None:
    workspace.client_secret = secret("another")

    result = dbjobs(*GET, *profile.write(**M2M))
    assert (result.exit_code, result.stdout) == (3, "")
    host = workspace.url.removeprefix("https://")
    where = f"profile prod in {profile.path}"
    assert f"error: {host} gave no token: No such client. (invalid_client, HTTP 401)" in result.stderr
    assert f"hint: check client_id ({where}) and client_secret ({where})" in result.stderr
    assert len(workspace.grants) == 1, "what was refused is not tried again"


def test_a_secret_that_was_replaced_mid_wait_is_read_anew(
    dbjobs: Dbjobs, workspace: Workspace, profile: Profile, clock: FakeClock
) -> None:
    def rotate() -> None:
        workspace.client_secret = secret("rotated")
        workspace.revoke_all()
        profile.write(client_secret=secret("rotated"))

    clock.at[HOUR] = rotate
    assert dbjobs(*WAIT, *profile.write(**M2M)).exit_code == 0


NEW_TOKEN = secret("dapi-new")
PLACES = ["config.yaml", ".databrickscfg", "{file}", "{command}", "{keyring}", ".netrc"]


@pytest.mark.parametrize("place", PLACES)
def test_a_wait_survives_a_change_of_token_wherever_it_stands(
    dbjobs: Dbjobs,
    workspace: Workspace,
    profile: Profile,
    clock: FakeClock,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
    ca: Path,
    keyring_entries: dict[tuple[str, str], str],
) -> None:
    def put(token: str) -> tuple[object, ...]:
        keyring_entries["dbjobs", "prod"] = token
        return _put_token(place, token, profile, monkeypatch, home, ca)

    def change() -> None:
        workspace.tokens = {NEW_TOKEN: float("inf")}
        put(NEW_TOKEN)

    options = put(TOKEN)
    clock.at[HOUR] = change

    result = dbjobs(*WAIT, *options)
    assert result.exit_code == 0, result.stderr
    used = {request.headers["authorization"] for request in workspace.server.received}
    assert used == {f"Bearer {TOKEN}", f"Bearer {NEW_TOKEN}"}
    assert workspace.refusals == 1


def _put_token(
    place: str, token: str, profile: Profile, monkeypatch: pytest.MonkeyPatch, home: Path, ca: Path
) -> tuple[object, ...]:
    """Write it where the case wants it; returns the options that lead there."""
    file = home / ("token" if place != ".netrc" else ".netrc")
    file.write_text(token if place != ".netrc" else f"machine 127.0.0.1 login token password {token}")
    file.chmod(0o600)
    if place == ".databrickscfg":
        path = home / ".databrickscfg"
        path.write_text(f"[prod]\nhost = {profile.settings['host']}\ntoken = {token}\n")
        path.chmod(0o600)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca))
        return ("--profile", "prod")
    command = [sys.executable, "-c", f"print(open({str(file)!r}).read())"]
    settings: dict[str, dict[str, Any]] = {
        "config.yaml": {"token": token},
        "{file}": {"token": {"file": str(file)}},
        "{command}": {"token": {"command": command}},
        "{keyring}": {"token": {"keyring": "prod"}},
        ".netrc": {},
    }
    return profile.write(**settings[place])


def test_a_token_that_is_refused_for_good_ends_the_wait(
    dbjobs: Dbjobs, workspace: Workspace, clock: FakeClock, ca: Path
) -> None:
    clock.at[HOUR] = workspace.revoke_all

    result = dbjobs(*WAIT, DATABRICKS_HOST=workspace.url, DATABRICKS_TOKEN=TOKEN, REQUESTS_CA_BUNDLE=str(ca))
    assert result.exit_code == 3
    assert "the workspace does not know the token: Invalid access token." in result.stderr
    assert HOUR + 30 <= clock.time <= HOUR + 700, "a refusal counts when it lasts"
    assert 3 <= workspace.refusals <= 6, "an environment does not change: it is read once a poll"


def test_a_refusal_says_where_the_token_came_from(dbjobs: Dbjobs, workspace: Workspace, ca: Path) -> None:
    environment = {"DATABRICKS_HOST": workspace.url, "DATABRICKS_TOKEN": secret("stranger")}

    result = dbjobs(*GET, **environment, REQUESTS_CA_BUNDLE=str(ca))
    assert result.exit_code == 3
    assert result.stderr.splitlines() == [
        "error: the workspace does not know the token: Invalid access token. (HTTP 403)",
        "hint: it may be that of another workspace, or it was revoked; "
        "signed in by pat, token (DATABRICKS_TOKEN)",
    ]


UNUSED = {
    "dbjobs.config.databrickscfg", "getpass", "keyring", "yaml",
    "dbjobs.cli.checkup", "http.server", "webbrowser",
}  # fmt: skip
LOADED = """
import sys
from dbjobs.cli.app import main
try:
    main()
finally:
    print("LOADED", *sorted(sys.modules), file=sys.stderr)
"""


def test_a_token_in_the_environment_loads_nothing_that_other_ways_want(
    workspace: Workspace, ca: Path, home: Path
) -> None:
    environ = {"DATABRICKS_HOST": workspace.url, "DATABRICKS_TOKEN": TOKEN, "REQUESTS_CA_BUNDLE": str(ca)}
    done = subprocess.run(
        [sys.executable, "-c", LOADED, "runs", "get", str(RUN_ID), "-o", "id"],
        env={**environ, "HOME": str(home), "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, f"{RUN_ID}\n"), done.stderr
    loaded = set(done.stderr.partition("LOADED ")[2].split())
    assert "dbjobs.auth.local" in loaded
    assert sorted(loaded & UNUSED) == []


@pytest.mark.parametrize("threads", [2, 16])
def test_threads_that_ask_at_once_share_one_token(
    workspace: Workspace, profile: Profile, ca: Path, threads: int
) -> None:
    _, path, _, name = profile.write(**M2M)
    resolved = resolve_profile(Options(str(name), Path(str(path))), {})
    credentials = Credentials(SignIn(resolved, Network(ca_bundle=str(ca)), SystemClock()))
    ready = threading.Barrier(threads)
    found: list[str] = []

    def ask() -> None:
        ready.wait()
        found.append(credentials.current().headers["Authorization"])

    started = [threading.Thread(target=ask) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    assert len(found) == threads
    assert len(set(found)) == 1
    assert len(workspace.grants) == 1


def test_threads_that_are_refused_at_once_renew_once(
    workspace: Workspace, profile: Profile, ca: Path
) -> None:
    _, path, _, name = profile.write(**M2M)
    resolved = resolve_profile(Options(str(name), Path(str(path))), {})
    credentials = Credentials(SignIn(resolved, Network(ca_bundle=str(ca)), SystemClock()))
    ready = threading.Barrier(8)
    renewed: list[bool] = []

    def ask() -> None:
        credentials(requests.Request("GET", workspace.url).prepare())
        ready.wait()
        renewed.append(credentials.renew())

    started = [threading.Thread(target=ask) for _ in range(8)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    assert renewed == [True] * 8
    assert len(workspace.grants) == 2


def test_nothing_that_holds_a_secret_shows_it(workspace: Workspace, profile: Profile) -> None:
    _, path, _, name = profile.write(token=TOKEN)
    resolved = resolve_profile(Options(str(name), Path(str(path))), {})
    sign_in = SignIn(resolved, Network(), SystemClock(), {"DATABRICKS_TOKEN": TOKEN})
    credentials = Credentials(sign_in)
    draft = Draft("p", {"token": TOKEN})

    for holder in (resolved, sign_in, credentials, credentials.current(), draft):
        assert TOKEN not in f"{holder!r} {holder}"


def test_the_databricks_cli_is_asked_by_profile_and_older_ones_by_host(
    dbjobs: Dbjobs,
    workspace: Workspace,
    home: Path,
    ca: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workspace.lasts = 0
    log = install_tool(tmp_path, "databricks", workspace, ca)
    path = home / ".databrickscfg"
    path.write_text(
        "".join(f"[{name}]\nhost = {workspace.url}\nauth_type = databricks-cli\n" for name in ("new", "old"))
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca))

    for name in ("new", "old"):
        result = dbjobs(*GET, "--profile", name)
        assert result.exit_code == 0, result.stderr
    calls = [json.loads(line)[1:] for line in log.read_text().splitlines()]
    assert calls == [
        ["auth", "token", "--profile", "new"],
        ["auth", "token", "--profile", "old"],
        ["auth", "token", "--host", workspace.url],
    ]


def test_the_azure_cli_is_asked_for_the_resource_of_databricks(
    dbjobs: Dbjobs,
    workspace: Workspace,
    profile: Profile,
    ca: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workspace.lasts = 0
    log = install_tool(tmp_path, "az", workspace, ca)
    monkeypatch.setenv("PATH", str(tmp_path))

    options = profile.write(auth_type="azure-cli", azure_tenant_id=TENANT)
    assert dbjobs(*GET, *options).exit_code == 0
    assert json.loads(log.read_text()) == [
        "az", "account", "get-access-token", "--resource", DATABRICKS, "--output", "json", "--tenant", TENANT,
    ]  # fmt: skip


NOT_SIGNED_IN = "echo 'ERROR: not signed in' >&2; exit 1"
TOOL_FAILURES = [
    pytest.param("az", "exit 1", "az gave no token: it printed nothing", "az login", id="az, no word"),
    pytest.param("az", NOT_SIGNED_IN, "az gave no token: not signed in", "az login", id="az, a reason"),
    pytest.param("az", "echo yes", "az gave no token: it did not print JSON", "recent version",
                 id="az, no JSON"),
    pytest.param("az", "echo '{}'", "has no accessToken", "", id="az, no token"),
    pytest.param("az", None, "there is no program az on the PATH", "install it", id="no az"),
    pytest.param("databricks", NOT_SIGNED_IN, "databricks gave no token: not signed in",
                 "databricks auth login --host ", id="databricks, a reason"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "script", "message", "hint"), TOOL_FAILURES)
def test_a_tool_that_gives_no_token_is_named_with_its_reason_and_the_cure(
    dbjobs: Dbjobs,
    workspace: Workspace,
    profile: Profile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    script: str | None,
    message: str,
    hint: str,
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    if script:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))

    result = dbjobs(*GET, *profile.write(auth_type=f"{name.replace('az', 'azure')}-cli"))
    assert (result.exit_code, result.stdout) == (3, "")
    assert message in result.stderr
    assert hint in result.stderr
    assert workspace.server.received == []


def test_ways_that_lie_at_hand_are_tried_in_turn_and_a_failure_of_all_is_told_in_full(
    dbjobs: Dbjobs,
    workspace: Workspace,
    profile: Profile,
    ca: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workspace.lasts = 0
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{workspace.url}/github")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", secret("useless"))
    install_tool(tmp_path, "databricks", workspace, ca)
    options = profile.write(client_id=CLIENT_ID)

    good = dbjobs(*GET, "--verbose", *options)
    (tmp_path / "databricks").write_text("#!/bin/sh\necho 'Error: not signed in' >&2; exit 1\n")
    bad = dbjobs("runs", "get", RUN_ID, *options)
    assert good.exit_code == 0, good.stderr
    assert "signing in by github-oidc or databricks-cli" in good.stderr
    assert "signing in by databricks-cli\n" in good.stderr
    assert bad.exit_code == 3
    host = workspace.url.removeprefix("https://")
    assert (
        f"no auth method works for {workspace.url}: github-oidc: {host} gave no token: no; "
        "databricks-cli: databricks gave no token: not signed in" in bad.stderr
    )


@pytest.mark.parametrize(
    ("metadata", "audience"),
    [
        pytest.param(
            {"token_federation_default_oidc_audiences": ["acc-1", "acc-2"]}, "acc-1", id="as the host says"
        ),
        pytest.param({}, "{url}/oidc/v1/token", id="else the token endpoint"),
    ],
)
def test_an_identity_token_is_made_out_to(
    dbjobs: Dbjobs,
    workspace: Workspace,
    profile: Profile,
    monkeypatch: pytest.MonkeyPatch,
    metadata: dict[str, Any],
    audience: str,
) -> None:
    workspace.lasts = 0
    workspace.metadata = Reply(body=metadata)
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{workspace.url}/github?api-version=2.0")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", GITHUB_TOKEN)

    assert dbjobs(*GET, *profile.write(client_id=CLIENT_ID)).exit_code == 0
    assert set(workspace.identities.values()) == {"given", audience.format(url=workspace.url)}


BAD_ENDPOINTS = [
    pytest.param("https://elsewhere.example/token", id="another host"),
    pytest.param("http://127.0.0.1/token", id="another scheme"),
    pytest.param("https://127.0.0.1:1/token", id="another port"),
]


@pytest.mark.parametrize("endpoint", BAD_ENDPOINTS)
def test_credentials_go_to_no_stranger_s_token_endpoint(
    dbjobs: Dbjobs, workspace: Workspace, profile: Profile, endpoint: str
) -> None:
    workspace.discovery = Reply(body={"token_endpoint": endpoint})

    result = dbjobs(*GET, *profile.write(**M2M))
    assert result.exit_code == 3
    assert "wants the credentials to be sent to" in result.stderr
    assert workspace.grants == []


def test_credentials_follow_no_redirect_of_the_provider(
    dbjobs: Dbjobs, workspace: Workspace, profile: Profile
) -> None:
    workspace.faults = [Reply(307, "", {"Location": f"{workspace.url}/elsewhere"})]

    result = dbjobs(*GET, *profile.write(**M2M))
    assert result.exit_code == 3
    assert "cannot sign in: the host answered with a redirect to" in result.stderr
    assert [request.path for request in workspace.server.received][-1] == "/oidc/v1/token"


def test_a_workspace_without_discovery_has_its_endpoint_where_all_have_it(
    dbjobs: Dbjobs, workspace: Workspace, profile: Profile
) -> None:
    workspace.discovery = Reply(404, {"error_code": "ENDPOINT_NOT_FOUND", "message": "No such path."})

    assert dbjobs(*WAIT, *profile.write(**M2M)).exit_code == 0


def test_what_entra_id_says_is_told_in_one_line(
    dbjobs: Dbjobs, workspace: Workspace, profile: Profile
) -> None:
    settings = {**AZURE, "azure_client_secret": secret("wrong"), "azure_authority_host": workspace.url}

    result = dbjobs(*GET, *profile.write(**settings))
    assert result.exit_code == 3
    assert "gave no token: AADSTS7000215: Invalid client secret provided. (invalid_client" in result.stderr
    assert "Trace ID" not in result.stderr


@pytest.mark.parametrize("answer", [{}, {"access_token": ""}, {"access_token": "two\nlines"}], ids=repr)
def test_an_answer_without_a_usable_token_is_no_success(
    dbjobs: Dbjobs, workspace: Workspace, profile: Profile, answer: dict[str, str]
) -> None:
    workspace.faults = [Reply(body=answer)]

    result = dbjobs(*GET, *profile.write(**M2M))
    assert result.exit_code == 3
    assert "token" in result.stderr
    assert "two" not in result.stderr
