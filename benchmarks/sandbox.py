"""How many requests a second the sandbox answers.

    .venv/bin/python benchmarks/sandbox.py

Prints the answers a second to runs/get, of a run of one task and of one of a hundred, while as
many clients as given ask without a pause, each on a connection of its own; the sandbox is a
process of its own.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

CLIENTS = 4
SECONDS = 5.0
SIZES = (1, 100)
TOKEN = "benchmark"


class Client:
    """A connection to the sandbox, kept open."""

    def __init__(self, host: str) -> None:
        self._connection = HTTPConnection(host)
        self._headers = {"Authorization": f"Bearer {TOKEN}"}

    def ask(self, method: str, path: str, body: Any = None) -> bytes:
        text = json.dumps(body) if body else None
        self._connection.request(method, f"/api/2.2/jobs/{path}", text, self._headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(answer)
        return answer


@contextmanager
def sandbox() -> Iterator[str]:
    """The host and port of a sandbox that runs nothing."""
    command = [sys.executable, "-m", "dbjobs", "sandbox", "serve", "--quiet", "--root", tempfile.mkdtemp()]
    environ = {**os.environ, "DBJOBS_SANDBOX_TOKEN": TOKEN}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)
    try:
        line = process.stdout.readline() if process.stdout else ""
        yield line.strip().partition("//")[2]
    finally:
        process.terminate()
        process.communicate()


def main() -> None:
    """A line a size."""
    with sandbox() as host:
        for size in SIZES:
            tasks = [{"task_key": f"t{number}", "sql_task": {}} for number in range(size)]
            run_id = json.loads(Client(host).ask("POST", "runs/submit", {"tasks": tasks}))["run_id"]
            with ThreadPoolExecutor(CLIENTS) as pool:
                answers = sum(pool.map(hammer, [host] * CLIENTS, [run_id] * CLIENTS))
            print(f"runs/get of {size:3} tasks: {answers / SECONDS:6.0f} a second, {CLIENTS} clients")


def hammer(host: str, run_id: int) -> int:
    """Ask for a run again and again; returns how often."""
    client, answers, end = Client(host), 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        client.ask("GET", f"runs/get?run_id={run_id}")
        answers += 1
    return answers


if __name__ == "__main__":
    main()
