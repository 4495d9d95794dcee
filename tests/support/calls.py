"""Lines as people type them, read as the program reads them."""

import shlex
from typing import Any

from typer.main import get_command

from dbjobs.cli.app import app


def parse(line: str) -> None:
    """Read a line as the program does, without doing it; a usage error fails the test."""
    words = shlex.split(line)
    assert words.pop(0) == "dbjobs"
    context: Any = get_command(app).make_context("dbjobs", words)
    while hasattr(context.command, "list_commands"):
        rest = [*context._protected_args, *context.args]
        verb, command, rest = context.command.resolve_command(context, rest)
        context = command.make_context(verb, rest, parent=context)
