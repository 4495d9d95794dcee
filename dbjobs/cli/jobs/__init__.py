"""`dbjobs jobs`."""

from dbjobs.cli.framework import Group

group = Group(
    __name__,
    ("create", "list", "get", "history", "reset", "update", "delete"),
    help="Create, read, change and delete jobs.",
)
