"""`dbjobs profiles list`."""

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.profiles.showing import show_list


def command(ctx: typer.Context) -> None:
    """List all profiles; a star marks the default.

    They are read from config.yaml and .databrickscfg. If both files have a profile of the same name, the
    one in config.yaml is used.

    \b
    Examples:
      dbjobs profiles list
      dbjobs profiles list -o json

    Exit codes: 0 listed, 3 a file cannot be read.
    """
    from dbjobs.auth.profiles import list_profiles

    app = app_of(ctx)
    show_list(app, list_profiles(app.profile_files))
