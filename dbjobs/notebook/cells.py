"""The commands of a notebook as cells: in order, with their kind and their results."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dbjobs.notebook.page import Model

_MAGIC = re.compile(r"\s*%%?[A-Za-z]")
_MARKDOWN = re.compile(r"\s*%md(?:-sandbox)?(?![\w-])[ \t]*\n?")


@dataclass(frozen=True)
class NotebookCell:
    """One command of a notebook model; whatever is missing or odd in it counts as absent."""

    command: dict[str, Any]

    @cached_property
    def source(self) -> str:
        """What was typed, its magic included."""
        return self.text("command").replace("\r\n", "\n").replace("\r", "\n")

    @property
    def is_magic(self) -> bool:
        """True if the first line says of what kind the cell is: `%sql`, `%md`, `%pip`, …"""
        return bool(_MAGIC.match(self.source))

    @property
    def markdown(self) -> str | None:
        """The text of a Markdown cell; None for any other."""
        found = _MARKDOWN.match(self.source)
        return self.source[found.end() :] if found else None

    @property
    def title(self) -> str:
        return " ".join(self.text("commandTitle").split())

    def is_set(self, name: str) -> bool:
        """Whether a flag such as `hideCommandCode` is set."""
        return self.command.get(name) is True

    def text(self, name: str) -> str:
        """A field that is a text; empty if it is not one."""
        value = self.command.get(name)
        return value if isinstance(value, str) else ""

    @property
    def results(self) -> Iterator[dict[str, Any]]:
        """The results of the cell, with lists of results flattened."""
        pending = [self.command.get("results")]
        while pending:
            result = pending.pop()
            if isinstance(result, list):
                pending += reversed(result)
            elif isinstance(result, dict) and result.get("type") == "listResults":
                pending.append(result.get("data"))
            elif isinstance(result, dict):
                yield result


def cells_of(model: Model) -> list[NotebookCell]:
    """The cells in the order of the page: by position, which is not that of the list."""

    def position(command: dict[str, Any]) -> float:
        try:
            number = float(command.get("position") or 0)
        except (TypeError, ValueError):
            return math.inf
        return math.inf if math.isnan(number) else number

    commands = [command for command in model["commands"] if isinstance(command, dict)]
    return [NotebookCell(command) for command in sorted(commands, key=position)]


def language_of(model: Model) -> str:
    """python, scala, sql or r; python if the model names none."""
    language = model.get("language")
    return language.lower() if isinstance(language, str) and language else "python"
