"""`dbjobs sandbox serve`."""

import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.sandbox.local import new_sandbox
from dbjobs.common.signals import Interrupted, interruptible

SHARED = ("1001", "2002")
"""The ids of the workspaces behind one host."""


def command(
    ctx: typer.Context,
    root: Annotated[
        Path, typer.Option("--root", metavar="DIR", help="The folder of the tasks' files.")
    ] = Path(),
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="A loopback address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 chooses a free port.")] = 0,
    time_scale: Annotated[
        float,
        typer.Option(
            "--time-scale", metavar="N", help="Let set-up, queue and clean-up times pass N times faster."
        ),
    ] = 1.0,
    scenario: Annotated[
        str | None,
        typer.Option("--scenario", metavar="NAME|FILE", help="Which faults to simulate, and when."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            metavar="DIR",
            help="Keep jobs and files there for the next time; by default they are deleted when it stops.",
        ),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(
            "--history",
            metavar="FILE",
            help="Keep runs that have ended there, and start with those that it holds.",
        ),
    ] = None,
    shared_host: Annotated[
        bool, typer.Option("--shared-host", help="Serve two workspaces behind one host.")
    ] = False,
    log: Annotated[
        Path | None,
        typer.Option("--log", metavar="FILE", help="Write every request there, a JSON line each."),
    ] = None,
) -> None:
    """Serve a workspace on this machine that runs Python tasks for real.

    It prints two lines that point dbjobs, or any other client, to it, and serves until
    it is interrupted. Its token is that of DBJOBS_SANDBOX_TOKEN, else a new one.

    \b
    Examples:
      dbjobs sandbox serve --root examples/demo
      dbjobs sandbox serve --port 8765 --time-scale 10
      dbjobs sandbox serve --shared-host
      dbjobs sandbox serve --history runs.jsonl
      dbjobs sandbox serve --scenario flaky-network --log requests.jsonl

    Exit codes: 0 ended by SIGINT or SIGTERM, 2 not a loopback address, a port in use, or an
    invalid scenario.
    """
    app = app_of(ctx)
    token = os.environ.get("DBJOBS_SANDBOX_TOKEN")
    with (
        suppress(Interrupted),
        interruptible(),
        new_sandbox(
            root,
            scenario,
            token=token,
            host=host,
            port=port,
            time_scale=time_scale,
            log=log,
            state=state,
            history=history,
            **({"workspace_ids": SHARED} if shared_host else {}),
        ) as sandbox,
    ):
        app.streams.result(f"export DATABRICKS_HOST={sandbox.url}")
        app.streams.result(f"export DATABRICKS_TOKEN={shlex.quote(sandbox.token)}")
        if shared_host:
            app.streams.note(
                f"the workspaces are {' and '.join(SHARED)}: export DATABRICKS_WORKSPACE_ID={SHARED[0]}"
            )
        if sandbox.scenario.description:
            app.streams.note(f"what happens here: {sandbox.scenario.description}")
        app.streams.note("serving until Ctrl-C; paste the two lines above into another shell")
        while True:
            app.clock.sleep(3600)
    app.streams.note("stopped")
