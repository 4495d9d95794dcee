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
    permissions = frozenset(_parse_permission(name.strip()) for name in allow.split(",") if name.strip())
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
    make_server(client, permissions).run("stdio")


def _parse_permission(name: str) -> Permission:
    try:
        return Permission(name)
    except ValueError:
        known = ", ".join(permission.value for permission in Permission)
        raise typer.BadParameter(f"{name!r} is not one of {known}", param_hint="--allow") from None
