"""`dbjobs jobs`."""

from dbjobs.commands.framework import Group, new_typer


class Jobs(Group):
    """Jobs, by id or by name."""

    package = __name__
    verbs = ("create", "get")


app = new_typer(cls=Jobs)


@app.callback()
def jobs() -> None:
    """Create and read jobs."""
