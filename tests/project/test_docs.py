"""What the documents show is what the program does."""

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import typer

from dbjobs.cli.app import app
from dbjobs.cli.wait_options import WaitOptions
from dbjobs.cli.waiting import make_schedule
from dbjobs.errors import ExitCode
from dbjobs.output.progress import LONGEST_LIVE_PAUSE, ProgressMode
from dbjobs.output.terminal.controls import HELP as KEYS
from dbjobs.output.terminal.controls import MIN_HEIGHT
from dbjobs.runs.outages import SERVER_ERROR_PAUSE
from dbjobs.runs.snapshots import UNSETTLED_POLLS
from tests.support.manual import REPO, rows_of

PAGES = [REPO / "README.md", *sorted((REPO / "docs").glob("*.md"))]
SHELL_SYNTAX = ("|", "&&", "||", ";", "#", ">", "<", "&")


def commands_in(page: Path) -> Iterator[list[str]]:
    """Every `dbjobs …` of the page's code blocks, as the shell would split it."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for found in re.finditer(r"(?<!from )\bdbjobs ([a-z][^\n`)]*)", block):
            words = shlex.split(found[1], comments=True)
            yield list(takewhile(lambda word: word not in SHELL_SYNTAX, words))


def documented() -> list[Any]:
    return [
        pytest.param(words, id=f"{page.stem}: {' '.join(words)}")
        for page in PAGES
        for words in commands_in(page)
    ]


@pytest.mark.parametrize("words", documented())
def test_every_documented_command_and_option_exists(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    context = typer.Context(command, info_name="dbjobs", **command.context_settings)
    while words and hasattr(command, "commands"):
        verb, *words = words
        command = command.get_command(context, verb)
        assert command is not None, f"there is no command {verb}"
    known = {name for param in command.get_params(context) for name in [*param.opts, *param.secondary_opts]}
    used = {word.partition("=")[0] for word in words if re.match("--?[a-zA-Z]", word)}
    assert used <= known


def codes_in(text: str) -> set[int]:
    """Of `0`, `130, 143` and `1 to 6`."""
    first, _, last = text.partition(" to ")
    return set(range(int(first), int(last) + 1)) if last else {int(code) for code in first.split(", ")}


def test_the_readme_has_the_exit_codes_in_short() -> None:
    short = {row[0]: row[1] for row in rows_of("README.md", "Exit codes")}
    rare = {ExitCode.OUTPUT, ExitCode.BROKEN_PIPE}
    assert {int(code) for code in ExitCode} - rare <= set[int]().union(*map(codes_in, short))
    named = {int(code): meaning for code, meaning in re.findall(r"(\d+) ([a-z ]+)", short["10 to 19"])}
    assert named == {
        ExitCode.FAILED: "failed",
        ExitCode.TIMEDOUT: "timed out",
        ExitCode.CANCELED: "canceled",
        ExitCode.NEVER_RAN: "never ran",
    }


def test_the_readme_is_as_quick_as_what_was_measured() -> None:
    measured = {row[0]: float(row[2]) for row in rows_of("docs/performance.md", "The bars")}
    start = measured["`runs get` ÷ the same on `databricks-sdk`"]
    requests = measured["requests for a one-hour run ÷ the official SDK's"]
    readme = " ".join((REPO / "README.md").read_text("utf-8").split())
    assert f"in {start * 100:.0f} % of the processor time that `databricks-sdk` takes" in readme
    assert f"watches an hour's run with {requests * 100:.0f} % of its requests" in readme


def test_the_page_on_waiting_gives_the_numbers_of_the_code() -> None:
    page = (REPO / "docs" / "waiting.md").read_text()
    schedule = make_schedule(WaitOptions())

    assert [row[0].strip("`") for row in rows_of("docs/waiting.md", "What it prints")] == [
        *(mode.value for mode in ProgressMode if mode is not ProgressMode.AUTO),
        "auto",
    ]
    assert f"every {schedule.interval:.0f} s at first" in page
    assert f"up to every {schedule.maximum:.0f} s" in page
    assert f"2 and {schedule.longest_planned:.0f} s" in page
    assert f"No pause is longer than {LONGEST_LIVE_PAUSE:.0f} s on a live terminal" in page
    assert f"or after {SERVER_ERROR_PAUSE:.0f} s" in page
    assert {row[0].strip("`") for row in rows_of("docs/waiting.md", "Keys")} == set(KEYS)
    assert f"fewer than {MIN_HEIGHT} lines" in page
    assert UNSETTLED_POLLS == 3
    assert "asks three more times" in page
    endings = {row[0]: row[1] for row in rows_of("docs/waiting.md", "How a wait ends")}
    assert endings["`--timeout` has passed"] == str(int(ExitCode.TIMEOUT))
    assert endings["contact was lost for longer than `--max-outage`"] == str(int(ExitCode.UNREACHABLE))
