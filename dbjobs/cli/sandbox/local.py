"""The sandbox, for the commands that need one; it comes with the extra `sandbox`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbjobs.errors import ConfigError

if TYPE_CHECKING:
    from dbjobs.sandbox.server import Sandbox


def new_sandbox(root: Path, scenario: str | None = None, **options: Any) -> "Sandbox":
    """A workspace on this machine, not started yet; the options are those of `Sandbox`."""
    with sandbox_installed():
        from dbjobs.sandbox.scenarios import read_scenario
        from dbjobs.sandbox.server import Sandbox
    return Sandbox(root=root, scenario=read_scenario(scenario) if scenario else None, **options)


@contextmanager
def sandbox_installed() -> Iterator[None]:
    """Explain what to install if an import inside fails."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the sandbox needs {error.name}, which is not installed", hint="pip install 'dbjobs[sandbox]'"
        ) from None
