"""One workspace over HTTP: sending, retrying what is safe to retry, and reading what comes back.

The rules of `Retrying` are those of the API's documentation; what an answer's status and
body mean is for `dbjobs.answers` to say.
"""

import json
import platform
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, NoReturn

import requests
from requests.auth import AuthBase

from dbjobs import __version__
from dbjobs.answers import Payload, RawAnswer, read_answer
from dbjobs.clock import Clock
from dbjobs.errors import (
    DbjobsError,
    FateUnknownError,
    NotTheApiError,
    RefusedError,
    UnreachableError,
    UnsentError,
)

USER_AGENT = f"dbjobs/{__version__} python/{platform.python_version()} os/{platform.system().lower()}"
CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 60.0
MAX_REQUEST_BYTES = 10 * 1024 * 1024
"""The API takes no larger body."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Call:
    """One request. `repeatable`: sending it twice does what sending it once does."""

    method: str
    path: str
    query: Mapping[str, Any]
    body: Payload | None
    repeatable: bool


@dataclass(frozen=True)
class Retrying:
    """How long to try again, in seconds since the first try; all pauses are seconds as well."""

    network: float = 15.0
    """connections that fail: short, for it may as well be a mistyped host"""
    server: float = 600.0
    """429 and 5xx: as long as the documentation advises"""
    server_error_pause: float = 30.0
    """at least this far apart after a 5xx; a 503 often clears sooner"""

    def pause(self, error: UnreachableError, attempt: int, elapsed: float) -> float | None:
        """How long to wait before the next try after the `attempt`th (from 1); None to give up."""
        backoff = min(2.0 ** (attempt - 1), 30.0) * random.uniform(0.9, 1.3)  # noqa: S311 - spreads load, guards nothing
        status = error.answer.status if error.answer else None
        if error.retry_after is not None:
            backoff = error.retry_after + random.uniform(0, 0.5)  # noqa: S311 - as above
        elif status is not None and status not in (200, 429, 503):
            backoff = self.server_error_pause
        patience = self.network if status is None else self.server
        return backoff if elapsed + backoff <= patience else None


NO_RETRIES = Retrying(network=0, server=0)
"""For a wait: it polls again anyway, and says so."""


class Transport:
    """A session with one workspace. Not to be shared between threads."""

    def __init__(
        self,
        host: str,
        auth: AuthBase,
        clock: Clock,
        *,
        note: Tell = lambda text: None,
        detail: Tell = lambda text: None,
    ) -> None:
        """`host` is a base URL; `note` hears of pauses that a user notices, `detail` of each request."""
        self.host = host
        self._clock = clock
        self._note = note
        self._detail = detail
        self._session = requests.Session()
        self._session.auth = auth
        self._session.headers["User-Agent"] = USER_AGENT

    def get(self, path: str, query: Mapping[str, Any], retrying: Retrying | None = None) -> Payload:
        """Read something; values of None are left out of the query."""
        query = {key: _query_value(value) for key, value in query.items() if value is not None}
        return self._send(Call("GET", path, query, None, repeatable=True), retrying or Retrying())

    def post(self, path: str, body: Payload, *, repeatable: bool) -> Payload:
        """Change something."""
        return self._send(Call("POST", path, {}, body, repeatable=repeatable), Retrying())

    def _send(self, call: Call, retrying: Retrying) -> Payload:
        began = self._clock.monotonic()
        for attempt in count(1):
            try:
                return self._exchange(call)
            except UnreachableError as error:
                if not call.repeatable and _may_have_taken_effect(error):
                    _say_fate_unknown(call, error)
                pause = retrying.pause(error, attempt, self._clock.monotonic() - began)
                if pause is None:
                    raise
                self._note(f"{error.message}; trying again in {pause:.0f} s")
                self._clock.sleep(pause)
        raise AssertionError("counting never ends")

    def _exchange(self, call: Call) -> Payload:
        began = self._clock.monotonic()
        try:
            response = self._session.request(
                call.method,
                self.host + call.path,
                params=call.query,
                data=None if call.body is None else encode_body(call.body),
                headers={"Content-Type": "application/json"} if call.body is not None else None,
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,  # a redirect must not carry the token to another host
            )
        except requests.RequestException as error:
            problem = connection_error(error, self.host)
            self._detail(f"{_request_line(call)} → {problem.message}")
            raise problem from None
        seconds = self._clock.monotonic() - began
        self._detail(f"{_request_line(call)} → {response.status_code} in {seconds:.2f} s")
        return read_answer(
            RawAnswer(response.status_code, response.reason or "", response.headers, response.content)
        )


def encode_body(body: Payload) -> bytes:
    """The body as it goes over the wire; a RefusedError if the API would not take its size."""
    encoded = json.dumps(body).encode()
    if len(encoded) > MAX_REQUEST_BYTES:
        raise RefusedError(
            f"the request has {len(encoded):,} bytes; the Jobs API takes {MAX_REQUEST_BYTES:,} at most"
        )
    return encoded


def connection_error(error: requests.RequestException, host: str) -> DbjobsError:
    """What a failed exchange means, in words that name the cause and no internals."""
    if isinstance(error, requests.exceptions.SSLError):
        return UnsentError(
            f"no trusted connection to {host}: {_cause(error)}",
            hint="if a proxy of your company signs the traffic, name its certificates in REQUESTS_CA_BUNDLE",
        )
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return UnsentError(
            f"cannot reach {host}: no connection within {CONNECT_TIMEOUT:.0f} s", hint=_HOST_HINT
        )
    if isinstance(error, requests.exceptions.ReadTimeout):
        return UnreachableError(f"no answer from {host} within {READ_TIMEOUT:.0f} s")
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidHeader):
        return NotTheApiError(f"{host} cannot be asked: the URL is not valid", hint=_HOST_HINT)
    if "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error):
        return UnsentError(f"cannot reach {host}: {_cause(error)}", hint=_HOST_HINT)
    return UnreachableError(f"the connection to {host} broke: {_cause(error)}")


_HOST_HINT = "check the host, the network and the proxy settings"


def _cause(error: BaseException | None) -> str:
    """The innermost reason of a chain of exceptions: `Connection refused` and the like."""
    words = "the connection was lost"
    while error is not None:
        if isinstance(error, OSError) and error.strerror:
            words = error.strerror
        inner = getattr(error, "reason", None) or error.__cause__ or error.__context__
        inner = inner or next((part for part in error.args if isinstance(part, BaseException)), None)
        error = inner if isinstance(inner, BaseException) else None
    return words


def _may_have_taken_effect(error: UnreachableError) -> bool:
    """False if the request certainly did nothing: it was never sent, or turned away by a rate limit."""
    return not isinstance(error, UnsentError) and not (error.answer and error.answer.status == 429)


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
