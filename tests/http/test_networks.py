"""Networks of companies: proxies, certificates of their own, hosts without TLS, redirects."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
import yaml

from tests.auth.identity_provider import CLIENT_ID, CLIENT_SECRET, RUN_ID, Workspace, serve_workspace
from tests.conftest import Dbjobs, Result
from tests.support.fakes import FakeClock, Reply, scripted_server
from tests.support.payloads import run
from tests.support.secrets import secret

TOKEN = secret("dapi")
NAME = "workspace.example"
GET = ("runs", "get", RUN_ID, "-o", "id")
RUN = Reply(body=run(run_id=RUN_ID))

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "company.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def workspace(clock: FakeClock, authority: trustme.CA) -> Iterator[Workspace]:
    with serve_workspace(Workspace(clock, tokens={TOKEN: float("inf")}), authority) as workspace:
        yield workspace


def get_run(dbjobs: Dbjobs, folder: Path, **settings: Any) -> Result:
    """With a profile of these settings."""
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"profiles": {"p": {"token": TOKEN, **settings}}}))
    return dbjobs(*GET, "--config", path, "-p", "p")


# Certificates


@pytest.mark.parametrize(
    "how", ["ca_bundle", "ca_bundle beside the file", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
)
def test_certificates_of_a_company_are_trusted_once_they_are_named(
    dbjobs: Dbjobs, workspace: Workspace, ca: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how.isupper():
        monkeypatch.setenv(how, str(ca))
    settings = {"ca_bundle": str(ca), "ca_bundle beside the file": ca.name}

    named = {"ca_bundle": settings[how]} if how in settings else {}
    result = get_run(dbjobs, tmp_path, host=workspace.url, **named)
    assert (result.exit_code, result.stdout) == (0, "42\n"), result.stderr


def test_the_bundle_of_the_profile_beats_that_of_the_environment(
    dbjobs: Dbjobs, workspace: Workspace, ca: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the library, a session's own bundle would lose to the variable."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))

    assert get_run(dbjobs, tmp_path, host=workspace.url, ca_bundle=str(ca)).exit_code == 0
    assert get_run(dbjobs, tmp_path, host=workspace.url).exit_code == 6


@pytest.mark.parametrize(
    "trusted", ["the default certificate authorities", "ca_bundle", "REQUESTS_CA_BUNDLE"]
)
def test_a_certificate_that_is_not_trusted_is_told_with_what_it_was_checked_against(
    dbjobs: Dbjobs, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: str
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    if trusted == "REQUESTS_CA_BUNDLE":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    named = {"ca_bundle": str(other)} if trusted == "ca_bundle" else {}

    result = get_run(dbjobs, tmp_path, host=workspace.url, **named)
    where = trusted if trusted == "the default certificate authorities" else f"{trusted} ({other})"
    error, hint = result.stderr.splitlines()[-2:]
    assert result.exit_code == 6
    assert error.startswith(f"error: no trusted connection to {workspace.url}: certificate verify failed: ")
    assert "_ssl.c" not in error
    assert f"checked against {where};" in hint
    assert "ca_bundle of the profile, or in REQUESTS_CA_BUNDLE" in hint
    assert workspace.server.received == []


def test_the_provider_of_tokens_is_reached_with_the_same_certificates(
    dbjobs: Dbjobs, workspace: Workspace, tmp_path: Path
) -> None:
    options = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"profiles": {"p": {"host": workspace.url, **options}}}))

    result = dbjobs(*GET, "--config", path, "-p", "p")
    assert result.exit_code == 6
    assert f"cannot sign in: no trusted connection to {workspace.url}" in result.stderr


@contextmanager
def serve_for_known_clients(authority: trustme.CA) -> Iterator[str]:
    """A server that lets in whoever has a certificate of the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with scripted_server([RUN], context) as server:
        yield server.url


@pytest.mark.parametrize("in_one_file", [True, False])
def test_a_client_s_certificate_is_shown(
    dbjobs: Dbjobs, authority: trustme.CA, ca: Path, tmp_path: Path, in_one_file: bool
) -> None:
    issued = authority.issue_cert("ada@example.com")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    one, two = {"client_cert": "both.pem"}, {"client_cert": "cert.pem", "client_key": "key.pem"}

    with serve_for_known_clients(authority) as url:
        result = get_run(dbjobs, tmp_path, host=url, ca_bundle=ca.name, **(one if in_one_file else two))
    assert (result.exit_code, result.stdout) == (0, "42\n"), result.stderr


@pytest.mark.parametrize("given", ["none", "a stranger's"])
def test_a_server_that_wants_another_certificate_is_told_as_such(
    dbjobs: Dbjobs, authority: trustme.CA, ca: Path, tmp_path: Path, given: str
) -> None:
    issued = trustme.CA().issue_cert("eve@example.com")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "eve.pem")
    named = {"client_cert": "eve.pem"} if given != "none" else {}

    with serve_for_known_clients(authority) as url:
        result = get_run(dbjobs, tmp_path, host=url, ca_bundle=ca.name, **named)
    assert result.exit_code == 6
    assert "client_cert" in result.stderr.splitlines()[-1], result.stderr


@pytest.mark.parametrize("key", ["ca_bundle", "client_cert", "client_key"])
def test_a_file_that_is_not_there_is_named_before_anything_is_sent(
    dbjobs: Dbjobs, workspace: Workspace, tmp_path: Path, key: str
) -> None:
    result = get_run(dbjobs, tmp_path, host=workspace.url, **{key: "absent.pem"})

    assert result.exit_code == 3
    assert f"there is no file {tmp_path / 'absent.pem'}, the {key} of profile p" in result.stderr


@pytest.mark.parametrize("content", [None, "no certificate\n"], ids=["absent", "not PEM"])
def test_a_bundle_of_the_environment_that_cannot_be_read_is_named(
    dbjobs: Dbjobs, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    path = tmp_path / "bundle.pem"
    if content:
        path.write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))

    result = get_run(dbjobs, tmp_path, host=workspace.url)
    assert result.exit_code in (3, 6)
    assert f"REQUESTS_CA_BUNDLE ({path})" in result.stderr


# Proxies


class Tunnel(BaseHTTPRequestHandler):
    """A proxy: `CONNECT` leads to this machine, whatever the name; it wants a password if it has one."""

    def do_CONNECT(self) -> None:
        server: Any = self.server
        server.asked.append((self.path, self.headers.get("Proxy-Authorization")))
        if server.refuses:
            self.send_error(407, "Proxy Authentication Required")
            return
        with socket.create_connection(("127.0.0.1", int(self.path.rpartition(":")[2]))) as target:
            self.send_response_only(200)
            self.end_headers()
            back = threading.Thread(target=_pump, args=(target, self.connection))
            back.start()
            _pump(self.connection, target)
            back.join()

    def log_message(self, *_: Any) -> None:
        """Stays silent."""


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # one side has left
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Tunnel)
    server.asked, server.refuses = [], False
    server.netloc = f"127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def far_workspace(clock: FakeClock, authority: trustme.CA) -> Iterator[tuple[Workspace, str]]:
    """A workspace that only the proxy finds, and its host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(context)
    workspace = Workspace(clock, tokens={TOKEN: float("inf")})
    with scripted_server(workspace.reply, context) as workspace.server:
        yield workspace, f"https://{NAME}:{urlsplit(workspace.url).port}"


def test_a_proxy_leads_to_hosts_that_it_alone_can_find(
    dbjobs: Dbjobs, far_workspace: tuple[Workspace, str], proxy: Any, ca: Path, tmp_path: Path
) -> None:
    """The workspace and its provider of tokens alike; the proxy sees no credentials."""
    workspace, host = far_workspace
    workspace.discovery = Reply(body={"token_endpoint": f"{host}/oidc/v1/token"})
    path = tmp_path / "config.yaml"
    oauth = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "ca_bundle": ca.name}
    path.write_text(yaml.safe_dump({"profiles": {"p": {"host": host, **oauth}}}))
    options = ("--config", path, "-p", "p")
    address = f"http://user:{secret('proxy')}@{proxy.netloc}"

    result = dbjobs(*GET, *options, "--verbose", HTTPS_PROXY=address)
    assert (result.exit_code, result.stdout) == (0, "42\n"), result.stderr
    assert {asked for asked, _ in proxy.asked} == {host.removeprefix("https://")}
    assert all(authorization.startswith("Basic ") for _, authorization in proxy.asked)
    check = dbjobs("profiles", "check", *options)
    assert check.exit_code == 0
    assert f"✓ name        left to the proxy {proxy.netloc}\n" in check.stdout


def test_a_proxy_that_refuses_is_named_without_its_password(
    dbjobs: Dbjobs, proxy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.refuses = True
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{secret('proxy')}@{proxy.netloc}")

    result = get_run(dbjobs, tmp_path, host=f"https://{NAME}")
    assert result.exit_code == 6
    assert result.stderr.splitlines()[-2] == (
        f"error: cannot reach https://{NAME} through the proxy {proxy.netloc}: "
        "Tunnel connection failed: 407 Proxy Authentication Required"
    )


def test_hosts_of_no_proxy_are_reached_directly(
    dbjobs: Dbjobs,
    workspace: Workspace,
    ca: Path,
    tmp_path: Path,
    closed_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port}")

    assert get_run(dbjobs, tmp_path, host=workspace.url, ca_bundle=ca.name).exit_code == 0


def test_http_is_for_this_machine_unless_the_profile_allows_it(dbjobs: Dbjobs, tmp_path: Path) -> None:
    with scripted_server([RUN]) as server:
        refused = get_run(dbjobs, tmp_path, host=f"http://{NAME}")
        allowed = dbjobs(
            *GET, "--config", _allow_http(tmp_path), "-p", "p", http_proxy=server.url, no_proxy=""
        )

    assert refused.exit_code == 3
    where = f"profile p in {tmp_path / 'config.yaml'}"
    assert refused.stderr.splitlines() == [
        f"error: http://{NAME} would send the token unencrypted ({where})",
        f"hint: use https://{NAME}; http is for this machine only, "
        "or for a profile that says `allow_http: true`",
    ]
    assert (allowed.exit_code, allowed.stdout) == (0, "42\n"), allowed.stderr


def _allow_http(folder: Path) -> Path:
    path = folder / "allowed" / "config.yaml"
    path.parent.mkdir()
    profile = {"host": f"http://{NAME}", "token": TOKEN, "allow_http": True}
    path.write_text(yaml.safe_dump({"profiles": {"p": profile}}))
    return path


def test_a_profile_that_allows_http_allows_it_to_no_other_source(dbjobs: Dbjobs, tmp_path: Path) -> None:
    result = dbjobs(
        *GET, "--config", _allow_http(tmp_path), DATABRICKS_HOST=f"http://{NAME}", DATABRICKS_TOKEN=TOKEN
    )

    assert result.exit_code == 3
    assert "would send the token unencrypted (DATABRICKS_HOST)" in result.stderr


# Redirects


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:1/", "https://elsewhere.example/", "//elsewhere.example/", "/login"]
)
def test_credentials_follow_no_redirect(
    dbjobs: Dbjobs, authority: trustme.CA, ca: Path, tmp_path: Path, target: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with scripted_server([Reply(302, "", {"Location": target})], context) as server:
        result = get_run(dbjobs, tmp_path, host=server.url, ca_bundle=ca.name)

    assert result.exit_code == 3
    assert "the host answered with a redirect to " in result.stderr
    assert len(server.received) == 1
