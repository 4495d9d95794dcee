"""`dbjobs runs`."""

from dbjobs.cli.framework import Group, new_typer


class Runs(Group):
    """Runs, by id or by the URL of their page."""

    package = __name__
    verbs = (
        "now",
        "submit",
        "wait",
        "get",
        "list",
        "output",
        "report",
        "export",
        "cancel",
        "cancel-all",
        "repair",
        "delete",
    )


app = new_typer(cls=Runs)


@app.callback()
def runs() -> None:
    """Start runs, watch them to their end, and read what became of them."""
