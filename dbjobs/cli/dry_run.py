"""`--dry-run`: print what would be sent instead of sending it."""

from dbjobs.api.transport import HttpTransport
from dbjobs.http.response import Payload
from dbjobs.http.retry import RetryPolicy
from dbjobs.output.serialization import to_json
from dbjobs.output.streams import Streams
from dbjobs.output.structured import write_document


class DryRunTransport:
    """A transport that reads from the workspace, and prints requests that would change it."""

    def __init__(self, transport: HttpTransport, streams: Streams, output: str) -> None:
        self.version = transport.version
        self._transport = transport
        self._streams = streams
        self._output = output
        self._requests: list[Payload] = []

    def send(
        self,
        method: str,
        endpoint: str,
        content: Payload,
        *,
        repeatable: bool = False,
        retry: RetryPolicy | None = None,
    ) -> Payload:
        """Print a request that would change something, or keep it for `finish`, and answer `{}`."""
        if method == "GET":
            return self._transport.send(method, endpoint, content, retry=retry)
        url = self._transport.host + self._transport.path_of(endpoint)
        request = {"method": method, "url": url, "body": content}
        if self._output == "text":
            self._streams.result(f"{method} {url}\n{to_json(content)}")
        elif self._output == "id":  # nothing has an id yet
            self._streams.show(f"{method} {url}\n{to_json(content)}")
        elif self._output == "jsonl":
            write_document(self._streams, request, self._output)
        else:
            self._requests.append(request)
        return {}

    def finish(self) -> None:
        """Print the requests as the one document that json and yaml have: an array if there are several."""
        if self._requests:
            requests, self._requests = self._requests, []
            write_document(self._streams, requests if len(requests) > 1 else requests[0], self._output)
