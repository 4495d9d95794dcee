"""Servers that fail below HTTP: what they do to a connection once a request has come over it."""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Fault = Callable[[socket.socket, threading.Event], None]
"""Gets the connection, below its TLS if there is any, and what is set once the server is closed."""

HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass
class BrokenServer:
    """Reads each request to its end, and then misbehaves."""

    url: str
    received: list[bytes] = field(default_factory=list)
    """the head of every request that came"""


@contextmanager
def broken_server(fault: Fault, tls: ssl.SSLContext | None = None) -> Iterator[BrokenServer]:
    """A server on a loopback port of its own; every connection meets the same fault."""
    listener = socket.create_server(("127.0.0.1", 0))
    scheme = "https" if tls else "http"
    server = BrokenServer(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")
    closing = threading.Event()

    def serve_one(raw: socket.socket) -> None:
        # TLS lies over a copy, so that a fault can write below it
        with raw, suppress(OSError), _with_tls(raw.dup(), tls) as layer:
            server.received.append(_read_request(layer))
            fault(raw, closing)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve_one, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        closing.set()
        listener.close()


def _with_tls(connection: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    return tls.wrap_socket(connection, server_side=True) if tls else connection


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65_536)
        if not piece:
            break
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length: *(\d+)", head)
    length = int(found[1]) if found else 0
    while len(body) < length:
        body += connection.recv(65_536)
    return head


# Below TLS


def bad_record(raw: socket.socket, closing: threading.Event) -> None:
    """A record of application data whose authentication code is wrong."""
    raw.sendall(b"\x17\x03\x03\x00\x40" + b"\x5a" * 64)


def garbage(raw: socket.socket, closing: threading.Event) -> None:
    """What is no record at all."""
    raw.sendall(b"Bad gateway, sorry.\r\n" * 4)


def plain_alert(raw: socket.socket, closing: threading.Event) -> None:
    """A fatal alert that is not encrypted, as some middleboxes send: internal_error."""
    raw.sendall(b"\x15\x03\x03\x00\x02\x02\x50")


def close(raw: socket.socket, closing: threading.Event) -> None:
    """The connection ends without a word."""


# Over TCP alone: servers that keep a client waiting


def hang(raw: socket.socket, closing: threading.Event) -> None:
    closing.wait()


def drip_headers(raw: socket.socket, closing: threading.Event) -> None:
    """A byte of a header every 20 ms, without end."""
    raw.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not closing.wait(0.02):
        raw.sendall(b"a")


def drip_body(raw: socket.socket, closing: threading.Event) -> None:
    """A byte of the body every 20 ms, without end."""
    raw.sendall(HEADERS)
    while not closing.wait(0.02):
        raw.sendall(b"1\r\n \r\n")


def endless_body(raw: socket.socket, closing: threading.Event) -> None:
    """As many bytes as the client takes."""
    raw.sendall(HEADERS)
    piece = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    while not closing.is_set():
        raw.sendall(piece)
