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
    if app.output != "text":
        scenarios = [{"name": name, "description": text} for name, text in shipped().items()]
        write_documents(app.streams, scenarios, app.output, id_key="name")
        return
    from dbjobs.output.terminal.layout import Column
    from dbjobs.output.terminal.screen import write_table

    columns = [Column("NAME", is_whole=True), Column("WHAT HAPPENS")]
    write_table(app.streams, columns, list(shipped().items()))
