"""Help, man pages, completion and the reference tell of every command and option, and of no other."""

import json
import os
import re
import shutil
import subprocess
from itertools import takewhile
from pathlib import Path

import pytest

from dbjobs.cli.app import main
from dbjobs.cli.completion import complete
from dbjobs.cli.reference import Entry, list_entries
from docs import generate
from tests.conftest import Dbjobs
from tests.support.calls import parse

REPO = Path(__file__).parents[2]
ENTRIES = list(list_entries(main))
VERBS = [entry for entry in ENTRIES if not hasattr(entry.command, "list_commands")]
REFERENCE = (REPO / "docs" / "commands.md").read_text("utf-8")
OPTION = re.compile(r"(?<![\w-])--?[a-zA-Z][a-z0-9-]*(?![\w-]*\.\w)")

each_command = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
each_verb = pytest.mark.parametrize("entry", VERBS, ids=lambda entry: entry.name)


def option_names(entry: Entry) -> set[str]:
    params = entry.command.get_params(entry.context)
    options = [param for param in params if param.param_type_name == "option"]
    return {name for param in options for name in (*param.opts, *param.secondary_opts)}


def test_what_is_generated_is_current() -> None:
    assert generate.outdated() == [], "run `make docs`"


@each_command
def test_every_option_stands_in_the_help_and_the_man_page(dbjobs: Dbjobs, entry: Entry) -> None:
    shown = dbjobs(*entry.path, "--help").stdout
    page = (REPO / "docs" / "man" / f"{entry.page}.1").read_text("utf-8").replace("\\-", "-")

    terms = [line.removeprefix("\\fB") for line in page.splitlines() if line.startswith("\\fB")]
    for text in (re.findall(r"^  (-.*?)(?:  |$)", shown, re.MULTILINE), terms):
        assert {name for part in text for name in OPTION.findall(part)} >= option_names(entry)
        assert {name for part in text if "-" in part[:4] for name in OPTION.findall(part)} <= option_names(
            entry
        )


@each_verb
def test_every_option_stands_in_the_reference(entry: Entry) -> None:
    section = REFERENCE.partition(f"\n## {entry.name}\n")[2].partition("\n## ")[0]
    every = REFERENCE.partition("\n## Options of every command\n")[2].partition("\n## ")[0]

    listed = {
        name
        for row in re.findall(r"^\| `(-.*?)` \|", section + every, re.MULTILINE)
        for name in OPTION.findall(row)
    }
    assert listed - {"--version", "--help-all"} == option_names(entry) | (listed & {"--host"})
    assert entry.help.summary in section
    for param in entry.params:
        if param.param_type_name == "argument":
            assert f"| `{param.metavar}` |" in section


def test_the_reference_and_the_man_pages_tell_of_no_other_command() -> None:
    known = {entry.name for entry in VERBS}

    assert set(re.findall(r"^## (dbjobs .*)$", REFERENCE, re.MULTILINE)) == known
    assert {path.stem for path in (REPO / "docs" / "man").glob("*")} == {entry.page for entry in ENTRIES}


@each_command
def test_completion_offers_every_command_and_option(entry: Entry) -> None:
    def offered(current: str) -> set[str]:
        line = "\x1f".join([*entry.path, current])
        answer = complete({"_DBJOBS_COMPLETE": "fish", "_DBJOBS_WORDS": line, "HOME": os.environ["HOME"]})
        return {line.partition("\t")[0] for line in answer.splitlines()[1:]}

    assert offered("-") == option_names(entry)
    below = {other.path[-1] for other in ENTRIES if other.path and other.path[:-1] == entry.path}
    assert not below or offered("") == below


# What the pages look like


@each_command
def test_a_help_page_fits_a_terminal(dbjobs: Dbjobs, entry: Entry) -> None:
    usual = dbjobs(*entry.path, "--help", COLUMNS="80").stdout.splitlines()
    narrow = dbjobs(*entry.path, "--help", COLUMNS="40").stdout.splitlines()

    assert [line for line in usual if len(line) > 80] == []
    laid_out = {line.strip() for line in (entry.command.help or "").splitlines()}
    too_wide = [line for line in narrow if len(line) > 40 and line.strip() not in laid_out]
    assert [line for line in too_wide if not re.fullmatch(r" *-[^ ].*", line)] == []


@each_verb
def test_a_help_page_has_a_sentence_examples_and_exit_codes(entry: Entry) -> None:
    assert re.fullmatch(r"[A-Z].*\.", entry.help.summary)
    assert entry.help.examples
    assert entry.help.exit_codes.strip().startswith("0 ")


def test_alone_it_shows_where_to_start(dbjobs: Dbjobs) -> None:
    shown = dbjobs().stdout

    assert "Start here:\n    dbjobs demo " in shown
    for line in re.findall(r"^    (dbjobs .*?)  ", shown, re.MULTILINE):
        parse(line)


def calls_in(examples: str) -> list[str]:
    """Each call of dbjobs, out of its pipes, substitutions and redirections."""
    text = examples.replace("\\\n", " ")
    found = re.findall(r"\bdbjobs [^\n|)]*", text)
    return [
        " ".join(takewhile(lambda word: word not in ("<", ">", "&&", ";"), call.split(" "))) for call in found
    ]


@pytest.mark.parametrize("line", [line for entry in ENTRIES for line in calls_in(entry.help.examples)])
def test_an_example_of_the_help_is_right(line: str) -> None:
    parse(line.replace("$run", "1"))


# Man pages, as man reads them


@pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not installed")
def test_man_finds_no_fault_with_the_pages() -> None:
    pages = [str(path) for path in sorted((REPO / "docs" / "man").glob("*.1"))]
    done = subprocess.run(
        ["mandoc", "-Tlint", "-Wwarning", *pages], capture_output=True, text=True, timeout=60, check=False
    )
    faults = [line for line in done.stdout.splitlines() if "missing date" not in line]
    assert faults == []


@pytest.mark.skipif(not shutil.which("man"), reason="man is not installed")
def test_a_man_page_shows_commands_that_can_be_copied() -> None:
    page = REPO / "docs" / "man" / "dbjobs-runs-wait.1"
    shown = subprocess.run(
        ["man", str(page)], capture_output=True, encoding="utf-8", timeout=60, check=True,
        env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"},
    ).stdout  # fmt: skip

    assert "dbjobs runs wait 123 124 --timeout 2h --on-timeout cancel" in shown
    assert "10  FAILED" in shown


def test_one_document_has_every_command_with_its_options_exit_codes_and_examples(dbjobs: Dbjobs) -> None:
    done = dbjobs("--help-all")

    document = json.loads(done.stdout)
    assert done.exit_code == 0
    by_name = {command["name"]: command for command in document["commands"]}
    assert set(by_name) == {entry.name for entry in VERBS}
    given = {name for option in document["global_options"] for name in option["names"]}
    for entry in VERBS:
        described = by_name[entry.name]
        names = {name for option in described.get("options", ()) for name in option["names"]}
        assert names | given == option_names(entry) | given
        assert described["examples"]
        assert described["exit_codes"]
    assert document["exit_codes"]["10"] == "FAILED"
