"""The structure that docs/architecture.md describes: packages, order of imports, libraries."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import dbjobs

PACKAGE = Path(dbjobs.__file__).parent

LAYERS = (
    {"cli"},
    {"output"},
    {"runs"},
    {"notebook", "jobfiles"},
    {"api"},
    {"auth"},
    {"config"},
    {"http"},
    {"common"},
    {"errors"},
)
"""From the top down: a package imports from those below it only."""

CONSTANT = re.compile(r"[A-Z][A-Z0-9_]+\Z")

ENTRY_POINTS = {"__init__", "__main__", "py.typed"}


def _module_name(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module_name(file): file for file in sorted(PACKAGE.rglob("*.py"))}


def _imported_names(file: Path) -> Iterator[str]:
    """The dotted names of all that a file imports, at the top or inside a function."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are written in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def _imported_modules(module: str) -> frozenset[str]:
    """The modules of dbjobs that a module imports."""
    names = [name for name in _imported_names(MODULES[module]) if name.startswith("dbjobs.")]
    return frozenset(name if name in MODULES else name.rpartition(".")[0] for name in names) - {
        module,
        "dbjobs",
    }


def _package_of(module: str) -> str:
    """The name directly in dbjobs/ that a module belongs to."""
    return [*module.split("."), ""][1]


def test_there_are_twelve_names_at_most() -> None:
    names = {path.stem for path in PACKAGE.iterdir() if path.name not in {"__pycache__", "py.typed"}}

    assert len(names - ENTRY_POINTS) <= 12


@pytest.mark.parametrize("module", MODULES)
def test_a_package_imports_from_those_below_it_only(module: str) -> None:
    layer = {name: number for number, names in enumerate(LAYERS) for name in names}
    package = _package_of(module)
    for imported in _imported_modules(module):
        other = _package_of(imported)
        if package in layer and other in layer and other != package:
            assert layer[package] < layer[other], f"{module} imports {imported}"


def test_the_sandbox_and_the_client_know_nothing_of_each_other() -> None:
    known_by_sandbox = {
        _package_of(imported)
        for module in MODULES
        if _package_of(module) == "sandbox"
        for imported in _imported_modules(module)
    }
    users = {
        module
        for module in MODULES
        if _package_of(module) != "sandbox"
        and any(_package_of(imported) == "sandbox" for imported in _imported_modules(module))
    }

    assert known_by_sandbox <= {"sandbox", "common", "errors"}
    assert {_package_of(module) for module in users} == {"cli"}


def test_no_files_import_each_other_in_a_cycle() -> None:
    try:
        TopologicalSorter({module: _imported_modules(module) for module in MODULES}).prepare()
    except CycleError as error:
        pytest.fail(f"these files import each other: {' -> '.join(error.args[1])}")


def _public_names(file: Path) -> Iterator[str]:
    """The classes and the constants that a file defines, but for those that it keeps to itself."""
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for name in ast.walk(node):
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store) and CONSTANT.match(name.id):
                    yield name.id


@pytest.mark.parametrize("is_sandbox", [False, True], ids=["client", "sandbox"])
def test_a_class_or_constant_has_a_name_of_its_own(is_sandbox: bool) -> None:
    """The sandbox repeats the constants of the API, because it shares no code with the client."""
    files: dict[str, list[str]] = {}
    for module, file in MODULES.items():
        in_sandbox = _package_of(module) == "sandbox"
        for name in _public_names(file):
            if in_sandbox == is_sandbox or not name.isupper():
                files.setdefault(name, []).append(module)

    assert {name: found for name, found in files.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("library", "packages"),
    [
        ("typer", {"dbjobs.cli"}),
        ("rich", {"dbjobs.output.terminal"}),
        ("requests", {"dbjobs.http", "dbjobs.auth"}),
        ("urllib3", {"dbjobs.http", "dbjobs.auth"}),
        ("yaml", {"dbjobs.common", "dbjobs.config", "dbjobs.output"}),
        ("werkzeug", {"dbjobs.sandbox"}),
        ("platformdirs", {"dbjobs.config", "dbjobs.cli"}),
        ("click", set()),
        ("pydantic", set()),
    ],
)
def test_a_library_is_used_in_its_own_packages_only(library: str, packages: set[str]) -> None:
    users = {
        module
        for module, file in MODULES.items()
        if any(name.split(".")[0] == library for name in _imported_names(file))
    }

    assert {user for user in users if not any(user.startswith(package) for package in packages)} == set()


def test_completion_loads_no_command() -> None:
    reachable, waiting = set(), ["dbjobs.cli.completion"]
    while waiting:
        module = waiting.pop()
        if module not in reachable:
            reachable.add(module)
            waiting.extend(_imported_modules(module))

    typer_users = {
        module
        for module in reachable
        if "typer" in {name.split(".")[0] for name in _imported_names(MODULES[module])}
    }
    assert typer_users == set()
