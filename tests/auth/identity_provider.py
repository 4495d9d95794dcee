"""A workspace and whoever gives out tokens for it: its own OAuth server, Entra ID, GitHub, Azure's machines.

It stands behind real sockets, with TLS and a certificate authority that lives as long as the
test. Its clock is the client's, so that tokens age while a wait goes on, and it lets in nobody
whose token it did not give out, or gave out too long ago.
"""

import itertools
import ssl
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import trustme

from tests.support.fakes import FakeClock, Received, Reply, ScriptedServer, scripted_server
from tests.support.payloads import run
from tests.support.secrets import secret

RUN_ID = 42
CLIENT_ID, CLIENT_SECRET = "5d3c1f2a-client", secret("client")
AZURE_CLIENT_ID, AZURE_SECRET, TENANT = "11111111-azure", secret("azure~client"), "22222222-tenant"
RESOURCE_ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Databricks/workspaces/w"
USERNAME, PASSWORD = "ada@example.com", secret("pass word")
GITHUB_TOKEN = secret("github")
DATABRICKS = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
MANAGEMENT = "https://management.core.windows.net"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"


@dataclass
class Workspace:
    """Who is let in, and what has been asked for."""

    clock: FakeClock
    lifetime: float = 3600
    """of a token, in seconds"""
    expires_in: Any = "as it is"
    """what is told of it; some servers send it as text"""
    lasts: float = 0.0
    """seconds until the run has ended"""
    faults: list[Reply] = field(default_factory=list)
    """what the next requests for a token meet"""
    tokens: dict[str, float] = field(default_factory=dict)
    """those let in, and until when"""
    identities: dict[str, str] = field(default_factory=dict)
    """identity tokens that may be exchanged, and whom they are made out to"""
    needs_management: bool = False
    """the principal is not a user of the workspace"""
    date: str | None = None
    """what its answers say of the time; else the time itself"""
    refusals: int = 0
    """requests of the API whose token was none, or none any more"""
    client_secret: str = CLIENT_SECRET
    metadata: Reply = field(default_factory=lambda: Reply(404, {"error_code": "ENDPOINT_NOT_FOUND"}))
    discovery: Reply | None = None
    server: ScriptedServer = field(default_factory=lambda: ScriptedServer(()))

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def requests_to_sign_in(self) -> list[Received]:
        return [request for request in self.server.received if not request.path.startswith("/api/")]

    @property
    def grants(self) -> list[Received]:
        """The requests for a token itself."""
        paths = ("/oidc/v1/token", "/oauth2/v2.0/token", "/identity/oauth2/token", "/cli")
        return [request for request in self.requests_to_sign_in if request.path.endswith(paths)]

    def issue(self, kind: str = "access") -> str:
        """A token that is let in, as long as its lifetime lasts."""
        token = secret(f"{kind}-{next(self._numbers)}")
        self.tokens[token] = self.clock.now() + self.lifetime
        return token

    def revoke_all(self) -> None:
        self.tokens.clear()

    def reply(self, request: Received) -> Reply:
        reply = self._reply(request)
        return replace(reply, headers=reply.headers | {"Date": self.date}) if self.date else reply

    def _reply(self, request: Received) -> Reply:
        if request.path.startswith("/api/"):
            return self._reply_as_api(request) if self._lets_in(request) else self._refuse(request)
        if request in self.grants and self.faults:
            return self.faults.pop(0)
        return self._reply_as_provider(request)

    def _reply_as_api(self, request: Received) -> Reply:
        if request.path == "/api/2.0/preview/scim/v2/Me":
            return Reply(body={"userName": USERNAME})
        if request.endpoint == "list":
            return Reply(body={})
        ended = self.clock.time >= self.lasts
        return Reply(body=run(*(("TERMINATED", "SUCCESS") if ended else ("RUNNING",)), run_id=RUN_ID))

    def _lets_in(self, request: Received) -> bool:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            return b64decode(value).decode() == f"{USERNAME}:{PASSWORD}"
        if self.needs_management and not (
            request.headers.get("x-databricks-azure-workspace-resource-id") == RESOURCE_ID
            and self._is_good(request.headers.get("x-databricks-azure-sp-management-token", ""))
        ):
            return False
        return scheme == "Bearer" and self._is_good(value)

    def _is_good(self, token: str) -> bool:
        return self.tokens.get(token, -1.0) > self.clock.now()

    def _refuse(self, request: Received) -> Reply:
        """As workspaces word it, with the status as the error_code."""
        self.refusals += 1
        token = request.headers.get("authorization", "").partition(" ")[2]
        message = "JWT has expired" if token in self.tokens else "Invalid access token."
        return Reply(403, {"error_code": 403, "message": message})

    def _reply_as_provider(self, request: Received) -> Reply:
        replies: dict[str, Callable[[], Reply]] = {
            "/oidc/.well-known/oauth-authorization-server": self._discover,
            "/.well-known/databricks-config": lambda: self.metadata,
            "/oidc/v1/token": lambda: self._grant(request),
            f"/{TENANT}/oauth2/v2.0/token": lambda: self._grant_as_entra(request),
            "/metadata/identity/oauth2/token": lambda: self._grant_to_machine(request),
            "/github": lambda: self._identify(request),
            "/cli": lambda: Reply(body=self._answer() | {"expires_at": self.clock.now() + self.lifetime}),
        }
        return replies[request.path]() if request.path in replies else Reply(404, "not here")

    def _discover(self) -> Reply:
        return self.discovery or Reply(body={"token_endpoint": f"{self.url}/oidc/v1/token"})

    def _grant(self, request: Received) -> Reply:
        form = request.body
        if form["grant_type"] == EXCHANGE:
            is_good = form["subject_token"] in self.identities and form["subject_token_type"] == JWT
        else:
            pair = b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
            is_good = pair == f"{CLIENT_ID}:{self.client_secret}" and form["scope"] == "all-apis"
        return (
            Reply(body=self._answer()) if is_good else oauth_error(401, "invalid_client", "No such client.")
        )

    def _grant_as_entra(self, request: Received) -> Reply:
        form = request.body
        if (form["client_id"], form["client_secret"]) != (AZURE_CLIENT_ID, AZURE_SECRET):
            text = "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1\r\nTimestamp: now"
            return oauth_error(401, "invalid_client", text)
        return Reply(body=self._answer(form["scope"].removesuffix("/.default")))

    def _grant_to_machine(self, request: Received) -> Reply:
        if request.headers.get("metadata") != "true":
            return Reply(400, {"error": "invalid_request", "error_description": "no Metadata header"})
        return Reply(body=self._answer(request.query["resource"]))

    def _identify(self, request: Received) -> Reply:
        if request.headers.get("authorization") != f"Bearer {GITHUB_TOKEN}":
            return Reply(403, "no")
        identity = secret(f"identity-{next(self._numbers)}")
        self.identities[identity] = request.query["audience"]
        return Reply(body={"value": identity})

    def _answer(self, resource: str = DATABRICKS) -> dict[str, Any]:
        kind = "access" if resource == DATABRICKS else "management"
        expires_in = self.lifetime if self.expires_in == "as it is" else self.expires_in
        return {"access_token": self.issue(kind), "token_type": "Bearer", "expires_in": expires_in}


def oauth_error(status: int, error: str, description: str) -> Reply:
    return Reply(status, {"error": error, "error_description": description})


@contextmanager
def serve_workspace(workspace: Workspace, authority: trustme.CA | None) -> Iterator[Workspace]:
    """Let it answer, by TLS if there is an authority to vouch for it."""
    context = None
    if authority:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
    with scripted_server(workspace.reply, context) as workspace.server:
        yield workspace


TOOL = """#!/bin/sh
"exec" "{python}" "$0" "$@"
import json, os, ssl, sys, urllib.request
with open({log!r}, "a") as log:
    log.write(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]) + "\\n")
context = ssl.create_default_context(cafile={ca!r})
by_tls = urllib.request.HTTPSHandler(context=context)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}), by_tls)
try:
    answer = json.load(opener.open({url!r} + "/cli"))
except OSError as error:
    sys.exit(f"ERROR: {{error}}\\nand more")
ends = answer["expires_at"]
{body}
"""
TOOL_BODIES = {
    "az": 'print(json.dumps({"accessToken": answer["access_token"], "expires_on": int(ends)}))',
    "databricks": """
import datetime
if "--profile" in sys.argv and "old" in sys.argv:
    sys.exit("Error: init: no host")
expiry = datetime.datetime.fromtimestamp(ends, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
print(json.dumps({"access_token": answer["access_token"], "token_type": "Bearer", "expiry": expiry}))
""",
}


def install_tool(folder: Path, name: str, workspace: Workspace, ca: Path) -> Path:
    """A stand-in for `az` or `databricks` that has been signed in; returns the log of its calls."""
    log = folder / f"{name}.log"
    program = folder / name
    program.write_text(
        TOOL.format(
            python=sys.executable,
            log=str(log),
            ca=str(ca),
            url=workspace.url,
            body=TOOL_BODIES[name],
        )
    )
    program.chmod(0o755)
    return log
