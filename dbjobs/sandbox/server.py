"""The sandbox's HTTP: who may ask, what they sent, and `Sandbox`, which holds all of it together."""

from __future__ import annotations

import base64
import hmac
import ipaddress
import json
import logging
import re
import secrets
import socket
import threading
import uuid
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

from werkzeug.serving import DechunkedInput, ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Request, Response

from dbjobs.errors import UsageError
from dbjobs.sandbox.agenda import Agenda
from dbjobs.sandbox.endpoints import Call, answer
from dbjobs.sandbox.engine import Engine
from dbjobs.sandbox.paging import Tokens
from dbjobs.sandbox.refusal import RefusalError, malformed, no_endpoint, too_large, unauthenticated
from dbjobs.sandbox.runner import Runner
from dbjobs.sandbox.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType
    from wsgiref.types import StartResponse, WSGIEnvironment

    from dbjobs.sandbox.model import Json

BODY_LIMIT = 10 * 1024 * 1024
"""Bytes, as with the real service."""

_DRAIN_LIMIT = 16 * BODY_LIMIT
_PATH = re.compile(r"/api/(\d\.\d)/(.+?)/?")


class Application:
    """Answers requests: a WSGI application over one workspace."""

    def __init__(self, workspace: Workspace, token: str) -> None:
        self.url = ""
        self._workspace = workspace
        self._tokens = Tokens()
        basic = base64.b64encode(f"token:{token}".encode()).decode()
        self._authorizations = [f"Bearer {token}".encode(), f"Basic {basic}".encode()]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        try:
            status, body = 200, self._answer(request)
        except RefusalError as refusal:
            status, body = refusal.status, refusal.as_dict()
        except Exception:
            logging.getLogger(__name__).exception("the sandbox failed at %s", request.path)
            status, body = (
                500,
                {"error_code": "INTERNAL_ERROR", "message": "The sandbox failed; its log says why."},
            )
        headers = {"x-request-id": str(uuid.uuid4())}
        return Response(json.dumps(body), status, headers, "application/json")(environ, start_response)

    def _answer(self, request: Request) -> Json:
        self._check_token(request)
        match = _PATH.fullmatch(request.path)
        if match is None:
            raise no_endpoint(request.method, request.path)
        version, path = match.groups()
        return answer(
            request.method,
            path,
            Call(version, _read_params(request), self._workspace, self._tokens, self.url),
        )

    def _check_token(self, request: Request) -> None:
        given = request.headers.get("Authorization", "").encode()
        if not any(hmac.compare_digest(given, expected) for expected in self._authorizations):
            raise unauthenticated()


def _read_params(request: Request) -> Json:
    """The query and the JSON body, as one; the service takes either for what it reads."""
    if request.environ["wsgi.input"] is _TOO_LARGE:
        raise too_large(BODY_LIMIT)
    text = request.get_data()
    try:
        body = json.loads(text) if text.strip() else {}
    except ValueError:
        raise malformed(
            "Invalid JSON given in the body of the request - failed to parse given JSON"
        ) from None
    if not isinstance(body, dict):
        raise malformed("Invalid JSON given in the body of the request - expected a map")
    return {**request.args.to_dict(), **body}


_TOO_LARGE = BytesIO()
"""Stands for a body beyond the limit."""


class _Handler(WSGIRequestHandler):
    """Unlike werkzeug's own, keeps the connection for the next request: clients poll."""

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
        head: list[Any] = []
        pieces: list[bytes] = []

        def start_response(*given: Any) -> Callable[[bytes], object]:
            head[:] = given[:2]
            return pieces.append

        pieces.extend(self.server.app(environ, start_response))
        status, headers = head
        self.send_response(int(status.split()[0]))
        for name, value in headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"".join(pieces))
        self.wfile.flush()

    def _read_body(self, stream: Any) -> BytesIO:
        """The whole body, so that the next request begins where this one ends."""
        if isinstance(stream, DechunkedInput):
            body = stream.read(BODY_LIMIT + 1)
            if len(body) <= BODY_LIMIT:
                return BytesIO(body)
            left = _DRAIN_LIMIT
        else:
            length = int(self.headers.get("Content-Length") or 0)
            if length <= BODY_LIMIT:
                return BytesIO(self.rfile.read(length))
            left = min(length, _DRAIN_LIMIT)
        # A client reads the refusal only after it has sent everything.
        while left > 0 and (piece := stream.read(min(left, BODY_LIMIT))):
            left -= len(piece)
        self.close_connection = True
        return _TOO_LARGE

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the name of the parent's parameter
        """Say nothing of single requests."""


class _Server(ThreadedWSGIServer):
    """A thread per connection; unlike the parent, ends all of them when it is closed."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 1024

    def __init__(self, listener: socket.socket, app: Application) -> None:
        host, port = listener.getsockname()[:2]
        self._connections: set[socket.socket] = set()
        super().__init__(host, port, app, _Handler, fd=listener.fileno())

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for connection in list(self._connections):
            with suppress(OSError):  # it may have ended meanwhile
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()


class Sandbox:
    """A workspace on the loopback interface: `with Sandbox(root=Path("jobs")) as sandbox: … sandbox.url`.

    `root` holds the tasks' files, and nothing beyond it is run. `token` is made up if not given. `port` 0
    takes a free one. `time_scale` 10 makes set-up, clean-up and waiting for a retry pass ten times faster;
    the tasks' own work and their time-outs take the time they take.
    """

    def __init__(
        self,
        root: Path,
        token: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        time_scale: float = 1.0,
    ) -> None:
        if not root.is_dir():
            raise UsageError(f"The sandbox's root is not a folder: {root}.")
        if time_scale <= 0:
            raise UsageError(f"The sandbox's time scale has to be above 0, not {time_scale:g}.")
        self.token = token or secrets.token_hex(16)
        self._listener = _listen(host, port)
        self._agenda = Agenda()
        self._runner = Runner(root)
        engine = Engine(self._agenda, self._runner, time_scale)
        app = Application(Workspace(self._agenda, engine, self._runner), self.token)
        self._server = _Server(self._listener, app)
        self.url = app.url = _url(self._listener)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sandbox-http")

    def start(self) -> Sandbox:
        self._agenda.start()
        self._listener.listen(_Server.request_queue_size)
        self._thread.start()
        return self

    def close(self) -> None:
        """End the server, every process it started, and its threads."""
        self._agenda.close()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._listener.close()
        self._runner.close()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _listen(host: str, port: int) -> socket.socket:
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


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
