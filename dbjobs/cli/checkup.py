"""`profiles check`: from a name to an answer of the Jobs API, step by step, up to the first that fails."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
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
from dbjobs.http.session import HttpSession, Network, proxy_of

WHO_AM_I = "/api/2.0/preview/scim/v2/Me"
MOST_SKEW = 60.0
"""Seconds that clocks may differ; tokens carry times that both sides have to agree on."""

WORKSPACE_HINT = (
    "take the address of any page of the workspace; the host is what stands before the first slash"
)


@dataclass(frozen=True)
class Step:
    """What was looked at, and what was found."""

    name: str
    finding: str
    error: DbjobsError | None = None
    """what is wrong; nothing comes after it"""
    is_doubtful: bool = False
    """it works, but deserves a look"""

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
    network: Network
    clock: Clock
    _answer: RawResponse | None = field(default=None, repr=False)
    """what the host says to whoever shows no credentials"""

    @property
    def host(self) -> str:
        return self.profile.host.value

    @property
    def version(self) -> str:
        return self.profile.api_version.value

    def steps(self) -> Iterator[Step]:
        """Each as soon as it is done; the last one has an `error` if the check failed."""
        looks = {
            "name": self._look_up_name,
            "connection": self._connect,
            "workspace": self._recognize,
            "credentials": self._sign_in,
            "user": self._ask_who,
            "API": self._ask_version,
            "clock": self._compare_clocks,
            "round trip": self._measure,
        }
        for name, look in looks.items():
            try:
                yield look(name)
            except DbjobsError as error:
                yield Step(name, error.message, error)
                return

    def _look_up_name(self, name: str) -> Step:
        parts = urlsplit(self.host)
        if proxy := proxy_of(self.host):
            return Step(name, f"left to the proxy {proxy}")
        try:
            found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "this is no name"
            raise UnsentError(
                f"the name {parts.hostname} leads nowhere: {reason}",
                hint=f"check the host ({self.profile.host.source}); a company's network may want its VPN",
            ) from None
        addresses = dict.fromkeys(str(address[4][0]) for address in found)
        return Step(name, f"{parts.hostname} is {', '.join(addresses)}")

    def _connect(self, name: str) -> Step:
        try:
            workspace_id = self.profile.workspace_id
            self._answer = HttpSession(network=self.network).send(
                "GET",
                f"{self.host}/api/{self.version}/jobs/list",
                query={"limit": 1},
                headers={WORKSPACE_HEADER: workspace_id} if workspace_id else None,
            )
        except UnsentError:
            raise
        except UnreachableError as error:
            if not self._answers_credentials():
                raise error from None
            return Step(name, "requests without credentials are dropped", is_doubtful=True)
        if self.host.startswith("http:"):
            return Step(name, "without TLS")
        return Step(name, f"TLS, by the certificates of {self.network.trusted}")

    def _answers_credentials(self) -> bool:
        """Whether a request with credentials gets any answer, as behind a gateway that drops all others."""
        try:
            self._get(f"/api/{self.version}/jobs/list", {"limit": 1})
        except UnreachableError:
            return False
        except DbjobsError:  # the next steps say what is wrong with it
            return True
        return True

    def _recognize(self, name: str) -> Step:
        """Whoever shows no credentials is turned away by a workspace, in the words of its API."""
        if self._answer is None:
            return Step(name, f"{self.host} answers only requests with credentials", is_doubtful=True)
        if self._answer.status == 404 and self._knows_the_user():
            return Step(name, f"{self.host} is a workspace, but has no jobs/list", is_doubtful=True)
        try:
            read_response(self._answer)
        except SignInError:
            if _is_foreign_page(self._answer):
                page = NotTheApiError(
                    f"{self.host} is no workspace, for it shows a page to log in", hint=WORKSPACE_HINT
                )
                raise self.credentials.explain(page) from None
        except NotTheApiError as error:
            page = NotTheApiError(
                f"{self.host} is no workspace: {error.message}", hint=WORKSPACE_HINT, answer=error.answer
            )
            raise self.credentials.explain(page) from None
        except (NotFoundError, RefusedError) as error:
            if not _is_of_databricks(error):
                raise ConfigError(
                    f"{self.host} is no workspace: it has no Jobs API",
                    hint=WORKSPACE_HINT,
                    answer=error.answer,
                ) from None
        return Step(name, f"{self.host} answers as a workspace does")

    def _knows_the_user(self) -> bool:
        """Whether it is a workspace all the same: one that lacks an endpoint may answer with any page."""
        try:
            return bool(self._get(WHO_AM_I).get("userName"))
        except DbjobsError:
            return False

    def _sign_in(self, name: str) -> Step:
        try:
            self._get(f"/api/{self.version}/jobs/list", {"limit": 1})
        except (NotFoundError, RefusedError, NotTheApiError) as error:
            if not _is_of_databricks(error) and not self._knows_the_user():
                raise
        return Step(name, f"accepted: {self.credentials.describe()}")

    def _ask_who(self, name: str) -> Step:
        try:
            raw = HttpSession(self.credentials, self.network).send("GET", self.host + WHO_AM_I)
            answer = read_response(raw)
        except (NotFoundError, RefusedError) as error:
            return Step(name, f"the workspace does not tell: {error.message}", is_doubtful=True)
        user = str(answer.get("userName") or answer.get("displayName") or "somebody without a name")
        answered_by, asked_for = raw.headers.get(WORKSPACE_ID_HEADER), self.profile.get("workspace_id")
        if asked_for and answered_by and answered_by != asked_for.value.strip():
            raise ConfigError(
                f"workspace {answered_by} answers, but the requests are for {asked_for.value}",
                hint=f"check workspace_id ({asked_for.source}); a page of the workspace has it after ?o=",
            )
        return Step(name, f"{user}, in workspace {answered_by}" if answered_by and asked_for else user)

    def _ask_version(self, name: str) -> Step:
        if self._offers(self.version):
            return Step(name, f"version {self.version} is offered")
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

    def _compare_clocks(self, name: str) -> Step:
        if self._answer is None:
            return Step(name, "not compared: the host drops requests without credentials", is_doubtful=True)
        answer = HttpSession(network=self.network).send("GET", f"{self.host}/api/{self.version}/jobs/list")
        try:
            theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
        except (TypeError, ValueError):
            return Step(name, "the host does not tell the time", is_doubtful=True)
        skew = self.clock.now() - theirs
        if abs(skew) <= MOST_SKEW:
            return Step(name, f"agrees with the workspace's to within {MOST_SKEW:.0f} s")
        direction = "ahead of" if skew > 0 else "behind"
        finding = f"this machine's is {abs(skew):.0f} s {direction} the workspace's; tokens may be refused"
        return Step(name, finding, is_doubtful=True)

    def _measure(self, name: str) -> Step:
        began = self.clock.monotonic()
        self._get(f"/api/{self.version}/jobs/list", {"limit": 1})
        return Step(name, f"{1000 * (self.clock.monotonic() - began):.0f} ms")

    def _get(self, path: str, query: dict[str, Any] | None = None) -> Payload:
        return self._transport.send("GET", path, query or {}, retry=NO_RETRIES)

    def __post_init__(self) -> None:
        self._transport = HttpTransport(
            self.host, self.credentials, self.clock, version=self.version, network=self.network
        )


def _is_of_databricks(error: DbjobsError) -> bool:
    """A refusal in the words of the API; 404s of other servers have none."""
    return bool(error.answer and error.answer.error_code)


def _is_foreign_page(answer: RawResponse) -> bool:
    """A page to log in may come with a 401; those of Databricks name its realm."""
    return answer.is_page and "databricks" not in answer.headers.get("www-authenticate", "").lower()
