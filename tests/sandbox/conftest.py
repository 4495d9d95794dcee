from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from dbjobs.sandbox.scenarios import read_scenario
from dbjobs.sandbox.server import Sandbox

from .client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIME_SCALE = 50.0
"""Set-up takes 20 ms, clean-up 6."""


Play = Callable[[str], Client]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Start a sandbox whose root folder is empty; the options are those of `Sandbox`."""
    root = tmp_path / "root"
    root.mkdir()
    with ExitStack() as stack:

        def start(**options: Any) -> Client:
            sandbox = stack.enter_context(Sandbox(root, **{"time_scale": TIME_SCALE, **options}))
            client = Client(sandbox.url, sandbox.token, root)
            stack.enter_context(client.session)
            return client

        yield start


@pytest.fixture
def client(start: Callable[..., Client]) -> Client:
    """A client of a fresh sandbox."""
    return start()


@pytest.fixture
def play(start: Callable[..., Client], tmp_path: Path) -> Play:
    """Start a sandbox with the scenario that a text describes."""

    def play(text: str) -> Client:
        file = tmp_path / "scenario.yaml"
        file.write_text(text)
        return start(scenario=read_scenario(str(file)))

    return play
