"""`profiles login`: a person signs in in a browser, and stays signed in until `profiles logout`."""

import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import yaml

from dbjobs.sandbox.server import Sandbox
from tests.conftest import Dbjobs, Result

LIST = ("jobs", "list", "-o", "id")
FIRST_PORT = 8020


@pytest.fixture
def tokens(home: Path) -> Path:
    """Where tokens are kept where there is no keyring."""
    return home / ".config" / "dbjobs" / "tokens.json"


@pytest.fixture(autouse=True)
def ports_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that run at the same time do not take each other's ports."""
    from dbjobs.cli.profiles import browser

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        first = free.getsockname()[1]
    monkeypatch.setattr(browser, "PORTS", range(first, min(first + 20, 65536)))


class Browser:
    """Follows an address as a browser would, while the command waits for it to come back."""

    def __init__(self, change: Callable[[str], str] = lambda address: address) -> None:
        self.opened: list[str] = []
        self.pages: list[int] = []
        self._change = change

    def open(self, url: str) -> bool:
        self.opened.append(url)
        threading.Thread(target=self._follow, args=(url,), daemon=True).start()
        return True

    def _follow(self, url: str) -> None:
        location = requests.get(url, allow_redirects=False, timeout=30).headers["location"]
        self.pages.append(requests.get(self._change(location), timeout=30).status_code)

    @property
    def asked(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.opened[0]).query).items()}


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    browser = Browser()
    monkeypatch.setattr(webbrowser, "open", browser.open)
    return browser


def log_in(dbjobs: Dbjobs, sandbox: Sandbox, *options: str) -> Result:
    return dbjobs("profiles", "login", "me", "--host", sandbox.url, *options)


def kept(tokens: Path, name: str = "me") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tokens.read_text())["tokens"][name]
    return found


def test_whoever_signs_in_once_is_signed_in_for_every_command(
    dbjobs: Dbjobs, sandbox: Sandbox, browser: Browser, tokens: Path, home: Path
) -> None:
    result = log_in(dbjobs, sandbox)
    assert (result.exit_code, result.stdout) == (0, ""), result.stderr

    asked = browser.asked
    assert (asked["client_id"], asked["scope"]) == ("databricks-cli", "all-apis offline_access")
    assert asked["code_challenge_method"] == "S256"
    assert browser.pages == [200]
    content = yaml.safe_load((home / ".config/dbjobs/config.yaml").read_text())
    assert content["profiles"]["me"] == {"host": sandbox.url, "auth_type": "external-browser"}
    assert stat.S_IMODE(tokens.stat().st_mode) == 0o600
    assert dbjobs(*LIST, "-p", "me").exit_code == 0
    everything = result.stderr + dbjobs(*LIST, "-p", "me", "--verbose").stderr
    assert not any(kept(tokens)[key] in everything for key in ("access_token", "refresh_token"))


def test_a_port_that_is_in_use_is_passed_over(dbjobs: Dbjobs, sandbox: Sandbox, browser: Browser) -> None:
    from dbjobs.cli.profiles.browser import PORTS

    with socket.socket() as other:
        other.bind(("127.0.0.1", PORTS[0]))
        other.listen()
        assert log_in(dbjobs, sandbox).exit_code == 0
    assert browser.asked["redirect_uri"] != f"http://localhost:{PORTS[0]}"
    assert urlsplit(browser.asked["redirect_uri"]).port in PORTS


def test_an_answer_to_another_question_is_turned_away_and_the_right_one_still_awaited(
    dbjobs: Dbjobs, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As from a page that makes the browser call the port, to sign its victim in as somebody else."""
    statuses = []

    def forge_first(location: str) -> str:
        forged = re.sub("state=[^&]+", "state=forged", location)
        statuses.append(requests.get(forged, timeout=30).status_code)
        statuses.append(requests.get(location.partition("?")[0] + "/favicon.ico", timeout=30).status_code)
        return location

    browser = Browser(forge_first)
    monkeypatch.setattr(webbrowser, "open", browser.open)

    assert log_in(dbjobs, sandbox).exit_code == 0
    assert statuses == [404, 404]


def test_a_refusal_in_the_browser_is_told(
    dbjobs: Dbjobs, sandbox: Sandbox, tokens: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(location: str) -> str:
        return re.sub("code=[^&]+", "error=access_denied&error_description=Not+today", location)

    monkeypatch.setattr(webbrowser, "open", Browser(refuse).open)
    result = log_in(dbjobs, sandbox)

    assert result.exit_code == 3
    assert "the sign-in was refused: Not today" in result.stderr
    assert not tokens.exists()


def test_nobody_is_waited_for_without_end(
    dbjobs: Dbjobs, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbjobs.cli.profiles import browser

    monkeypatch.setattr(browser, "BROWSER_SECONDS", 0.2)
    monkeypatch.setattr(webbrowser, "open", lambda url: True)
    result = log_in(dbjobs, sandbox)

    assert result.exit_code == 3
    assert "nobody signed in within" in result.stderr


@contextmanager
def logging_in_by_hand(sandbox: Sandbox, home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command on a machine without a browser, and the address that it shows."""
    command = [
        sys.executable,
        "-m",
        "dbjobs",
        "profiles",
        "login",
        "me",
        "--host",
        sandbox.url,
        "--no-browser",
    ]
    environ = {"HOME": str(home), "PATH": os.environ["PATH"], "no_proxy": "127.0.0.1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environ) as process:
        assert process.stderr
        line = next(line for line in process.stderr if "/authorize?" in line)
        yield process, line.strip()


def test_on_a_machine_without_a_browser_the_address_is_pasted_back(
    dbjobs: Dbjobs, sandbox: Sandbox, home: Path
) -> None:
    with logging_in_by_hand(sandbox, home) as (process, url):
        location = requests.get(url, allow_redirects=False, timeout=30).headers["location"]
        _, errors = process.communicate(location + "\n", timeout=60)

    assert process.returncode == 0, errors
    assert dbjobs(*LIST, "-p", "me").exit_code == 0


@pytest.mark.parametrize(
    ("pasted", "exit_code", "message"),
    [
        ("http://localhost:8020/?code=1&state=2", 3, "not the address that this sign-in was redirected to"),
        ("nonsense", 3, "not the address that this sign-in was redirected to"),
        ("", 2, "no address was pasted"),
    ],
)
def test_what_is_pasted_must_be_the_way_back_of_this_sign_in(
    sandbox: Sandbox, home: Path, pasted: str, exit_code: int, message: str
) -> None:
    with logging_in_by_hand(sandbox, home) as (process, _):
        _, errors = process.communicate(pasted + "\n", timeout=60)

    assert process.returncode == exit_code
    assert message in errors


def age(tokens: Path) -> None:
    content = json.loads(tokens.read_text())
    for token in content["tokens"].values():
        token["expiry"] = "2020-01-01T00:00:00Z"
    tokens.write_text(json.dumps(content))


def test_a_sign_in_is_renewed_silently_and_by_one_process_at_a_time(
    dbjobs: Dbjobs, sandbox: Sandbox, browser: Browser, tokens: Path, home: Path
) -> None:
    """A refresh token is good once, so two processes that renewed at once would sign each other out."""
    log_in(dbjobs, sandbox)
    before = kept(tokens)
    age(tokens)
    environ = {"HOME": str(home), "PATH": os.environ["PATH"], "no_proxy": "127.0.0.1"}
    command = [sys.executable, "-m", "dbjobs", *LIST, "-p", "me"]
    processes = [subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) for _ in range(3)]

    ended = [(process.communicate(timeout=120)[1], process.returncode) for process in processes]
    assert ended == [("", 0)] * 3
    after = kept(tokens)
    assert after["access_token"] != before["access_token"]
    assert after["refresh_token"] != before["refresh_token"]


def test_a_sign_in_that_cannot_be_renewed_says_how_to_sign_in_anew(
    dbjobs: Dbjobs, sandbox: Sandbox, browser: Browser, tokens: Path
) -> None:
    log_in(dbjobs, sandbox)
    content = json.loads(tokens.read_text())
    content["tokens"]["me"]["refresh_token"] = "revoked-long-ago"
    tokens.write_text(json.dumps(content))
    age(tokens)
    result = dbjobs(*LIST, "-p", "me")

    assert result.exit_code == 3
    assert "the sign-in has expired" in result.stderr
    assert f"dbjobs profiles login me --host {sandbox.url}" in result.stderr


def test_a_sign_in_goes_to_no_other_host(
    dbjobs: Dbjobs, sandbox: Sandbox, browser: Browser, home: Path
) -> None:
    log_in(dbjobs, sandbox)
    config = home / ".config/dbjobs/config.yaml"
    other = sandbox.url.replace("127.0.0.1", "localhost")
    config.write_text(config.read_text().replace(sandbox.url, other))
    result = dbjobs(*LIST, "-p", "me")

    assert result.exit_code == 3
    assert f"nobody is signed in to {other}" in result.stderr


def test_log_out_forgets_and_the_profile_stays(
    dbjobs: Dbjobs, sandbox: Sandbox, browser: Browser, tokens: Path
) -> None:
    log_in(dbjobs, sandbox)

    assert "signed out" in dbjobs("profiles", "logout", "me").stderr
    assert json.loads(tokens.read_text())["tokens"] == {}
    assert "nobody is signed in" in dbjobs(*LIST, "-p", "me").stderr
    assert "was not signed in" in dbjobs("profiles", "logout", "me").stderr
    assert dbjobs("profiles", "login", "me").exit_code == 0, "the profile knows its host"


def test_a_profile_that_is_removed_leaves_no_tokens(
    dbjobs: Dbjobs, sandbox: Sandbox, browser: Browser, tokens: Path
) -> None:
    log_in(dbjobs, sandbox)

    assert dbjobs("profiles", "remove", "me", "--yes").exit_code == 0
    assert json.loads(tokens.read_text())["tokens"] == {}


@pytest.mark.parametrize(
    ("content", "mode", "problem"),
    [
        ("{", 0o600, "it is not JSON"),
        ('{"version": 2}', 0o600, "is not a file of tokens that dbjobs knows"),
        ('{"version": 1}', 0o602, "everyone can write to"),
    ],
)
def test_a_file_of_tokens_that_cannot_be_used_is_named(
    dbjobs: Dbjobs, sandbox: Sandbox, browser: Browser, tokens: Path, content: str, mode: int, problem: str
) -> None:
    log_in(dbjobs, sandbox)
    tokens.write_text(content)
    tokens.chmod(mode)
    result = dbjobs(*LIST, "-p", "me")

    assert (result.exit_code, result.stdout) == (3, "")
    assert str(tokens) in result.stderr
    assert problem in result.stderr


def test_where_there_is_a_keyring_the_tokens_are_in_it_alone(
    dbjobs: Dbjobs,
    sandbox: Sandbox,
    browser: Browser,
    tokens: Path,
    keyring_entries: dict[tuple[str, str], str],
) -> None:
    assert "the system's keyring" in log_in(dbjobs, sandbox).stderr

    assert not tokens.exists()
    assert json.loads(keyring_entries["dbjobs", "login/me"])["host"] == sandbox.url
    assert dbjobs(*LIST, "-p", "me").exit_code == 0
    dbjobs("profiles", "logout", "me")
    assert keyring_entries == {}


@pytest.mark.parametrize("has_ended", [False, True])
@pytest.mark.parametrize("key", ["me", "{host}"])
def test_what_the_databricks_cli_keeps_in_its_file_is_used_where_the_program_is_not(
    dbjobs: Dbjobs,
    sandbox: Sandbox,
    browser: Browser,
    tokens: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    has_ended: bool,
) -> None:
    log_in(dbjobs, sandbox)
    if has_ended:
        age(tokens)
    official = home / ".databricks" / "token-cache.json"
    official.parent.mkdir()
    key = key.format(host=sandbox.url)
    official.write_text(json.dumps({"version": 1, "tokens": {key: kept(tokens)}}))
    tokens.unlink()
    (home / ".databrickscfg").write_text(f"[me]\nhost = {sandbox.url}\nauth_type = databricks-cli\n")
    (home / ".databrickscfg").chmod(0o600)
    (home / ".config/dbjobs/config.yaml").unlink()
    monkeypatch.setenv("PATH", str(home))

    assert dbjobs(*LIST, "-p", "me").exit_code == 0
    if has_ended:
        assert kept(official, key)["expiry"] > time.strftime("%Y")
        assert stat.S_IMODE(official.stat().st_mode) == 0o600
