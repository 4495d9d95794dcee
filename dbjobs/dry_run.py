"""`--dry-run`: what would be sent, printed instead."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from dbjobs.answers import Payload
from dbjobs.retrying import Retrying
from dbjobs.shapes import Fields
from dbjobs.transport import Transport


class Prints(Protocol):
    """Takes a result's text."""

    def result(self, text: str) -> None: ...


class DryRun(Transport):
    """Reads from the workspace like any other transport, and changes nothing in it."""

    def __init__(self, transport: Transport, streams: Prints) -> None:
        self.host = transport.host
        self._transport = transport
        self._streams = streams

    def get(
        self,
        path: str,
        query: Mapping[str, Any],
        retrying: Retrying | None = None,
        *,
        shape: Fields | None = None,
    ) -> Payload:
        return self._transport.get(path, query, retrying, shape=shape)

    def post(
        self,
        path: str,
        body: Payload,
        *,
        repeatable: bool,
        retrying: Retrying | None = None,
        shape: Fields | None = None,
    ) -> Payload:
        """Print the request, and answer `{}`."""
        self._streams.result(f"POST {self.host}{path}\n{json.dumps(body, indent=2)}")
        return {}
