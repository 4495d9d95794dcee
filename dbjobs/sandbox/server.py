"""`Sandbox`: the server with its workspaces, as a context manager."""

from __future__ import annotations

import secrets
import tempfile
import threading
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dbjobs.errors import UsageError
from dbjobs.sandbox.agenda import Agenda
from dbjobs.sandbox.application import Application
from dbjobs.sandbox.connections import Server, listen, url_of
from dbjobs.sandbox.engine import Engine
from dbjobs.sandbox.files import Files
from dbjobs.sandbox.history import History
from dbjobs.sandbox.model import WORKSPACE_ID
from dbjobs.sandbox.past_runs import make_past_runs
from dbjobs.sandbox.runner import Runner
from dbjobs.sandbox.scenario import Scenario
from dbjobs.sandbox.shared_host import SharedHost
from dbjobs.sandbox.sign_in import TokenServer
from dbjobs.sandbox.state import JsonLines
from dbjobs.sandbox.tasks import execution_of
from dbjobs.sandbox.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType


class Sandbox:
    """A workspace on the loopback interface: `with Sandbox(root=Path("jobs")) as sandbox: … sandbox.url`.

    `root` holds the tasks' files, and nothing beyond it is run. `token` is made up if not given. `port` 0
    chooses a free port. `time_scale` 10 makes set-up, queue, clean-up and waiting for a retry pass ten
    times faster; the tasks' own work and their time-outs take the time they take. `log` gets every
    request. `state` is the folder in which jobs, permissions and files are kept for the next sandbox, and
    `history` the file in which runs are kept that have ended; without them, everything is
    deleted when this one ends. With several `workspace_ids` it is a host that serves as many workspaces,
    each with jobs of its own.
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
        history: Path | None = None,
        workspace_ids: Sequence[str] = (WORKSPACE_ID,),
    ) -> None:
        if not root.is_dir():
            raise UsageError(f"The sandbox's root is not a folder: {root}.")
        if time_scale <= 0:
            raise UsageError(f"The sandbox's time scale has to be above 0, not {time_scale:g}.")
        if history and len(workspace_ids) > 1:
            raise UsageError("a history is that of one workspace, and there are several")
        if state:
            _make_private_folder(state)
        self.token = token or secrets.token_hex(16)
        self.scenario = scenario or Scenario()
        self._agenda = Agenda()
        with ExitStack() as opened:
            request_log = opened.enter_context(closing(JsonLines(log, "log"))) if log else None
            kept_runs = opened.enter_context(closing(History(history))) if history else None
            self._listener = opened.enter_context(listen(host, port))
            temporary = opened.enter_context(tempfile.TemporaryDirectory(prefix="dbjobs-sandbox-files-"))
            self.url = url_of(self._listener)
            sign_in = TokenServer(self.token, self.scenario.token_lifetime, is_shared=len(workspace_ids) > 1)
            workspaces = {}
            for workspace_id in workspace_ids:
                folder = state or Path(temporary)
                folder = folder / workspace_id if len(workspace_ids) > 1 else folder
                files = Files(folder)
                runner = Runner(root, files)
                opened.callback(runner.close)
                engine = Engine(self._agenda, runner, execution_of, time_scale, self.scenario)
                make_past = partial(make_past_runs, self.scenario, runner)
                workspace = Workspace(engine, files, folder if state else None, kept_runs, make_past)
                app = Application(workspace, sign_in, self.scenario, request_log, workspace_id)
                app.url = self.url
                workspaces[workspace_id] = app
            self._server = Server(self._listener, app if len(workspaces) == 1 else SharedHost(workspaces))
            self._opened = opened.pop_all()
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
        self._opened.close()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _make_private_folder(folder: Path) -> None:
    """Make a folder that its owner alone can read: settings of jobs may hold secrets."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"The sandbox cannot keep its state in {folder}: {error.strerror}.") from None
