"""`dbjobs jobs`."""

from dbjobs.cli.framework import Group

group = Group(
    __name__,
    ("create", "list", "get", "history", "reset", "update", "edit", "pause", "unpause", "delete"),
    help="Create, read, change and delete jobs.",
)
