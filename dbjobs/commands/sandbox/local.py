"""Making a sandbox, for the commands that need one."""

from pathlib import Path
from typing import TYPE_CHECKING

from dbjobs.errors import ConfigError

if TYPE_CHECKING:
    from dbjobs.sandbox.server import Sandbox


def new_sandbox(
    root: Path, token: str | None = None, host: str = "127.0.0.1", port: int = 0, time_scale: float = 1.0
) -> "Sandbox":
    """A workspace on this machine, not started yet; it needs the extra `sandbox`."""
    try:
        from dbjobs.sandbox.server import Sandbox
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the sandbox needs {error.name}, which is not installed", hint="pip install 'dbjobs[sandbox]'"
        ) from None
    return Sandbox(root=root, token=token, host=host, port=port, time_scale=time_scale)
