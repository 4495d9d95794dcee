"""`Sandbox`, which holds all of it together."""

from __future__ import annotations

import secrets
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from dbjobs.errors import UsageError
from dbjobs.sandbox.agenda import Agenda
from dbjobs.sandbox.application import Application, RequestLog
from dbjobs.sandbox.connections import Server, listen, url_of
from dbjobs.sandbox.engine import Engine
from dbjobs.sandbox.files import Files
from dbjobs.sandbox.runner import Runner
from dbjobs.sandbox.scenario import Scenario
from dbjobs.sandbox.tasks import execution_of
from dbjobs.sandbox.workspace import Workspace

if TYPE_CHECKING:
    from types import TracebackType


class Sandbox:
    """A workspace on the loopback interface: `with Sandbox(root=Path("jobs")) as sandbox: … sandbox.url`.

    `root` holds the tasks' files, and nothing beyond it is run. `token` is made up if not given. `port` 0
    takes a free one. `time_scale` 10 makes set-up, queue, clean-up and waiting for a retry pass ten times
    faster; the tasks' own work and their time-outs take the time they take. `log` gets every request.
    """

    def __init__(
        self,
        root: Path,
        token: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        time_scale: float = 1.0,
        scenario: Scenario | None = None,
        log: Path | None = None,
        state: Path | None = None,
    ) -> None:
        if not root.is_dir():
            raise UsageError(f"The sandbox's root is not a folder: {root}.")
        if time_scale <= 0:
            raise UsageError(f"The sandbox's time scale has to be above 0, not {time_scale:g}.")
        self.token = token or secrets.token_hex(16)
        self._log = RequestLog(log) if log else None
        self._listener = listen(host, port)
        self._agenda = Agenda()
        self._temporary = tempfile.TemporaryDirectory(prefix="dbjobs-sandbox-files-")
        files = Files(state or Path(self._temporary.name))
        self._runner = Runner(root, files)
        self.scenario = scenario or Scenario()
        engine = Engine(self._agenda, self._runner, execution_of, time_scale, self.scenario)
        app = Application(Workspace(engine, files), self.token, self.scenario, self._log)
        self._server = Server(self._listener, app)
        self.url = app.url = url_of(self._listener)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sandbox-http")

    def start(self) -> Sandbox:
        self._agenda.start()
        self._listener.listen(Server.request_queue_size)
        self._thread.start()
        return self

    def close(self) -> None:
        """End the server, every process it started, and its threads."""
        self._agenda.close()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._listener.close()
        self._runner.close()
        self._temporary.cleanup()
        if self._log:
            self._log.close()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
