"""`dbjobs profiles logout`."""

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.profiles.options import ProfileName


def command(ctx: typer.Context, name: ProfileName) -> None:
    """Forget the tokens of `profiles login`; the profile stays.

    The tokens themselves stay valid until they expire, after an hour at most; to revoke them, use the
    page of your account in the workspace.

    \b
    Examples:
      dbjobs profiles logout prod

    Exit codes: 0 forgotten, or nothing to forget.
    """
    from dbjobs.auth.browser import token_store

    app = app_of(ctx)
    store = token_store(app.environ)
    with store.locked():
        was_there = store.forget(name)
    app.streams.note(f"profile {name} is signed out" if was_there else f"profile {name} was not signed in")
