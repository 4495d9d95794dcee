"""`dbjobs profiles`."""

from dbjobs.cli.framework import Group

group = Group(
    __name__,
    ("list", "show", "add", "login", "logout", "remove", "use", "check"),
    help="Manage workspaces and credentials, and check that they work.",
)
