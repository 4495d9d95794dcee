from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dbjobs.sandbox.server import Sandbox

from .client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIME_SCALE = 50.0
"""Set-up takes 20 ms, clean-up 6."""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client of a fresh sandbox, whose root folder is empty."""
    root = tmp_path / "root"
    root.mkdir()
    with Sandbox(root, time_scale=TIME_SCALE) as sandbox:
        client = Client(sandbox.url, sandbox.token, root)
        with client.session:
            yield client
