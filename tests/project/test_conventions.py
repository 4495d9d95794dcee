"""What every command tells its reader, and what a source file may name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import dbjobs as package
from dbjobs.cli.app import app
from tests.conftest import Dbjobs

PACKAGE = Path(package.__file__).parent
REPOSITORY = PACKAGE.parent
FILES = sorted(PACKAGE.rglob("*.py"))


# Commands

ROOT: Any = get_command(app)


def _commands(group: Any = ROOT, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        yield (*path, name), command
        if hasattr(command, "list_commands"):
            yield from _commands(command, (*path, name))


COMMANDS = dict(_commands())
GROUPS = [(), *(path for path, command in COMMANDS.items() if hasattr(command, "list_commands"))]
VERBS = [path for path in COMMANDS if path not in GROUPS]


@pytest.mark.parametrize("path", GROUPS, ids=lambda path: " ".join(path) or "dbjobs")
def test_every_command_fits_a_line_of_its_noun_s_help(dbjobs: Dbjobs, path: tuple[str, ...]) -> None:
    listed = dbjobs(*path, "--help", COLUMNS="80").stdout
    verbs = [other[-1] for other in COMMANDS if other[:-1] == path]

    section = listed.partition("Commands:\n")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in section.splitlines()] == verbs
    assert all(line.endswith(".") for line in section.splitlines())


@pytest.mark.parametrize("path", VERBS, ids=" ".join)
def test_every_command_tells_what_it_does_and_its_exit_codes(dbjobs: Dbjobs, path: tuple[str, ...]) -> None:
    result = dbjobs(*path, "--help")

    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: dbjobs {' '.join(path)} ")
    assert "Exit codes:" in result.stdout
    for option in ("--profile", "--config", "--host", "--output", "--quiet", "--verbose", "--no-color"):
        assert option in result.stdout
    _, *options = re.split(r"^(?:Options|[A-Z].* (?:options|by kind)):$", result.stdout, flags=re.MULTILINE)
    undescribed = [name for name, told in _options("".join(options)) if not told]
    assert undescribed == []


def _options(text: str) -> Iterator[tuple[str, str]]:
    """Each option of a help page with what is told of it, be it beside or below."""
    for match in re.finditer(r"^  (-\S.*?)(?:  +(\S.*))?$(?:\n {10,}(\S.*))?", text, re.MULTILINE):
        yield match[1], match[2] or match[3] or ""


# What a file may say

NAMED_COMMAND = re.compile(
    r"\bdbjobs ((?:jobs|runs|sandbox|profiles|demo|completion)\b)(?: ([a-z][a-z-]+)\b)?"
)
NAMED_FILE = re.compile(r"(?<!\.com/)\b(?:docs|examples|tests|completions)/[\w./-]*\w")
UNFINISHED = re.compile(r"\bTODO\b|\bFIXME\b|\bXXX\b")
UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_names_only_what_its_reader_can_find(file: Path) -> None:
    text = file.read_text("utf-8")

    assert UNFINISHED.findall(text) == []
    assert UNPRINTABLE.findall(text) == []
    for noun, verb in NAMED_COMMAND.findall(text):
        known = {path[1] for path in COMMANDS if path[0] == noun and len(path) > 1}
        assert (noun,) in COMMANDS, f"there is no `dbjobs {noun}`"
        assert verb in {"", *known} or not known, f"there is no `dbjobs {noun} {verb}`"
    for name in NAMED_FILE.findall(text):
        assert (REPOSITORY / name).exists() or name.startswith("examples/"), f"there is no {name}"
    assert ast.get_docstring(ast.parse(text)), "a module says what it is for"
