"""Databricks, Microsoft, GitHub and Azure DevOps as far as signing in concerns them, under their real names.

All of them are one proxy, which ends TLS in the name of whoever is asked for. What they give is told by
who gives it for what, so that two clients that send the same get the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from dbjobs.config.hosts import serves_one_workspace
from tests.support.fakes import Received, Reply, ScriptedServer, scripted_server

UNIFIED = "acme.databricks.com"
ACCOUNT_ID = "account-1"
GITHUB, DEVOPS, METADATA_SERVICE = "github.example", "devops.example", "metadata.example"
FAR_AWAY = 4_000_000_000

DISCOVERY = (
    "/.well-known/databricks-config",
    "/.well-known/oauth-authorization-server",
    "/aad/auth",
    "/oidc/oauth2/v2.0/authorize",
)
"""What tells a client where to ask; nothing secret goes there."""


@dataclass(frozen=True)
class Sent:
    """One request, as far as it matters for signing in."""

    method: str
    url: str
    query: tuple[tuple[str, str], ...] = ()
    form: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def is_discovery(self) -> bool:
        return self.url.endswith(DISCOVERY)


@dataclass
class World:
    """Who answers, and what was asked."""

    metadata: Mapping[str, Any] | None = None
    """what a host says of itself, where that is not the usual"""
    refused: str = "nothing"
    """the resource for which Microsoft gives no token"""
    server: ScriptedServer = field(default_factory=lambda: ScriptedServer(()))

    def reply(self, request: Received) -> Reply:
        host = request.headers["host"]
        bodies: dict[str, dict[str, Any]] = {
            GITHUB: {"value": "github-jwt"},
            DEVOPS: {"oidcToken": "devops-jwt"},
            METADATA_SERVICE: {
                "access_token": "from-metadata-service",
                "token_type": "Bearer",
                "expires_on": FAR_AWAY,
            },
            "management.azure.com": {"properties": {"workspaceUrl": "adb-9.9.azuredatabricks.net"}},
            "case.invalid": {},
        }
        if host in bodies:
            return Reply(body=bodies[host])
        if request.path.startswith("/metadata/identity"):
            return self._token("of-the-machine")
        if host.startswith("login."):
            resource = request.body.get("resource") or request.body["scope"].removesuffix("/.default")
            if self.refused in resource:
                return Reply(401, {"error": "unauthorized_client", "error_description": "not for you"})
            return self._token(f"entra-{resource.rstrip('/')}")
        return self._reply_as_workspace(request, host)

    def _reply_as_workspace(self, request: Received, host: str) -> Reply:
        if request.path.startswith("/api/"):
            return Reply(body={"job_id": 7, "settings": {"name": "job"}})
        if request.path == DISCOVERY[0]:
            return Reply(body=self.metadata or metadata_of(host))
        if request.path.endswith(DISCOVERY[1]):
            base = f"https://{host}{request.path.removesuffix(DISCOVERY[1])}"
            return Reply(
                body={"authorization_endpoint": f"{base}/v1/authorize", "token_endpoint": f"{base}/v1/token"}
            )
        if request.path in DISCOVERY:
            page = request.path.removeprefix("/oidc") if "v2.0" in request.path else "/oauth2/authorize"
            location = f"https://login.microsoftonline.com/tenant-of-host{page}"
            return Reply(302, "", {"Location": location})
        if request.path.endswith("/v1/token"):
            return self._token(f"oauth-of-{host}")
        return Reply(404, {"error_code": "NOT_FOUND", "message": "not here"})

    def _token(self, token: str) -> Reply:
        return Reply(body={"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def sent(self) -> list[list[Sent]]:
        """What was asked for in each case; of requests that are the same, the first."""
        cases: list[list[Sent]] = [[]]
        for request in self.server.received:
            if request.headers["host"] == "case.invalid":
                cases.append([])
            elif (sent := sent_by(request)) not in cases[-1]:
                cases[-1].append(sent)
        return cases


def metadata_of(host: str) -> dict[str, Any]:
    """As hosts of each kind say it."""
    if host == UNIFIED:
        return {"account_id": ACCOUNT_ID, "oidc_endpoint": f"https://{host}/oidc/accounts/{{account_id}}"}
    is_single = serves_one_workspace(f"https://{host}")
    return {"oidc_endpoint": f"https://{host}/oidc"} | ({"workspace_id": "99"} if is_single else {})


def sent_by(request: Received) -> Sent:
    names = ("authorization", "metadata", "x-databricks-host", "x-databricks-metadata-version")
    headers = {
        name: value
        for name, value in request.headers.items()
        if name in names or name.startswith(("x-databricks-azure-", "x-databricks-workspace-"))
    }
    is_form = isinstance(request.body, dict)
    return Sent(
        request.method,
        request.url,
        _items(request.query),
        _items(request.body if is_form else {}),
        _items(headers),
    )


def _items(values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(values.items()))


def as_version_2(sent: Sequence[Sent]) -> list[Sent]:
    """Requests to Microsoft's older token endpoint as they read at the newer one."""
    return [_at_version_2(one) for one in sent]


def _at_version_2(sent: Sent) -> Sent:
    form = dict(sent.form)
    if not sent.url.endswith("/oauth2/token") or "resource" not in form:
        return sent
    form["scope"] = f"{form.pop('resource').rstrip('/')}/.default"
    url = sent.url.replace("/oauth2/token", "/oauth2/v2.0/token")
    return Sent(sent.method, url, sent.query, _items(form), sent.headers)


@contextmanager
def serve_world(authority: trustme.CA, world: World) -> Iterator[World]:
    with scripted_server(world.reply, authority=authority) as world.server:
        yield world


def way_to(world: World, ca: Path) -> dict[str, str]:
    """The variables that lead a client there, whatever it asks for."""
    proxy = world.server.url
    return {
        "HTTPS_PROXY": proxy,
        "HTTP_PROXY": proxy,
        "https_proxy": proxy,
        "http_proxy": proxy,
        "no_proxy": "",
        "REQUESTS_CA_BUNDLE": str(ca),
        "AZURE_POD_IDENTITY_AUTHORITY_HOST": proxy,
    }
