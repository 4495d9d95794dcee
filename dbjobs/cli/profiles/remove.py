"""`dbjobs profiles remove`."""

from typing import Annotated

import typer

from dbjobs.cli.changing import confirm
from dbjobs.cli.framework import app_of
from dbjobs.cli.profiles.options import ProfileName
from dbjobs.cli.profiles.showing import tell_copy
from dbjobs.errors import ConfigError

OFFICIAL = "the official tools write it; remove the profile with them, or by hand"


def command(
    ctx: typer.Context,
    name: ProfileName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a profile from config.yaml.

    Profiles in .databrickscfg are not changed.

    \b
    Examples:
      dbjobs profiles remove old
      dbjobs profiles remove old --yes

    Exit codes: 0 removed, 2 nobody to ask, 3 no such profile.
    """
    from dbjobs.config.editing import remove_profile

    app = app_of(ctx)
    file = app.profile_files.get(name, "NAME")
    if not file.is_ours:
        raise ConfigError(f"profile {name} is in {file.path}, which dbjobs does not write", hint=OFFICIAL)
    confirm(app, lambda: f"remove profile {name} from {file.path}", yes=yes)
    tell_copy(app, remove_profile(file.path, name))
    app.streams.note(f"profile {name} is removed from {file.path}")
    values = file.profiles[name]
    if isinstance(values, dict) and values.get("auth_type") == "external-browser":
        from dbjobs.auth.browser import token_store

        store = token_store(app.environ)
        with store.locked():
            store.forget(name)
    if file.default_profile == name:
        app.streams.note("it was the default; choose another one with: dbjobs profiles use NAME")
