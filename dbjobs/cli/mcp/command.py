"""`dbjobs mcp`."""

from typing import Annotated

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.mcp.permissions import Permission
from dbjobs.errors import ConfigError

Allow = Annotated[
    str,
    typer.Option(
        "--allow",
        metavar="start,cancel,repair",
        help="What the tools may do beyond reading, separated by commas  [default: nothing].",
        show_default=False,
    ),
]


def command(ctx: typer.Context, allow: Allow = "") -> None:
    """Serve tools for coding agents (Model Context Protocol).

    The protocol uses stdin and stdout. Agents get the workspace of one profile, chosen
    here: they can list jobs and runs, read output, learn why a run failed, and wait for it.
    A run that is still running is never reported as finished.

    \b
    Examples:
      dbjobs mcp --profile prod
      dbjobs mcp --profile dev --allow start,cancel,repair

    Exit codes: 0 the client has left, 2 wrong usage, 3 configuration or sign-in.
    """
    names = {name.strip() for name in allow.split(",")} - {""}
    known = [permission.value for permission in Permission]
    if unknown := sorted(names.difference(known)):
        message = f"{unknown[0]!r} is not one of {', '.join(known)}"
        raise typer.BadParameter(message, param_hint="--allow")
    app = app_of(ctx)
    try:
        from dbjobs.cli.mcp.server import make_server
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"this needs {error.name}, which is not installed", hint="pip install 'dbjobs[mcp]'"
        ) from None
    from dbjobs.runs.client import Client

    given = app.config_options
    client = Client(given.profile, host=given.host, config=given.config, api_version=given.api_version)
    make_server(client, frozenset(map(Permission, names))).run("stdio")
