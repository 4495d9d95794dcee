"""The files of the package: each is described, and imports run one way."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

from dbjobs import sandbox

PACKAGE = Path(str(sandbox.__file__)).parent
NAMES = {file.stem for file in PACKAGE.glob("*.py")} - {"__init__"} | {"scenarios"}


def imported_by(name: str) -> set[str]:
    """The files of the package that one of them imports, those imported for types included."""
    file = PACKAGE / name / "__init__.py" if (PACKAGE / name).is_dir() else PACKAGE / f"{name}.py"
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "dbjobs.sandbox":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dbjobs.sandbox."):
            found.add(str(node.module).split(".")[2])
    return found & NAMES


def test_no_file_imports_another_in_a_cycle() -> None:
    order = list(TopologicalSorter({name: imported_by(name) for name in NAMES}).static_order())
    assert order.index("model") < order.index("engine") < order.index("server")


def test_every_file_is_described_in_the_package() -> None:
    assert set(re.findall(r"\w+", sandbox.__doc__ or "")) >= NAMES
