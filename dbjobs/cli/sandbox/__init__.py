"""`dbjobs sandbox`."""

from dbjobs.cli.framework import Group, new_typer


class SandboxGroup(Group):
    """The workspace on one's own machine."""

    package = __name__
    verbs = ("serve", "scenarios")


app = new_typer(cls=SandboxGroup)


@app.callback()
def sandbox() -> None:
    """A workspace on this machine, to try and rehearse pipelines in."""
