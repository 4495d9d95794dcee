"""`dbjobs profiles`: made, listed, shown, chosen, removed and checked, as users see it."""

import json
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dbjobs.auth.methods import NOT_OFFERED
from dbjobs.common.documents import parse_document
from dbjobs.config import editing
from tests.auth.identity_provider import CLIENT_ID, CLIENT_SECRET, USERNAME, Workspace, serve_workspace
from tests.conftest import Dbjobs, Result
from tests.support.fakes import FakeClock, Received, Reply, scripted_server
from tests.support.secrets import secret
from tests.support.terminal import Terminal, run_in_terminal

TOKEN = secret("dapi")
LOGIN_PAGE = Reply(200, "<!doctype html><title>Sign in</title>", {"Content-Type": "text/html"})
DBJOBS = [sys.executable, "-m", "dbjobs"]


@pytest.fixture
def workspace(clock: FakeClock) -> Iterator[Workspace]:
    """A workspace that is reached without TLS, on this machine."""
    with serve_workspace(Workspace(clock, tokens={TOKEN: float("inf")}), None) as workspace:
        yield workspace


@pytest.fixture
def config(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration file that is in use; not there yet."""
    path = home / "settings" / "config.yaml"
    monkeypatch.setenv("DBJOBS_CONFIG", str(path))
    return path


def content_of(config: Path) -> dict[str, Any]:
    content: dict[str, Any] = parse_document(config.read_text("utf-8"))
    return content


# check

PASSED = """\
✓ name        127.0.0.1 is 127.0.0.1
✓ connection  without TLS
✓ workspace   {url} responds as a workspace does
✓ credentials accepted: pat, token (DATABRICKS_TOKEN)
✓ user        ada@example.com
✓ API         version 2.2 is offered
✓ clock       agrees with the workspace's to within 60 s
✓ round trip  0 ms
"""


@pytest.fixture
def timely(workspace: Workspace) -> Workspace:
    """A workspace that tells the time of the test's clock."""
    now = datetime.fromtimestamp(workspace.clock.now(), timezone.utc)
    workspace.date = format_datetime(now, usegmt=True)
    return workspace


def check(dbjobs: Dbjobs, url: str, token: str = TOKEN) -> Result:
    return dbjobs("profiles", "check", DATABRICKS_HOST=url, DATABRICKS_TOKEN=token)


def test_a_check_of_what_works_says_so_step_by_step(dbjobs: Dbjobs, timely: Workspace) -> None:
    result = check(dbjobs, timely.url)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == PASSED.format(url=timely.url)


def test_six_troubles_have_six_answers(
    dbjobs: Dbjobs, timely: Workspace, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong host, a login page, a dead port, an untrusted certificate, a bad token, and a good one."""
    with (
        scripted_server([LOGIN_PAGE]) as login,
        serve_workspace(Workspace(timely.clock), trustme.CA()) as untrusted,
    ):
        results = {
            "wrong host": check(dbjobs, "https://absent.example"),
            "login page": check(dbjobs, login.url),
            "dead port": check(dbjobs, f"http://127.0.0.1:{closed_port}"),
            "untrusted": check(dbjobs, untrusted.url),
            "bad token": check(dbjobs, timely.url, secret("stranger")),
            "good": check(dbjobs, timely.url),
        }
    expected = {
        "wrong host": (6, "name", "the name absent.example cannot be resolved: Name or service not known",
                       "check the host (DATABRICKS_HOST)"),
        "login page": (3, "workspace", f"{login.url} is not a workspace: the host answered with a web page",
                       "take the address of any page of the workspace"),
        "dead port": (6, "connection", f"cannot reach http://127.0.0.1:{closed_port}: Connection refused",
                      "check the host, the network and the proxy settings"),
        "untrusted": (6, "connection", f"no trusted connection to {untrusted.url}: certificate verify failed",
                      "name its certificates in ca_bundle"),
        "bad token": (3, "credentials", "the workspace does not know the token: Invalid access token.",
                      "signed in by pat, token (DATABRICKS_TOKEN)"),
    }  # fmt: skip
    for trouble, (exit_code, step, message, hint) in expected.items():
        result = results[trouble]
        *_, last = result.lines
        error, told_hint = result.stderr.splitlines()
        assert (trouble, result.exit_code) == (trouble, exit_code)
        assert last.split() == ["✗", step, "failed"]
        assert message in error
        assert hint in told_hint
    assert results["good"].exit_code == 0
    answers = {(result.stdout, result.stderr) for result in results.values()}
    assert len(answers) == 6


def refuse_version(*offered: str) -> Callable[[Received], Reply]:
    """A workspace that has some versions of the API only."""

    def reply(request: Received) -> Reply:
        if "authorization" not in request.headers:
            return Reply(401, {"error_code": 401, "message": "Credential was not sent"})
        if not request.path.startswith(tuple(f"/api/{version}/" for version in (*offered, "2.0/preview"))):
            return Reply(404, {"error_code": "ENDPOINT_NOT_FOUND", "message": "No API found"})
        return Reply(body={"userName": USERNAME})

    return reply


def lacks_jobs(request: Received) -> Reply:
    """A workspace behind a gateway that answers what it does not have with a web page."""
    if request.path.startswith("/api/2.0/preview") and "authorization" in request.headers:
        return Reply(body={"userName": USERNAME})
    return Reply(404, LOGIN_PAGE.body, LOGIN_PAGE.headers)


OTHER_TROUBLES = [
    pytest.param(lacks_jobs, 5, "API", "does not offer version 2.2", id="no jobs/list"),
    pytest.param([Reply(302, "", {"Location": "https://login.example/?next=/"})], 3, "workspace",
                 "is not a workspace: the host answered with a redirect to https://login.example/",
                 id="a redirect"),
    pytest.param([Reply(401, LOGIN_PAGE.body, LOGIN_PAGE.headers)], 3, "workspace",
                 "is not a workspace, because it shows a login page", id="a page to log in with 401"),
    pytest.param([Reply(404, {"detail": "Not Found"})], 3, "workspace",
                 "is not a workspace: it has no Jobs API", id="another service"),
    pytest.param([Reply(503, "")], 6, "workspace", "the server is not ready", id="503"),
    pytest.param([Reply(reset=True)], 6, "connection", "broke: Connection reset by peer", id="reset"),
    pytest.param(refuse_version("2.0", "2.1"), 5, "API", "does not offer version 2.2",
                 id="an older workspace"),
]  # fmt: skip


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("script", "exit_code", "step", "message"), OTHER_TROUBLES)
def test_other_troubles_are_told_at_their_step(
    dbjobs: Dbjobs, script: Any, exit_code: int, step: str, message: str
) -> None:
    with scripted_server(script) as server:
        result = check(dbjobs, server.url)

    assert result.exit_code == exit_code
    assert result.lines[-1].split() == ["✗", step, "failed"]
    assert message in result.stderr.splitlines()[0]


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("answer", "exit_code", "last_step"),
    [
        (Reply(body={"userName": USERNAME}), 0, "trip"),
        (Reply(401, {"error_code": "UNAUTHENTICATED", "message": "no"}), 3, "credentials"),
    ],
    ids=["accepted", "refused"],
)
def test_credentials_are_tried_where_requests_without_them_are_dropped(
    dbjobs: Dbjobs, answer: Reply, exit_code: int, last_step: str
) -> None:
    def reply(request: Received) -> Reply:
        return answer if "authorization" in request.headers else Reply(reset=True)

    with scripted_server(reply) as server:
        result = check(dbjobs, server.url)

    assert result.exit_code == exit_code, result.stderr
    assert "requests without credentials are dropped" in result.stdout
    assert last_step in result.lines[-1]


def test_an_older_workspace_s_versions_are_told(dbjobs: Dbjobs, clock: FakeClock) -> None:
    with scripted_server(refuse_version("2.0", "2.1")) as server:
        result = check(dbjobs, server.url)
        older = dbjobs("profiles", "check", "--api-version", "2.1")

    assert "hint: it offers 2.1, 2.0: set api_version, or use --api-version" in result.stderr
    assert older.exit_code == 0


@pytest.mark.parametrize(("minutes", "words"), [(7, "420 s behind"), (-7, "420 s ahead of")])
def test_clocks_that_differ_are_told_and_fail_nothing(
    dbjobs: Dbjobs, workspace: Workspace, minutes: int, words: str
) -> None:
    then = datetime.fromtimestamp(workspace.clock.now(), timezone.utc) + timedelta(minutes=minutes)
    workspace.date = format_datetime(then, usegmt=True)

    result = check(dbjobs, workspace.url)
    assert result.exit_code == 0
    assert f"! clock       this machine's is {words} the workspace's" in result.stdout


def test_a_check_for_programs(dbjobs: Dbjobs, timely: Workspace) -> None:
    good = dbjobs("profiles", "check", "-o", "json", DATABRICKS_HOST=timely.url, DATABRICKS_TOKEN=TOKEN)
    bad = dbjobs("profiles", "check", "-o", "jsonl", DATABRICKS_TOKEN=secret("stranger"))

    steps = json.loads(good.stdout)
    assert [step["outcome"] for step in steps] == ["passed"] * 8
    last = json.loads(bad.lines[-1])
    assert (last["step"], last["outcome"]) == ("credentials", "failed")
    assert "hint" in last


# add


def add(dbjobs: Dbjobs, *args: object, stdin: str = "", **environment: str) -> Result:
    return dbjobs("profiles", "add", *args, stdin=stdin, **environment)


def test_a_token_from_stdin_is_tried_and_saved_where_only_its_owner_can_read_it(
    dbjobs: Dbjobs, workspace: Workspace, config: Path
) -> None:
    page = f"{workspace.url.upper().replace('HTTP', 'http')}/?o=1#job/3"

    result = add(dbjobs, "prod", "--host", page, "--token-stdin", stdin=f"{TOKEN}\n")
    assert (result.exit_code, result.stdout) == (0, "")
    assert content_of(config) == {
        "default_profile": "prod",
        "profiles": {"prod": {"host": workspace.url, "workspace_id": "1", "token": TOKEN}},
    }
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert dbjobs("profiles", "check").exit_code == 0
    assert [path.name for path in config.parent.iterdir()] == ["config.yaml"]


def test_what_does_not_work_is_not_saved(dbjobs: Dbjobs, workspace: Workspace, config: Path) -> None:
    result = add(dbjobs, "prod", "--host", workspace.url, "--token-stdin", stdin=secret("stranger"))

    assert result.exit_code == 3
    assert "the workspace does not know the token" in result.stderr
    assert not config.exists()


def test_a_trial_uses_what_it_was_given_and_no_profile_of_the_same_host(
    dbjobs: Dbjobs, workspace: Workspace, config: Path
) -> None:
    add(dbjobs, "good", "--host", workspace.url, "--token-stdin", stdin=TOKEN)

    result = add(dbjobs, "bad", "--host", workspace.url, "--token-stdin", stdin=secret("stranger"))
    assert result.exit_code == 3
    assert list(content_of(config)["profiles"]) == ["good"]


def test_a_service_principal_is_asked_for_what_it_needs(
    dbjobs: Dbjobs, workspace: Workspace, config: Path
) -> None:
    options = ("--host", workspace.url, "--set", f"client_id={CLIENT_ID}", "--api-version", "2.1")

    result = add(dbjobs, "ci", *options, "--secret-stdin", stdin=CLIENT_SECRET)
    assert result.exit_code == 0, result.stderr
    assert content_of(config)["profiles"]["ci"] == {
        "host": workspace.url,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "api_version": "2.1",
    }


def test_a_reference_is_saved_as_it_is(dbjobs: Dbjobs, workspace: Workspace, config: Path) -> None:
    options = ("--host", workspace.url, "--set", "token={env: MY_TOKEN}")

    assert add(dbjobs, "env", *options, MY_TOKEN=TOKEN).exit_code == 0
    assert content_of(config)["profiles"]["env"]["token"] == {"env": "MY_TOKEN"}
    assert "    token: {env: MY_TOKEN}\n" in config.read_text()


def test_a_secret_can_go_to_the_keyring(
    dbjobs: Dbjobs, workspace: Workspace, config: Path, keyring_entries: dict[tuple[str, str], str]
) -> None:
    options = ("--host", workspace.url, "--token-stdin", "--keyring")

    assert add(dbjobs, "prod", *options, stdin=TOKEN).exit_code == 0
    assert content_of(config)["profiles"]["prod"]["token"] == {"keyring": "prod/token"}
    assert keyring_entries == {("dbjobs", "prod/token"): TOKEN}
    assert dbjobs("profiles", "check", "prod").exit_code == 0


@pytest.mark.parametrize("way", ["azure-cli", "databricks-cli", "netrc", "azure-msi", "env-oidc"])
def test_ways_that_need_no_settings_are_saved_by_name(dbjobs: Dbjobs, config: Path, way: str) -> None:
    assert add(dbjobs, "p", "--host", "h.example", "--auth-type", way, "--no-check").exit_code == 0

    values = content_of(config)["profiles"]["p"]
    assert values == {"host": "https://h.example"} | (
        {"azure_use_msi": True} if way == "azure-msi" else {"auth_type": way}
    )


REFUSALS = [
    pytest.param(["--set", f"token={TOKEN}"], "--set does not take the token itself",
                 id="a secret on the line"),
    pytest.param(["--set", "tokn=1"], "--set takes KEY=VALUE", id="no such setting"),
    pytest.param(["--set", "token"], "--set takes KEY=VALUE", id="no value"),
    pytest.param([], "the token is missing, and there is no terminal to ask on", id="nobody to ask"),
    pytest.param(["--token-stdin"], "the token is empty", id="empty stdin"),
    pytest.param(["--auth-type", "magic"], "dbjobs does not offer auth_type 'magic'", id="no such way"),
    pytest.param(["--auth-type", "google-id"], "dbjobs does not offer auth_type 'google-id'",
                 id="a method that is left out"),
    pytest.param(["--auth-type", "oauth-m2m", "--token-stdin"], "the client_id is missing",
                 id="no client_id"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), REFUSALS)
def test_what_was_left_unsaid_is_wrong_usage(
    dbjobs: Dbjobs, config: Path, options: list[str], message: str
) -> None:
    result = add(dbjobs, "p", "--host", "h.example", *options)

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert "hint: " in result.stderr
    assert not config.exists()


def test_every_way_that_is_left_to_others_has_something_to_do_instead() -> None:
    assert all(NOT_OFFERED.values())


@pytest.mark.parametrize(
    "host", ["http://h.example", "https://accounts.cloud.databricks.com", "ftp://h", "a b"]
)
def test_a_host_that_is_none_is_refused_before_anything_is_saved(
    dbjobs: Dbjobs, config: Path, host: str
) -> None:
    result = add(dbjobs, "p", "--host", host, "--token-stdin", "--no-check", stdin=TOKEN)

    assert result.exit_code == 3
    assert not config.exists()


def test_a_profile_is_replaced_only_on_demand(dbjobs: Dbjobs, config: Path) -> None:
    options = ("p", "--host", "h.example", "--token-stdin", "--no-check")
    add(dbjobs, *options, stdin=TOKEN)

    refused = add(dbjobs, *options, stdin=secret("new"))
    assert refused.exit_code == 2
    assert content_of(config)["profiles"]["p"]["token"] == TOKEN
    assert add(dbjobs, *options, "--yes", stdin=secret("new")).exit_code == 0
    assert content_of(config)["profiles"]["p"]["token"] == secret("new")


def test_only_the_first_profile_becomes_the_default_by_itself(dbjobs: Dbjobs, config: Path) -> None:
    for name in ("one", "two"):
        add(dbjobs, name, "--host", "h.example", "--auth-type", "netrc", "--no-check")
    assert content_of(config)["default_profile"] == "one"

    add(dbjobs, "three", "--host", "h.example", "--auth-type", "netrc", "--no-check", "--default")
    assert content_of(config)["default_profile"] == "three"


def in_terminal(workspace: Workspace, config: Path, home: Path, *args: str) -> Terminal:
    env = {"DBJOBS_CONFIG": str(config), "HOME": str(home), "no_proxy": "127.0.0.1"}
    return Terminal([*DBJOBS, "profiles", *args], env=env)


def test_on_a_terminal_it_asks_and_shows_nothing_secret(
    workspace: Workspace, config: Path, home: Path
) -> None:
    terminal = in_terminal(workspace, config, home, "add", "prod")
    terminal.read_until("host:")
    terminal.type(f"{workspace.url}\n")
    terminal.read_until("token (not shown):")
    terminal.type(f"{TOKEN}\n")
    screen = terminal.wait()

    assert (screen.exit_code, screen.is_clean) == (0, True), screen.text
    assert "it works" in screen.text
    assert TOKEN not in screen.raw
    assert content_of(config)["profiles"]["prod"] == {"host": workspace.url, "token": TOKEN}


@pytest.mark.parametrize(("answer", "is_saved"), [("y", True), ("n", False), ("", False)])
def test_on_a_terminal_what_does_not_work_may_be_saved_all_the_same(
    workspace: Workspace, config: Path, home: Path, answer: str, is_saved: bool
) -> None:
    terminal = in_terminal(workspace, config, home, "add", "prod", "--host", workspace.url)
    terminal.read_until("token (not shown):")
    terminal.type(f"{secret('stranger')}\n")
    terminal.read_until("save the profile anyway? [y/N]")
    terminal.type(f"{answer}\n")
    screen = terminal.wait()

    assert "the workspace does not know the token" in screen.text
    assert config.exists() is is_saved
    assert (screen.exit_code == 0) is is_saved


# list, show, use, remove

CONFIG = f"""\
# the workspaces that I use
default_profile: prod

profiles:
  prod:  # mind the step
    host: https://prod.example
    client_id: id-1
    client_secret: {{env: PROD_SECRET}}

  # for trials
  dev:
    host: https://dev.example
    token: {TOKEN}
    api_version: "2.1"
"""
OFFICIAL = f"""\
[DEFAULT]
host = https://default.example
token = {TOKEN}

[cli]
host = https://cli.example
auth_type = databricks-cli

[dev]
host = https://other.example
token = {TOKEN}
"""


@pytest.fixture
def files(config: Path, home: Path) -> Path:
    """Both files, with a name that stands in both."""
    config.parent.mkdir()
    config.write_text(CONFIG)
    (home / ".databrickscfg").write_text(OFFICIAL)
    return config


def test_the_list_has_the_profiles_of_both_files_and_marks_the_default(
    dbjobs: Dbjobs, files: Path, home: Path
) -> None:
    result = dbjobs("profiles", "list")

    assert result.exit_code == 0
    rows = [re.split(r"  +", line.strip()) for line in result.lines]
    official = str(home / ".databrickscfg")
    assert rows == [
        ["NAME", "HOST", "AUTH", "FILE"],
        ["* prod", "https://prod.example", "oauth-m2m", str(files)],
        ["dev", "https://dev.example", "pat", str(files)],
        ["DEFAULT", "https://default.example", "pat", official],
        ["cli", "https://cli.example", "databricks-cli", official],
    ]
    assert dbjobs("profiles", "list", "-o", "id").lines == ["prod", "dev", "DEFAULT", "cli"]
    assert [one["default"] for one in json.loads(dbjobs("profiles", "list", "-o", "json").stdout)] == [
        True, False, False, False,
    ]  # fmt: skip


def test_an_empty_list_says_how_to_begin(dbjobs: Dbjobs, config: Path) -> None:
    result = dbjobs("profiles", "list")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "dbjobs profiles add NAME" in result.stderr


def test_show_tells_where_each_setting_came_from(dbjobs: Dbjobs, files: Path) -> None:
    result = dbjobs("profiles", "show", "dev")

    where = f"profile dev in {files}"
    rows = [re.split(r"  +", line) for line in result.lines]
    assert rows == [
        ["SETTING", "VALUE", "SOURCE"],
        ["host", "https://dev.example", where],
        ["auth_type", "pat", "by the other settings"],
        ["token", "<hidden>", where],
        ["api_version", "2.1", where],
    ]


def test_on_a_narrow_terminal_the_sources_stand_below_and_are_never_cut(
    workspace: Workspace, files: Path, home: Path
) -> None:
    env = {"DBJOBS_CONFIG": str(files), "HOME": str(home)}
    screen = run_in_terminal([*DBJOBS, "profiles", "show", "dev"], columns=40, env=env)

    assert screen.exit_code == 0
    assert f"host: https://dev.example\n  profile dev in {files}".replace("\n", "") in screen.text.replace(
        "\n", ""
    )


def test_show_without_a_name_shows_what_a_command_would_use(dbjobs: Dbjobs, files: Path) -> None:
    environment = {"DATABRICKS_HOST": "https://dev.example", "DATABRICKS_CLIENT_ID": "id-2"}
    secret_variable = {"DATABRICKS_CLIENT_SECRET": CLIENT_SECRET}

    result = dbjobs("profiles", "show", "-o", "json", **environment, **secret_variable)
    shown = json.loads(result.stdout)
    assert shown["name"] is None
    assert shown["settings"]["host"] == {"value": "https://dev.example", "source": "DATABRICKS_HOST"}
    assert shown["settings"]["client_secret"] == {"value": "<hidden>", "source": "DATABRICKS_CLIENT_SECRET"}
    assert "token" not in shown["settings"]


def test_show_says_what_was_left_aside_and_why(dbjobs: Dbjobs, files: Path) -> None:
    result = dbjobs("profiles", "show", DATABRICKS_TOKEN=TOKEN, PROD_SECRET="x")

    assert "client_secret  {env: PROD_SECRET}" in result.stdout
    assert result.stderr == "DATABRICKS_TOKEN not used, because the environment names no host\n"


def test_show_of_what_does_not_suffice_shows_what_there_is(dbjobs: Dbjobs, files: Path) -> None:
    files.write_text("profiles: {p: {host: h.example, client_id: id-1, ca_bundle: ca.pem}}\n")

    result = dbjobs("profiles", "show", "p")
    assert result.exit_code == 3
    assert [line.split()[0] for line in result.lines] == ["SETTING", "host", "client_id", "ca_bundle"]
    assert result.stderr.startswith("error: credentials for https://h.example are incomplete: ")


def test_a_list_runs_no_command_of_a_profile(dbjobs: Dbjobs, files: Path) -> None:
    proof = files.parent / "proof"
    command = ["touch", str(proof)]
    values = {"host": {"command": command}, "token": {"command": command}}
    files.write_text(json.dumps({"profiles": {"p": values}}))

    result = dbjobs("profiles", "list", "-o", "json")
    assert json.loads(result.stdout)[0]["host"] == "{command: [touch, …]}"
    assert not proof.exists()


@pytest.mark.parametrize("name", ["dev", "cli"])
def test_use_sets_the_default_and_leaves_the_rest_as_it_is(dbjobs: Dbjobs, files: Path, name: str) -> None:
    assert dbjobs("profiles", "use", name).exit_code == 0

    assert files.read_text() == CONFIG.replace("default_profile: prod", f"default_profile: {name}")
    assert json.loads(dbjobs("profiles", "show", "-o", "json").stdout)["name"] == name


def test_remove_takes_out_one_profile_and_its_being_the_default(dbjobs: Dbjobs, files: Path) -> None:
    refused = dbjobs("profiles", "remove", "prod")
    assert (refused.exit_code, files.read_text()) == (2, CONFIG)

    result = dbjobs("profiles", "remove", "prod", "--yes")
    assert result.exit_code == 0
    assert "it was the default" in result.stderr
    before, after = CONFIG.index("default_profile"), CONFIG.index("\nprofiles")
    start, end = CONFIG.index("  prod:"), CONFIG.index("\n  # for trials")
    assert files.read_text() == CONFIG[:before] + CONFIG[after:start] + CONFIG[end:]


def test_remove_asks_on_a_terminal(workspace: Workspace, files: Path, home: Path) -> None:
    terminal = in_terminal(workspace, files, home, "remove", "dev")
    terminal.read_until(f"remove profile dev from {files}"[:60])
    terminal.type("y\n")

    assert terminal.wait().exit_code == 0
    assert list(content_of(files)["profiles"]) == ["prod"]


@pytest.mark.parametrize("verb", ["use", "remove", "show", "check"])
def test_a_profile_that_is_not_there_is_told_with_those_that_are(
    dbjobs: Dbjobs, files: Path, home: Path, verb: str
) -> None:
    result = dbjobs("profiles", verb, "absent")

    assert (result.exit_code, result.stdout) == (3, "")
    error, hint = result.stderr.splitlines()
    assert error.startswith("error: there is no profile 'absent'")
    assert hint == (
        f"hint: profiles in {files}: dev, prod; profiles in {home / '.databrickscfg'}: DEFAULT, cli, dev"
    )


def test_a_profile_of_the_official_file_is_not_ours_to_remove(dbjobs: Dbjobs, files: Path) -> None:
    result = dbjobs("profiles", "remove", "cli", "--yes")

    assert result.exit_code == 3
    assert ".databrickscfg, which dbjobs does not write" in result.stderr


# the file

NAMES = st.sampled_from(["prod", "dev", "a b", "no", "12", "é", "x:y", "-", "#1", "[z]", "null"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1)
VALUES = st.fixed_dictionaries(
    {"host": TEXTS},
    optional={
        "token": TEXTS | st.fixed_dictionaries({"env": TEXTS}),
        "client_secret": st.fixed_dictionaries({"command": st.lists(TEXTS, min_size=1, max_size=3)}),
        "api_version": st.sampled_from(["2.0", "2.1"]),
        "allow_http": st.booleans(),
    },
)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), NAMES, VALUES, st.booleans()),
        st.tuples(st.just("remove"), NAMES),
        st.tuples(st.just("use"), NAMES),
    ),
    max_size=8,
)
BEGINNINGS = [
    "",
    "# nothing yet\n",
    CONFIG,
    CONFIG.replace("\n", "\r\n"),
    "profiles:\n    deep:\n        host: h\n        token: |\n          a\n          # b\n# end",
    "profiles: {}  # none\ndefault_profile: prod  # soon\n",
    "profiles:\n",
    '{"profiles": {"json": {"host": "h"}}, "default_profile": "json"}',
    "---\nprofiles:\n  ? prod\n  : host: h\n...\n",
    "profiles: {flow: {host: h}} # in one line\n",
]


@settings(deadline=None)
@example(
    "profiles:\n    deep:\n        token: |\n          # b\n# end", [("put", "prod", {"host": "0E0"}, False)]
)
@given(st.sampled_from(BEGINNINGS), CHANGES)
def test_whatever_is_changed_the_file_says_what_was_meant_and_keeps_its_comments(
    tmp_path_factory: pytest.TempPathFactory, text: str, changes: list[Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "edited" / "config.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode())
    content = parse_document(text) or {}
    meant = {"profiles": content.get("profiles") or {}} | {
        key: value for key, value in content.items() if key == "default_profile"
    }
    for kind, name, *rest in changes:
        comments = re.findall(r"(?m)^\s*#.*$", path.read_text("utf-8"))
        if kind == "put":
            values, is_default = rest
            lost = editing.put_profile(path, name, values, is_default=is_default)
            meant["profiles"][name] = values
            meant |= {"default_profile": name} if is_default else {}
        elif kind == "use":
            lost = editing.set_default(path, name)
            meant["default_profile"] = name
        elif name in meant["profiles"]:
            lost = editing.remove_profile(path, name)
            del meant["profiles"][name]
            if meant.get("default_profile") == name:
                del meant["default_profile"]
        else:
            continue
        found = parse_document(path.read_text("utf-8")) or {}
        assert found | {"profiles": found.get("profiles") or {}} == meant
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        if lost is None:
            assert [line for line in comments if line not in path.read_text("utf-8")] == []


def test_a_layout_that_is_not_foreseen_is_written_anew_and_the_old_file_kept(
    dbjobs: Dbjobs, config: Path
) -> None:
    config.parent.mkdir()
    old = "profiles: {dev: {host: h.example, auth_type: netrc}}  # all in a line\n"
    config.write_text(old)

    result = add(dbjobs, "p", "--host", "h.example", "--auth-type", "netrc", "--no-check")
    copy = config.with_name("config.yaml.bak")
    assert result.exit_code == 0
    assert f"warning: the file was rewritten without its comments; the old one is {copy}" in result.stderr
    assert copy.read_text() == old
    assert list(content_of(config)["profiles"]) == ["dev", "p"]


def test_a_broken_file_is_left_as_it_is(dbjobs: Dbjobs, config: Path) -> None:
    config.parent.mkdir()
    config.write_text("profiles: [\n")

    for command in (["use", "p"], ["add", "p", "--host", "h.example", "--auth-type", "netrc", "--no-check"]):
        result = dbjobs("profiles", *command)
        assert result.exit_code == 3
        assert f"{config} is not valid YAML: line " in result.stderr
    assert config.read_text() == "profiles: [\n"


def test_a_link_stays_a_link(dbjobs: Dbjobs, config: Path, home: Path) -> None:
    config.parent.mkdir()
    target = home / "dotfiles.yaml"
    target.write_text("# mine\n")
    config.symlink_to(target)

    add(dbjobs, "p", "--host", "h.example", "--auth-type", "netrc", "--no-check")
    assert config.is_symlink()
    assert target.read_text().startswith("# mine\n")
    assert "p" in content_of(target)["profiles"]


def test_writers_at_the_same_time_lose_nothing(config: Path) -> None:
    names = [f"p{number}" for number in range(8)]
    options = ["--host", "h.example", "--auth-type", "netrc", "--no-check"]
    started = [
        subprocess.Popen([*DBJOBS, "profiles", "add", name, *options], stderr=subprocess.DEVNULL)
        for name in names
    ]
    assert [process.wait(60) for process in started] == [0] * len(names)

    assert sorted(content_of(config)["profiles"]) == names
    assert [path.name for path in config.parent.iterdir()] == ["config.yaml"]


def test_a_folder_that_cannot_be_written_to_is_told(dbjobs: Dbjobs, home: Path) -> None:
    (home / "file").write_text("")

    result = add(
        dbjobs, "p", "--host", "h.example", "--auth-type", "netrc", "--no-check",
        DBJOBS_CONFIG=str(home / "file" / "config.yaml"),
    )  # fmt: skip
    assert result.exit_code == 3
    assert result.stderr.splitlines()[-1].startswith("error: cannot ")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
@pytest.mark.parametrize("name", ["config.yaml", ".databrickscfg"])
def test_a_file_with_a_secret_that_others_can_read_gets_a_warning(
    dbjobs: Dbjobs, files: Path, home: Path, mode: int, name: str
) -> None:
    path = files if name == "config.yaml" else home / name
    path.chmod(mode)

    result = dbjobs("profiles", "show", "dev" if name == "config.yaml" else "cli")
    assert result.exit_code == 0
    assert f"warning: {path} holds a secret, and others can read it" in result.stderr
    assert f"chmod 600 {path}" in result.stderr


def test_a_file_without_a_secret_that_others_can_read_is_a_warning_as_well(
    dbjobs: Dbjobs, config: Path
) -> None:
    config.parent.mkdir()
    config.write_text("profiles: {p: {host: h.example, token: {env: T}}}\n")
    config.chmod(0o644)

    result = dbjobs("profiles", "show", "p")
    assert result.exit_code == 0
    assert f"warning: {config} can be read by others; to keep it private: chmod 600" in result.stderr
