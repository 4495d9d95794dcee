"""Stand-ins that tests hand in: a clock that only moves when told, a server that follows a script."""

import json
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import trustme

from dbjobs.api.models import Run


@dataclass
class FakeClock:
    """Sleeping takes no time, and is remembered."""

    time: float = 0.0
    epoch: float = 1_767_225_600.0
    slept: list[float] = field(default_factory=list)
    at: dict[float, Callable[[], object]] = field(default_factory=dict)
    """what happens when the time has come, once"""

    def monotonic(self) -> float:
        return self.time

    def now(self) -> float:
        return self.epoch + self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += max(0.0, seconds)
        for moment in [moment for moment in self.at if moment <= self.time]:
            self.at.pop(moment)()


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
    hang: bool = False
    """say nothing until the server is closed"""
    last: bool = False
    """from here on, every connection is refused"""

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
    """what came as JSON, or as a form"""

    @property
    def url(self) -> str:
        """With the host that was meant, however many the server stands for."""
        return f"https://{self.headers['host']}{self.path}"

    @property
    def endpoint(self) -> str:
        """`runs/get` for `/api/2.2/jobs/runs/get`."""
        return self.path.partition("/jobs/")[2]


Script = Sequence[Reply] | Callable[[Received], Reply]


def by_endpoint(replies: Mapping[str, Any]) -> Callable[[Received], Reply]:
    """A script by endpoint, such as `runs/get`: a payload, a Reply, or a list of them, its last for ever."""
    calls: Counter[str] = Counter()

    def reply(request: Received) -> Reply:
        if request.endpoint == "runs/list" and "runs/list" not in replies:  # a wait asks for the history
            return Reply(403, {"error_code": "PERMISSION_DENIED", "message": "no history"})
        answers = replies[request.endpoint]
        answers = answers if isinstance(answers, list) else [answers]
        answer = answers[min(calls[request.endpoint], len(answers) - 1)]
        calls[request.endpoint] += 1
        return answer if isinstance(answer, Reply) else Reply(body=answer)

    return reply


@dataclass
class ScriptedServer:
    """Answers by its script, the last reply for ever; remembers what it was asked."""

    script: Script
    url: str = ""
    received: list[Received] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    handler: type[BaseHTTPRequestHandler] = BaseHTTPRequestHandler
    tls: ssl.SSLContext | None = None
    _http: ThreadingHTTPServer | None = None

    def listen(self) -> None:
        """Accept connections, on the same port as before if there was one."""
        self._http = ThreadingHTTPServer(("127.0.0.1", urlsplit(self.url).port or 0), self.handler)
        self._http.daemon_threads = True
        if self.tls:
            self._http.socket = self.tls.wrap_socket(self._http.socket, server_side=True)
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def stop_listening(self) -> None:
        """From now on, connections are refused."""
        if self._http:
            self._http.shutdown()
            self._http.server_close()
            self._http = None

    @property
    def changes(self) -> list[Received]:
        """The requests that would have changed something."""
        return [request for request in self.received if request.method != "GET"]

    def reply_to(self, request: Received) -> Reply:
        place = len(self.received)
        self.received.append(request)
        if callable(self.script):
            return self.script(request)
        return self.script[min(place, len(self.script) - 1)]


@contextmanager
def scripted_server(
    script: Script, tls: ssl.SSLContext | None = None, authority: trustme.CA | None = None
) -> Iterator[ScriptedServer]:
    """A server on a loopback port of its own.

    With an `authority`, it is also a proxy that answers by TLS in the name of whichever host is asked for.
    """
    scripted = ScriptedServer(script, tls=tls)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet an answer: else each costs 40 ms
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_CONNECT(self) -> None:
            if authority is None:
                self.send_error(501, "Unsupported method ('CONNECT')")
                return
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(self.path.rpartition(":")[0]).configure_cert(context)
            self.send_response_only(200)
            self.end_headers()
            self.wfile.flush()
            with suppress(OSError):  # of a client that does not trust the authority
                self.connection = self.request = context.wrap_socket(self.connection, server_side=True)
                self.setup()
                self.close_connection = False

        def finish(self) -> None:
            super().finish()
            if isinstance(self.connection, ssl.SSLSocket) and not scripted.tls:
                self.connection.close()  # the server knows but the socket below it

        def _answer(self) -> None:
            reply = scripted.reply_to(self._read())
            if reply.last:
                scripted.stop_listening()
            if reply.hang:
                scripted.closing.wait()
            if reply.reset or reply.hang:
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.close_connection = True
                self.connection.close()
                return
            begin = self.send_response_only if "Date" in reply.headers else self.send_response
            begin(reply.status)
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
            is_form = headers.get("content-type") == "application/x-www-form-urlencoded"
            body = dict(parse_qsl(data.decode())) if is_form else json.loads(data) if data else None
            return Received(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)

        def log_message(self, *_: Any) -> None:
            """Stays silent."""

    scripted.handler = Handler
    scripted.listen()
    try:
        yield scripted
    finally:
        scripted.closing.set()
        scripted.stop_listening()


@dataclass
class FetchOnly:
    """A reader for a watch, of nothing but a function that fetches a run."""

    fetch: Callable[[int], Run]

    def prepare(self, run_ids: Sequence[int]) -> bool:
        """There is nothing to look up."""
        return False

    def fetch_children(self, run: Run) -> dict[str, Run]:
        return {}

    def fetch_past_runs(self, job_id: int) -> list[Run]:
        return []

    def fetch_active_runs(self, job_id: int) -> list[Run]:
        return []
