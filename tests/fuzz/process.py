"""One dbjobs in a forked process: its descriptors, and a clock that only moves when something waits.

Everything is imported once, before the fork, so that a process costs some milliseconds. The clock
lies in memory that both sides share. What takes time moves it: a pause, an answer that
comes late, a time-out of a socket. Sockets, descriptors and signals are real.
"""

import atexit
import errno
import faulthandler
import gc
import mmap
import os
import random
import select
import signal
import socket
import ssl
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import requests

from tests.fuzz.faults import CONNECT, FAULTS, Step

HANGS = 1e9
"""A latency that no time-out outlasts."""
EPOCH = 1_767_225_600.0
TICK = 1e-5
"""Seconds that looking at the clock takes, so that no loop is endless that waits for a moment."""

_CELLS = (
    "now",
    "latency",
    "drip",
    "method",
    "reads",
    "changes",
    "hangs",
    "signal_at",
    "signal",
    "exchange",
    "given_up",
)


class Shared:
    """Numbers that the process and its server share."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 4096)

    def get(self, name: str) -> float:
        value: float = struct.unpack_from("d", self._memory, _CELLS.index(name) * 8)[0]
        return value

    def set(self, name: str, value: float) -> None:
        struct.pack_into("d", self._memory, _CELLS.index(name) * 8, value)

    def reset(self) -> None:
        for name in _CELLS:
            self.set(name, 0.0)


@dataclass
class Script:
    """What each exchange meets in turn: reads and changes have a list of their own; then nothing."""

    shared: Shared
    reads: Sequence[Step]
    changes: Sequence[Step]

    def peek(self, *, is_change: bool) -> Step:
        steps, cell = (self.changes, "changes") if is_change else (self.reads, "reads")
        index = int(self.shared.get(cell))
        return steps[index] if index < len(steps) else Step()

    def take(self, *, is_change: bool) -> Step:
        step = self.peek(is_change=is_change)
        cell = "changes" if is_change else "reads"
        self.shared.set(cell, self.shared.get(cell) + 1)
        return step


@dataclass(frozen=True)
class Start:
    """What a process is started with; a descriptor of None is closed."""

    arguments: Sequence[str]
    environ: Mapping[str, str]
    folder: str
    descriptors: tuple[int | None, int | None, int | None]
    keep_open: int
    """a descriptor that ends with the process"""
    seed: int
    is_real_time: bool


def start(options: Start, shared: Shared, script: Script, closed_port: int) -> int:
    """Fork a dbjobs; returns its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        _enter(options)
        if not options.is_real_time:
            _use_shared_clock(shared, script, closed_port)
        code = _run()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code & 0xFF)


def _enter(options: Start) -> None:
    """The state in which a shell starts a program."""
    for number, descriptor in enumerate(options.descriptors):
        if descriptor is None:
            os.close(number)
        else:
            os.dup2(descriptor, number)
    for first, last in ((3, options.keep_open), (options.keep_open + 1, 256)):
        os.closerange(first, last)
    atexit._clear()  # what others want done at the end is not for this process
    os.chdir(options.folder)
    os.environ.clear()
    os.environ.update(options.environ)
    sys.argv = ["dbjobs", *options.arguments]
    random.seed(options.seed)
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        setattr(sys, name, _open_standard(number, mode))
        setattr(sys, f"__{name}__", getattr(sys, name))
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    faulthandler.register(signal.SIGUSR1, file=options.keep_open)  # says where it hangs


def _open_standard(number: int, mode: str) -> Any:
    """A standard stream as Python makes it: None if the descriptor is closed."""
    try:
        os.fstat(number)
    except OSError:
        return None
    errors = "backslashreplace" if number == 2 else "strict"
    stream: Any = os.fdopen(number, mode, encoding="utf-8", errors=errors, closefd=False)
    if number == 2:
        stream.reconfigure(line_buffering=True)
    return stream


def _run() -> int:
    """The program from its entry to the end of the interpreter; returns the exit code."""
    from dbjobs.__main__ import main

    code: object = 0
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code
    except BaseException as error:
        with suppress(OSError):
            traceback.print_exc()
        code = 130 if isinstance(error, KeyboardInterrupt) else 1
    if isinstance(code, str):
        print(code, file=sys.stderr)  # noqa: T201 - as the interpreter does
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    return _flush_standard(int(code or 0))  # type: ignore[call-overload]


def _flush_standard(code: int) -> int:
    """As the interpreter ends: a stream that cannot be flushed makes the exit code 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except Exception:
            code = 120
    return code


def _use_shared_clock(shared: Shared, script: Script, closed_port: int) -> None:
    clock = _Clock(shared)
    time.monotonic = clock.monotonic
    time.time = clock.time
    time.sleep = clock.sleep  # type: ignore[assignment]  # dbjobs calls it with a float
    _watch_sockets(clock, script, closed_port)


class _Clock:
    def __init__(self, shared: Shared) -> None:
        self.shared = shared

    def monotonic(self) -> float:
        now = self.shared.get("now") + TICK
        self.shared.set("now", now)
        return now

    def time(self) -> float:
        return EPOCH + self.monotonic()

    def sleep(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        now, due = self.shared.get("now"), self.shared.get("signal_at")
        if due and now <= due <= now + seconds:
            self.shared.set("signal_at", 0)
            self.shared.set("now", due)
            os.kill(os.getpid(), int(self.shared.get("signal")))
            if threading.current_thread() is not threading.main_thread():
                return  # the main thread has left meanwhile
            seconds -= due - now
        self.shared.set("now", self.shared.get("now") + seconds)


def _watch_sockets(clock: _Clock, script: Script, closed_port: int) -> None:
    """Let sockets find out what the server, or the script, makes of connections and answers."""
    shared = clock.shared
    getaddrinfo, connect = socket.getaddrinfo, socket.socket.connect
    next_fault: list[str] = []

    def note_method(adapter: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        shared.set("method", 0 if request.method == "GET" else 1)
        shared.set("hangs", 0)
        return send(adapter, request, *args, **kwargs)

    def look_up(*args: Any, **kwargs: Any) -> Any:
        is_change = bool(shared.get("method"))
        fault = script.peek(is_change=is_change).fault
        next_fault.clear()
        if fault and FAULTS[fault].kind == CONNECT:
            script.take(is_change=is_change)
            if fault == "no name":
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            next_fault.append(fault)
        return getaddrinfo(*args, **kwargs)

    def connect_or_not(sock: socket.socket, address: Any) -> None:
        fault = next_fault.pop() if next_fault else None
        if fault == "connect hangs":
            clock.sleep(sock.gettimeout() or 120.0)
            raise TimeoutError("timed out")
        if fault == "no route":
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        connect(sock, ("127.0.0.1", closed_port) if fault else address)

    adapter_class: Any = requests.adapters.HTTPAdapter
    send, adapter_class.send = adapter_class.send, note_method
    socket.getaddrinfo = look_up
    socket_classes: tuple[Any, ...] = (socket.socket, ssl.SSLSocket)
    socket_classes[0].connect = connect_or_not
    for socket_class in socket_classes:
        socket_class.recv_into = _waiting(clock, socket_class.recv_into)


def _waiting(clock: _Clock, receive: Callable[..., int]) -> Callable[..., int]:
    """A `recv_into` that lets the clock go on as long as the answer takes."""
    shared = clock.shared

    def recv_into(sock: Any, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        timeout = sock.gettimeout()
        limit = HANGS if timeout is None else timeout
        _wait_for_data(sock)
        latency, drip = shared.get("latency"), shared.get("drip")
        shared.set("latency", 0)
        latency += drip
        if latency > limit:
            shared.set("given_up", shared.get("exchange"))
            clock.sleep(limit)
            raise TimeoutError("timed out")
        if latency:
            clock.sleep(latency)
        return receive(sock, buffer, 1 if drip else nbytes or len(buffer), flags)

    def _wait_for_data(sock: Any) -> None:
        """Until there is something to read, or it is known that nothing comes."""
        if isinstance(sock, ssl.SSLSocket) and sock.pending():
            return
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        while not poll.poll(5):
            if shared.get("hangs"):
                shared.set("latency", HANGS)
                return

    return recv_into


def load_dbjobs() -> None:
    """Import all of dbjobs that a command may need, so that no process has to."""
    import importlib
    import pkgutil

    import dbjobs

    for module in pkgutil.walk_packages(dbjobs.__path__, "dbjobs."):
        if not module.name.startswith(("dbjobs.sandbox", "dbjobs.__main__", "dbjobs.mcp")):
            importlib.import_module(module.name)
    for name in ("platformdirs.unix", "typer._click.decorators"):  # what these libraries import late
        with suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
