"""The live view in real terminals: Ctrl-Z, resized windows, and a process that is killed."""

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.fakes import by_endpoint
from tests.support.payloads import run, task
from tests.support.tmux import PROMPT, Tmux, needs_tmux

WAIT = ["-m", "dbjobs", "runs", "wait", "42", "--poll-interval", "1s"]
COMMAND = " ".join([sys.executable, *WAIT])
TASKS = [task(f"load_{n}", "RUNNING", run_id=n + 1, start_time=1) for n in range(5)]
RUNNING = run(
    "RUNNING", None, *TASKS, run_id=42, run_name="nightly " + "n" * 60, start_time=1,
    run_page_url="https://workspace.example.com/#job/77/run/42?" + "u" * 50,
)  # fmt: skip
WIDTHS = (120, 60, 30, 140)


@pytest.fixture
def waits_forever(serve: Serve) -> None:
    serve(by_endpoint({"runs/get": RUNNING}))


@pytest.fixture
def tmux(waits_forever: None) -> Iterator[Tmux]:
    window = Tmux(columns=WIDTHS[0])
    yield window
    window.close()


def frames(text: str) -> int:
    return len(re.findall(r"^● RUNNING +nightly", text, re.M))


def is_whole(text: str) -> bool:
    return frames(text) == 1 and all(f"load_{n}" in text for n in range(5))


@needs_tmux
def test_a_resized_window_of_tmux_has_one_frame_and_keeps_what_was_above(tmux: Tmux) -> None:
    tmux.type("printf 'above %s\\n' one two three", "Enter")
    tmux.type(COMMAND, "Enter")
    tmux.wait_for(is_whole)
    for width in WIDTHS[1:]:
        tmux.resize(width)
        text = tmux.wait_for(lambda text: is_whole(text) and "load_4" in text)
        assert [line for line in text.split("\n") if line.startswith("above ")] == [
            "above one", "above two", "above three",
        ]  # fmt: skip
        assert text.count("load_0") == 1, text


@needs_tmux
def test_ctrl_z_gives_the_terminal_back_and_fg_draws_a_frame_below(tmux: Tmux) -> None:
    tmux.type(COMMAND, "Enter")
    tmux.wait_for(is_whole)
    assert not tmux.has_cursor
    tmux.type("C-z")
    tmux.wait_for(lambda text: "Stopped" in text and text.endswith(PROMPT))
    assert tmux.has_cursor
    modes = "stty -a | tr ' ' '\\n' | grep -xE -e '-?(echo|icanon)'"
    tmux.type(f"{modes}; echo $((40 + 2)) is typed and seen", "Enter")
    stopped = tmux.wait_for(lambda text: "\n42 is typed and seen" in text)
    assert "\nicanon\necho\n42 is" in stopped
    assert is_whole(stopped), "the frame stands as it was"
    tmux.type("fg", "Enter")
    again = tmux.wait_for(lambda text: frames(text) == 2)
    below = again.split("42 is typed and seen\n")[1]
    assert is_whole(below), "a whole frame, below what the shell has written"
    assert not tmux.has_cursor
    tmux.type("C-c")
    ended = tmux.wait_for(lambda text: text.endswith(PROMPT))
    assert frames(ended) == 2
    assert tmux.has_cursor


@needs_tmux
def test_a_wait_in_the_background_draws_nothing(tmux: Tmux) -> None:
    tmux.type(COMMAND, "Enter")
    tmux.wait_for(is_whole)
    tmux.type("C-z")
    tmux.wait_for(lambda text: "Stopped" in text and text.endswith(PROMPT))
    tmux.type("bg; sleep 1.5; jobs; echo $((40 + 2)) is the end", "Enter")
    text = tmux.wait_for(lambda text: "42 is the end" in text)
    assert "Running" in text.split("Stopped")[1], "the wait goes on"
    assert frames(text) == 1
    tmux.type("kill %1; wait", "Enter")
    tmux.wait_for(lambda text: "Exit 143" in text)
    assert tmux.has_cursor


@needs_tmux
def test_a_killed_wait_leaves_a_cursor_and_no_half_of_a_frame(tmux: Tmux, tmp_path: Path) -> None:
    tmux.type(f"sh -c 'echo $$ > {tmp_path}/pid; exec {COMMAND}'", "Enter")
    tmux.wait_for(is_whole)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    text = tmux.wait_for(lambda text: text.endswith(PROMPT))
    assert tmux.has_cursor
    assert "load_4" not in text
    tmux.type("echo $((40 + 2))", "Enter")
    tmux.wait_for(lambda text: text.endswith(f"{PROMPT} echo $((40 + 2))\n42\n{PROMPT}"))


@needs_tmux
def test_no_frame_ends_up_in_the_scrollback_of_a_window_that_was_cleared(serve: Serve) -> None:
    stages = [RUNNING] * 3 + [run("TERMINATED", "SUCCESS", *TASKS, run_id=42, start_time=1, end_time=9)]
    serve(by_endpoint({"runs/get": stages}))
    window = Tmux()
    try:
        window.type(f"clear; {COMMAND}", "Enter")
        text = window.wait_for(lambda text: text.endswith(PROMPT) and "42\t" in text.replace(" ", "\t"))
    finally:
        window.close()
    assert "● RUNNING  nightly" not in text
    assert text.count("✓ TERMINATED SUCCESS") == 1
