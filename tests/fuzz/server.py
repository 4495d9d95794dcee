"""The workspace behind real sockets, with everything that may go wrong on the way.

One loop, without threads, serves one process and reads what it prints, until it has ended.
"""

import json
import os
import random
import selectors
import socket
import ssl
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import trustme

from tests.fuzz.faults import FAULTS, HANDSHAKE, Fault, Mutator, Step
from tests.fuzz.process import Script, Shared
from tests.fuzz.workspace import Workspace
from tests.support.fakes import Received, Reply

DRIP = 4.0
"""Seconds between two bytes of an answer that drips."""
ENDLESS_PAGE_TAKES = 2.0
ANSWERS = {"create": "job_id", "run-now": "run_id", "runs/submit": "run_id", "runs/repair": "repair_id"}
"""What changes are answered with; all others with `{}`."""


@dataclass
class Exchange:
    """One request that arrived, and what came of it."""

    at: float
    request: Received
    step: Step
    fault: Fault | None
    has_effect: bool = False
    """whether it was done, be the answer good or not"""
    is_good: bool = False
    """whether the client got what the API answers"""
    answer: Any = None
    """of a good one"""
    real_status: int = 0
    """what the API answered, whether or not it came to the client; 0 if it was not asked"""
    answered_at: float = 0.0
    """when the client has all of it"""

    @property
    def is_change(self) -> bool:
        return self.request.method != "GET"


@dataclass(frozen=True)
class SignalPlan:
    """A signal that the process gets: at a moment of its clock, or at a request."""

    number: int
    at: float | None = None
    """seconds; else at a request"""
    request: int = 0
    """the how manieth"""
    stage: str = "arrived"
    """arrived, done (it took effect), or answered"""
    repeats: int = 1


@dataclass(eq=False)
class _Connection:
    raw: socket.socket
    tls: ssl.SSLSocket | None
    data: bytes = b""
    drips: bytes = b""
    """in real time: what is sent a byte at a time"""

    @property
    def top(self) -> socket.socket:
        return self.tls or self.raw

    def send(self, data: bytes) -> None:
        with suppress(OSError):
            self.top.sendall(data)

    def close(self, *, reset: bool = False) -> None:
        if reset:
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for part in (self.tls, self.raw):
            if part:
                with suppress(OSError):
                    part.close()


class Certificates:
    """An authority that the process trusts, and one that it does not."""

    def __init__(self, ca_file: str) -> None:
        trusted, stranger = trustme.CA(), trustme.CA()
        trusted.cert_pem.write_to_path(ca_file)
        self.trusted, self.stranger = (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for _ in range(2))
        for context in (self.trusted, self.stranger):
            context.num_tickets = 0  # a ticket would look like the beginning of an answer
        trusted.issue_cert("127.0.0.1").configure_cert(self.trusted)
        stranger.issue_cert("127.0.0.1").configure_cert(self.stranger)


@dataclass
class Server:
    """Serves one process at a time."""

    listener: socket.socket
    certificates: Certificates
    shared: Shared
    workspace: Workspace
    script: Script
    now: Callable[[], float]
    pid: int
    signal_plan: SignalPlan | None = None
    is_tls: bool = False
    is_real_time: bool = False
    exchanges: list[Exchange] = field(default_factory=list)
    leaving: frozenset[int] = frozenset()
    """outputs whose reader leaves after the first line"""
    signaled_at: float | None = None
    page_reads: int = 0
    _connections: set[_Connection] = field(default_factory=set)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def serve(self, outputs: dict[int, bytearray], life: int, patience: float) -> bool:
        """Until the process closes `life`, reading its outputs; False if it does not.

        `patience`: real seconds to wait for the next request or output; ten times as many for the end.
        """
        self._selector.register(self.listener, selectors.EVENT_READ)
        for descriptor in (*outputs, life):
            self._selector.register(descriptor, selectors.EVENT_READ)
        began = latest = time.monotonic()
        try:
            while time.monotonic() < min(latest + patience, began + 10 * patience):
                for key, _ in self._selector.select(0.02):
                    latest = time.monotonic()
                    if key.fd == life:
                        self.drain(outputs)
                        return True
                    self._attend(key, outputs)
                self._drip()
        finally:
            self._note_given_up()
            for connection in self._connections:
                connection.close()
            self._selector.close()
        return False

    def _attend(self, key: selectors.SelectorKey, outputs: dict[int, bytearray]) -> None:
        if key.fd in outputs:
            data = os.read(key.fd, 65_536)
            outputs[key.fd] += data
            if not data or (key.fd in self.leaving and b"\n" in data):
                self._selector.unregister(key.fd)
            if data and key.fd in self.leaving and b"\n" in data:
                os.close(key.fd)
                del outputs[key.fd]
        elif key.fileobj is self.listener:
            self._accept()
        elif isinstance(key.data, _Connection):
            self._receive(key.data)

    @staticmethod
    def drain(outputs: dict[int, bytearray]) -> None:
        """What the process left in its pipes."""
        for descriptor in outputs:
            with suppress(OSError):  # closed, or empty
                os.set_blocking(descriptor, False)
                while data := os.read(descriptor, 65_536):
                    outputs[descriptor] += data

    def _accept(self) -> None:
        raw, _ = self.listener.accept()
        raw.settimeout(10)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls = None
        if self.is_tls:
            try:
                tls = self._shake_hands(raw)
            except (OSError, ValueError):
                raw.close()
                return
        connection = _Connection(raw, tls)
        self._connections.add(connection)
        self._selector.register(connection.top, selectors.EVENT_READ, connection)

    def _shake_hands(self, raw: socket.socket) -> ssl.SSLSocket:
        """TLS over a copy of the socket, so that a fault can write below it."""
        is_change = bool(self.shared.get("method"))
        step = self.script.peek(is_change=is_change)
        context = self.certificates.trusted
        if step.fault and FAULTS[step.fault].kind == HANDSHAKE:
            self.script.take(is_change=is_change)
            if step.fault == "handshake broken":
                raw.sendall(b"no TLS here\r\n")
                raise ValueError("broken on purpose")
            context = self.certificates.stranger
        return context.wrap_socket(raw.dup(), server_side=True)

    def _receive(self, connection: _Connection) -> None:
        try:
            data = connection.top.recv(1_000_000)
        except OSError:
            data = b""
        if not data:
            self._drop(connection)
            return
        connection.data += data
        head, separator, body = connection.data.partition(b"\r\n\r\n")
        if not separator:
            return
        request_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(body) >= length:
            connection.data = body[length:]
            method, target, _ = request_line.split(" ")
            parts = urlsplit(target)
            sent = json.loads(body[:length]) if length else None
            received = Received(method, parts.path, dict(parse_qsl(parts.query)), headers, sent)
            self._answer(connection, received)

    def _drop(self, connection: _Connection, *, reset: bool = False) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
            self._selector.unregister(connection.top)
            connection.close(reset=reset)

    def _answer(self, connection: _Connection, request: Received) -> None:
        for name in ("latency", "drip", "hangs"):
            self.shared.set(name, 0)
        token = request.query.get("page_token", "")
        if token.startswith(("endless", "again")):
            step = Step("endless tokens" if token.startswith("endless") else "repeated token")
        else:
            step = self.script.take(is_change=request.method != "GET")
        fault = FAULTS[step.fault] if step.fault else None
        if fault and self._is_harmless(fault, request):
            fault = None
        self._note_given_up()
        exchange = Exchange(self.now(), request, step, fault)
        self.exchanges.append(exchange)
        self.shared.set("exchange", len(self.exchanges))
        self._signal("arrived")
        reply = Reply()
        if step.fault in ("endless tokens", "repeated token"):
            request.query.pop("page_token", None)
        is_dealt_with = step.has_effect or (fault is not None and fault.looks_like_success)
        if fault is None or fault.is_good_answer or (fault.may_have_effect and is_dealt_with):
            reply = self.workspace.reply(request)
            exchange.has_effect = reply.status == 200
            exchange.real_status = reply.status
        self._signal("done")
        self.shared.set("latency", step.latency)
        if fault and fault.looks_like_success and request.endpoint not in ANSWERS and exchange.is_change:
            exchange.is_good = exchange.has_effect
            exchange.answer = reply
        if fault is None or fault.is_good_answer:
            exchange.is_good = True
            exchange.answer = reply
            if fault:
                self.shared.set("latency", 25.0)
            self._send(connection, reply)
        elif fault.reply and not (fault.looks_like_success and reply.status != 200):
            self._send(connection, fault.reply)
        else:
            self._misbehave(connection, exchange, reply)
        exchange.answered_at = exchange.at + self.shared.get("latency")
        self.shared.set("hangs", 1)  # whoever waits for more than this waits in vain
        self._signal("answered")

    def _is_harmless(self, fault: Fault, request: Received) -> bool:
        """What does not happen without TLS, or means nothing to an answer without pages or fields."""
        is_about_pages = fault.name in ("endless tokens", "repeated token")
        is_about_fields = fault.name in ("wrong shape", "field missing", "about another")
        is_about_tls = fault.kind == HANDSHAKE or fault.name.startswith("TLS")
        is_change = request.method != "GET"
        is_without = (
            (is_about_tls and not self.is_tls) or fault.kind == HANDSHAKE or (is_about_pages and is_change)
        )
        return is_without or (is_about_fields and is_change and request.endpoint not in ANSWERS)

    def _note_given_up(self) -> None:
        """An answer that came after its reader had left was of no use."""
        if number := int(self.shared.get("given_up")):
            self.exchanges[number - 1].is_good = False
            self.shared.set("given_up", 0)

    def _signal(self, stage: str) -> None:
        plan = self.signal_plan
        if plan and plan.at is None and plan.request == len(self.exchanges) and plan.stage == stage:
            self.signaled_at = self.now()
            for number in range(plan.repeats):
                if number:
                    time.sleep(0.003)
                kill(self.pid, plan.number)

    def _send(self, connection: _Connection, reply: Reply) -> None:
        is_last = self._is_last()
        head, body = _as_http(reply, is_last=is_last)
        connection.send(head + body)
        if is_last:
            self._drop(connection)

    def _is_last(self) -> bool:
        """Whether the next exchange needs a new connection, for it is not to come about."""
        nexts = (self.script.peek(is_change=is_change).fault for is_change in (False, True))
        return any(fault and FAULTS[fault].kind in ("connect", HANDSHAKE) for fault in nexts)

    def _misbehave(self, connection: _Connection, exchange: Exchange, reply: Reply) -> None:
        name = exchange.step.fault or ""
        right = self._right_answer(exchange, reply)
        dice = random.Random(exchange.step.seed)
        if name == "wrong shape":
            self._send(connection, Reply(right.status, Mutator(dice).mutate(right.body)))
        elif name == "field missing":
            self._send(connection, Reply(body=_without_one(right.body, dice)))
        elif name == "about another":
            self._send(connection, Reply(body=_about_another(right.body)))
        elif name in ("endless tokens", "repeated token"):
            self._send_token(connection, right, is_new=name == "endless tokens")
        elif name.startswith("TLS"):
            self._break_tls(connection, name)
        else:
            self._break(connection, name, *_as_http(right, is_last=False))

    def _right_answer(self, exchange: Exchange, reply: Reply) -> Reply:
        """What the API would say; of a change that takes no effect, something that looks like it."""
        if exchange.has_effect or reply.status != 200:
            return reply
        field_name = ANSWERS.get(exchange.request.endpoint)
        return Reply(body={field_name: 8_888_888_888} if field_name else {})

    def _send_token(self, connection: _Connection, right: Reply, *, is_new: bool) -> None:
        self.page_reads += 1
        self.shared.set("latency", ENDLESS_PAGE_TAKES)
        token = f"endless-{self.page_reads}" if is_new else "again"
        self._send(
            connection, Reply(right.status, {**right.body, "next_page_token": token, "has_more": True})
        )

    def _break_tls(self, connection: _Connection, name: str) -> None:
        record = {
            "TLS bad record": b"\x17\x03\x03\x00\x40" + b"\x5a" * 64,
            "TLS alert": b"\x15\x03\x03\x00\x02\x02\x50",
            "TLS garbage": b"Bad gateway, sorry.\r\n" * 4,
        }[name]
        with suppress(OSError):
            connection.raw.sendall(record)
        self._drop(connection)

    def _break(self, connection: _Connection, name: str, head: bytes, body: bytes) -> None:
        """The connection breaks, hangs, or drips, at some point of the answer."""
        what, _, where = name.partition(" ")
        sent = {"in the header": head[: len(head) // 2], "in the body": head + body[: len(body) // 2]}
        if name == "not HTTP":
            connection.send(b"SSH-2.0-OpenSSH_9.6\r\n")
            self._drop(connection)
        elif what == "drip":
            self._begin_drip(connection, head, body, where)
        else:
            connection.send(sent.get(where, b""))
            if what != "hang":
                self._drop(connection, reset=what == "reset")

    def _begin_drip(self, connection: _Connection, head: bytes, body: bytes, where: str) -> None:
        long_head = head.replace(b"\r\n\r\n", b"\r\nX-Long: " + b"a" * 2_000 + b"\r\n\r\n")
        now, later = (b"", long_head + body) if where == "in the header" else (head, body)
        if self.is_real_time:
            connection.send(now)
            connection.drips = later + b" " * 10_000
        else:
            self.shared.set("drip", DRIP)
            connection.send(now + later)

    def _drip(self) -> None:
        for connection in [one for one in self._connections if one.drips]:
            connection.send(connection.drips[:1])
            connection.drips = connection.drips[1:]


def _as_http(reply: Reply, *, is_last: bool) -> tuple[bytes, bytes]:
    try:
        reason = HTTPStatus(reply.status).phrase
    except ValueError:
        reason = "Unknown"
    body = b"" if reply.status == 204 else reply.content
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **reply.headers}
    if is_last:
        headers["Connection"] = "close"
    lines = [f"HTTP/1.1 {reply.status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1"), body


def _without_one(answer: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """Without a field that a good answer holds in any case, if it has one."""
    needed = [name for name in ("run_id", "job_id", "repair_id", "state") if name in answer]
    missing = dice.choice(needed) if needed else None
    return {name: value for name, value in answer.items() if name != missing}


def _about_another(answer: dict[str, Any]) -> dict[str, Any]:
    """As a proxy's cache may answer: the right form, about something else."""
    state = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS", "state_message": ""}
    if "state" in answer or "status" in answer:
        return {**answer, "run_id": answer["run_id"] + 1, "state": state, "tasks": []}
    return {**answer, "job_id": answer["job_id"] + 1} if "settings" in answer else {}


def kill(pid: int, number: int) -> None:
    """Send a signal to a process that may have ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
