"""Parsing an incomplete command line: its command, its options, the next argument."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

TreeNode = Mapping[str, Any]


@cache
def command_tree() -> TreeNode:
    """Every command, option and argument, as docs/generate.py wrote them."""
    tree: TreeNode = json.loads((Path(__file__).parent / "commands.json").read_text("utf-8"))
    return tree


class CommandLine:
    """Complete words, parsed. `values`: of the options, by their first name; the last one given counts."""

    def __init__(self, words: Sequence[str]) -> None:
        self.tree = command_tree()
        self.node: TreeNode = self.tree
        """the command, or group of commands, that is named so far; {} if there is none such"""
        self.values: dict[str, str] = {}
        self.arguments: list[str] = []
        self.pending_option: TreeNode | None = None
        """the option whose value comes next"""
        self.takes_options = True
        for word in words:
            self._parse(word)

    @property
    def options(self) -> list[TreeNode]:
        return [*self.node.get("options", ()), *self.tree["global_options"]]

    def option(self, name: str) -> TreeNode | None:
        return next((option for option in self.options if name in option["names"]), None)

    @property
    def next_argument(self) -> TreeNode | None:
        """The argument that comes next, if the command takes another."""
        arguments = self.node.get("arguments", ())
        if len(self.arguments) < len(arguments):
            argument: TreeNode = arguments[len(self.arguments)]
            return argument
        return arguments[-1] if arguments and arguments[-1].get("many") else None

    def _parse(self, word: str) -> None:
        if self.pending_option:
            self._set(self.pending_option, word)
        elif word == "--" and self.takes_options:
            self.takes_options = False
        elif word.startswith("--") and self.takes_options:
            name, equals, value = word.partition("=")
            if option := self.option(name):
                self._begin(option, value if equals else None)
        elif word.startswith("-") and word != "-" and self.takes_options:
            self._parse_letters(word[1:])
        elif "commands" in self.node:
            self.node = self.node["commands"].get(word, {})
        else:
            self.arguments.append(word)

    def _parse_letters(self, letters: str) -> None:
        """`-q`, `-qo`, `-ojson`."""
        for index, letter in enumerate(letters):
            option = self.option(f"-{letter}")
            if option and "metavar" in option:
                self._begin(option, letters[index + 1 :] or None)
                return
            if option:
                self._set(option, "")

    def _begin(self, option: TreeNode, value: str | None) -> None:
        if value is None and "metavar" in option:
            self.pending_option = option
        else:
            self._set(option, value or "")

    def _set(self, option: TreeNode, value: str) -> None:
        self.values[option["names"][0]] = value
        self.pending_option = None
