"""`dbjobs sandbox scenarios`."""

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.sandbox.local import sandbox_installed
from dbjobs.output.structured import write_documents


def command(ctx: typer.Context) -> None:
    """List the scenarios that come with the sandbox.

    \b
    Examples:
      dbjobs sandbox scenarios
      dbjobs sandbox serve --scenario flaky-network

    Exit codes: 0 listed.
    """
    with sandbox_installed():
        from dbjobs.sandbox.scenarios import shipped
    app = app_of(ctx)
    scenarios = [{"name": name, "description": description} for name, description in shipped().items()]
    if app.output != "text":
        write_documents(app.streams, scenarios, app.output, id_key="name")
        return
    from dbjobs.output.terminal.scenarios import show_scenarios

    show_scenarios(app.streams, scenarios)
