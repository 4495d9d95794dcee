"""docs/getting-started.md, followed word for word on a terminal: the reader meets what it says."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.terminal import Terminal

PAGE = (Path(__file__).parents[2] / "docs" / "getting-started.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SESSIONS = [text for kind, text in BLOCKS if kind == "console"]
FILES = {text.split()[1]: text for kind, text in BLOCKS if kind in ("yaml", "python")}


class Shell:
    """A shell at work in the reader's folder."""

    def __init__(self, folder: Path) -> None:
        environ = {"PATH": f"{folder.parent / 'bin'}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PS1": "$ "}
        command = ["env", "-C", str(folder), "bash", "--norc", "--noprofile", "-i"]
        self.terminal = Terminal(command, columns=200, lines=40, env=environ)
        self.terminal.read_until("$")

    def run(self, command: str, *, until: str = "\n$") -> str:
        """What shows below the command."""
        shown = f"{self.terminal.text} {command}"
        self.terminal.type(f"{command}\n")
        self.terminal.read_until(shown)
        self.terminal.read_until(until, after=shown)
        return self.terminal.text.removeprefix(shown).removesuffix("\n$")


def plain(text: str) -> str:
    """Without what differs each time: ids, times, tokens, the folder. A trace keeps its line numbers."""
    text = re.sub(r'(")/[^"]*/(\w+\.py")|(  at )/\S*/(\w+\.py)', r"\1\2\3\4", text)
    text = re.sub(r"TOKEN=\w+", "TOKEN=…", re.sub(r"(?<!line )(?<!\d)\d+", "N", text))
    return re.sub(r"[ \t]+", " ", "\n".join(line.rstrip() for line in text.strip("\n").splitlines()))


def steps(session: str) -> Iterator[tuple[str, str]]:
    """Each command with what the page shows below it."""
    for step in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, _, shown = step.partition("\n")
        yield command, shown


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The reader's folder, and dbjobs on the path."""
    program = tmp_path / "bin" / "dbjobs"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m dbjobs "$@"\n')
    program.chmod(0o755)
    folder = tmp_path / "hello"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


def test_a_reader_meets_what_the_page_says(folder: Path) -> None:
    (serve, promised), *others = [step for session in SESSIONS for step in steps(session)]
    first, second = Shell(folder), Shell(folder)
    served = first.run(serve, until="another shell")
    assert plain(served) == plain(promised)
    exports = [line for line in served.splitlines() if line.startswith("export ")]

    for command, shown in others:
        typed = exports.pop(0) if command.startswith("export ") else command
        assert (command, plain(second.run(typed))) == (command, plain(shown))

    assert exports == [], "the page pastes both lines"
    first.terminal.type("\x03")
    first.terminal.read_until("stopped")
    for shell in (first, second):
        shell.terminal.type("exit\n")
        assert shell.terminal.wait().exit_code >= 0
