"""What `dbjobs sandbox scenarios` shows."""

from collections.abc import Sequence

from rich.text import Text

from dbjobs.http.response import Payload
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.grid import Column, lay_out_table
from dbjobs.output.terminal.screen import to_text, width_of
from dbjobs.output.terminal.style import glyphs_for


def show_scenarios(streams: Streams, scenarios: Sequence[Payload]) -> None:
    """A line a scenario."""
    columns = [Column("NAME", is_whole=True), Column("WHAT HAPPENS")]
    rows = [[Text(one["name"]), Text(one["description"])] for one in scenarios]
    width, glyphs = width_of(streams, streams.out), glyphs_for(streams.out)
    lines = lay_out_table(columns, rows, width=width, glyphs=glyphs)
    streams.result(to_text(streams, streams.out, Text("\n").join(lines)))
