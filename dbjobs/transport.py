"""One workspace over HTTP: sending, retrying what is safe to retry, and reading what comes back.

How long to try is for `dbjobs.retrying` to say, and what an answer's status and body mean
for `dbjobs.answers`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, NoReturn

from dbjobs.answers import Payload, RawAnswer, read_answer
from dbjobs.auth import Credentials
from dbjobs.clock import Clock
from dbjobs.errors import (
    DbjobsError,
    FateUnknownError,
    RefusedError,
    SignInError,
    UnreachableError,
    UnsentError,
)
from dbjobs.retrying import Retrying
from dbjobs.wire import Network, Wire

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
    gives: str | None
    """the field that a good answer holds in any case"""


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

    def get(
        self,
        path: str,
        query: Mapping[str, Any],
        retrying: Retrying | None = None,
        *,
        gives: str | None = None,
    ) -> Payload:
        """Read something; values of None are left out of the query."""
        query = {key: _query_value(value) for key, value in query.items() if value is not None}
        return self._send(Call("GET", path, query, None, repeatable=True, gives=gives), retrying)

    def post(
        self,
        path: str,
        body: Payload,
        *,
        repeatable: bool,
        retrying: Retrying | None = None,
        gives: str | None = None,
    ) -> Payload:
        """Change something."""
        return self._send(Call("POST", path, {}, body, repeatable=repeatable, gives=gives), retrying)

    def _send(self, call: Call, retrying: Retrying | None) -> Payload:
        retrying = retrying or Retrying()
        began = self._clock.monotonic()
        has_answered = is_fate_unknown = False
        for attempt in count(1):
            try:
                answer = self._exchange(call)
            except UnreachableError as error:
                has_answered = has_answered or error.answer is not None
                is_fate_unknown = is_fate_unknown or _may_have_taken_effect(call, error)
                if is_fate_unknown and not call.repeatable:
                    _say_fate_unknown(call, error)
                elapsed = self._clock.monotonic() - began
                pause = retrying.pause(error, attempt, elapsed, has_answered=has_answered)
                if pause is None and is_fate_unknown:
                    raise FateUnknownError(error.message, hint=error.hint, answer=error.answer) from None
                if pause is None:
                    raise
                self._note(f"{error.message}; trying again in {pause:.0f} s")
                self._clock.sleep(pause)
            else:
                self._heard(call.path, call.body or call.query, answer)
                return answer
        raise AssertionError("counting never ends")

    def _exchange(self, call: Call) -> Payload:
        """Send it, and once more if what was refused can be renewed: so a wait survives a change of token."""
        answer = self._ask(call)
        try:
            return read_answer(answer, call.gives)
        except SignInError as error:
            if not self._auth.renew():
                raise self._auth.explain(error) from None
        self._detail("the credentials were refused; they have been read once more")
        try:
            return read_answer(self._ask(call), call.gives)
        except SignInError as error:
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


def _may_have_taken_effect(call: Call, error: UnreachableError) -> bool:
    """False if the request certainly did nothing: it was never sent, or turned away by a rate limit."""
    is_turned_away = isinstance(error, UnsentError) or (error.answer and error.answer.status == 429)
    return call.method != "GET" and not is_turned_away


def _say_fate_unknown(call: Call, error: UnreachableError) -> NoReturn:
    raise FateUnknownError(
        f"{error.message}; {call.path} may have taken effect, so it was not sent again",
        hint="look before you send it once more, for example with `dbjobs jobs list`",
        answer=error.answer,
    ) from None


def _query_value(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _request_line(call: Call) -> str:
    query = "&".join(f"{key}={value}" for key, value in call.query.items())
    return f"{call.method} {call.path}" + (f"?{query}" if query else "")
