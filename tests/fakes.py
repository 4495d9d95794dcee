"""Stand-ins that tests hand in: a clock that only moves when told, a server that follows a script."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class FakeClock:
    """Sleeping takes no time, and is remembered."""

    time: float = 0.0
    epoch: float = 1_767_225_600.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.time

    def now(self) -> float:
        return self.epoch + self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += max(0.0, seconds)


@dataclass(frozen=True)
class Reply:
    """One answer of the scripted server, or one of its misdeeds."""

    status: int = 200
    body: Any = field(default_factory=dict)
    """bytes and text go out as they are, anything else as JSON"""
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False
    """close the connection without a word, as a crashing proxy does"""
    cut: bool = False
    """announce more bytes than come"""

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


@dataclass(frozen=True)
class Received:
    """One request, as it came over the wire."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


Script = Sequence[Reply] | Callable[[Received], Reply]


@dataclass
class ScriptedServer:
    """Answers by its script, the last reply for ever; remembers what it was asked."""

    script: Script
    url: str = ""
    received: list[Received] = field(default_factory=list)

    def reply_to(self, request: Received) -> Reply:
        place = len(self.received)
        self.received.append(request)
        if callable(self.script):
            return self.script(request)
        return self.script[min(place, len(self.script) - 1)]


@contextmanager
def scripted_server(script: Script) -> Iterator[ScriptedServer]:
    """A server on a loopback port of its own."""
    scripted = ScriptedServer(script)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # noqa: N802 - the name that http.server looks for
            self._answer()

        def do_POST(self) -> None:  # noqa: N802
            self._answer()

        def _answer(self) -> None:
            reply = scripted.reply_to(self._read())
            if reply.reset:
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(reply.status)
            headers = {"Content-Type": "application/json", **reply.headers}
            headers["Content-Length"] = str(len(reply.content) + (10 if reply.cut else 0))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.content)
            self.close_connection = self.close_connection or reply.cut

        def _read(self) -> Received:
            parts = urlsplit(self.path)
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(data) if data else None
            return Received(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)

        def log_message(self, format: str, *args: Any) -> None:
            """Stays silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    scripted.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield scripted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
