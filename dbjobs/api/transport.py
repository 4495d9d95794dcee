"""Requests to one workspace: sent, retried if that is safe, and their responses checked."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from dbjobs.api.shapes import (
    ANSWERS,
    LATER_PAGES,
    MAX_REQUEST_BYTES,
    Fields,
    MissingFieldError,
    ShapeError,
    check_shape,
)
from dbjobs.auth.credentials import Credentials
from dbjobs.common.clock import Clock
from dbjobs.common.signals import Interrupted
from dbjobs.errors import (
    DbjobsError,
    NotTheApiError,
    OutcomeUnknownError,
    RefusedError,
    SignInError,
    UnreachableError,
    UnsentError,
)
from dbjobs.http.response import TOO_MANY, Payload, RawResponse, not_the_api, read_response, unusable
from dbjobs.http.retry import RetryPolicy
from dbjobs.http.session import HttpSession, Network

logger = logging.getLogger(__name__)

WORKSPACE_ID_HEADER = "x-databricks-org-id"
"""The response header in which a workspace gives its id."""

Observer = Callable[[str, Payload, Payload], None]
"""Called with an endpoint, what was sent to it, and the payload of a successful response."""


@dataclass(frozen=True)
class _Request:
    """What is sent, as often as it takes."""

    method: str
    path: str
    query: Payload
    body: bytes | None

    @property
    def is_change(self) -> bool:
        return self.method != "GET"

    def __str__(self) -> str:
        query = "&".join(f"{key}={value}" for key, value in self.query.items())
        return f"{self.method} {self.path}" + (f"?{query}" if query else "")


class HttpTransport:
    """A session with one workspace. Not to be shared between threads."""

    def __init__(
        self,
        host: str,
        auth: Credentials,
        clock: Clock,
        *,
        version: str,
        network: Network | None = None,
        observer: Observer | None = None,
    ) -> None:
        """`host` is a base URL."""
        self.host = host
        self.version = version
        self._clock = clock
        self._observer = observer
        self._auth = auth
        self._session = HttpSession(auth, network)
        self.may_have_changed = False
        """whether the latest request may have changed something, however it ended"""
        self.workspace_id = ""
        """the id that the workspace gave with its latest response, if it did"""

    def send(
        self,
        method: str,
        endpoint: str,
        content: Payload,
        *,
        repeatable: bool = False,
        retry: RetryPolicy | None = None,
    ) -> Payload:
        """Send a request, again if that is safe and may help, and return the payload of the response.

        `endpoint` is one of the Jobs API, or a whole path. `content` is the query of a GET, in which
        values of None are left out, and the body of other requests.
        `repeatable`: sending it twice does what sending it once does, as with every GET.
        """
        path = self.path_of(endpoint)
        if method == "GET":
            query = {
                key: str(value).lower() if isinstance(value, bool) else value
                for key, value in content.items()
                if value is not None
            }
            request = _Request(method, path, query, None)
        else:
            body = json.dumps(content).encode()
            if len(body) > MAX_REQUEST_BYTES:
                raise RefusedError(
                    f"the request has {len(body):,} bytes; the Jobs API takes {MAX_REQUEST_BYTES:,} at most"
                )
            request = _Request(method, path, {}, body)
        later_page = LATER_PAGES.get(endpoint) if content.get("page_token") else None
        shape = later_page or ANSWERS.get(endpoint, ANSWERS.get(endpoint.rpartition("/")[0]))
        retry = retry or RetryPolicy()
        self.may_have_changed = has_answered = False
        began = self._clock.monotonic()
        try:
            for attempt in count(1):
                try:
                    payload = self._send_signed_in(request, shape)
                    break
                except DbjobsError as error:
                    has_answered = has_answered or error.answer is not None
                    self.may_have_changed = self.may_have_changed or _may_have_taken_effect(request, error)
                    pause = None
                    if isinstance(error, UnreachableError) and (repeatable or not self.may_have_changed):
                        elapsed = self._clock.monotonic() - began
                        pause = retry.pause(error, attempt, elapsed, has_answered=has_answered)
                        requested = error.retry_after or 0
                    if pause is None:
                        if self.may_have_changed:
                            raise OutcomeUnknownError(error, path) from None
                        raise
                    but = f", though it asks for {min(requested, 1e9):.0f} s" if requested > pause else ""
                    logger.info("%s; trying again in %.0f s%s", error.message, pause, but)
                self._clock.sleep(pause)
        except Interrupted:
            self.may_have_changed = self.may_have_changed or (request.is_change and self._session.was_sent)
            raise
        self.may_have_changed = request.is_change
        if self._observer:
            self._observer(endpoint, content, payload)
        return payload

    def path_of(self, endpoint: str) -> str:
        """The path of an endpoint of the Jobs API, in the version in use; a whole path stays as it is."""
        return endpoint if endpoint.startswith("/") else f"/api/{self.version}/jobs/{endpoint}"

    def _send_signed_in(self, request: _Request, shape: Fields | None) -> Payload:
        """Send a request; once more if it is refused and the credentials can be renewed."""
        for is_first in (True, False):
            began = self._clock.monotonic()
            headers = {"Content-Type": "application/json"} if request.is_change else None
            try:
                raw = self._session.send(
                    request.method,
                    self.host + request.path,
                    query=request.query,
                    data=request.body,
                    headers=headers,
                )
            except DbjobsError as error:
                logger.debug("%s → %s", request, error.message)
                raise
            logger.debug("%s → %d in %.2f s", request, raw.status, self._clock.monotonic() - began)
            self.workspace_id = raw.headers.get(WORKSPACE_ID_HEADER, "")
            try:
                return _read_payload(raw, shape)
            except (NotTheApiError, SignInError) as error:
                is_refusal = isinstance(error, SignInError)
                if not (is_refusal and is_first and self._auth.renew()):
                    raise self._auth.explain(error) from None
            logger.debug("the credentials were refused; they have been read once more")
        raise AssertionError("the second answer is read or raised")


def _read_payload(raw: RawResponse, shape: Fields | None) -> Payload:
    """The payload of a successful response, if it has the shape that the endpoint documents."""
    payload = read_response(raw, may_be_empty=shape == {})
    try:
        check_shape(payload, shape or {})
    except MissingFieldError as error:
        raise not_the_api(raw, f"the host's answer is not that of the Jobs API: it lacks {error}") from None
    except ShapeError as error:
        raise unusable(raw, str(error)) from None
    return payload


def _may_have_taken_effect(request: _Request, error: DbjobsError) -> bool:
    """False if the request certainly did nothing: never sent, turned away by a rate limit, or refused."""
    if not request.is_change or isinstance(error, UnsentError):
        return False
    status = error.answer.status if error.answer else None
    if isinstance(error, UnreachableError):
        return status != 429 and not (error.answer and error.answer.error_code in TOO_MANY)
    return status is not None and status < 300
