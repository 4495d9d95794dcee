"""`dbjobs completion`."""

from enum import Enum
from typing import Annotated

import typer

from dbjobs.cli.framework import app_of


class Shell(str, Enum):
    """The shells that dbjobs completes in."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


ShellName = Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell.")]


def command(ctx: typer.Context, shell: ShellName) -> None:
    """Print the completion script for a shell.

    Its first lines say how to install it. Besides commands and options it completes profiles,
    jobs, runs and tasks that earlier commands have seen.

    \b
    Examples:
      dbjobs completion bash
      dbjobs completion fish > ~/.config/fish/completions/dbjobs.fish

    Exit codes: 0 printed, 2 no such shell.
    """
    from dbjobs.cli.completion.scripts import SCRIPTS

    app_of(ctx).streams.result(SCRIPTS[shell.value].lstrip("\n"))
