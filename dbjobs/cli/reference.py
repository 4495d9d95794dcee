"""Every command as data: `--help-all`, and what man pages, the reference and completion are made of."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import typer

from dbjobs import __version__
from dbjobs.cli.framework import section_of
from dbjobs.cli.global_options import GLOBAL_SECTION
from dbjobs.errors import WHEN


def describe_program(root: Any) -> dict[str, Any]:
    """One document with every command, its arguments and options, exit codes and examples."""
    everything = list(list_entries(root))
    return {
        "name": "dbjobs",
        "version": __version__,
        "summary": everything[0].help.summary,
        "global_options": [describe_param(param) for param in everything[0].globals],
        "exit_codes": {str(int(code)): when.replace("`", "") for code, when in WHEN.items()},
        "commands": [
            _describe_command(entry) for entry in everything if not hasattr(entry.command, "list_commands")
        ],
    }


def _describe_command(entry: "Entry") -> dict[str, Any]:
    text = entry.help
    described = {
        "name": entry.name,
        "usage": entry.usage,
        "summary": text.summary,
        "description": [paragraph.strip("\b\n") for paragraph in text.description],
        "arguments": [describe_param(param) for param in entry.params if param.param_type_name == "argument"],
        "options": [describe_param(param) for param in entry.params if param.param_type_name == "option"],
        "examples": text.examples.splitlines(),
        "exit_codes": " ".join(text.exit_codes.split()),
    }
    return {name: value for name, value in described.items() if value}


@dataclass(frozen=True)
class Help:
    """The parts of a command's help."""

    summary: str
    description: list[str] = field(default_factory=list)
    examples: str = ""
    exit_codes: str = ""


def read_help(text: str) -> Help:
    """A docstring by its paragraphs; what follows a \\b is laid out already."""
    summary, _, rest = text.replace("\b\n", "\b").partition("\n")
    parts = [part for part in re.split(r"\n\s*\n", rest.strip("\n")) if part.strip()]
    found: dict[str, str] = {}
    description = []
    for part in parts:
        title, _, body = part.lstrip("\b").partition(":")
        if title in ("Examples", "Exit codes"):
            found[title] = body
        else:
            description.append(part if part.startswith("\b") else " ".join(part.split()))
    examples = re.sub(r"^ {2}", "", found.get("Examples", "").strip("\n"), flags=re.MULTILINE)
    return Help(summary, description, examples, found.get("Exit codes", ""))


@dataclass(frozen=True)
class Entry:
    """A command with the words that lead to it."""

    path: tuple[str, ...]
    command: Any
    context: Any

    @property
    def name(self) -> str:
        return " ".join(("dbjobs", *self.path))

    @property
    def page(self) -> str:
        return "-".join(("dbjobs", *self.path))

    @property
    def usage(self) -> str:
        return " ".join([self.name, *self.command.collect_usage_pieces(self.context)])

    @cached_property
    def help(self) -> Help:
        return read_help(self.command.help or "")

    @property
    def params(self) -> list[Any]:
        """Its own arguments and options."""
        return [param for param in self.command.get_params(self.context) if not _is_global(param)]

    @property
    def globals(self) -> list[Any]:
        return [param for param in self.command.get_params(self.context) if _is_global(param)]

    def record(self, param: Any) -> tuple[str, str]:
        """How its help shows a parameter: what to type, and what it does."""
        names, told = param.get_help_record(self.context)
        return names, told


def _is_global(param: Any) -> bool:
    return section_of(param) == GLOBAL_SECTION


def list_entries(command: Any, path: tuple[str, ...] = (), parent: Any = None) -> Iterator[Entry]:
    """A command and all those below it, nouns before their verbs."""
    name = path[-1] if path else "dbjobs"
    context = typer.Context(command, info_name=name, parent=parent, **command.context_settings)
    yield Entry(path, command, context)
    for verb in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from list_entries(command.get_command(context, verb), (*path, verb), context)


def describe_param(param: Any) -> dict[str, Any]:
    """An option or an argument as data: names, help, metavar, values."""
    is_option = param.param_type_name == "option"
    names = sorted([*param.opts, *param.secondary_opts], key=lambda name: not name.startswith("--"))
    found: dict[str, Any] = {"names": names if is_option else [param.name], "help": param.help or ""}
    if not (is_option and param.is_flag):
        found["metavar"] = param.metavar or "VALUE"
    if choices := getattr(param.type, "choices", ()):
        found["values"] = [str(getattr(choice, "value", choice)) for choice in choices]
    if param.nargs == -1 or getattr(param, "multiple", False):
        found["many"] = True
    return found
