"""What keeps dbjobs quick and small, as facts: what is loaded, what is looked up, what is held."""

import io
import subprocess
import sys
import tracemalloc
from itertools import islice

import pytest
import requests

from dbjobs.api.paging import REMEMBERED_IDS, Pages, list_items
from dbjobs.cli.cache import MAX_ENTRIES, Cache
from dbjobs.cli.context import App
from dbjobs.cli.global_options import GlobalOptions, OutputFormat
from dbjobs.cli.showing import show_list
from dbjobs.common.clock import SystemClock
from dbjobs.http.response import Payload
from dbjobs.http.session import HttpSession
from dbjobs.output.streams import Streams
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import Reply
from tests.support.payloads import RUN_ID, run

LOADED = """
import sys
from dbjobs.__main__ import main
sys.argv[0] = "dbjobs"
try:
    main()
finally:
    print("LOADED", *sys.modules, file=sys.stderr)
"""
OPTIONS = {"dbjobs.cli.wait_options", "dbjobs.cli.request_options"}
WAITING = {"dbjobs.runs.watching", "dbjobs.runs.reader", "dbjobs.cli.waiting"}


def loaded_by(*args: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *args], capture_output=True, text=True, timeout=60, check=False
    )
    return set(done.stderr.partition("LOADED ")[2].split())


@pytest.mark.parametrize("args", [["--version"], ["--help"], ["nwo"]])
def test_what_runs_no_command_loads_none_and_none_of_their_options(args: list[str]) -> None:
    loaded = loaded_by(*args)

    assert "dbjobs.cli.app" in loaded
    assert (
        sorted(
            loaded & {*OPTIONS, *WAITING, "dbjobs.runs.references", "dbjobs.api.models", "rich", "requests"}
        )
        == []
    )


@pytest.mark.parametrize("output", ["json", "jsonl", "id"])
def test_a_run_for_programs_is_read_without_what_only_people_need(serve: Serve, output: str) -> None:
    serve(Reply(body=run()))
    loaded = loaded_by("runs", "get", str(RUN_ID), "-o", output)

    assert {"requests.sessions", "dbjobs.output.serialization"} <= loaded
    assert (
        sorted(loaded & {*OPTIONS, *WAITING, "rich", "yaml", "keyring", "pydantic", "charset_normalizer.api"})
        == []
    )


def test_a_run_for_people_is_read_without_what_only_a_terminal_needs(serve: Serve) -> None:
    serve(Reply(body=run()))
    loaded = loaded_by("runs", "get", str(RUN_ID))

    assert "rich.text" in loaded
    assert sorted(loaded & {*OPTIONS, "rich.console", "rich.live", "statistics", "yaml", "keyring"}) == []


def test_loading_is_spared_the_search_for_garbage() -> None:
    code = "import gc, sys; sys.argv = ['dbjobs', '--version']; from dbjobs.__main__ import main\n"
    code += "try:\n    main()\nfinally:\n    print(sum(one['collections'] for one in gc.get_stats()))"
    few, usual = (
        int(subprocess.check_output([sys.executable, "-c", text], text=True).split()[-1])
        for text in (code, "import gc, typer; print(sum(one['collections'] for one in gc.get_stats()))")
    )

    assert few < usual


def test_the_way_to_a_host_is_looked_up_once(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(Reply(body={}))
    asked: list[str] = []
    look_up = requests.Session.merge_environment_settings

    def count(self: requests.Session, url: str, *args: object) -> object:
        asked.append(url)
        return look_up(self, url, *args)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(requests.Session, "merge_environment_settings", count)
    wire = HttpSession(is_direct=True)
    for place in range(3):
        wire.send("GET", f"{server.url}/{place}")
    assert len(server.received) == 3
    assert len(asked) == 1


def pages_of(rows: int) -> Pages:
    """A long list, as a server sends it."""

    def ask(place: Payload) -> Payload:
        begin = int(place.get("page_token", 0))
        runs = [run("TERMINATED", "SUCCESS", run_id=number) for number in range(begin + 1, begin + 26)]
        return {"runs": runs, "next_page_token": str(begin + 25) if begin + 25 < rows else ""}

    return list_items(ask, "run", pytest.fail)


@pytest.mark.parametrize("output", ["jsonl", "id", "text"])
def test_a_long_list_takes_no_more_memory_than_a_short_one(output: str) -> None:
    def most(rows: int) -> int:
        app = App(clock=SystemClock())
        vars(app)["streams"] = Streams(out=Sink(), err=Sink(), environ={})
        vars(app)["options"] = GlobalOptions(output=OutputFormat(output))
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        show_list(app, "run", pages_of(rows), with_tasks=False)
        return tracemalloc.get_traced_memory()[1] - before

    tracemalloc.start()
    try:
        most(100)  # what is loaded and kept once
        short, long = most(2 * REMEMBERED_IDS), most(8 * REMEMBERED_IDS)
    finally:
        tracemalloc.stop()
    assert long < short * 1.2 + 500_000


class Sink(io.TextIOWrapper):
    """Takes everything, and keeps nothing."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")

    def write(self, text: str) -> int:
        return len(text)


def test_what_is_cached_of_a_long_list_is_its_beginning() -> None:
    cache = Cache()
    for page in islice(pages_of(10_000), 400):
        cache.record("runs/list", {}, {"runs": page})

    seen = cache._seen["runs"]
    assert list(seen) == [str(number) for number in range(1, MAX_ENTRIES["runs"] + 1)]


def test_lines_of_a_page_are_one_write(dbjobs: Dbjobs, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(Reply(body={"runs": [run(run_id=number) for number in range(1, 21)]}))
    written: list[str] = []
    result = Streams.result

    def note(self: Streams, text: str) -> None:
        written.append(text)
        result(self, text)

    monkeypatch.setattr(Streams, "result", note)
    assert len(dbjobs("runs", "list", "-o", "jsonl").lines) == 20
    assert len(written) == 1


def test_an_empty_list_is_no_line(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(Reply(body={}))

    assert dbjobs("runs", "list", "-o", "jsonl").stdout == ""
