"""The house keeps its lines: who may know whom, what every command owes its reader, what a file may name."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import dbjobs as package
from dbjobs.cli import app
from tests.conftest import Dbjobs

PACKAGE = Path(package.__file__).parent
REPOSITORY = PACKAGE.parent
FILES = sorted(PACKAGE.rglob("*.py"))


@cache
def _imports() -> dict[str, set[str]]:
    """For each room of dbjobs, the dotted names of all that it imports, at the top or late."""
    imports: dict[str, set[str]] = {}
    for file in FILES:
        room = file.relative_to(PACKAGE).with_suffix("").parts[0]
        imports.setdefault(room, set()).update(_imported_by(file))
    return imports


def _imported_by(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are written in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _neighbours() -> dict[str, set[str]]:
    """For each room, the other rooms that it enters."""
    return {
        room: {name.split(".")[1] for name in names if name.startswith("dbjobs.")} - {room, "__version__"}
        for room, names in _imports().items()
    }


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("rich", {"render"}),
        ("typer", {"cli", "commands"}),
        ("requests", {"connections", "transport", "wire", "auth"}),
        ("urllib3", {"connections", "transport", "wire", "auth"}),
        ("yaml", {"documents", "yaml12", "config", "render"}),
        ("werkzeug", {"sandbox"}),
        ("platformdirs", {"config", "memory"}),
        ("click", set()),
        ("pydantic", set()),
    ],
)
def test_a_library_is_known_in_its_own_rooms_only(library: str, rooms: set[str]) -> None:
    knowing = {
        room for room, names in _imports().items() if library in {name.split(".")[0] for name in names}
    }

    assert knowing <= rooms


@pytest.mark.parametrize(
    ("room", "neighbours"),
    [
        ("exit_codes", set()),
        ("clock", set()),
        ("errors", {"exit_codes"}),
        ("states", {"exit_codes"}),
        ("models", {"errors", "states"}),
        ("outages", {"errors"}),
        (
            "watch",
            {
                "clock",
                "deadline",
                "errors",
                "exit_codes",
                "models",
                "outages",
                "schedule",
                "snapshots",
                "states",
            },
        ),
        ("schedule", set()),
        ("pipelines", set()),
        ("sandbox", {"errors", "documents"}),
        ("answers", {"errors", "shapes"}),
    ],
)
def test_a_quiet_room_has_few_neighbours(room: str, neighbours: set[str]) -> None:
    assert _neighbours()[room] <= neighbours


@pytest.mark.parametrize(
    ("room", "visitors"),
    [
        ("sandbox", {"commands"}),
        ("commands", {"cli"}),
        ("cli", {"__main__"}),
        ("__main__", set()),
        ("completing", {"__main__", "commands"}),
    ],
)
def test_a_front_room_is_entered_from_the_door_only(room: str, visitors: set[str]) -> None:
    assert {other for other, entered in _neighbours().items() if room in entered} <= visitors


PURE = "render reports ci backfill watch models states documents config spec"


@pytest.mark.parametrize("room", PURE.split())
def test_what_is_pure_knows_nothing_of_the_network(room: str) -> None:
    assert _neighbours()[room].isdisjoint({"api", "transport", "wire", "auth", "context", "commands"})


def test_imports_run_one_way() -> None:
    rooms = list(TopologicalSorter(_neighbours()).static_order())

    assert rooms.index("exit_codes") < rooms.index("errors") < rooms.index("api") < rooms.index("commands")


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
NAMED_FILE = re.compile(r"\b(?:docs|examples|tests|completions)/[\w./-]*\w")
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
