"""Where on the line the cursor stands: at which command, behind which option, at which argument."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

Node = Mapping[str, Any]


@cache
def command_tree() -> Node:
    """Every command, option and argument, as docs/generate.py wrote them down."""
    tree: Node = json.loads((Path(__file__).parent / "commands.json").read_text("utf-8"))
    return tree


class Place:
    """What the words so far mean. `values`: of the options, by their first name; the rightmost wins."""

    def __init__(self, words: Sequence[str]) -> None:
        self.tree = command_tree()
        self.node: Node = self.tree
        self.path: list[str] = []
        self.values: dict[str, str] = {}
        self.arguments: list[str] = []
        self.pending: Node | None = None
        """the option that waits for its value"""
        self.takes_options = True
        for word in words:
            self._read(word)

    @property
    def options(self) -> list[Node]:
        return [*self.node.get("options", ()), *self.tree["global_options"]]

    def option(self, name: str) -> Node | None:
        return next((option for option in self.options if name in option["names"]), None)

    @property
    def argument(self) -> Node | None:
        """The one that comes next, if any can."""
        arguments = self.node.get("arguments", ())
        place = len(self.arguments)
        if place < len(arguments):
            found: Node = arguments[place]
            return found
        return arguments[-1] if arguments and arguments[-1].get("many") else None

    def _read(self, word: str) -> None:
        if self.pending:
            self._take(self.pending, word)
        elif word == "--" and self.takes_options:
            self.takes_options = False
        elif word.startswith("--") and self.takes_options:
            self._read_option(word)
        elif word.startswith("-") and word != "-" and self.takes_options:
            self._read_letters(word[1:])
        elif "commands" in self.node:
            self.node = self.node["commands"].get(word, {})
            self.path.append(word)
        else:
            self.arguments.append(word)

    def _read_option(self, word: str) -> None:
        name, equals, value = word.partition("=")
        option = self.option(name)
        if option:
            self._begin(option, value if equals else None)

    def _read_letters(self, letters: str) -> None:
        """`-q`, `-qo`, `-ojson`."""
        for place, letter in enumerate(letters):
            option = self.option(f"-{letter}")
            if option and "metavar" in option:
                self._begin(option, letters[place + 1 :] or None)
                return
            if option:
                self._take(option, "")

    def _begin(self, option: Node, value: str | None) -> None:
        if value is None and "metavar" in option:
            self.pending = option
        else:
            self._take(option, value or "")

    def _take(self, option: Node, value: str) -> None:
        self.values[option["names"][0]] = value
        self.pending = None
