"""`dbjobs profiles check`."""

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.profiles.options import OptionalName
from dbjobs.cli.profiles.showing import show_checkup


def command(ctx: typer.Context, name: OptionalName = None) -> None:
    """Test a profile, step by step.

    It looks up the host's name, connects, checks that a workspace responds, signs in, asks who you are
    and which version of the API is available, compares the clocks, and measures how long a response
    takes. The first step that fails says what to do.

    \b
    Examples:
      dbjobs profiles check
      dbjobs profiles check prod -o json

    Exit codes: 0 all is well, 3 configuration or sign-in, 5 refused, 6 out of reach.
    """
    app = app_of(ctx).with_profile(name)
    show_checkup(app, app.checkup().steps())
