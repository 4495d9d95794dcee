"""The listing in docs/architecture.md: every file, with the first sentence of its docstring."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

COLUMN = 26
"""Where descriptions begin."""


def with_module_listing(page: str, package: Path) -> str:
    """The page, with its listing (the fenced block that begins with the package's name) made anew."""
    lines = [f"{package.name}/", *_list_folder(package, "  ")]
    block = "".join(f"{line.rstrip()}\n" for line in lines)
    return re.sub(rf"(?<=```\n){package.name}/\n.*?(?=```)", lambda _: block, page, count=1, flags=re.DOTALL)


def _list_folder(folder: Path, indent: str) -> Iterator[str]:
    for file in sorted(folder.iterdir()):
        if file.suffix == ".py" and file.name != "__init__.py":
            yield f"{indent + file.name:{COLUMN}} {_first_sentence(file)}"
        elif file.is_file() and file.name not in ("__init__.py", "py.typed"):
            yield indent + file.name
    for inner in sorted(path for path in folder.iterdir() if (path / "__init__.py").exists()):
        yield f"{indent + inner.name + '/':{COLUMN}} {_first_sentence(inner / '__init__.py')}"
        yield from _list_folder(inner, indent + "  ")


def _first_sentence(file: Path) -> str:
    paragraph = (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").partition("\n\n")[0]
    return re.split(r"(?<=[.?])\s", " ".join(paragraph.split()))[0].rstrip(".")
