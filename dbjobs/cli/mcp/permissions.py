"""What an agent may do beyond reading."""

from enum import Enum


class Permission(str, Enum):
    """A kind of tools that `--allow` adds."""

    START = "start"
    CANCEL = "cancel"
    REPAIR = "repair"
