"""Connections that keep a deadline, and record whether a request was sent.

The timeout of requests starts again with every packet, and with every address of a host, so it never ends
if a server sends one byte per minute. Here one deadline applies to the whole exchange: looking up the
name, connecting, TLS, sending, headers and body.
"""

import io
import math
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPResponse
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError

MAX_CONNECT_SECONDS = 30.0
"""For all addresses of a host together, including the lookup of its name."""

MIN_TIMEOUT = 0.001
"""Seconds: 0 would mean a non-blocking socket, and requests refuses it."""

SEND_BYTES = 65_536
"""Sent at a time; the deadline is checked in between."""


@dataclass
class Exchange:
    """One request and its response: their deadline, and whether sending has started."""

    ends_at: float = math.inf
    """by `time.monotonic`: sockets wait in real time, whichever clock the rest uses"""
    was_sent: bool = False
    """True from the first byte of the request on: it may have had an effect"""

    def begin(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds
        self.was_sent = False

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.ends_at - time.monotonic())

    def limit(self, sock: socket.socket) -> None:
        """Set the timeout of the next call to the time left; a TimeoutError if there is none."""
        left = self.seconds_left
        if not left:
            raise TimeoutError("timed out")
        sock.settimeout(left)


class ExchangeAdapter(HTTPAdapter):
    """An adapter of requests whose connections keep the deadline of an exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._use_own_pools(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        self._use_own_pools(manager)
        return manager

    def _use_own_pools(self, manager: Any) -> None:
        manager.pool_classes_by_scheme = {
            "http": self._pool_maker(HTTPConnectionPool, _Connection),
            "https": self._pool_maker(HTTPSConnectionPool, _TlsConnection),
        }

    def _pool_maker(self, pool_class: Any, connection_class: Any) -> Callable[..., Any]:
        def make_connection(*args: Any, **kwargs: Any) -> Any:
            connection = connection_class(*args, **kwargs)
            connection.set_exchange(self._exchange)
            return connection

        def make_pool(*args: Any, **kwargs: Any) -> Any:
            pool = pool_class(*args, **kwargs)
            pool.ConnectionCls = make_connection
            return pool

        return make_pool


if TYPE_CHECKING:
    _Base = HTTPConnection
else:
    _Base = object


class _LimitedConnection(_Base):
    _exchange: Exchange
    _is_connecting = False

    def set_exchange(self, exchange: Exchange) -> None:
        self._exchange = exchange

        def make_response(sock: socket.socket, *args: Any, **kwargs: Any) -> HTTPResponse:
            response = HTTPResponse(sock, *args, **kwargs)
            response.fp = io.BufferedReader(_LimitedReader(response.fp.detach(), sock, exchange))
            return response

        self.response_class = make_response  # type: ignore[assignment]

    def connect(self) -> None:
        self._is_connecting = True
        try:
            super().connect()
        finally:
            self._is_connecting = False

    def _new_conn(self) -> socket.socket:
        """The connected socket, before TLS; one limit for the lookup of the name and all addresses."""
        seconds = min(self._exchange.seconds_left, MAX_CONNECT_SECONDS)
        try:
            sock = _call_within(seconds, super()._new_conn)
        except TimeoutError:
            raise ConnectTimeoutError(self, "timed out") from None
        sock.settimeout(max(self._exchange.seconds_left, MIN_TIMEOUT))  # for TLS
        return sock

    def send(self, data: Any) -> None:
        if self.sock is None and self.auto_open:
            self.connect()
        if self._is_connecting:  # to a proxy, for a tunnel
            super().send(data)
            return
        for start in range(0, len(data), SEND_BYTES):
            self._exchange.limit(self.sock)
            self._exchange.was_sent = True
            super().send(data[start : start + SEND_BYTES])


class _Connection(_LimitedConnection, HTTPConnection):
    pass


class _TlsConnection(_LimitedConnection, HTTPSConnection):
    pass


class _LimitedReader(io.RawIOBase):
    """Reads from a socket; each read may take the time that is left for the exchange."""

    def __init__(self, raw: Any, sock: socket.socket, exchange: Exchange) -> None:
        self._raw = raw
        self._sock = sock
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._exchange.limit(self._sock)
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()


def _call_within(seconds: float, connect: Callable[[], socket.socket]) -> socket.socket:
    """Connect in a thread; raise a TimeoutError and leave the thread if it takes longer."""
    results: SimpleQueue[socket.socket | BaseException] = SimpleQueue()
    is_late = Event()

    def run() -> None:
        try:
            sock = connect()
        except BaseException as error:  # raised in the thread that waits
            results.put(error)
        else:
            results.put(sock)
            if is_late.is_set():
                sock.close()

    Thread(target=run, name="connecting", daemon=True).start()
    try:
        result = results.get(timeout=seconds)
    except Empty:
        is_late.set()
        raise TimeoutError("timed out") from None
    if isinstance(result, BaseException):
        raise result
    return result
