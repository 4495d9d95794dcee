"""The option types of `dbjobs profiles`."""

from typing import Annotated

import typer

ProfileName = Annotated[str, typer.Argument(metavar="NAME", help="The name of a profile.")]
OptionalName = Annotated[str | None, typer.Argument(metavar="[NAME]", help="The name of a profile.")]
