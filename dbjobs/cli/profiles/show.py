"""`dbjobs profiles show`."""

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.profiles.options import OptionalName
from dbjobs.cli.profiles.showing import show_own_settings, show_settings
from dbjobs.errors import ConfigError


def command(ctx: typer.Context, name: OptionalName = None) -> None:
    """Show the settings in effect, and where each came from.

    Secrets are masked. Without NAME, these are the settings that a command would use now, options,
    environment and default profile included.

    \b
    Examples:
      dbjobs profiles show
      dbjobs profiles show prod -o json

    Exit codes: 0 shown, 3 no such profile, or something is missing.
    """
    app = app_of(ctx).with_profile(name)
    try:
        profile = app.profile
    except ConfigError:
        show_own_settings(app)
        raise
    show_settings(app, profile)
