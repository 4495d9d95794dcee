"""What can be wrong with settings and credentials: each has its own sentence, and says what to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Dbjobs, Serve
from tests.support.fakes import Reply
from tests.support.payloads import run
from tests.support.secrets import secret

TOKEN = secret("dapi")
GET = ("runs", "get", 42, "-o", "id")
PAGE = Reply(200, "<!doctype html><title>Sign in</title>", {"Content-Type": "text/html"})


@dataclass(frozen=True)
class Trouble:
    """Files, an environment, and what is said of them: `~` is the home, `@` the profile there."""

    name: str
    told: tuple[str, ...]
    yaml: str = ""
    ini: str = ""
    netrc: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ("-p", "prod")


ENV = {"DATABRICKS_HOST": "https://h.example", "DATABRICKS_TOKEN": TOKEN}
PROD = "profiles:\n  prod:\n    host: h.example\n"

SETTINGS = [
    Trouble("no host", ("error: no workspace is configured",
                        "hint: sign in with `dbjobs profiles login NAME --host URL`, or set DATABRICKS_HOST "
                        "and DATABRICKS_TOKEN; profiles are in ~/config.yaml"), options=()),
    Trouble("no profile", ("error: there is no profile 'prod' (named by --profile)",
                           "hint: profiles in ~/config.yaml: test; profiles in ~/.databrickscfg: cli"),
            yaml="profiles: {test: {}}", ini="[cli]\nhost = h\n"),
    Trouble("several profiles of a name, INI",
            ("error: ~/.databrickscfg has several profiles named 'prod', the second in line 3",
             "hint: keep one of them, or give it another name"), ini=f"[prod]\ntoken={TOKEN}\n[prod]\n"),
    Trouble("several profiles of a name, YAML",
            ("error: ~/config.yaml is not valid YAML: line 4: duplicate key",
             "hint: each profile, and each setting of a profile, may appear only once"),
            yaml=f"profiles:\n  prod:\n    token: {TOKEN}\n  prod: {{}}\n"),
    Trouble("malformed YAML", ("error: ~/config.yaml is not valid YAML: line 4: ",),
            yaml=f"{PROD}    token: {TOKEN}: x\n"),
    Trouble("malformed INI, no setting",
            ("error: ~/.databrickscfg is not valid: line 2: this is neither a profile's name nor a setting",
             "hint: it holds lines such as [PROFILE] and, below, host = https://…"),
            ini=f"[prod]\n{TOKEN}\n"),
    Trouble("malformed INI, no profile",
            ("error: ~/.databrickscfg is not valid: line 1: a setting appears outside of any profile",),
            ini=f"token = {TOKEN}\n"),
    Trouble("malformed INI, a setting twice",
            ("error: ~/.databrickscfg is not valid: line 3: a setting appears twice in its profile",),
            ini=f"[prod]\ntoken = {TOKEN}\ntoken = {TOKEN}\n"),
    Trouble("malformed .netrc", ("error: ~/.netrc is not valid: line 1",), yaml=PROD,
            netrc=f"machine h.example login token pass {TOKEN}\n"),
    Trouble("a misspelt setting", ("error: @ has a setting that dbjobs does not "
                                   "know: tokn", "hint: did you mean token?"),
            yaml=f"{PROD}    tokn: {TOKEN}\n"),
    Trouble("a secret for a setting", ("error: @ has a setting that dbjobs does "
                                       "not know", "hint: settings are host, workspace_id, "),
            yaml=f"{PROD}    {TOKEN}: yes\n"),
    Trouble("two ways", ("error: @ has settings of more than one auth method: "
                         "oauth and pat", "hint: keep those of one, or choose by auth_type"),
            yaml=f"{PROD}    token: {TOKEN}\n    client_id: x\n"),
    Trouble("two ways in the environment",
            ("error: the environment has settings of more than one auth method: azure and pat",
             "hint: keep those of one, or choose by auth_type"),
            environ={**ENV, "ARM_CLIENT_ID": "x"}, options=()),
    Trouble("half a way", ("error: credentials for https://h.example are incomplete: profile prod in "
                           "~/config.yaml has client_id, but no client_secret",),
            yaml=f"{PROD}    client_id: x\n"),
    Trouble("a way without its settings", ("error: auth_type oauth-m2m (@) needs "
                                           "client_id and client_secret, which @ "
                                           "lacks",), yaml=f"{PROD}    auth_type: oauth-m2m\n"),
    Trouble("no such way", ("error: there is no auth_type 'magic' (@)",
                            "hint: it is one of pat, basic, "), yaml=f"{PROD}    auth_type: magic\n"),
    Trouble("a way that is left to others",
            ("error: dbjobs does not offer auth_type google-id (@)",
             "hint: create a service principal in Databricks, and use oauth-m2m"),
            yaml=f"{PROD}    auth_type: google-id\n"),
    Trouble("no credentials", ("error: no credentials for https://h.example (@)",
                               "hint: credentials are taken only from where this host is named: "),
            yaml=PROD),
    Trouble("a host of the environment, a token of a profile",
            ("error: no credentials for https://other.example (DATABRICKS_HOST)",),
            yaml=f"default_profile: prod\n{PROD}    token: {TOKEN}\n",
            environ={"DATABRICKS_HOST": "other.example"}, options=()),
    Trouble("a host that is none", ("error: the host is not a URL (DATABRICKS_HOST)",
                                    "hint: a host looks like https://adb-"),
            environ={**ENV, "DATABRICKS_HOST": "ftp://h.example"}, options=()),
    Trouble("the account console",
            ("error: accounts.cloud.databricks.com is the account console, not a workspace "
             "(DATABRICKS_HOST)",
             "hint: open the workspace in a browser"),
            environ={**ENV, "DATABRICKS_HOST": "https://accounts.cloud.databricks.com"}, options=()),
    Trouble("a variable that is not set", ("error: cannot read the token of @: "
                                           "the variable T is not set",),
            yaml=f"{PROD}    token: {{env: T}}\n"),
    Trouble("an empty variable", ("error: the token of @ is empty",
                                  "hint: it should come from {env: T}"),
            yaml=f"{PROD}    token: {{env: T}}\n", environ={"T": " "}),
    Trouble("a file that is not there", ("error: cannot read the token of @: "
                                         "~/absent: No such file or directory",),
            yaml=f"{PROD}    token: {{file: absent}}\n"),
    Trouble("a program that is not there", ("error: cannot read the token of @: "
                                            "there is no program absent",),
            yaml=f"{PROD}    token: {{command: [absent, x]}}\n"),
    Trouble("a program that fails", ("error: cannot read the token of @: "
                                     "sh ended with exit code 3", "hint: run the command by hand to see why"),
            yaml=f"{PROD}    token: {{command: [sh, -c, 'echo {TOKEN} >&2; exit 3']}}\n"),
    Trouble("nothing in the keyring", ("error: cannot read the token of @: "
                                       "the keyring has no entry p",
                                       "hint: store it with: keyring set dbjobs p"),
            yaml=f"{PROD}    token: {{keyring: p}}\n"),
    Trouble("a reference that is none", ("error: the token of @ is neither text "
                                         "nor a reference", "hint: one of {env: NAME}, "),
            yaml=f"{PROD}    token: {{environment: {TOKEN}}}\n"),
]  # fmt: skip


@pytest.mark.usefixtures("clock", "keyring_entries")
@pytest.mark.parametrize("trouble", SETTINGS, ids=lambda trouble: trouble.name)
def test_what_is_wrong_with_the_settings_is_told_with_what_to_do(
    trouble: Trouble, dbjobs: Dbjobs, home: Path
) -> None:
    for name, text in (
        ("config.yaml", trouble.yaml),
        (".databrickscfg", trouble.ini),
        (".netrc", trouble.netrc),
    ):
        if text:
            (home / name).write_text(text)

    result = dbjobs(*GET, *trouble.options, DBJOBS_CONFIG=str(home / "config.yaml"), **trouble.environ)
    assert (result.exit_code, result.stdout) == (3, "")
    for line, told in zip(result.stderr.splitlines(), trouble.told, strict=False):
        assert line.startswith(told.replace("@", "profile prod in ~/config.yaml").replace("~", str(home)))
    assert len(result.stderr.splitlines()) >= len(trouble.told)


def test_every_trouble_has_its_own_words() -> None:
    sentences = [trouble.told[0] for trouble in SETTINGS]

    assert len(set(sentences)) == len(sentences)


REFUSED: list[Any] = [
    pytest.param(PAGE, 3, "the host answered with a web page instead of the Jobs API",
                 "check the host: it is the workspace's own URL", id="a login page"),
    pytest.param(Reply(403, {"error_code": 403, "message": "JWT has expired"}), 3,
                 "the token has expired: JWT has expired", "create a new one in the workspace", id="expired"),
    pytest.param(Reply(403, {"error_code": 403, "message": "Invalid access token."}), 3,
                 "the workspace does not know the token", "it may be that of another workspace",
                 id="another workspace's"),
    pytest.param(Reply(401, {"error_code": "UNAUTHENTICATED", "message": "No."}), 3,
                 "the workspace did not accept the credentials: No.",
                 "signed in by pat, token (DATABRICKS_TOKEN)", id="refused"),
    pytest.param(Reply(403, {"error_code": "PERMISSION_DENIED", "message": "Ada has no View permission."}), 5,
                 "Ada has no View permission.", "`dbjobs profiles check` says who you are there",
                 id="permission"),
    pytest.param(Reply(403, {"error_code": 403, "message": "Source IP address: 1.2.3.4 is blocked by "
                             "Databricks IP ACL for workspace: 1"}), 5,
                 "Source IP address: 1.2.3.4 is blocked", "the workspace accepts certain networks only",
                 id="network"),
]  # fmt: skip


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("reply", "exit_code", "sentence", "hint"), REFUSED)
def test_what_the_workspace_refuses_is_told_with_what_to_do(
    dbjobs: Dbjobs, serve: Serve, reply: Reply, exit_code: int, sentence: str, hint: str
) -> None:
    serve(reply)

    result = dbjobs(*GET)
    told, told_hint = result.stderr.splitlines()[-2:]
    assert result.exit_code == exit_code
    assert told.startswith(f"error: {sentence}")
    assert hint in told_hint


@pytest.mark.parametrize("rest", ["/?x=1", "/jobs/3/runs/42?o=12#x", "/api/2.1"])
@pytest.mark.parametrize("place", ["DATABRICKS_HOST", "a profile"])
def test_the_address_of_a_page_is_taken_for_its_host_and_that_is_said(
    dbjobs: Dbjobs, serve: Serve, home: Path, rest: str, place: str
) -> None:
    server = serve(Reply(body=run(run_id=42)))
    write: Callable[[str], int] = (home / "config.yaml").write_text
    write(f"profiles: {{prod: {{host: '{server.url}{rest}', token: {TOKEN}}}}}")
    by_profile = ("--config", str(home / "config.yaml"), "-p", "prod")
    where = "DATABRICKS_HOST" if place == "DATABRICKS_HOST" else f"profile prod in {home / 'config.yaml'}"

    options = () if place == "DATABRICKS_HOST" else by_profile
    result = dbjobs(*GET, *options, DATABRICKS_HOST=server.url + rest)
    assert (result.exit_code, result.stdout) == (0, "42\n")
    assert result.stderr == (f"warning: the host in {where} is the address of a page; {server.url} is used\n")
