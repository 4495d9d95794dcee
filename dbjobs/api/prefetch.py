"""Reading ahead: while one page of a list is used, the next one is asked for."""

from collections.abc import Generator, Iterator
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeAlias, TypeVar

Page = TypeVar("Page")

LISTENING = 1.0
"""Seconds: on Windows, Ctrl-C is heard between two waits, and not in one."""

_Found: TypeAlias = Page | BaseException | None


def ahead(pages: Iterator[Page]) -> Generator[Page]:
    """The same pages, at most one of them read before it is wanted.

    All of them are read in one thread, so whatever reads them, such as a session, is used by no
    other meanwhile. Who leaves early waits for nothing: the thread ends by itself, unheard.
    """
    wanted: SimpleQueue[bool] = SimpleQueue()
    found: SimpleQueue[_Found[Page]] = SimpleQueue()
    read = partial(copy_context().run, _read, pages, wanted, found)  # within the same time limit
    Thread(target=read, name="reading ahead", daemon=True).start()
    try:
        wanted.put(True)
        while (page := _next(found)) is not None:
            if isinstance(page, BaseException):
                raise page
            wanted.put(True)
            yield page
    finally:
        wanted.put(False)


def _read(pages: Iterator[Page], wanted: SimpleQueue[bool], found: SimpleQueue[_Found[Page]]) -> None:
    while wanted.get():
        try:
            found.put(next(pages, None))
        except BaseException as error:  # whatever it is, it is for the one who wants the page
            found.put(error)


def _next(found: SimpleQueue[_Found[Page]]) -> _Found[Page]:
    while True:
        with suppress(Empty):
            return found.get(timeout=LISTENING)
