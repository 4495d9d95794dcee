"""`dbjobs jobs`."""

from dbjobs.cli.framework import Group, new_typer


class Jobs(Group):
    """Jobs, by id or by name."""

    package = __name__
    verbs = ("create", "list", "get", "reset", "update", "delete")


app = new_typer(cls=Jobs)


@app.callback()
def jobs() -> None:
    """Create, read, change and delete jobs."""
