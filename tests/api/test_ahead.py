"""Reading ahead: the next page is asked for while this one is used, and nothing is asked for in vain."""

import threading
import time
from collections.abc import Iterator

import pytest

from dbjobs.api.prefetch import ahead
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import Received, Reply

PATIENCE = 60.0
"""Seconds that a test waits for what it expects at once."""


class Pages:
    """Pages 0, 1, 2, …; each is noted when it is asked for."""

    def __init__(self, number: int, error: BaseException | None = None) -> None:
        self.number = number
        self.error = error
        self.asked: list[int] = []
        self.threads: set[int] = set()

    def __iter__(self) -> Iterator[int]:
        for page in range(self.number):
            self.asked.append(page)
            self.threads.add(threading.get_ident())
            yield page
        if self.error:
            raise self.error

    def wait_for(self, asked: list[int]) -> None:
        end = time.monotonic() + PATIENCE
        while self.asked != asked and time.monotonic() < end:
            time.sleep(0.001)
        assert self.asked == asked


def test_the_pages_are_the_same_and_read_in_one_other_thread() -> None:
    pages = Pages(100)

    assert list(ahead(iter(pages))) == list(range(100))
    assert len(pages.threads) == 1
    assert threading.get_ident() not in pages.threads


def test_one_page_is_read_while_another_is_used_and_no_more() -> None:
    pages = Pages(100)

    for page in ahead(iter(pages)):
        pages.wait_for(list(range(page + 2)))
        if page == 5:
            break
    pages.wait_for(list(range(7)))


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_an_error_comes_after_the_pages_before_it(error: BaseException) -> None:
    used: list[int] = []
    with pytest.raises(type(error)):
        used.extend(ahead(iter(Pages(3, error))))
    assert used == [0, 1, 2]


def test_who_leaves_does_not_wait_for_the_page_that_is_on_its_way() -> None:
    never, reader = threading.Event(), []

    def endless() -> Iterator[int]:
        reader.append(threading.current_thread())
        yield 0
        never.wait(PATIENCE)

    pages = ahead(endless())
    began = time.monotonic()
    assert next(pages) == 0
    pages.close()
    assert time.monotonic() - began < PATIENCE / 2
    never.set()
    reader[0].join(PATIENCE)
    assert not reader[0].is_alive()


def list_of(number: int, asked: list[str]) -> Reply:
    token = int(asked[-1] or 0)
    runs = [{"run_id": 1 + place, "state": {}} for place in range(token, min(token + 25, number))]
    more = token + 25 < number
    return Reply(body={"runs": runs, "has_more": more, "next_page_token": str(token + 25) if more else ""})


@pytest.mark.parametrize(("limit", "requests"), [("7", 1), ("25", 1), ("26", 2), ("0", 4)])
@pytest.mark.parametrize("output", ["text", "jsonl", "id"])
def test_a_list_asks_for_no_page_in_vain(
    dbjobs: Dbjobs, serve: Serve, output: str, limit: str, requests: int
) -> None:
    asked: list[str] = []

    def reply(request: Received) -> Reply:
        asked.append(request.query.get("page_token", ""))
        return list_of(100, asked)

    serve(reply)
    done = dbjobs("runs", "list", "--limit", limit, "-o", output)
    assert done.exit_code == 0
    assert len(done.lines) == (int(limit) or 100) + (output == "text")
    assert len(asked) == requests
