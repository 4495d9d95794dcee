"""What may go wrong with one exchange on the wire."""

import json
import random
from dataclasses import dataclass, field
from typing import Any

from tests.support.fakes import Reply

HTML = {"Content-Type": "text/html"}
PAGE = "<!doctype html><title>Sign in</title><p>Welcome."
CONFIG, NOT_FOUND, REFUSED, UNREACHABLE = 3, 4, 5, 6

CONNECT = "connect"
"""The connection does not come about, so nothing was sent."""
HANDSHAKE = "handshake"
"""TLS does not come about, so nothing was sent; without TLS, as if nothing went wrong."""
CUT = "cut"
"""The request arrives; the connection breaks, or nothing more comes."""
GARBLED = "garbled"
"""The request arrives; what comes back with 200 is not what the API answers."""
BUSY = "busy"
"""The server, or a proxy, answers 5xx, or that it is too busy."""
TURNED_AWAY = "turned away"
"""A rate limit: the request had no effect."""
REFUSAL = "refusal"
"""The API's own JSON says no: the request had no effect."""
PROXY = "proxy"
"""Something that is not the API answers 3xx or 4xx."""


@dataclass(frozen=True)
class Fault:
    """`exit_codes`: those that a command may leave with because of it."""

    name: str
    kind: str
    exit_codes: frozenset[int] = frozenset({UNREACHABLE})
    reply: Reply | None = None
    is_good_answer: bool = False
    """True if the client gets what the API answers all the same, though late"""

    @property
    def looks_like_success(self) -> bool:
        """True if it is what the API may answer to a change that was done."""
        is_altered = self.kind == GARBLED and self.reply is None
        return is_altered or self.name in ("204", "200, empty", "200, absurd length")

    @property
    def may_have_effect(self) -> bool:
        """True if the client cannot know whether the request took effect."""
        return self.kind in (CUT, GARBLED, BUSY)


@dataclass(frozen=True)
class Step:
    """What one exchange meets."""

    fault: str | None = None
    has_effect: bool = True
    """whether a change that meets a fault takes effect before it"""
    latency: float = 0.0
    """seconds until the answer comes"""
    seed: int = 0
    """of what the fault leaves open, such as which field has a wrong shape"""


def _reply_faults(kind: str, codes: set[int], replies: dict[str, Reply]) -> list[Fault]:
    return [Fault(name, kind, frozenset(codes), reply) for name, reply in replies.items()]


def _error(status: int, error_code: str, message: str = "no", **headers: str) -> Reply:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"error_code": error_code, "message": message}, names)


RETRY_AFTER = (
    "0", "3", "40", "172000", "-5", "1e9", "nan", "inf", "", "soon", "9" * 400, "0.5",
    "Wed, 01 Jan 2020 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT", "Wed, 99 Foo 99999 99:99:99 GMT",
    "Wed, 01 Jan 2020 00:00:00 +9999",
)  # fmt: skip

_DEEP = "[" * 100_000
_MANY_DIGITS = '{"run_id": ' + "7" * 5_000 + "}"

_FAULTS = [
    *(Fault(name, CONNECT) for name in ("refused", "no route", "no name", "connect hangs")),
    Fault("handshake broken", HANDSHAKE),
    Fault("untrusted certificate", HANDSHAKE),
    *(
        Fault(name, CUT)
        for name in (
            "reset before the header",
            "reset in the header",
            "reset in the body",
            "closed before the header",
            "closed in the header",
            "closed in the body",
            "hang before the header",
            "hang in the header",
            "hang in the body",
            "drip in the header",
            "drip in the body",
            "TLS bad record",
            "TLS alert",
            "TLS garbage",
            "not HTTP",
        )
    ),
    Fault("slow", CUT, is_good_answer=True),
    *_reply_faults(
        GARBLED,
        {CONFIG, UNREACHABLE},
        {
            "200, half JSON": Reply(200, '{"run_id": 1, "state": {"life_cycle_st'),
            "200, empty": Reply(200, ""),
            "200, no object": Reply(200, "[]"),
            "200, null": Reply(200, "null"),
            "200, a page": Reply(200, PAGE, HTML),
            "200, a page without a type": Reply(200, PAGE, {}),
            "200, deep": Reply(200, _DEEP),
            "200, deep object": Reply(200, '{"a":' * 100_000),
            "200, many digits": Reply(200, _MANY_DIGITS),
            "200, not UTF-8": Reply(200, b'{"run_id": "\xff\xfe"}'),
            "200, not gzip": Reply(200, "plainly not", {"Content-Encoding": "gzip"}),
            "200, absurd length": Reply(200, "{}", {"Content-Length": "x"}),
            "200, an error": Reply(200, {"error_code": "INTERNAL_ERROR", "message": "oops"}),
            "204": Reply(204, ""),
        },
    ),
    Fault("wrong shape", GARBLED, frozenset({CONFIG, UNREACHABLE})),
    Fault("field missing", GARBLED, frozenset({CONFIG, UNREACHABLE})),
    Fault("about another", GARBLED, frozenset({CONFIG, UNREACHABLE})),
    Fault("endless tokens", GARBLED, frozenset({CONFIG, UNREACHABLE})),
    Fault("repeated token", GARBLED, frozenset({CONFIG, UNREACHABLE})),
    *_reply_faults(
        BUSY,
        {UNREACHABLE},
        {
            "500": _error(500, "INTERNAL_ERROR"),
            "500, not an object": Reply(500, '"oops"'),
            "502, a page": Reply(502, "<html>Bad Gateway</html>", HTML),
            "503": _error(503, "TEMPORARILY_UNAVAILABLE"),
            "503, Retry-After": Reply(503, {}, {"Retry-After": "3"}),
            "503, Retry-After in two days": Reply(503, {}, {"Retry-After": "172000"}),
            "504, empty": Reply(504, ""),
            "599": Reply(599, "?"),
        },
    ),
    *_reply_faults(
        TURNED_AWAY,
        {UNREACHABLE},
        {
            "429": _error(429, "REQUEST_LIMIT_EXCEEDED"),
            **{
                f"429, Retry-After {text[:40]}": Reply(429, {}, {"Retry-After": text}) for text in RETRY_AFTER
            },
        },
    ),
    *_reply_faults(REFUSAL, {CONFIG}, {"401": _error(401, "UNAUTHENTICATED")}),
    *_reply_faults(REFUSAL, {REFUSED, CONFIG}, {"403": _error(403, "PERMISSION_DENIED")}),
    *_reply_faults(REFUSAL, {REFUSED}, {"400": _error(400, "INVALID_PARAMETER_VALUE")}),
    *_reply_faults(
        REFUSAL,
        {NOT_FOUND},
        {
            "404": _error(404, "RESOURCE_DOES_NOT_EXIST"),
            "400, does not exist": _error(400, "INVALID_PARAMETER_VALUE", "Run 7 does not exist."),
        },
    ),
    *_reply_faults(
        PROXY,
        {CONFIG, NOT_FOUND, REFUSED, UNREACHABLE},
        {
            "302": Reply(302, "", {"Location": "https://login.example.com/?next=/"}),
            "301 to a path": Reply(301, "", {"Location": "/login"}),
            "307 without a place": Reply(307, ""),
            "404, a page": Reply(404, PAGE, HTML),
            "403, a page": Reply(403, PAGE, HTML),
            "400, a page": Reply(400, PAGE, HTML),
            "404, empty": Reply(404, ""),
            "407": Reply(407, PAGE, HTML),
            "421": Reply(421, ""),
            "425": Reply(425, "Too Early"),
            "451": Reply(451, ""),
            "501": Reply(501, "<h1>No</h1>", HTML),
        },
    ),
]

FAULTS: dict[str, Fault] = {fault.name: fault for fault in _FAULTS}

WRONG_VALUES: tuple[Any, ...] = (
    "x", "", "12\n34", [], [None], ["x"], {}, {"x": None}, -1, 1.5, True, 10**30, None,
)  # fmt: skip


@dataclass
class _Spot:
    holder: Any
    key: Any


@dataclass
class Mutator:
    """Gives one field of an answer a value of another type."""

    random: random.Random
    spots: list[_Spot] = field(default_factory=list)

    def mutate(self, answer: dict[str, Any]) -> str:
        """The answer as JSON, with the change."""
        answer = json.loads(json.dumps(answer))
        self._collect(answer)
        if self.spots:
            spot = self.random.choice(self.spots)
            old = spot.holder[spot.key]
            spot.holder[spot.key] = self.random.choice([one for one in WRONG_VALUES if _differs(one, old)])
        return json.dumps(answer)

    def _collect(self, value: Any) -> None:
        items: Any = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            self.spots.append(_Spot(value, key))
            if isinstance(inner, dict | list):
                self._collect(inner)


def _differs(new: Any, old: Any) -> bool:
    """True if the type is another one, so that no answer comes out that is valid and false."""
    is_text_for_text = isinstance(new, str) and isinstance(old, str)
    is_number_for_number = isinstance(new, int | float) and isinstance(old, int) and type(new) is type(old)
    return not is_text_for_text and not is_number_for_number and type(new) is not type(old)
