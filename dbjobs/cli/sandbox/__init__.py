"""`dbjobs sandbox`."""

from dbjobs.cli.framework import Group

group = Group(
    __name__,
    ("serve", "scenarios"),
    help="A workspace on this machine, for testing and rehearsing pipelines.",
)
