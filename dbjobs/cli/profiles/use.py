"""`dbjobs profiles use`."""

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.profiles.options import ProfileName
from dbjobs.cli.profiles.showing import tell_copy


def command(ctx: typer.Context, name: ProfileName) -> None:
    """Make a profile the default.

    It may be in config.yaml or in .databrickscfg; config.yaml names the default.

    \b
    Examples:
      dbjobs profiles use prod

    Exit codes: 0 done, 3 no such profile.
    """
    from dbjobs.config.editing import set_default

    app = app_of(ctx)
    files = app.profile_files
    files.get(name, "NAME")
    tell_copy(app, set_default(files.ours.path, name))
    app.streams.note(f"the default profile is now {name}, as {files.ours.path} says")
