"""A workspace whose answers were made in advance: what is measured is the client, not the server.

    .venv/bin/python benchmarks/canned.py

Prints its URL and serves until it is ended. Runs from RUNNING on go on from `GET /begin` to
`GET /end`, any other has ended. The number of a list's rows is its job_id; a list of active runs
has those that were asked for since the beginning. The bytes of an output, or of an exported page,
are the id of its run. `GET /requests` says how many requests came since the beginning.
"""

import asyncio
import base64
import json
from collections.abc import Sequence
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

RUNNING = 10**15
JOB_ID = 77310284417
PAGE = 25
START = 1_767_225_600_000
ENDED = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS", "state_message": ""}
LIVE = {"life_cycle_state": "RUNNING", "state_message": "In run"}
LINE = "2026-01-01 00:00:00 INFO a line of a log, as long as such lines are\n"


def run(run_id: Any, *, is_live: bool = False) -> dict[str, Any]:
    """A run of one task, which has the id of its run."""
    state = LIVE if is_live else ENDED
    task = {"run_id": run_id, "task_key": "main", "notebook_task": {"notebook_path": "/main"}}
    return {
        "job_id": JOB_ID,
        "run_id": run_id,
        "run_name": "nightly",
        "creator_user_name": "ann@example.com",
        "number_in_job": 1,
        "state": state,
        "start_time": START,
        "end_time": 0 if is_live else START + 60_000,
        "setup_duration": 1000,
        "execution_duration": 58_000,
        "cleanup_duration": 1000,
        "trigger": "PERIODIC",
        "run_type": "JOB_RUN",
        "format": "MULTI_TASK",
        "run_page_url": "https://adb-1.2.azuredatabricks.net/?o=1#job/77310284417/run/1",
        "tasks": [{**task, "attempt_number": 0, "state": state, "start_time": START}],
    }


_ROW = json.dumps({key: value for key, value in run("ID").items() if key != "tasks"} | {"job_id": "JOB"})
_LIVE_ROW = json.dumps(run("ID", is_live=True))


def list_page(run_ids: Sequence[int], row: str, begin: int) -> bytes:
    """A page of a list of runs."""
    end = begin + PAGE
    items = ", ".join(row.replace('"ID"', str(run_id)) for run_id in run_ids[begin:end])
    more = f'"has_more": true, "next_page_token": "{end}"' if end < len(run_ids) else '"has_more": false'
    return f'{{"runs": [{items}], {more}}}'.encode()


@cache
def output(size: int) -> bytes:
    """The output of a task that printed so many bytes."""
    return json.dumps({"metadata": run(1), "logs": (LINE * (size // len(LINE) + 1))[:size]}).encode()


@cache
def export(size: int) -> bytes:
    """A notebook's page of about so many bytes, most of them output of its cells."""
    cell = {"command": "show(1)", "state": "finished", "startTime": START, "finishTime": START + 1}
    cell["results"] = {"type": "html", "data": f'<div class="ansiout">{LINE * 20}</div>'}
    number = size // (len(quote(json.dumps(cell))) * 4 // 3) + 1
    cells = [{**cell, "position": float(index)} for index in range(number)]
    model = {"version": "NotebookV1", "name": "main", "language": "python", "commands": cells}
    encoded = base64.b64encode(quote(json.dumps(model)).encode()).decode()
    page = f"<!DOCTYPE html><html><script>__DATABRICKS_NOTEBOOK_MODEL = '{encoded}'</script></html>"
    return json.dumps({"views": [{"content": page, "name": "main", "type": "NOTEBOOK"}]}).encode()


class Workspace:
    """What changes: whether the runs that go on do so still, and what was asked."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> int:
        self.is_over = False
        self.requests = 0
        self.watched: dict[int, None] = {}
        return 0

    def end(self) -> int:
        self.is_over = True
        return self.requests

    def answer(self, path: str, query: dict[str, str]) -> bytes:
        """What the Jobs API would say, or a number."""
        if path in ("/begin", "/end", "/requests"):
            number = {"/begin": self.begin, "/end": self.end}.get(path, lambda: self.requests)()
            return str(number).encode()
        self.requests += 1
        run_id = int(query.get("run_id", 1))
        if path.endswith("/runs/list"):
            return self.list_runs(query)
        if path.endswith("/runs/get-output"):
            return output(run_id)
        if path.endswith("/runs/export"):
            return export(run_id)
        is_live = run_id >= RUNNING and not self.is_over
        if is_live:
            self.watched[run_id] = None
        return json.dumps(run(run_id, is_live=is_live)).encode()

    def list_runs(self, query: dict[str, str]) -> bytes:
        begin = int(query.get("page_token", 0))
        if query.get("active_only") == "true":
            return list_page([] if self.is_over else list(self.watched), _LIVE_ROW, begin)
        number = int(query["job_id"])
        row = _ROW.replace('"JOB"', str(number))
        return list_page(range(RUNNING - 1, RUNNING - 1 - number, -1), row, begin)


WORKSPACE = Workspace()


class Connection(asyncio.Protocol):
    """HTTP/1.1, as far as the clients here speak it; a proxy's absolute addresses, too."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        fields = dict(line.partition(b":")[::2] for line in head.lower().split(b"\r\n"))
        length = int(fields.get(b"content-length", 0))
        if end and len(body) >= length:
            self._received = body[length:]
            self._reply(urlsplit(head.split(b" ", 2)[1].decode()))

    def _reply(self, url: Any) -> None:
        body = WORKSPACE.answer(url.path, dict(parse_qsl(url.query)))
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
