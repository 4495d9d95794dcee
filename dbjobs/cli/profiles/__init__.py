"""`dbjobs profiles`."""

from dbjobs.cli.framework import Group, new_typer


class Profiles(Group):
    """Workspaces, and how to sign in to them."""

    package = __name__
    verbs = ("list", "show", "add", "login", "logout", "remove", "use", "check")


app = new_typer(cls=Profiles)


@app.callback()
def profiles() -> None:
    """Keep workspaces and credentials, and check that they work."""
