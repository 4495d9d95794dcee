"""One workspace over HTTP: sending, retrying what is safe to retry, and reading what comes back.

How long to try is for `dbjobs.http.retry` to say, and what an answer's status and body mean
for `dbjobs.http.response`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

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
from dbjobs.http.response import TOO_MANY, Payload, RawAnswer, read_answer
from dbjobs.http.retry import Retrying
from dbjobs.http.session import Network, Wire
from dbjobs.http.shapes import Fields

MAX_REQUEST_BYTES = 10 * 1024 * 1024
"""The API takes no larger body."""

Tell = Callable[[str], None]
Hear = Callable[[str, Mapping[str, Any], Payload], None]
"""Takes a path, what was sent to it, and the good answer."""


@dataclass(frozen=True)
class Call:
    """One request. `repeatable`: sending it twice does what sending it once does."""

    method: str
    path: str
    query: Mapping[str, Any]
    body: Payload | None
    repeatable: bool
    shape: Fields | None
    """what a good answer holds"""

    @property
    def changes(self) -> bool:
        return self.method != "GET"


class Transport:
    """A session with one workspace. Not to be shared between threads."""

    def __init__(
        self,
        host: str,
        auth: Credentials,
        clock: Clock,
        *,
        network: Network | None = None,
        note: Tell = lambda text: None,
        detail: Tell = lambda text: None,
        heard: Hear = lambda path, sent, answer: None,
    ) -> None:
        """`host` is a base URL; `note` hears of pauses that a user notices, `detail` of each request."""
        self.host = host
        self._clock = clock
        self._note = note
        self._detail = detail
        self._heard = heard
        self._auth = auth
        self._wire = Wire(auth, network)
        self.may_have_changed = False
        """whether the latest request may have changed something, however it ended"""

    def get(
        self,
        path: str,
        query: Mapping[str, Any],
        retrying: Retrying | None = None,
        *,
        shape: Fields | None = None,
    ) -> Payload:
        """Read something; values of None are left out of the query."""
        query = {key: _query_value(value) for key, value in query.items() if value is not None}
        return self._send(Call("GET", path, query, None, repeatable=True, shape=shape), retrying)

    def post(
        self,
        path: str,
        body: Payload,
        *,
        repeatable: bool,
        retrying: Retrying | None = None,
        shape: Fields | None = None,
    ) -> Payload:
        """Change something."""
        return self._send(Call("POST", path, {}, body, repeatable=repeatable, shape=shape), retrying)

    def _send(self, call: Call, retrying: Retrying | None) -> Payload:
        self.may_have_changed = False
        try:
            answer = self._try(call, retrying or Retrying())
            self.may_have_changed = call.changes
        except Interrupted:
            self.may_have_changed = self.may_have_changed or (call.changes and self._wire.was_sent)
            raise
        self._heard(call.path, call.body or call.query, answer)
        return answer

    def _try(self, call: Call, retrying: Retrying) -> Payload:
        began = self._clock.monotonic()
        has_answered = False
        for attempt in count(1):
            try:
                return self._exchange(call)
            except DbjobsError as error:
                has_answered = has_answered or error.answer is not None
                self.may_have_changed = self.may_have_changed or _may_have_taken_effect(call, error)
                pause = None
                if isinstance(error, UnreachableError) and (call.repeatable or not self.may_have_changed):
                    elapsed = self._clock.monotonic() - began
                    pause = retrying.pause(error, attempt, elapsed, has_answered=has_answered)
                if pause is None:
                    if self.may_have_changed:
                        raise OutcomeUnknownError(error, call.path) from None
                    raise
                self._note(f"{error.message}; trying again in {pause:.0f} s{_asked_for_more(error, pause)}")
            self._clock.sleep(pause)
        raise AssertionError("counting never ends")

    def _exchange(self, call: Call) -> Payload:
        """Send it, and once more if what was refused can be renewed: so a wait survives a change of token."""
        answer = self._ask(call)
        try:
            return read_answer(answer, call.shape)
        except NotTheApiError as error:
            raise self._auth.explain(error) from None
        except SignInError as error:
            if not self._auth.renew():
                raise self._auth.explain(error) from None
        self._detail("the credentials were refused; they have been read once more")
        try:
            return read_answer(self._ask(call), call.shape)
        except (NotTheApiError, SignInError) as error:
            raise self._auth.explain(error) from None

    def _ask(self, call: Call) -> RawAnswer:
        began = self._clock.monotonic()
        data = None if call.body is None else encode_body(call.body)
        headers = None if call.body is None else {"Content-Type": "application/json"}
        try:
            answer = self._wire.send(
                call.method, self.host + call.path, query=call.query, data=data, headers=headers
            )
        except DbjobsError as error:
            self._detail(f"{_request_line(call)} → {error.message}")
            raise
        seconds = self._clock.monotonic() - began
        self._detail(f"{_request_line(call)} → {answer.status} in {seconds:.2f} s")
        return answer


def encode_body(body: Payload) -> bytes:
    """The body as it goes over the wire; a RefusedError if the API would not take its size."""
    encoded = json.dumps(body).encode()
    if len(encoded) > MAX_REQUEST_BYTES:
        raise RefusedError(
            f"the request has {len(encoded):,} bytes; the Jobs API takes {MAX_REQUEST_BYTES:,} at most"
        )
    return encoded


def _may_have_taken_effect(call: Call, error: DbjobsError) -> bool:
    """False if the request certainly did nothing: never sent, turned away by a rate limit, or refused."""
    if not call.changes or isinstance(error, UnsentError):
        return False
    status = error.answer.status if error.answer else None
    if isinstance(error, UnreachableError):
        return status != 429 and not (error.answer and error.answer.error_code in TOO_MANY)
    return status is not None and status < 300


def _asked_for_more(error: DbjobsError, pause: float) -> str:
    """That the server's Retry-After is not heeded in full."""
    wanted = error.retry_after if isinstance(error, UnreachableError) else None
    return "" if wanted is None or wanted <= pause else f", though it asks for {min(wanted, 1e9):.0f} s"


def _query_value(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _request_line(call: Call) -> str:
    query = "&".join(f"{key}={value}" for key, value in call.query.items())
    return f"{call.method} {call.path}" + (f"?{query}" if query else "")
