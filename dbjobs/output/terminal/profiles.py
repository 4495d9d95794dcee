"""What `dbjobs profiles` shows: profiles, settings with their sources, and the steps of a check."""

from collections.abc import Sequence

from rich.text import Text

from dbjobs.http.response import Payload
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.layout import COLUMN_GAP, Column, lay_out
from dbjobs.output.terminal.screen import canvas_for, write_lines, write_table
from dbjobs.output.terminal.style import StateStyle, glyphs_for

STEP_WIDTH = 11
"""Cells, as many as the longest name of a step has."""

STEP_STYLES = {"passed": StateStyle.GOOD, "doubtful": StateStyle.MIXED, "failed": StateStyle.FAILED}


def show_profiles(streams: Streams, profiles: Sequence[Payload]) -> None:
    """A line per profile; the default is starred. A host of several workspaces is shown as in a browser."""
    columns = [
        Column(" ", is_whole=True),
        Column("NAME", is_whole=True, gap=1),
        Column("HOST", is_whole=True),
        Column("AUTH", is_whole=True, is_optional=True, priority=1),
        Column("FILE", is_optional=True),
    ]
    rows = []
    for one in profiles:
        host = f"{one['host']}/?w={one['workspace_id']}" if one["workspace_id"] else one["host"]
        facts = (one["name"], host, one["auth_type"], one["file"])
        rows.append(["*" if one["default"] else " ", *(fact or "-" for fact in facts)])
    write_table(streams, columns, rows)


def show_settings(streams: Streams, settings: Sequence[Sequence[str]]) -> None:
    """A line per setting: name, value, and source, which goes below them if it does not fit."""
    columns = [Column(title, is_whole=True) for title in ("SETTING", "VALUE", "SOURCE")]
    canvas = canvas_for(streams, streams.out)
    widest = [max(len(cell) for cell in column) for column in zip(*settings, strict=True)]
    if canvas.width is None or sum(widest) + COLUMN_GAP * (len(widest) - 1) <= canvas.width:
        write_table(streams, columns, settings)
    else:
        for name, value, source in settings:
            lines = [Text(canvas.line(f"{name}: {value}")), Text(f"  {canvas.line(source)}")]
            write_lines(streams, lines)


def show_step(streams: Streams, step: Payload) -> None:
    """A line per step; what is wrong is reported once, at the end."""
    glyphs, style = glyphs_for(streams.out), STEP_STYLES[step["outcome"]]
    symbol = Text(style.symbol_in(glyphs), style.style)
    name = Text(f"{step['step']:<{STEP_WIDTH}}")
    finding = Text("failed" if style is StateStyle.FAILED else glyphs.line(step["finding"]))
    columns = [Column(is_whole=True, gap=1)] * 3
    write_lines(streams, lay_out(columns, [[symbol, name, finding]], width=None, glyphs=glyphs))
