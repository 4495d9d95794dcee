"""The keys of the live view, on a real terminal; the window's title, and what the terminal is asked."""

import operator
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Serve
from tests.support.fakes import Received, Reply, ScriptedServer, by_endpoint
from tests.support.payloads import run, state, task
from tests.support.terminal import Terminal
from tests.support.tmux import PROMPT, Tmux, needs_tmux

CAUSE = "no amount in rows " + ", ".join(map(str, range(100, 160)))
TASKS = [
    task("ingest", "TERMINATED", "SUCCESS", run_id=1, start_time=1, end_time=2),
    task("load", run_id=2, start_time=1, end_time=2) | {"state": state("TERMINATED", "FAILED", CAUSE)},
    task("report", "RUNNING", run_id=3, start_time=1),
    task("mail", "BLOCKED", run_id=4),
]
RUNNING = run("RUNNING", None, *TASKS, run_id=42, start_time=1)
CANCELED = run("TERMINATED", "CANCELED", run_id=42, start_time=1, end_time=2)
FOOTER = "  ? help · r poll now · o page · f filter · enter unfold · d detach · c cancel"
WAIT = [
    sys.executable,
    "-m",
    "dbjobs",
    "runs",
    "wait",
    "42",
    "--show-output",
    "none",
    "--poll-interval",
    "1h",
]
QUESTION = "  cancel run 42? y = yes, any other key = no"

StartWait = Callable[..., Terminal]


@pytest.fixture
def server(serve: Serve) -> ScriptedServer:
    """A run that goes on until it is canceled."""
    before = by_endpoint({"runs/get": RUNNING, "runs/cancel": {}})
    after = by_endpoint({"runs/get": CANCELED})

    def reply(request: Received) -> Reply:
        is_over = "runs/cancel" in asked(scripted) and request.endpoint == "runs/get"
        return (after if is_over else before)(request)

    scripted = serve(reply)
    return scripted


@pytest.fixture
def start_wait(server: ScriptedServer) -> Iterator[StartWait]:
    """Starts a wait on a terminal of 80 columns, and returns once it shows a frame."""
    terminals: list[Terminal] = []

    def start(*options: str, until: str = FOOTER, **kwargs: Any) -> Terminal:
        terminals.append(Terminal([*WAIT, *options], **kwargs))
        terminals[-1].read_until(until)
        return terminals[-1]

    yield start
    for terminal in terminals:
        if terminal.process.poll() is None:
            terminal.process.kill()
            terminal.wait()


def asked(server: ScriptedServer) -> list[str]:
    return [request.endpoint for request in server.received]


def test_d_detaches_with_the_exit_code_of_ctrl_c(start_wait: StartWait, server: ScriptedServer) -> None:
    terminal = start_wait()
    terminal.type("d")
    screen = terminal.wait()

    assert screen.exit_code == 130, "a script must not take it for a success"
    assert "detached: run 42 is still running, and nothing was canceled" in screen.text
    assert "reattach:  dbjobs runs wait 42" in screen.text
    assert FOOTER not in screen.text, "the frame that stays behind has no keys"
    assert screen.text.count("● RUNNING  nightly") == 1
    assert screen.is_clean
    assert "runs/cancel" not in asked(server)


def test_c_cancels_once_its_question_is_answered(start_wait: StartWait, server: ScriptedServer) -> None:
    terminal = start_wait()
    for answer in ("n", "\r", "c", "\x1b[A", "yy"):
        terminal.type("c")
        terminal.wait_for(lambda text: QUESTION in text, "the question was not asked")
        terminal.type(answer)
        if answer == "\x1b[A":  # an arrow is no answer at all
            terminal.type("n")
        terminal.wait_for(lambda text: QUESTION not in text, f"{answer!r} did not take the question away")
    terminal.type("cy")  # as pasted text would be: the question was not read
    terminal.wait_for(lambda text: QUESTION in text, "the question was not asked")
    assert "runs/cancel" not in asked(server)

    terminal.type("y")
    screen = terminal.wait()

    assert (screen.exit_code, screen.is_clean) == (130, True)
    assert "canceled run 42" in screen.text
    assert "TERMINATED CANCELED  nightly" in screen.text, "its end is shown"
    assert asked(server).count("runs/cancel") == 1


def test_pasted_text_presses_no_key(start_wait: StartWait, server: ScriptedServer) -> None:
    terminal = start_wait()
    terminal.type("cd /tmp && dbt run\n")
    for _ in range(2):  # what comes together is one paste: the next key waits until that was read
        terminal.wait_for(partial(operator.ne, terminal.text), "the countdown does not go on")
    terminal.type("?")
    terminal.read_until("c      cancel the run, after a question")
    assert terminal.process.poll() is None
    assert asked(server).count("runs/get") == 1


def test_f_shows_only_what_failed_or_is_active(start_wait: StartWait) -> None:
    terminal = start_wait()
    terminal.type("f")
    terminal.wait_for(lambda text: "f show all" in text, "the footer does not say how to go back")
    assert "ingest" not in terminal.text
    assert "mail" not in terminal.text
    assert "✗ load" in terminal.text
    assert "● report" in terminal.text
    assert "… 2 more: 1 SUCCESS, 1 BLOCKED" in terminal.text
    terminal.type("f")
    terminal.read_until("ingest")


@pytest.mark.parametrize("columns", [50, 80, 120])
def test_enter_shows_a_cause_in_full(columns: int, start_wait: StartWait) -> None:
    terminal = start_wait(columns=columns, until="? help")
    assert CAUSE not in " ".join(terminal.text.split())
    terminal.type("\r")
    terminal.wait_for(lambda text: CAUSE in " ".join(text.split()), "the cause is cut")
    assert terminal.text.count("no amount in") == 1, "it is not beside its task as well"
    terminal.type("\r")
    terminal.wait_for(lambda text: CAUSE not in " ".join(text.split()), "it was not folded again")


def test_the_question_mark_explains_every_key(start_wait: StartWait) -> None:
    terminal = start_wait()
    terminal.type("?")
    terminal.read_until("c      cancel the run, after a question")
    assert [key for key in ("r", "o", "f", "enter", "d", "c") if f"\n  {key:<5}  " not in terminal.text] == []
    terminal.type("?")
    terminal.read_until(FOOTER)


def test_a_low_window_names_the_keys_when_asked(start_wait: StartWait) -> None:
    terminal = start_wait(lines=6, until="? help")
    assert FOOTER not in terminal.text
    terminal.type("?")
    terminal.read_until("r poll now · o page")
    assert "✗ load" in terminal.text, "what failed stays in sight"


@pytest.mark.parametrize("why_not", ["--no-input", "stdin is not a terminal", "a CI system"])
def test_no_key_is_read_where_none_is_wanted(
    why_not: str, start_wait: StartWait, server: ScriptedServer
) -> None:
    if why_not == "stdin is not a terminal":
        terminal = Terminal(["sh", "-c", 'exec "$@" < /dev/null', "sh", *WAIT])
        terminal.read_until("next poll")
    elif why_not == "a CI system":
        terminal = start_wait(until="next poll", env={"GITHUB_ACTIONS": "true"})
    else:
        terminal = start_wait("--no-input", until="next poll")
    terminal.type("dcy")
    terminal.interrupt()
    screen = terminal.wait()

    assert "interrupted: run 42 is still running" in screen.text, "it was the signal that ended the wait"
    assert "detach" not in screen.text.split("interrupted:")[0]
    has_title = why_not == "stdin is not a terminal"
    assert ("\x1b]2;" in screen.raw, "\x1b[c" in screen.raw) == (has_title, False)
    assert screen.is_clean
    assert "runs/cancel" not in asked(server)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_amid_a_question_restores_the_terminal(signum: int, start_wait: StartWait) -> None:
    terminal = start_wait()
    terminal.type("c")
    terminal.read_until(QUESTION)
    terminal.interrupt(signum)
    screen = terminal.wait()
    assert (screen.exit_code, screen.is_clean) == (128 + signum, True)
    assert QUESTION not in screen.text


def test_late_replies_of_the_terminal_are_not_keys(start_wait: StartWait, server: ScriptedServer) -> None:
    terminal = start_wait()
    terminal.type("\x1b[?6")  # the first half contains what is a key by itself, and so does the second
    terminal.type("2;4c\x1b]11;rgb:dddd/cccc/dddd\x1b")
    terminal.type("\\f")
    terminal.read_until("f show all")
    assert QUESTION not in terminal.text
    assert "hide help" not in terminal.text
    assert terminal.process.poll() is None


@pytest.mark.parametrize(
    ("color", "failed"),
    [("ffff/ffff/ffff", 160), ("0000/0000/0000", 203), ("", 196)],
    ids=["light", "dark", "?"],
)
def test_colors_suit_the_background_that_the_terminal_names(
    color: str, failed: int, start_wait: StartWait
) -> None:
    answers = {"\x1b]11;?\x1b\\": f"\x1b]11;rgb:{color}\x1b\\"} if color else {}
    terminal = start_wait(answers=answers)
    terminal.wait_for(lambda _: f"38;5;{failed}m" in terminal.raw, "what failed has another color")


@pytest.mark.parametrize("mode", [1, 2, 0])
def test_updates_are_synchronized_where_the_terminal_can_do_that(mode: int, start_wait: StartWait) -> None:
    terminal = start_wait(answers={"\x1b[?2026$p": f"\x1b[?2026;{mode}$y"})
    terminal.type("f")
    terminal.read_until("f show all")
    terminal.wait_for(lambda _: not mode or "\x1b[?2026l" in terminal.raw, "no update is synchronized")
    assert terminal.raw.count("\x1b[?2026h") == terminal.raw.count("\x1b[?2026l")
    assert ("\x1b[?2026h" in terminal.raw) == (mode != 0)


@pytest.mark.parametrize(
    ("environ", "has_title"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux"}, True),
        ({"TERM": "screen-256color"}, False),
        ({"TERM": "linux"}, False),
        ({"TERM": "vt220"}, False),
    ],
    ids=["xterm", "tmux", "GNU Screen", "Linux console", "vt220"],
)
def test_the_title_says_what_the_run_does_and_goes_with_the_view(
    environ: dict[str, str], has_title: bool, start_wait: StartWait, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    terminal = start_wait(env=environ)
    assert terminal.screen.title == ("● RUNNING nightly" if has_title else "")
    terminal.type("d")
    raw = terminal.wait().raw
    assert (raw.count("\x1b[22;2t"), raw.count("\x1b[23;2t")) == ((1, 1) if has_title else (0, 0))
    assert ("\x1b[c" in raw) == has_title, "only a terminal that answers is asked"


@needs_tmux
@pytest.mark.parametrize("key", ["d", "C-z", "SIGKILL"])
def test_in_tmux_the_title_is_restored(key: str, server: ScriptedServer, tmp_path: Path) -> None:
    window = Tmux()
    try:
        window.type("printf '\\033]2;my own title\\007'", "Enter")
        window.wait_for(lambda text: window.title == "my own title")
        window.type(f"sh -c 'echo $$ > {tmp_path}/pid; exec {' '.join(WAIT)}'", "Enter")
        window.wait_for(lambda text: FOOTER in text)
        assert window.title == "● RUNNING nightly"
        if key == "SIGKILL":
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        else:
            window.type(key)
        window.wait_for(lambda text: text.endswith(PROMPT) and window.title == "my own title")
    finally:
        window.close()
