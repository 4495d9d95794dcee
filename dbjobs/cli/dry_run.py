"""`--dry-run`: print what would be sent instead of sending it."""

from collections.abc import Mapping
from typing import Any

from dbjobs.api.shapes import Fields
from dbjobs.api.transport import HttpTransport
from dbjobs.http.response import Payload
from dbjobs.http.retry import RetryPolicy
from dbjobs.output.serialization import to_json
from dbjobs.output.streams import Streams
from dbjobs.output.structured import write_document


class DryRun:
    """A transport that reads from the workspace, and prints requests that would change it."""

    def __init__(self, transport: HttpTransport, streams: Streams, output: str) -> None:
        self.host = transport.host
        self._transport = transport
        self._streams = streams
        self._output = output
        self._requests: list[Payload] = []

    def get(
        self,
        path: str,
        query: Mapping[str, Any],
        retry: RetryPolicy | None = None,
        *,
        shape: Fields | None = None,
    ) -> Payload:
        return self._transport.get(path, query, retry, shape=shape)

    def post(
        self,
        path: str,
        body: Payload,
        *,
        repeatable: bool,
        retry: RetryPolicy | None = None,
        shape: Fields | None = None,
    ) -> Payload:
        """Print the request, or keep it for `finish`, and answer `{}`."""
        request = {"method": "POST", "url": f"{self.host}{path}", "body": body}
        if self._output == "text":
            self._streams.result(f"POST {self.host}{path}\n{to_json(body)}")
        elif self._output == "id":  # nothing has an id yet
            self._streams.show(f"POST {self.host}{path}\n{to_json(body)}")
        elif self._output == "jsonl":
            write_document(self._streams, request, self._output)
        else:
            self._requests.append(request)
        return {}

    def finish(self) -> None:
        """Print what json and yaml hold as one document: the request, or an array of several."""
        if self._requests:
            requests, self._requests = self._requests, []
            write_document(self._streams, requests if len(requests) > 1 else requests[0], self._output)
