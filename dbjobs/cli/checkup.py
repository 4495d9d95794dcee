"""The steps of `profiles check`, from resolving the host to a request of the Jobs API."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from dbjobs.api.transport import WORKSPACE_ID_HEADER, HttpTransport
from dbjobs.auth.credentials import Credentials
from dbjobs.auth.sign_in import WORKSPACE_HEADER
from dbjobs.common.clock import Clock
from dbjobs.config.resolve import Profile
from dbjobs.config.settings import API_VERSIONS
from dbjobs.errors import (
    ConfigError,
    DbjobsError,
    NotFoundError,
    NotTheApiError,
    RefusedError,
    SignInError,
    UnreachableError,
    UnsentError,
)
from dbjobs.http.response import Payload, RawResponse, read_response
from dbjobs.http.retry import NO_RETRIES
from dbjobs.http.session import HttpSession, proxy_of

CURRENT_USER = "/api/2.0/preview/scim/v2/Me"
MAX_CLOCK_SKEW = 60.0
"""Seconds that clocks may differ; tokens carry times that both sides have to agree on."""

WORKSPACE_HINT = "take the address of any page of the workspace; the host is the part before the first slash"


@dataclass(frozen=True)
class Step:
    """What was checked, and the finding."""

    finding: str
    error: DbjobsError | None = None
    """why the check failed; no step follows"""
    is_doubtful: bool = False
    """it works, but may be wrong"""
    name: str = ""

    def as_payload(self) -> Payload:
        """For programs."""
        error = self.error
        outcome = "failed" if error else "doubtful" if self.is_doubtful else "passed"
        found = {"step": self.name, "outcome": outcome, "finding": self.finding}
        return found | ({"hint": error.hint} if error and error.hint else {})


@dataclass
class Checkup:
    """One profile's check."""

    profile: Profile
    credentials: Credentials
    clock: Clock

    def __post_init__(self) -> None:
        self.host = self.profile.host.value
        self.network = self.profile.network
        self.version = self.profile.api_version.value
        self._jobs_list = f"/api/{self.version}/jobs/list"
        self._transport = HttpTransport(
            self.host, self.credentials, self.clock, version=self.version, network=self.network
        )
        self._response: RawResponse | None = None
        """the response to a request without credentials"""

    def steps(self) -> Iterator[Step]:
        """Each as soon as it is done; the last one has an `error` if the check failed."""
        checks = {
            "name": self._resolve_host,
            "connection": self._connect,
            "workspace": self._recognize_workspace,
            "credentials": self._sign_in,
            "user": self._identify_user,
            "API": self._check_version,
            "clock": self._compare_clocks,
            "round trip": self._measure_latency,
        }
        for name, check in checks.items():
            try:
                yield replace(check(), name=name)
            except DbjobsError as error:
                yield Step(error.message, error, name=name)
                return

    def _resolve_host(self) -> Step:
        parts = urlsplit(self.host)
        if proxy := proxy_of(self.host):
            return Step(f"left to the proxy {proxy}")
        try:
            found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "this is not a host name"
            raise UnsentError(
                f"the name {parts.hostname} cannot be resolved: {reason}",
                hint=f"check the host ({self.profile.host.source}); a corporate network may require its VPN",
            ) from None
        addresses = dict.fromkeys(str(address[4][0]) for address in found)
        return Step(f"{parts.hostname} is {', '.join(addresses)}")

    def _connect(self) -> Step:
        try:
            workspace_id = self.profile.workspace_id
            self._response = HttpSession(network=self.network).send(
                "GET",
                self.host + self._jobs_list,
                query={"limit": 1},
                headers={WORKSPACE_HEADER: workspace_id} if workspace_id else None,
            )
        except UnsentError:
            raise
        except UnreachableError as error:
            try:  # a gateway may drop all requests without credentials
                self._get(self._jobs_list, {"limit": 1})
            except UnreachableError:
                raise error from None
            except DbjobsError:  # the next steps say what is wrong
                pass
            return Step("requests without credentials are dropped", is_doubtful=True)
        if self.host.startswith("http:"):
            return Step("without TLS")
        return Step(f"TLS, by the certificates of {self.network.trusted}")

    def _recognize_workspace(self) -> Step:
        """Whoever shows no credentials is turned away by a workspace, in the words of its API."""
        if self._response is None:
            return Step(f"{self.host} answers only requests with credentials", is_doubtful=True)
        if self._response.status == 404 and self._knows_the_user():
            return Step(f"{self.host} is a workspace, but has no jobs/list", is_doubtful=True)
        try:
            read_response(self._response)
        except SignInError:
            # a page to log in may come with a 401; the response of a workspace names its realm
            realm = self._response.headers.get("www-authenticate", "").lower()
            if self._response.is_page and "databricks" not in realm:
                page = NotTheApiError(
                    f"{self.host} is not a workspace, because it shows a login page", hint=WORKSPACE_HINT
                )
                raise self.credentials.explain(page) from None
        except NotTheApiError as error:
            page = NotTheApiError(
                f"{self.host} is not a workspace: {error.message}", hint=WORKSPACE_HINT, answer=error.answer
            )
            raise self.credentials.explain(page) from None
        except (NotFoundError, RefusedError) as error:
            if not _is_of_databricks(error):
                raise ConfigError(
                    f"{self.host} is not a workspace: it has no Jobs API",
                    hint=WORKSPACE_HINT,
                    answer=error.answer,
                ) from None
        return Step(f"{self.host} responds as a workspace does")

    def _knows_the_user(self) -> bool:
        """Whether it is a workspace all the same: one that lacks an endpoint may answer with any page."""
        try:
            return bool(self._get(CURRENT_USER).get("userName"))
        except DbjobsError:
            return False

    def _sign_in(self) -> Step:
        try:
            self._get(self._jobs_list, {"limit": 1})
        except (NotFoundError, RefusedError, NotTheApiError) as error:
            if not _is_of_databricks(error) and not self._knows_the_user():
                raise
        return Step(f"accepted: {self.credentials.describe()}")

    def _identify_user(self) -> Step:
        try:
            raw = HttpSession(self.credentials, self.network).send("GET", self.host + CURRENT_USER)
            answer = read_response(raw)
        except (NotFoundError, RefusedError) as error:
            return Step(f"the workspace does not say: {error.message}", is_doubtful=True)
        user = str(answer.get("userName") or answer.get("displayName") or "a user without a name")
        answered_by, asked_for = raw.headers.get(WORKSPACE_ID_HEADER), self.profile.get("workspace_id")
        if asked_for and answered_by and answered_by != asked_for.value.strip():
            raise ConfigError(
                f"workspace {answered_by} answers, but the requests are for {asked_for.value}",
                hint=f"check workspace_id ({asked_for.source}); a page of the workspace has it after ?o=",
            )
        return Step(f"{user}, in workspace {answered_by}" if answered_by and asked_for else user)

    def _check_version(self) -> Step:
        if self._offers(self.version):
            return Step(f"version {self.version} is offered")
        others = [version for version in reversed(API_VERSIONS) if self._offers(version)]
        raise RefusedError(
            f"the workspace does not offer version {self.version} of the Jobs API",
            hint=f"it offers {', '.join(others) or 'none'}: set api_version, or use --api-version",
        )

    def _offers(self, version: str) -> bool:
        try:
            self._get(f"/api/{version}/jobs/list", {"limit": 1})
        except (NotFoundError, RefusedError, NotTheApiError):
            return False
        return True

    def _compare_clocks(self) -> Step:
        if self._response is None:
            return Step("not compared: the host drops requests without credentials", is_doubtful=True)
        answer = HttpSession(network=self.network).send("GET", self.host + self._jobs_list)
        try:
            theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
        except (TypeError, ValueError):
            return Step("the host does not send the time", is_doubtful=True)
        skew = self.clock.now() - theirs
        if abs(skew) <= MAX_CLOCK_SKEW:
            return Step(f"agrees with the workspace's to within {MAX_CLOCK_SKEW:.0f} s")
        direction = "ahead of" if skew > 0 else "behind"
        finding = f"this machine's is {abs(skew):.0f} s {direction} the workspace's; tokens may be refused"
        return Step(finding, is_doubtful=True)

    def _measure_latency(self) -> Step:
        began = self.clock.monotonic()
        self._get(self._jobs_list, {"limit": 1})
        return Step(f"{1000 * (self.clock.monotonic() - began):.0f} ms")

    def _get(self, path: str, query: dict[str, Any] | None = None) -> Payload:
        return self._transport.send("GET", path, query or {}, retry=NO_RETRIES)


def _is_of_databricks(error: DbjobsError) -> bool:
    """A refusal in the words of the API; 404s of other servers have none."""
    return bool(error.answer and error.answer.error_code)
