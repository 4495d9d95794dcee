"""`dbjobs runs`."""

from dbjobs.cli.framework import Group

group = Group(
    __name__,
    (
        "now",
        "submit",
        "rerun",
        "backfill",
        "wait",
        "get",
        "list",
        "output",
        "diff",
        "explain",
        "report",
        "export",
        "cancel",
        "cancel-all",
        "repair",
        "delete",
    ),
    help="Start runs, watch them to their end, and read their results.",
)
