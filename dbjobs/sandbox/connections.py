"""Connections: reading requests from sockets and writing responses, with the faults of a scenario."""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

from werkzeug.serving import DechunkedInput, ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Response

from dbjobs.errors import UsageError
from dbjobs.sandbox.scenario import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed.wsgi import WSGIEnvironment

    Answer = Callable[[WSGIEnvironment], tuple[Response, Fault | None]]

BODY_LIMIT = 10 * 1024 * 1024
"""Bytes, as with the real service."""

FILE_LIMIT = 200 * 1024 * 1024
"""Bytes of a file that is uploaded by itself."""

_FILES = "/api/2.0/workspace-files/"
_DRAIN_LIMIT = 16 * BODY_LIMIT

TOO_LARGE = BytesIO()
"""Represents a body beyond the limit."""


class Handler(WSGIRequestHandler):
    """Unlike werkzeug's own, keeps the connection for the next request: clients poll."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet an answer, not one a header line and one for the body

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").strip().lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
            self.wfile.flush()
        environ = self.make_environ()
        environ["wsgi.input"] = self._read_body(environ["wsgi.input"])
        response, fault = self.server.answer(environ)
        self._send(response, fault or Fault())

    def _send(self, response: Response, fault: Fault) -> None:
        """Send the response, as far as the fault permits."""
        self.server.closing.wait(None if fault.hang else fault.latency)
        if fault.close or fault.hang:
            # Without lingering the client gets a reset, as from a proxy that crashes.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        self.close_connection = self.close_connection or fault.truncate is not None
        self.send_response(response.status_code)
        for name, value in response.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(response.get_data()[: fault.truncate])
        self.wfile.flush()

    def _read_body(self, stream: Any) -> BytesIO:
        """The whole body, so that the next request begins where this one ends."""
        limit = FILE_LIMIT if self.path.startswith(_FILES) else BODY_LIMIT
        if isinstance(stream, DechunkedInput):
            body = stream.read(limit + 1)
            if len(body) <= limit:
                return BytesIO(body)
            left = _DRAIN_LIMIT
        else:
            given = self.headers.get("Content-Length", "0")
            length = int(given) if given.isdecimal() else limit + 1
            if length <= limit:
                return BytesIO(self.rfile.read(length))
            left = min(length, _DRAIN_LIMIT)
        # A client reads the refusal only after it has sent everything.
        while left > 0 and (piece := stream.read(min(left, BODY_LIMIT))):
            left -= len(piece)
        self.close_connection = True
        return TOO_LARGE

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the parent calls it so
        """Log nothing about single requests."""


class Server(ThreadedWSGIServer):
    """A thread per connection; unlike the parent, ends all of them when it is closed."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 1024

    def __init__(self, listener: socket.socket, answer: Answer) -> None:
        host, port = listener.getsockname()[:2]
        self.closing = threading.Event()
        self._connections: set[socket.socket] = set()
        self.answer = answer
        super().__init__(host, port, Response(), Handler, fd=listener.fileno())
        self.closing.clear()  # to take our listener, the parent closes the one it made first

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        self.closing.set()
        for connection in list(self._connections):
            with suppress(OSError):  # it may have ended meanwhile
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()


def listen(host: str, port: int) -> socket.socket:
    address = "127.0.0.1" if host == "localhost" else host
    try:
        is_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise UsageError(
            f"The sandbox listens on the loopback interface only, not on {host}.",
            hint="it runs whatever it is sent: use 127.0.0.1, ::1 or localhost",
        )
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise UsageError(f"The sandbox cannot listen on {host}:{port}: {error.strerror}.") from error
    return listener


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
