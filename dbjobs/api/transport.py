"""One workspace over HTTP: send, retry what is safe to send again, and read the response."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from dbjobs.api.shapes import Fields, MissingFieldError, ShapeError, check_shape
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

MAX_REQUEST_BYTES = 10 * 1024 * 1024
"""The API takes no larger body."""

WORKSPACE_ID_HEADER = "x-databricks-org-id"
"""The response header in which a workspace gives its id."""

Observer = Callable[[str, Mapping[str, Any], Payload], None]
"""Called with a path, what was sent to it, and the payload of a successful response."""


@dataclass(frozen=True)
class Call:
    """One request. `repeatable`: sending it twice does what sending it once does."""

    method: str
    path: str
    query: Mapping[str, Any]
    body: Payload | None
    repeatable: bool
    shape: Fields | None
    """what a successful response holds; `{}`: nothing, None: anything"""

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
        network: Network | None = None,
        observer: Observer | None = None,
    ) -> None:
        """`host` is a base URL."""
        self.host = host
        self._clock = clock
        self._observer = observer
        self._auth = auth
        self._session = HttpSession(auth, network)
        self.may_have_changed = False
        """whether the latest request may have changed something, however it ended"""
        self.workspace_id = ""
        """the id that the workspace gave with its latest response, if it did"""

    def get(
        self,
        path: str,
        query: Mapping[str, Any],
        retry: RetryPolicy | None = None,
        *,
        shape: Fields | None = None,
    ) -> Payload:
        """Read something; values of None are left out of the query."""
        query = {
            key: str(value).lower() if isinstance(value, bool) else value
            for key, value in query.items()
            if value is not None
        }
        return self._send(Call("GET", path, query, None, repeatable=True, shape=shape), retry)

    def post(
        self,
        path: str,
        body: Payload,
        *,
        repeatable: bool,
        retry: RetryPolicy | None = None,
        shape: Fields | None = None,
    ) -> Payload:
        """Change something."""
        return self._send(Call("POST", path, {}, body, repeatable=repeatable, shape=shape), retry)

    def _send(self, call: Call, retry: RetryPolicy | None) -> Payload:
        self.may_have_changed = False
        try:
            payload = self._send_with_retries(call, retry or RetryPolicy())
            self.may_have_changed = call.is_change
        except Interrupted:
            self.may_have_changed = self.may_have_changed or (call.is_change and self._session.was_sent)
            raise
        if self._observer:
            self._observer(call.path, call.body or call.query, payload)
        return payload

    def _send_with_retries(self, call: Call, retry: RetryPolicy) -> Payload:
        began = self._clock.monotonic()
        has_answered = False
        for attempt in count(1):
            try:
                return self._send_signed_in(call)
            except DbjobsError as error:
                has_answered = has_answered or error.answer is not None
                self.may_have_changed = self.may_have_changed or _may_have_taken_effect(call, error)
                pause = None
                if isinstance(error, UnreachableError) and (call.repeatable or not self.may_have_changed):
                    elapsed = self._clock.monotonic() - began
                    pause = retry.pause(error, attempt, elapsed, has_answered=has_answered)
                    requested = error.retry_after or 0
                if pause is None:
                    if self.may_have_changed:
                        raise OutcomeUnknownError(error, call.path) from None
                    raise
                but = f", though it asks for {min(requested, 1e9):.0f} s" if requested > pause else ""
                logger.info("%s; trying again in %.0f s%s", error.message, pause, but)
            self._clock.sleep(pause)
        raise AssertionError("counting never ends")

    def _send_signed_in(self, call: Call) -> Payload:
        """Send a request; once more if it is refused and the credentials can be renewed."""
        raw = self._send_once(call)
        try:
            return _read_payload(raw, call.shape)
        except NotTheApiError as error:
            raise self._auth.explain(error) from None
        except SignInError as error:
            if not self._auth.renew():
                raise self._auth.explain(error) from None
        logger.debug("the credentials were refused; they have been read once more")
        try:
            return _read_payload(self._send_once(call), call.shape)
        except (NotTheApiError, SignInError) as error:
            raise self._auth.explain(error) from None

    def _send_once(self, call: Call) -> RawResponse:
        began = self._clock.monotonic()
        data = None if call.body is None else encode_body(call.body)
        headers = None if call.body is None else {"Content-Type": "application/json"}
        try:
            raw = self._session.send(
                call.method, self.host + call.path, query=call.query, data=data, headers=headers
            )
        except DbjobsError as error:
            logger.debug("%s → %s", call, error.message)
            raise
        logger.debug("%s → %d in %.2f s", call, raw.status, self._clock.monotonic() - began)
        self.workspace_id = raw.headers.get(WORKSPACE_ID_HEADER, "")
        return raw


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


def encode_body(body: Payload) -> bytes:
    """The body as it is sent; a RefusedError if it is larger than the API allows."""
    encoded = json.dumps(body).encode()
    if len(encoded) > MAX_REQUEST_BYTES:
        raise RefusedError(
            f"the request has {len(encoded):,} bytes; the Jobs API takes {MAX_REQUEST_BYTES:,} at most"
        )
    return encoded


def _may_have_taken_effect(call: Call, error: DbjobsError) -> bool:
    """False if the request certainly did nothing: never sent, turned away by a rate limit, or refused."""
    if not call.is_change or isinstance(error, UnsentError):
        return False
    status = error.answer.status if error.answer else None
    if isinstance(error, UnreachableError):
        return status != 429 and not (error.answer and error.answer.error_code in TOO_MANY)
    return status is not None and status < 300
